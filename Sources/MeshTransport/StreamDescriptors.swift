#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Socket pairs that carry a stream between the transport and a child process.
package enum StreamDescriptors {
    /// Two connected ends in blocking mode, closed on exec: one for the transport, one for whoever uses the stream.
    package static func pair() throws(TransportError) -> (transport: Int32, user: Int32) {
        var ends: [Int32] = [-1, -1]
        #if canImport(Glibc)
            let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        #else
            let kind = SOCK_STREAM
        #endif
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw .noDescriptors(errno: errno) }
        #if !canImport(Glibc)
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        #endif
        return (ends[0], ends[1])
    }

    static func close(_ descriptor: Int32) {
        #if canImport(Glibc)
            _ = Glibc.close(descriptor)
        #else
            _ = Darwin.close(descriptor)
        #endif
    }
}
