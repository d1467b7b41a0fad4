import Glibc
import Primitives

extension Workspace {
    /// The founding device: brings the checked-out branch's history into the store, as the first base. Nil on a branch
    /// without a commit, or if the history is not whole here (a shallow clone): then the first capture is the first
    /// revision.
    package func importHistory() async throws(WorkspaceError) -> Revision? {
        try await exclusively { workspace throws(WorkspaceError) in
            if let base = workspace.base { return base }
            let user = try workspace.userState()
            guard let head = user.head else { return nil }
            return try workspace.checked { () throws(GitError) -> Revision? in
                let history = UserHistory(store: workspace.store, directory: workspace.repository.gitDirectory)
                guard try history.copy(head, known: []) else { return nil }
                try workspace.store.update([RefChange(name: RefName.base, new: ObjectID(head))])
                try workspace.moveBase(to: head)
                return head
            }
        }
    }

    /// Captures the working tree as it is now. Nothing of the user's is touched.
    /// - Parameter setAside: paths that stay as they were last captured, and why.
    package func capture(
        round: RoundID, setAside: [[UInt8]: String] = [:]
    ) async throws(WorkspaceError) -> CaptureResult {
        try await exclusively { workspace throws(WorkspaceError) in
            try workspace.endBroken()
            var result = CaptureResult.clean(base: workspace.base, held: [])
            var isOther = false
            for _ in 0..<Limits.captureTries {
                workspace.notes.begin(setAside: setAside)
                let stamps = workspace.repository.stamps
                let user = try workspace.userState()
                result = try await workspace.capture(round, user, withholding: workspace.withholding(user))
                if case .withheld = result { return result.holding(workspace.unplacedPaths) }
                await workspace.repository.waitForIndex(looks: workspace.lockLooks)
                let (now, after) = (try workspace.userState(), workspace.repository.stamps)
                isOther = after.head != stamps.head || workspace.withholding(now) != nil
                // A git command that changed files meanwhile may have shown us half of what it did.
                if !isOther, after.index == stamps.index { break }
            }
            result = result.holding(workspace.unplacedPaths)
            if isOther { return result.withheld(because: "a git command is checking out other files") }
            return try workspace.checked { () throws(GitError) in try workspace.checkDeletions(result) }
        }
    }

    private func capture(
        _ round: RoundID, _ user: UserState, withholding reason: String?
    ) async throws(WorkspaceError) -> CaptureResult {
        let head = try checked { () throws(GitError) in reason == nil ? try newUserHead(user) : nil }
        try await lookAtSparse()
        let request = { [self] in
            Capturer.Request(
                base: base, userHead: head, round: round, device: device, name: name, seconds: Int64(time(nil)),
                previous: previous, deletions: brakes.allowed?.id)
        }
        var (result, newest) = try withCapturer { capturer throws(GitError) in try capturer.capture(request()) }
        previous = newest
        if let reason { return result.withheld(because: reason) }
        if try checked({ () throws(GitError) in try freeEdited(newest?.lines ?? []) }) {
            (result, newest) = try withCapturer { capturer throws(GitError) in try capturer.capture(request()) }
            previous = newest
        }
        let lines = newest?.lines ?? []
        if try checked({ () throws(GitError) in try forgiveOldBranch(user, lines) }) {
            (result, newest) = try withCapturer { capturer throws(GitError) in try capturer.capture(request()) }
            previous = newest
        }
        return result
    }

    func userState() throws(WorkspaceError) -> UserState {
        try checked { () throws(GitError) in try quickLooks().state() }
    }

    /// Why a capture is kept to this device: it would carry conflict markers or another branch into the mesh.
    func withholding(_ user: UserState) -> String? {
        switch user.obstacle(to: branch) {
        case .none, .indexLocked: nil
        case .some(let obstacle): "\(obstacle)"
        }
    }

    /// The user's head if it has commits that the base has not; their objects are in the store then.
    private func newUserHead(_ user: UserState) throws(GitError) -> Revision? {
        guard let head = user.head, head != base else { return nil }
        if let known = userHeads[head] { return known ? head : nil }
        if let base {
            if try store.commit(base).parents.contains(head) { return nil }
            if try store.has(head), try store.isAncestor(head, of: base) {
                userHeads = [head: false]
                return nil
            }
        }
        let history = UserHistory(store: store, directory: repository.gitDirectory)
        let isWhole = try history.copy(head, known: [base].compactMap { $0 })
        userHeads = [head: isWhole]
        return isWhole ? head : nil
    }

    /// Follows the base ref in memory.
    func moveBase(to revision: Revision?) throws(GitError) {
        let tree = try store.tree(of: revision)
        let known = manifest.baseTree ?? store.emptyTree
        let lines = try store.compare(known, tree)
        manifest.setBase(tree, lines)
        scope.add(lines)
        base = revision
        previous = nil
        userHeads = [:]
    }
}
