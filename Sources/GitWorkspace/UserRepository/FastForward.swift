import Glibc
import Primitives

/// What a caller with open readers knows without a process a question. Both may block.
package struct QuickLooks: Sendable {
    /// The user's repository now.
    var state: @Sendable () throws(GitError) -> UserState
    /// The parents of a revision in our store.
    var parents: @Sendable (Revision) throws(GitError) -> [Revision]
    /// What a revision needs beyond another; nil where git has to find out.
    var pack: @Sendable (Revision, Revision?) throws(GitError) -> PackFile?
    /// The bytes of the user's index brought to a revision, from those it has; nil where git has to make it.
    var index: @Sendable ([UInt8], Revision) throws(GitError) -> [UInt8]?
    /// Called where git has to: takes what the index alone holds, beside the head, before it becomes the revision's.
    var keepStaged: @Sendable (Revision?, Revision) throws(GitError) -> Void
}

extension UserRepository {
    /// Brings the checked-out branch and the index to `revision`, whose files the apply has put in place.
    ///
    /// The objects come first; then, under the user's own `index.lock`, the new index is made with the stat data of the
    /// files on disk, the branch moves from the old value that was looked at, and the index takes its name. A file that
    /// the apply left alone shows as modified. Whatever was staged is in the new index only if it is in `revision`;
    /// bytes that are nowhere else are kept.
    ///
    /// - Parameters:
    ///   - store: our repository, which holds `revision`.
    ///   - branch: the branch in sync, without `refs/heads/`.
    ///   - expected: the user's head at the time of the capture; nil: any that `revision` contains.
    ///   - message: for the reflog, one line.
    ///   - looks: answers in place of a process a question.
    package func fastForward(
        to revision: Revision, fromStore store: String, branch: String, expected: Revision?, message: String,
        looks: QuickLooks? = nil
    ) async throws(GitError) -> FastForward {
        let state = try await state(looks)
        if let obstacle = state.obstacle(to: branch) { return .waiting(obstacle) }
        if state.head == revision { return .current }
        if let expected, state.head != expected { return .waiting(.headMoved(state.head)) }
        if let head = state.head {
            guard head.hex.utf8.count == revision.hex.utf8.count else { return .waiting(.otherObjectFormat) }
            guard try await contains(head, in: revision, store: store, looks) else {
                return .waiting(.notContained(head))
            }
        }
        let transfer = ObjectTransfer(repository: self, store: store)
        let keep = try await transfer.bring(revision, without: state.head, looks)
        defer {
            if let keep {
                _ = DiskStep.code("unguard", keep)
                unlink(keep)
            }
        }
        if state.head == nil { try await cutAsStore(store) }
        return try await move(to: revision, from: state.head, branch: branch, message: message, looks)
    }

    /// A repository that gets its first commit from a store whose past was let go is cut at the same places: else git
    /// would look for what nobody has.
    private func cutAsStore(_ store: String) async throws(GitError) {
        let path = commonDirectory + "/shallow"
        guard access(path, F_OK) != 0, let ends = DurableFile.read(store + "/shallow"), !ends.isEmpty else { return }
        let answer = try await git.run(["cat-file", "--batch-check"], input: ends).output
        var there: [UInt8] = []
        for line in answer.split(separator: 10) {
            let words = line.split(separator: 32)
            if words.count == 3, words[1].elementsEqual("commit".utf8) { there += words[0] + [10] }
        }
        if !there.isEmpty { try DurableFile.write(there, to: path) }
    }

    /// After a start: an index of ours that had not yet got its name gets it if the branch has moved, or goes.
    func recover() async throws(GitError) {
        ObjectTransfer.dropLeftovers(objectDirectory)
        let pending = DurableFile.read(scratch + "/" + Self.recordName).map(Self.line)
        guard IndexLock.isLeft(in: gitDirectory) || pending != nil else { return }
        let head = try await state().head
        IndexLock.settle(in: gitDirectory, finishing: pending != nil && head?.hex == pending)
        unlink(scratch + "/" + Self.recordName)
    }

    static let recordName = "fast-forward"

    private func state(_ looks: QuickLooks?) async throws(GitError) -> UserState {
        guard let looks else { return try await state() }
        return try await BlockingThread.run { _ throws(GitError) in try looks.state() }
    }

    private func contains(
        _ head: Revision, in revision: Revision, store: String, _ looks: QuickLooks?
    ) async throws(GitError) -> Bool {
        if let looks {
            let parents = try await BlockingThread.run { _ throws(GitError) in try looks.parents(revision) }
            if parents.contains(head) { return true }
        }
        let ours = HermeticGit(installation: git.installation, gitDirectory: store)
        // 128: our store has never seen that commit.
        let arguments = ["merge-base", "--is-ancestor", head.hex, revision.hex]
        return try await ours.run(arguments, accepting: [0, 1, 128]).status == 0
    }

    private func move(
        to revision: Revision, from head: Revision?, branch: String, message: String, _ looks: QuickLooks?
    ) async throws(GitError) -> FastForward {
        guard let lock = try IndexLock(in: gitDirectory) else { return .waiting(.indexLocked) }
        do throws(GitError) {
            // Under the lock no checkout, commit or merge of the user can begin; one may have passed before it.
            var now = try await state(looks)
            now.indexLocked = false
            if let obstacle = now.obstacle(to: branch) { return waiting(obstacle, lock) }
            if now.head != head { return waiting(.headMoved(now.head), lock) }
            try await lock.fill(with: makeIndex(of: revision, from: head, looks))
            try DurableFile.write(Array("\(revision.hex)\n".utf8), to: scratch + "/" + Self.recordName)
            guard try await moveBranch(branch, to: revision, from: head, message: message) else {
                unlink(scratch + "/" + Self.recordName)
                return waiting(.branchBusy, lock)
            }
            try lock.commit()
            unlink(scratch + "/" + Self.recordName)
            DiskStep.after("remove", Self.recordName)
            return .moved(from: head, to: revision)
        } catch {
            // With a record the branch may have moved: the lock stays until `recover` has looked.
            if access(scratch + "/" + Self.recordName, F_OK) != 0 { lock.release() }
            throw error
        }
    }

    private func waiting(_ obstacle: FastForward.Obstacle, _ lock: IndexLock) -> FastForward {
        lock.release()
        return .waiting(obstacle)
    }

    private func moveBranch(
        _ branch: String, to revision: Revision, from head: Revision?, message: String
    ) async throws(GitError) -> Bool {
        let old = head?.hex ?? String(repeating: "0", count: revision.hex.utf8.count)
        let named = git.with(["GIT_COMMITTER_NAME=Baton", "GIT_COMMITTER_EMAIL=baton@localhost"])
        let arguments = [
            "-c", "core.logAllRefUpdates=true", "update-ref", "-m", message, "refs/heads/\(branch)", revision.hex, old,
        ]
        return try await named.run(arguments, accepting: [0, 1, 128]).status == 0
    }

    /// The index of `revision` as a file of ours: made from a copy of the user's, so that stat data and skip-worktree
    /// bits of what did not change are kept, then refreshed from the files on disk.
    func makeIndex(
        of revision: Revision, from head: Revision? = nil, _ looks: QuickLooks? = nil
    ) async throws(GitError) -> String {
        let work = scratch + "/index"
        unlink(work + ".lock")
        unlink(work)
        if let looks, let head {
            let old = gitDirectory + "/index"
            let made = try await BlockingThread.run { _ throws(GitError) -> Bool in
                guard let bytes = DurableFile.read(old), let index = try looks.index(bytes, head) else { return false }
                try DurableFile.write(index, to: work, synced: false)
                return true
            }
            if made { return work }
        }
        if let looks {
            try await BlockingThread.run { _ throws(GitError) in try looks.keepStaged(head, revision) }
        }
        try FileCopy.copy(gitDirectory + "/index", to: work)
        let own = git.with(["GIT_INDEX_FILE=\(work)"])
        _ = try await own.run(["read-tree", "--reset", "-i", revision.hex])
        // 1: some file differs from the index; it shows as modified, which it is.
        _ = try await own.run(["update-index", "-q", "--refresh"], accepting: [0, 1])
        return work
    }
}
