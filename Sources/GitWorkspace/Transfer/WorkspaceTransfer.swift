import Primitives

/// The four ends of a transfer. Each takes one end of a stream as a descriptor that stays open here and is closed by
/// the caller, which makes the other side see the end. None waits for the calls that change the workspace.
extension Workspace {
    /// Sends what `want` needs beyond `have`. Refuses what no ref of ours reaches.
    package nonisolated func servePack(
        want: Revision, have: [Revision], descriptor: Int32, deadline: Duration = Limits.gitDeadline
    ) async throws(WorkspaceError) {
        try await transfer(deadline) { transfer throws(GitError) in
            try transfer.send(want: want, have: have, to: descriptor)
        }
    }

    /// Receives a pack and takes it only if `want` is whole with it.
    /// - Parameter device: whose newest capture it is; gets that ref, and so is kept and can be passed on.
    package nonisolated func receivePack(
        want: Revision, descriptor: Int32, captureOf device: DeviceID? = nil, deadline: Duration = Limits.gitDeadline
    ) async throws(WorkspaceError) {
        try await transfer(deadline) { transfer throws(GitError) in
            try transfer.receive(want: want, from: descriptor, captureOf: device)
        }
    }

    /// git's own upload-pack, read-only, our refs alone: for a device that lacks what a thin pack builds on.
    package nonisolated func serveUploadPack(
        descriptor: Int32, deadline: Duration = Limits.gitDeadline
    ) async throws(WorkspaceError) {
        try await transfer(deadline) { transfer throws(GitError) in
            try UploadPack(store: transfer.store, cancellation: transfer.cancellation, deadline: deadline)
                .serve(descriptor)
        }
    }

    /// Fetches `want` from a `serveUploadPack`.
    package nonisolated func fetchUploadPack(
        want: Revision, descriptor: Int32, captureOf device: DeviceID? = nil, deadline: Duration = Limits.gitDeadline
    ) async throws(WorkspaceError) {
        try await transfer(deadline) { transfer throws(GitError) in
            try UploadPack(store: transfer.store, cancellation: transfer.cancellation, deadline: deadline)
                .fetch(want, over: descriptor)
            try transfer.store.update(transfer.pins(want, captureOf: device))
        }
    }

    /// What a sender may leave out for us: everything these reach is here.
    package nonisolated func haves() async throws(WorkspaceError) -> [Revision] {
        let device = device
        return try await question { store throws(GitError) in
            var found: [Revision] = []
            for name in [RefName.main, RefName.base, RefName.device(device)] {
                if let revision = try store.ref(name), !found.contains(revision) { found.append(revision) }
            }
            return found
        }
    }

    private nonisolated func transfer(
        _ deadline: Duration, _ body: @escaping @Sendable (PackTransfer) throws(GitError) -> Void
    ) async throws(WorkspaceError) {
        do throws(GitError) {
            try await BlockingThread.run { [store] cancellation throws(GitError) in
                try body(PackTransfer(store: store, cancellation: cancellation, deadline: deadline))
            }
        } catch { throw .git(error) }
    }
}

extension PackTransfer {
    /// A capture of a peer gets its ref; an older one that nothing else holds keeps one of its own.
    func pins(_ revision: Revision, captureOf device: DeviceID?) throws(GitError) -> [RefChange] {
        guard let device else { return [] }
        let name = RefName.device(device)
        var changes = [RefChange(name: name, new: ObjectID(revision))]
        if let older = try store.ref(name), older != revision, try !store.isInHead(older) {
            let id = ObjectID(older)
            changes.append(RefChange(name: RefName.capture(id), new: id))
        }
        return changes
    }
}

extension Store {
    /// True if the published head is sure to hold a capture; when in doubt it keeps a ref of its own.
    func isInHead(_ capture: Revision) throws(GitError) -> Bool {
        guard let head = try ref(RefName.main) else { return false }
        if capture == head { return true }
        return try commit(head).parents.contains(capture)
    }
}
