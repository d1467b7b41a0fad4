import Primitives
import Synchronization

/// What the agent does with a hub. One thing at a time, away from the calls that change the workspace.
extension Workspace {
    package nonisolated func lookAtHub(_ look: HubLook, mesh: MeshID) async throws(WorkspaceError) -> HubReport {
        let device = device
        return try await withHub(look.address) { hub, cancellation throws(GitError) in
            let reading = HubReading(hub: hub, cancellation: cancellation)
            let refs = try reading.refs(withFence: look.fencing == .fenceRef)
            return try HubLooking(store: hub.store, mesh: mesh, device: device).report(look, refs)
        }
    }

    package nonisolated func pushToHub(_ push: HubPush, mesh: MeshID) async throws(WorkspaceError) -> HubPushOutcome {
        try await withHub(push.address) { hub, cancellation throws(GitError) in
            try HubPushing(hub: hub, mesh: mesh, cancellation: cancellation).run(push)
        }
    }

    /// Tries out what a hub can do, and says how it is related to what was published.
    package nonisolated func probeHub(
        _ address: HubAddress, published: Revision?, mesh: MeshID
    ) async throws(WorkspaceError) -> HubProbe {
        let device = device
        return try await withHub(address) { hub, cancellation throws(GitError) in
            try HubProbing(hub: hub, mesh: mesh, device: device, cancellation: cancellation).run(published)
        }
    }

    /// The first fence of a hub, below every token: from then on a missing one was deleted.
    /// - Parameter old: what stands there now and is gone on from; nil: nothing may.
    package nonisolated func layFence(
        _ address: HubAddress, over old: Revision?, head: Revision?, mesh: MeshID
    ) async throws(WorkspaceError) -> HubPushOutcome {
        let push = HubPush(
            address: address, fencing: .fenceRef, token: .none, sequence: 0, device: device, branch: nil,
            mirrored: nil, oldHead: head, oldFence: old)
        return try await pushToHub(push, mesh: mesh)
    }

    private nonisolated func withHub<Value: Sendable>(
        _ address: HubAddress, _ body: @escaping @Sendable (HubGit, Cancellation) throws(GitError) -> Value
    ) async throws(WorkspaceError) -> Value {
        do throws(GitError) {
            return try await BlockingThread.run { [store] cancellation throws(GitError) in
                let result: Result<Value, GitError> = store.hubTurn.withLock { _ in
                    do throws(GitError) { return .success(try body(HubGit(store, address), cancellation)) } catch {
                        return .failure(error)
                    }
                }
                return try result.get()
            }
        } catch { throw .git(error) }
    }
}
