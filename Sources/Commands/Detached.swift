#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The background agent's own first steps, and its log as others read it.
enum Detached {
    /// From now on stdout and stderr go to the log (0600), and the working directory is `/`.
    static func enter(log: String) throws {
        let descriptor = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw CommandFailure(
                Exit.failed, "cannot write \(log): \(String(cString: strerror(errno)))", hint: "is the disk full?")
        }
        fchmod(descriptor, 0o600)
        dup2(descriptor, STDOUT_FILENO)
        dup2(descriptor, STDERR_FILENO)
        close(descriptor)
        chdir("/")
    }

    /// Zero if there is no such file.
    static func size(of path: String) -> Int {
        var status = stat()
        return lstat(path, &status) == 0 ? Int(status.st_size) : 0
    }

    /// What was added after `offset`; the first 64 KiB of it.
    static func text(of path: String, from offset: Int) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        lseek(descriptor, off_t(offset), SEEK_SET)
        return String(decoding: SystemStreams.read(descriptor, atMost: 64 << 10), as: UTF8.self)
    }

    /// Whether a process is there and not merely waiting for its parent to take notice of its end.
    static func isRunning(_ pid: Int32) -> Bool {
        guard kill(pid, 0) == 0 || errno == EPERM else { return false }
        #if os(Linux)
            let line = text(of: "/proc/\(pid)/stat", from: 0)
            guard let end = line.lastIndex(of: ")") else { return false }
            return !line[end...].dropFirst(2).hasPrefix("Z")
        #else
            return true
        #endif
    }
}
