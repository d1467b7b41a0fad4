#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

enum SystemErrors {
    static let addressInUse = EADDRINUSE

    /// `Connection refused` and the like.
    static func text(_ code: Int32) -> String { String(cString: strerror(code)) }
}
