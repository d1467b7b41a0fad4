import Glibc
import Primitives

/// One fenced push, with all that makes sure of its outcome.
struct HubPushing {
    let hub: HubGit
    let mesh: MeshID
    let cancellation: Cancellation

    private var store: Store { hub.store }

    func run(_ push: HubPush) throws(GitError) -> HubPushOutcome {
        try checkForward(push)
        let (fenced, fence, head) = try prepare(push)
        let result: GitResult
        do throws(GitError) { result = try hub.push(fenced.arguments(hub.address.url), cancellation) } catch {
            // Killed at its deadline: it may have been done all the same.
            return try outcome(push, fenced, fence, head, orFailed: error)
        }
        let answer = PushAnswer(result.output)
        if answer.isSuccess(of: fenced) { return try landed(fence, head) }
        if answer.isRefusal {
            let refs = try HubReading(hub: hub, cancellation: cancellation).refs(withFence: push.fencing == .fenceRef)
            if stands(fenced, refs) { return try landed(fence, head) }
            let isUnchanged = refs.head == push.oldHead && (push.fencing == .branchAlone || refs.fence == push.oldFence)
            return isUnchanged ? .refused(answer.reason) : .moved
        }
        return try outcome(push, fenced, fence, head, orFailed: hub.failure("push", result))
    }

    /// A branch goes forward, unless a person decided otherwise. With a lease git itself would not look.
    private func checkForward(_ push: HubPush) throws(GitError) {
        guard let new = push.branch, let old = push.oldHead, !push.replaces else { return }
        guard try store.has(old), try store.isAncestor(old, of: new) else {
            throw GitError(
                .failed(status: 0), message: "\(new.short) does not hold the hub's \(old.short)",
                meaning: "the push would take something away there", hint: "it is merged with the next round")
        }
    }

    /// The push, the fence that it leaves, and the branch's head after it.
    private func prepare(_ push: HubPush) throws(GitError) -> (FencedPush, HubFence, Revision?) {
        let commit = FenceCommit(
            mesh: mesh, token: push.token, sequence: push.sequence, device: push.device, mirrored: push.mirrored)
        let old = push.oldHead.map { ObjectID($0) }
        switch push.fencing {
        case .fenceRef:
            // Over one that was deleted there goes the last that was seen: the log of pushes has no hole.
            var before = push.oldFence
            if before == nil { before = try store.ref(hub.names.fence) }
            let fence = try make(commit, over: before)
            let leased = LeasedRef(
                .fence(hub.address.branch), old: push.oldFence.map { ObjectID($0) }, new: ObjectID(fence))
            guard let leased else { throw Self.nothingToPush }
            guard let branch = push.branch else { return (.fence(leased), commit.fence(at: fence), push.oldHead) }
            let moved = LeasedRef(.branch(hub.address.branch), old: old, new: ObjectID(branch))
            guard let moved else { throw Self.nothingToPush }
            return (.fenceAndBranch(fence: leased, branch: moved), commit.fence(at: fence), branch)
        case .branchAlone:
            let head: Revision
            if let branch = push.branch { head = branch } else { head = try takeover(commit, over: push.oldHead) }
            guard let leased = LeasedRef(.branch(hub.address.branch), old: old, new: ObjectID(head)) else {
                throw Self.nothingToPush
            }
            return (.branchAlone(leased), commit.fence(at: head), head)
        }
    }

    /// A fence over the one before it. Never with a lower token: then there is no such commit at all.
    func make(_ commit: FenceCommit, over old: Revision?) throws(GitError) -> Revision {
        if let old, let before = try FenceCommit(store.commit(old)), before.mesh == commit.mesh,
            before.token > commit.token
        {
            throw GitError(
                .failed(status: 0), message: "the hub's fence carries token \(before.token), this push \(commit.token)",
                meaning: "another device leads", hint: "see: baton status")
        }
        return try add(commit.message("Baton fence"), tree: nil, parent: old)
    }

    /// An empty commit with the token on the branch.
    private func takeover(_ commit: FenceCommit, over head: Revision?) throws(GitError) -> Revision {
        guard let head else { throw Self.nothingToPush }
        return try add(commit.message("Baton: a new sync leader"), tree: store.tree(of: head), parent: head)
    }

    private func add(_ message: String, tree: ObjectID?, parent: Revision?) throws(GitError) -> Revision {
        let batch = ObjectBatch(store)
        let empty = try batch.add(tree: [])
        let revision = try batch.add(
            commit: ObjectBatch.Commit(
                tree: tree ?? empty, parents: [parent].compactMap { $0 }, author: "Baton",
                email: "baton@localhost", seconds: Int64(time(nil)), message: message))
        try batch.finish(refs: [RefChange(name: hub.names.pushing, new: ObjectID(revision))])
        return revision
    }

    private func landed(_ fence: HubFence, _ head: Revision?) throws(GitError) -> HubPushOutcome {
        var changes = [RefChange(name: hub.names.fence, new: ObjectID(fence.revision))]
        if let head {
            changes += [hub.names.head, hub.names.mirrored].map { RefChange(name: $0, new: ObjectID(head)) }
        }
        try store.update(changes)
        return .landed(head: head, fence)
    }

    /// After an end that says nothing the hub is asked: our nonce on the fence means that it was done.
    private func outcome(
        _ push: HubPush, _ fenced: FencedPush, _ fence: HubFence, _ head: Revision?, orFailed failure: GitError
    ) throws(GitError) -> HubPushOutcome {
        let refs: HubReading.Refs
        do throws(GitError) {
            refs = try HubReading(hub: hub, cancellation: cancellation).refs(withFence: push.fencing == .fenceRef)
        } catch { throw failure }
        if stands(fenced, refs) { return try landed(fence, head) }
        throw failure
    }

    /// The refs stand as this push leaves them.
    private func stands(_ fenced: FencedPush, _ refs: HubReading.Refs) -> Bool {
        fenced.refs.allSatisfy { leased in
            switch leased.ref {
            case .branch: refs.head.map { ObjectID($0) } == leased.new
            case .fence: refs.fence.map { ObjectID($0) } == leased.new
            }
        }
    }

    private static let nothingToPush = GitError(
        .failed(status: 0), message: "there is nothing to push", meaning: "the hub has it already",
        hint: "it is looked at again")
}
