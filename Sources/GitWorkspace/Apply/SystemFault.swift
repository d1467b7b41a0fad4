#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The words of an errno value.
enum SystemFault {
    static func text(_ code: Int32) -> String {
        guard let words = strerror(code) else { return "error \(code)" }
        return String(cString: words)
    }

    static func isFull(_ code: Int32) -> Bool { code == ENOSPC || code == EDQUOT }

    /// True for the codes by which a kernel or file system says that it has no such call or flag.
    static func isMissing(_ code: Int32) -> Bool {
        code == ENOSYS || code == EINVAL || code == ENOTSUP || code == EOPNOTSUPP || code == EPERM
    }
}
