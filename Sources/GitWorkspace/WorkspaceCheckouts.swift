import Glibc
import Primitives

extension UserRepository {
    /// What the user's git changes when it changes files: the index, and after a checkout `HEAD`, which is a new file
    /// then.
    struct Stamps: Equatable {
        var head: Stamp?
        var index: Stamp?
    }

    var stamps: Stamps { Stamps(head: stamp("HEAD"), index: stamp("index")) }

    private func stamp(_ name: String) -> Stamp? {
        var raw = stat()
        return lstat("\(gitDirectory)/\(name)", &raw) == 0 ? Stamp(raw) : nil
    }

    /// Waits, a little, for the user's git command to end: it changes files under its `index.lock`, and a checkout
    /// writes `HEAD` last. A lock that is old was left by a git that was killed.
    func waitForIndex(looks: Int) async {
        for _ in 0..<looks {
            guard let lock = stamp("index.lock"),
                abs(Int64(time(nil)) - lock.modified / 1_000_000_000) < Limits.freshLock
            else { return }
            try? await Task.sleep(for: Limits.lockLook)
        }
    }

    /// When git last gave the user other files - a checkout, a reset, a stash -, and from which commit.
    struct Switch {
        /// Nanoseconds since 1970. Files that it wrote were changed no later.
        var at: Int64
        var from: Revision?
    }

    /// By the reflog of `HEAD`. Commits made since bring no files.
    func lastSwitch() -> Switch? {
        guard let log = stamp("logs/HEAD"), let bytes = DurableFile.read(gitDirectory + "/logs/HEAD") else {
            return nil
        }
        var at = log.modified
        for line in bytes.split(separator: 10).suffix(Limits.reflogLines).reversed() {
            let parts = line.split(separator: 9, maxSplits: 1)
            let words = parts[0].split(separator: 32)
            guard parts.count == 2, words.count > 4 else { return nil }
            if ["checkout:", "reset:"].contains(where: { parts[1].starts(with: $0.utf8) }) {
                return Switch(at: at, from: Revision(hex: String(decoding: words[0], as: UTF8.self)))
            }
            guard parts[1].starts(with: "commit".utf8) else { return nil }
            // The log tells only seconds of what is not its newest line.
            guard let seconds = Int64(String(decoding: words[words.count - 2], as: UTF8.self)) else { return nil }
            at = min(at, (seconds + 1) * 1_000_000_000)
        }
        return nil
    }

    /// True if the branch was brought to the revision once: each of our moves is in its reflog.
    func hasBeen(_ branch: String, at revision: Revision) -> Bool {
        let log = DurableFile.read("\(commonDirectory)/logs/refs/heads/\(branch)") ?? []
        let wanted = Array(revision.hex.utf8)
        return log.split(separator: 10).reversed().contains { line in
            let words = line.split(separator: 32, maxSplits: 2)
            return words.count == 3 && words[1].elementsEqual(wanted)
        }
    }
}

extension Workspace {
    /// The published revision that the base is, or is made over.
    private func published(under base: Revision) throws(GitError) -> Revision {
        var revision = base
        while true {
            let record = try store.commit(revision)
            guard record.message.starts(with: Self.localBase.utf8), let over = record.parents.first else {
                return revision
            }
            revision = over
        }
    }

    /// Files that only the user's git brought back. An apply could not take the branch along (the user had committed
    /// meanwhile, or held the index); then the user visited another branch, or stashed, and git gave them the files of
    /// a branch that is behind what was published. Nobody wants that undone: at these paths the base becomes what the
    /// branch is built on, so that the published versions come again.
    ///
    /// It needs evidence, path by path: the file is the branch's own and nobody touched it since git's last checkout,
    /// reset or stash. A branch that had been at the published revision and was set back is a wish, and is captured.
    /// - Parameter lines: what differs from the base.
    /// - Returns: true if the base is another now.
    func forgiveOldBranch(_ user: UserState, _ lines: [TreeLine]) throws(GitError) -> Bool {
        guard !lines.isEmpty, let head = user.head, let base, head != base, try store.has(head),
            let switched = repository.lastSwitch()
        else { return false }
        let published = try published(under: base)
        if head == published || repository.hasBeen(branch, at: published) { return false }
        guard let fork = try store.mergeBase(head, published), fork != published else { return false }
        let tree = try store.tree(of: base)
        let ofBranch = try versions(store.tree(of: head), against: tree)
        let ofFork = try versions(store.tree(of: fork), against: tree)
        var kept: [TreeLine] = []
        for line in lines {
            // What the user committed beside is an edit, whatever it was made from.
            guard let own = ofBranch[Name(line.path)], own == line.new, let was = ofFork[Name(line.path)], was == own
            else { continue }
            guard try isUntouched(line, since: switched) else { continue }
            kept.append(TreeLine(path: line.path, old: line.old, new: was))
        }
        if kept.isEmpty { return false }
        logger.notice(
            "files of a branch that is behind are not taken for changes",
            metadata: ["files": "\(kept.count)", "branch": "\(branch)", "at": "\(head.short)"])
        try setBase(base, kept: kept)
        return true
    }

    /// By path, what a tree has where it differs from another.
    private func versions(_ tree: ObjectID, against other: ObjectID) throws(GitError) -> [Name: Version?] {
        let lines = try store.compare(tree, other)
        return Dictionary(lines.map { (Name($0.path), $0.old) }) { first, _ in first }
    }

    /// True if the path is as git left it when it last gave the user other files.
    private func isUntouched(_ line: TreeLine, since switched: UserRepository.Switch) throws(GitError) -> Bool {
        if line.new != nil {
            return Self.stamp(root, line.path).map { $0.changed <= switched.at } ?? false
        }
        // A file that is gone has no time. Git took it away if what it came from had it, and nothing was put in place
        // since; else the user did, be it before the switch.
        guard let from = switched.from, !line.path.contains(10),
            try userReader.info("\(from.hex):\(String(decoding: line.path, as: UTF8.self))") != nil,
            let moved = Self.stamp(store.path, Array(RefName.base.utf8))
        else { return false }
        return moved.modified < switched.at
    }

    private static func stamp(_ root: String, _ path: [UInt8]) -> Stamp? {
        var raw = stat()
        return lstat(FolderReader.terminated(Array(root.utf8) + [47] + path), &raw) == 0 ? Stamp(raw) : nil
    }
}
