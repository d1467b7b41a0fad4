import CSystemCalls
import Glibc

/// The user's `index.lock`, held as git holds it, but so that after a crash it can be told from everybody else's: it is
/// a second name of a file of ours beside it.
struct IndexLock: Sendable {
    private let directory: String

    private static let twinName = "baton-index"
    private static func twin(_ directory: String) -> String { "\(directory)/\(twinName)" }
    private static func lock(_ directory: String) -> String { "\(directory)/index.lock" }

    /// Nil if somebody holds it.
    init?(in directory: String) throws(GitError) {
        self.directory = directory
        Self.settle(in: directory, finishing: false)
        let twin = Self.twin(directory)
        try DiskStep.before("make", twin)
        let made = open(twin, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard made >= 0 else { throw DurableFile.failure(twin) }
        var status = stat()
        // Whoever shares the repository through a group keeps their access.
        if stat(directory + "/index", &status) == 0 { fchmod(made, status.st_mode & 0o777) }
        close(made)
        let refused = DiskStep.code("link", Self.lock(directory))
        if refused == 0, link(twin, Self.lock(directory)) == 0 {
            DiskStep.after("link", Self.lock(directory))
            return
        }
        let code = refused == 0 ? errno : refused
        unlink(twin)
        if code == EEXIST { return nil }
        errno = code
        throw DurableFile.failure(Self.lock(directory))
    }

    /// Gives the lock file the bytes of `path`, durably, and its mtime: git tells by it which files may have changed
    /// in the same instant as their entry.
    func fill(with path: String) async throws(GitError) {
        try FileCopy.copy(path, to: Self.twin(directory), synced: true)
    }

    /// The lock file becomes the index.
    func commit() throws(GitError) {
        try DiskStep.before("name", directory + "/index")
        guard rename(Self.lock(directory), directory + "/index") == 0 else {
            throw DurableFile.failure(directory + "/index")
        }
        DiskStep.after("name", directory + "/index")
        unlink(Self.twin(directory))
    }

    func release() { Self.settle(in: directory, finishing: false) }

    static func isLeft(in directory: String) -> Bool { access(twin(directory), F_OK) == 0 }

    /// Ends a lock of ours that is still there, by its own or by a former start. Another's lock is not touched.
    /// - Parameter finishing: the lock file becomes the index; otherwise it goes.
    static func settle(in directory: String, finishing: Bool) {
        var (ours, held) = (stat(), stat())
        guard lstat(twin(directory), &ours) == 0 else { return }
        let isOurs = lstat(lock(directory), &held) == 0 && held.st_ino == ours.st_ino && held.st_dev == ours.st_dev
        if isOurs, finishing { rename(lock(directory), directory + "/index") }
        if isOurs, !finishing { unlink(lock(directory)) }
        unlink(twin(directory))
    }
}

/// A file's bytes and mtime, over another file's.
enum FileCopy {
    /// A source that is not there makes no destination.
    static func copy(_ source: String, to destination: String, synced: Bool = false) throws(GitError) {
        let from = open(source, O_RDONLY | O_CLOEXEC)
        if from < 0, errno == ENOENT { return }
        guard from >= 0 else { throw DurableFile.failure(source) }
        defer { close(from) }
        try DiskStep.before("copy", destination)
        let to = open(destination, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard to >= 0 else { throw DurableFile.failure(destination) }
        defer { close(to) }
        var status = stat()
        guard fstat(from, &status) == 0 else { throw DurableFile.failure(source) }
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = read(from, &buffer, buffer.count)
            if count < 0 { throw DurableFile.failure(source) }
            if count == 0 { break }
            var done = 0
            while done < count {
                let written = buffer.withUnsafeBytes { write(to, $0.baseAddress?.advanced(by: done), count - done) }
                guard written > 0 else { throw DurableFile.failure(destination) }
                done += written
            }
        }
        futimens(to, [status.st_atim, status.st_mtim])
        if synced, csystem_full_sync(to) != 0 { throw DurableFile.failure(destination) }
    }
}
