#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Tells the service manager how far the agent is: sd_notify(3), a datagram to the socket that NOTIFY_SOCKET names.
/// Nothing happens without it.
package enum ServiceNotice {
    package static func send(_ text: String) {
        #if os(Linux)
            guard let name = getenv("NOTIFY_SOCKET").map({ String(cString: $0) }) else { return }
            var address = sockaddr_un()
            let room = MemoryLayout.size(ofValue: address.sun_path)
            // `@name` is a name outside of the file system: its first byte is zero.
            var bytes = Array(name.utf8)
            guard bytes.count > 1, bytes.count < room, name.hasPrefix("/") || name.hasPrefix("@") else { return }
            if name.hasPrefix("@") { bytes[0] = 0 }
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
            let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            guard descriptor >= 0 else { return }
            defer { close(descriptor) }
            let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
            let message = Array(text.utf8)
            withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    _ = sendto(descriptor, message, message.count, Int32(MSG_NOSIGNAL), $0, length)
                }
            }
        #endif
    }
}
