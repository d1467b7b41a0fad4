import CSystemCalls
import Primitives

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// One call to the agent without an event loop, for a process that must have ended before anybody notices it.
package enum BlockingCall {
    /// - Parameters:
    ///   - firstWord: how long the agent may be silent before it is taken for dead.
    ///   - patience: how long it may take once it has said, with an item, that it works on the call.
    /// - Returns: the body of the reply; nil if there is no agent, or it did not answer as asked.
    package static func reply(
        home: String, kind: String, body: [UInt8], firstWord: Duration, patience: Duration
    ) -> [UInt8]? {
        do throws(ControlFailure) {
            let address = try ControlAddress.resolve(home: home)
            try address.check()
            guard let descriptor = connected(to: address.socket) else { return nil }
            defer { close(descriptor) }
            return exchange(descriptor, kind, body, firstWord, patience)
        } catch {
            // No socket that can be trusted is no agent: the caller does without it.
            return nil
        }
    }

    private static func connected(to path: String) -> Int32? {
        #if canImport(Glibc)
            let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        #else
            let descriptor = socket(AF_UNIX, SOCK_STREAM, 0)
        #endif
        guard descriptor >= 0 else { return nil }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let fits = withUnsafeMutableBytes(of: &address.sun_path) { place in
            guard path.utf8.count < place.count else { return false }
            place.copyBytes(from: path.utf8)
            return true
        }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard fits, result == 0, isOurs(descriptor) else {
            close(descriptor)
            return nil
        }
        return descriptor
    }

    /// Whether the process at the other end is of this user.
    private static func isOurs(_ descriptor: Int32) -> Bool {
        var peer = uid_t.max
        return csystem_peer_uid(descriptor, &peer) == 0 && peer == geteuid()
    }

    private static func exchange(
        _ descriptor: Int32, _ kind: String, _ body: [UInt8], _ firstWord: Duration, _ patience: Duration
    ) -> [UInt8]? {
        let call = ControlMessage(id: 1, kind: kind, body: body).bytes
        guard call.count <= Limits.controlMessageBytes else { return nil }
        let length = UInt32(call.count).bigEndian
        limit(descriptor, SO_SNDTIMEO, firstWord)
        limit(descriptor, SO_RCVTIMEO, firstWord)
        guard send(withUnsafeBytes(of: length) { Array($0) } + call, to: descriptor) else { return nil }
        for _ in 0..<messagesRead {
            guard let message = message(from: descriptor) else { return nil }
            guard message.id == 1 else { continue }
            if message.kind == ControlMessage.reply { return message.body }
            guard message.kind == ControlMessage.item else { return nil }
            limit(descriptor, SO_RCVTIMEO, patience)
        }
        return nil
    }

    private static let messagesRead = 16

    private static func limit(_ descriptor: Int32, _ option: Int32, _ time: Duration) {
        let milliseconds = Int(time.wholeNanoseconds / 1_000_000)
        var value = timeval()
        value.tv_sec = milliseconds / 1000
        value.tv_usec = .init(milliseconds % 1000 * 1000)
        setsockopt(descriptor, SOL_SOCKET, option, &value, socklen_t(MemoryLayout<timeval>.size))
    }

    private static func send(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    private static func message(from descriptor: Int32) -> ControlMessage? {
        guard let head = bytes(4, from: descriptor) else { return nil }
        let length = head.reduce(0) { $0 << 8 | Int($1) }
        guard (1...Limits.controlMessageBytes).contains(length) else { return nil }
        return bytes(length, from: descriptor).flatMap { ControlMessage(parsing: $0) }
    }

    private static func bytes(_ count: Int, from descriptor: Int32) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let got = bytes.withUnsafeMutableBytes {
                read(descriptor, $0.baseAddress?.advanced(by: filled), count - filled)
            }
            if got < 0, errno == EINTR { continue }
            guard got > 0 else { return nil }
            filled += got
        }
        return bytes
    }
}
