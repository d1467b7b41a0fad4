import Primitives

extension Workspace {
    /// After a recovery that this device was not part of: rounds that it had applied may not be in the mesh's history.
    /// The newest one of them that `head`, where the recovery began, comes after is the base from now on, so that the
    /// next capture shows whatever the lost rounds brought as changes. No file is touched, and the old base keeps a ref
    /// of its own. May be repeated: what is settled stays as it is.
    /// - Parameter head: must be here, unless nothing was applied on this device; nil: no round is in common.
    /// - Returns: the base as it is now.
    package func ground(onto head: Revision?) async throws(WorkspaceError) -> Revision? {
        try await exclusively { workspace throws(WorkspaceError) in
            try workspace.endBroken()
            return try workspace.checked { () throws(GitError) in try workspace.settleBase(onto: head) }
        }
    }

    private func settleBase(onto head: Revision?) throws(GitError) -> Revision? {
        guard let old = base else { return nil }
        var common: Revision?
        if let head { common = try newest(of: old, before: head) }
        if common == old { return old }
        if try isOver(common, old) { return old }
        try store.update([
            RefChange(name: RefName.capture(ObjectID(old)), new: ObjectID(old)),
            RefChange(name: RefName.base, new: common.map { ObjectID($0) }),
        ])
        try moveBase(to: common)
        scope.addEverything()
        saveManifest()
        return common
    }

    /// The newest of a revision and the rounds before it that `head` is or comes after. Each round's first parent is
    /// the head before it, whereas `head` may have come after one of them by any way, through a capture for instance.
    private func newest(of base: Revision, before head: Revision) throws(GitError) -> Revision? {
        let beyond = try store.git.runBlocking(["rev-list", "--first-parent", base.hex, "^\(head.hex)"]).output
        guard let oldest = beyond.split(separator: 10).last else { return base }
        guard let revision = Revision(hex: String(decoding: oldest, as: UTF8.self)) else {
            throw .damaged("rev-list answered '\(String(decoding: oldest, as: UTF8.self))'")
        }
        // History that was let go for its age is no ground to stand on.
        guard let before = try store.commit(revision).parents.first, try store.has(before) else { return nil }
        return before
    }

    /// Whether a base is that revision with other versions at paths that could not be applied: no round of its own.
    private func isOver(_ revision: Revision?, _ base: Revision) throws(GitError) -> Bool {
        guard let revision else { return false }
        let record = try store.commit(base)
        return record.parents == [revision] && record.isLocalBase
    }

    /// Whether every object of a published revision is here: only then can a mesh go on from it.
    package func holds(_ revision: Revision) async -> Bool {
        guard await has(revision) else { return false }
        let walk = ["rev-list", "--objects", "--quiet", "\(revision.hex)^!"]
        return (try? store.git.runBlocking(walk, accepting: [0])) != nil
    }

    /// Whether `old` is `new`, or comes before it.
    package func precedes(_ old: Revision, _ new: Revision) -> Bool { (try? store.isAncestor(old, of: new)) ?? false }

    /// The published revision that a base rests on.
    package func publishedBase() -> Revision? {
        guard let base, let record = try? store.commit(base) else { return nil }
        return record.isLocalBase ? record.parents.first : base
    }
}

extension CommitRecord {
    /// What `setBase` makes where paths were kept: known to one device alone.
    fileprivate var isLocalBase: Bool {
        parents.count == 1 && trailers("Baton-Round").isEmpty && message.starts(with: Workspace.localBase.utf8)
    }
}
