import Glibc
import Synchronization

/// The refs of our own store as git keeps them: a file a ref, written under git's own locks. Only there, where nobody
/// packs refs and none is symbolic; whatever else is met is left to git.
final class RefFiles: Sendable {
    enum Look: Equatable {
        case found(ObjectID)
        case none
        case leftToGit
    }

    private let directory: String
    private let digits: Int
    /// One update at a time in this process; between processes the lock files count.
    private let turn = Mutex(())

    /// How long another's lock is waited for.
    static let patience: Duration = .seconds(2)

    init(directory: String, digits: Int) {
        self.directory = directory
        self.digits = digits
    }

    private var hasPackedRefs: Bool { access(directory + "/packed-refs", F_OK) == 0 }

    func look(_ name: String) -> Look {
        guard Self.isOurs(name) else { return .leftToGit }
        guard let bytes = DurableFile.read("\(directory)/\(name)"), !bytes.isEmpty else {
            return hasPackedRefs ? .leftToGit : .none
        }
        guard bytes.count == digits + 1, let id = ObjectID(bytes: bytes[..<digits]) else { return .leftToGit }
        return .found(id)
    }

    /// Names as we make them: nothing that git would refuse, or that leaves the folder.
    private static func isOurs(_ name: String) -> Bool {
        guard name.hasPrefix(RefName.prefix), name.utf8.count < 200, !name.hasSuffix(".lock") else { return false }
        let isPlain = name.utf8.allSatisfy { byte in
            (97...122).contains(byte) || (65...90).contains(byte) || (45...57).contains(byte) || byte == 95
        }
        return isPlain
            && name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
                !$0.isEmpty && !$0.hasPrefix(".") && !$0.contains("..") && !$0.hasSuffix(".")
            }
    }

    /// Moves refs, one by one, each durable on return. False if git has to do it: then nothing was done.
    /// - Parameter first: done before any ref moves; brings the new refs, whose descriptors it gets, to the disk.
    func update(
        _ changes: [RefChange], first: ([Int32]) throws(GitError) -> Void
    ) throws(GitError) -> Bool {
        guard changes.allSatisfy({ Self.isOurs($0.name) && look($0.name) != .leftToGit }),
            changes.isEmpty || !hasPackedRefs
        else { return false }
        let result: Result<Void, GitError> = turn.withLock { _ in
            do throws(GitError) { return .success(try move(changes, first)) } catch { return .failure(error) }
        }
        try result.get()
        return true
    }

    static func sync(_ descriptors: [Int32]) throws(GitError) {
        guard DurableFile.sync(descriptors) else { throw DurableFile.failure("a ref") }
    }

    private func move(_ changes: [RefChange], _ first: ([Int32]) throws(GitError) -> Void) throws(GitError) {
        let moving = changes.filter { change in
            switch look(change.name) {
            case .found(let id): id != change.new
            case .none: change.new != nil
            case .leftToGit: true
            }
        }
        // Each has a lock file open meanwhile.
        var rest = moving[...]
        try moveSome(rest.prefix(Self.atOnce), first)
        rest = rest.dropFirst(Self.atOnce)
        while !rest.isEmpty {
            try moveSome(rest.prefix(Self.atOnce), Self.sync)
            rest = rest.dropFirst(Self.atOnce)
        }
    }

    private static let atOnce = 64

    private func moveSome(
        _ moving: ArraySlice<RefChange>, _ first: ([Int32]) throws(GitError) -> Void
    ) throws(GitError) {
        var locks: [(path: String, descriptor: Int32)] = []
        defer {
            for lock in locks {
                close(lock.descriptor)
                // Gone already, if it became the ref.
                unlink(lock.path + ".lock")
            }
        }
        for change in moving {
            let path = "\(directory)/\(change.name)"
            try DiskStep.before("lock", path)
            locks.append((path, try lock(path)))
            guard let new = change.new, let descriptor = locks.last?.descriptor else { continue }
            let line = Array("\(new.hex)\n".utf8)
            let count = line.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard count == line.count else { throw DurableFile.failure(path) }
        }
        try first(locks.map(\.descriptor))
        for (change, lock) in zip(moving, locks) {
            try DiskStep.before(change.new == nil ? "remove ref" : "move ref", lock.path)
            let isDone = change.new == nil ? unlink(lock.path) == 0 : rename(lock.path + ".lock", lock.path) == 0
            guard isDone else { throw DurableFile.failure(lock.path) }
            DiskStep.after("move ref", lock.path)
        }
        try syncFolders(of: locks.map(\.path))
    }

    private func syncFolders(of paths: [String]) throws(GitError) {
        let folders = Set(paths.map { String($0.prefix(upTo: $0.lastIndex(of: "/") ?? $0.startIndex)) })
        let descriptors = folders.map { open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }.filter { $0 >= 0 }
        defer { for descriptor in descriptors { close(descriptor) } }
        guard DurableFile.sync(descriptors) else { throw DurableFile.failure(directory) }
    }

    private func lock(_ path: String) throws(GitError) -> Int32 {
        let end = ContinuousClock.now + Self.patience
        while true {
            let descriptor = open(path + ".lock", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
            if descriptor >= 0 { return descriptor }
            switch errno {
            case ENOENT: try makeFolders(above: path)
            case EEXIST where ContinuousClock.now < end: usleep(1000)
            default: throw DurableFile.failure(path)
            }
        }
    }

    private func makeFolders(above path: String) throws(GitError) {
        let parts = path.dropFirst(directory.count + 1).split(separator: "/").dropLast()
        var folder = directory
        for part in parts {
            let above = folder
            folder += "/\(part)"
            if mkdir(folder, 0o755) == 0 {
                DurableFile.syncFolder(above)
            } else if errno != EEXIST {
                throw DurableFile.failure(folder)
            }
        }
    }
}
