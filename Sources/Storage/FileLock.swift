import Primitives
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// An exclusive lock on a file beside the database: one agent per database. It ends with the process, however it ends.
final class FileLock: Sendable {
    private let descriptor: Mutex<Int32>

    /// `owner` names the database in errors.
    init(path: String, owner: String) throws(StoreError) {
        let opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard opened >= 0 else { throw .notWritable(owner, Self.reason(errno)) }
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            close(opened)
            guard code == EWOULDBLOCK else { throw .notWritable(owner, Self.reason(code)) }
            throw StoreError(
                .inUse, "another agent is using the database \(owner)",
                hint: "stop it with: baton down; or set another BATON_HOME")
        }
        descriptor = Mutex(opened)
    }

    /// The second call does nothing.
    func release() {
        descriptor.withLock { held in
            if held >= 0 {
                // A child that is just being started holds a copy for an instant: the lock goes with this, not with it.
                flock(held, LOCK_UN)
                close(held)
            }
            held = -1
        }
    }

    deinit { release() }

    static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }
}

/// The few file operations that SQLite does not do for us.
enum Files {
    /// A file's first bytes, fewer if it is shorter; nil if it does not exist.
    static func head(of path: String, bytes: Int) throws(StoreError) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 {
            let code = errno
            if code == ENOENT { return nil }
            throw .notWritable(path, FileLock.reason(code))
        }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: bytes)
        let count = read(descriptor, &buffer, bytes)
        guard count >= 0 else { throw .notWritable(path, FileLock.reason(errno)) }
        return Array(buffer.prefix(count))
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// An empty file that only its owner can read; SQLite gives its companions the same mode.
    static func makePrivate(_ file: String, for path: String) throws(StoreError) {
        let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            let code = errno
            if code == ENOSPC { throw .full(path) }
            throw .notWritable(path, FileLock.reason(code))
        }
        close(descriptor)
    }

    /// Whether the file system has too little room left for even one more page of a log.
    static func isFull(_ path: String) -> Bool {
        var status = statvfs()
        guard statvfs(directory(of: path), &status) == 0 else { return false }
        return UInt64(status.f_bavail) * UInt64(status.f_frsize) < 64 << 10
    }

    static func remove(_ path: String) { unlink(path) }

    /// Gives `temporary` its name at last, unless that name is taken.
    static func publish(_ temporary: String, as path: String) throws(StoreError) {
        guard link(temporary, path) == 0 else {
            let code = errno
            if code == EEXIST { throw .exists(path) }
            throw .notWritable(path, FileLock.reason(code))
        }
        unlink(temporary)
        try syncDirectory(of: path)
    }

    private static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func syncDirectory(of path: String) throws(StoreError) {
        let descriptor = open(directory(of: path), O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .notWritable(path, FileLock.reason(errno)) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .notWritable(path, FileLock.reason(errno)) }
    }
}

extension StoreError {
    static func exists(_ path: String) -> StoreError {
        StoreError(.exists, "there is already a database at \(path)", hint: "this device is set up: run baton up")
    }
}
