#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// This program on disk.
enum Executable {
    /// Absolute, links resolved; nil if the system does not tell.
    static var path: String? {
        #if os(Linux)
            guard let real = realpath("/proc/self/exe", nil) else { return nil }
        #else
            var length: UInt32 = 4096
            var buffer = [CChar](repeating: 0, count: Int(length))
            guard _NSGetExecutablePath(&buffer, &length) == 0, let real = realpath(buffer, nil) else { return nil }
        #endif
        defer { free(real) }
        return String(cString: real)
    }
}
