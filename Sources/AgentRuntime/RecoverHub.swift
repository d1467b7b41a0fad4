import ControlSocket
import DeviceCore
import GitWorkspace
import Primitives
import SyncRounds

// Two survivors that do not hear each other may both reach the hub: there one of them wins (protocol.md, section 7).

extension AgentHandler {
    /// Puts a token of the next epoch on the hub's fence, by compare-and-swap, before anything is recovered. From then
    /// on no leader of an earlier epoch can push, and another survivor is told to join.
    /// - Returns: the number that the new epoch comes after; nil if there is no hub, or if it cannot be had and that
    ///   does not matter (`isForced`).
    func takeHub(_ view: RecoveryView, published: Revision?, isForced: Bool) async throws -> UInt64? {
        guard let hub = view.hub else { return nil }
        let own = view.epoch.number
        let (workspace, mesh) = (agent.workspace, agent.store.mesh.mesh)
        do {
            let look = HubLook(address: hub.address, fencing: hub.fencing, published: published)
            let report = try await workspace.lookAtHub(look, mesh: mesh)
            var after = own
            if case .found(let fence) = report.fence, fence.device != agent.identity.id, fence.token.epoch > own {
                guard isForced else { throw Self.wonBy(agent.audit.name(of: fence.device), fence.token) }
                after = fence.token.epoch
            }
            // A hub whose branch carries the fence, and that has no branch yet, has nothing to carry it.
            if hub.fencing == .branchAlone, report.head == nil { return after }
            let push = HubPush(
                address: hub.address, fencing: hub.fencing, token: FencingToken(epoch: after + 1, counter: 0),
                sequence: 0, device: agent.identity.id, branch: nil, mirrored: report.fence.mirrored,
                oldHead: report.head, oldFence: report.fence.revision)
            switch try await workspace.pushToHub(push, mesh: mesh) {
            case .landed: return after
            case .moved: throw Self.overtaken
            case .refused(let why): throw Self.notReached(why)
            }
        } catch let error as WorkspaceError {
            guard isForced else { throw Self.notReached(error.message) }
            return nil
        } catch let failure as ControlFailure where isForced && failure.code == ExitCode.notAllowed {
            return nil
        }
    }

    private static func wonBy(_ name: String, _ token: FencingToken) -> ControlFailure {
        ControlFailure(
            code: ExitCode.notAllowed,
            message: "not recovered: \(name) was recovered before (epoch \(token.epoch)), as the hub has it",
            hint: "this device joins it once the two are linked; only if \(name) is lost too: baton recover --force")
    }

    private static let overtaken = ControlFailure(
        code: ExitCode.tryAgain, message: "not recovered: somebody else pushed to the hub at the same moment",
        hint: "try again: baton recover")

    private static func notReached(_ why: String) -> ControlFailure {
        ControlFailure(
            code: ExitCode.notAllowed,
            message: "not recovered: only the hub can say whether another device was recovered before, and: \(why)",
            hint: "when the hub is there again: baton recover; to go on without it: baton recover --force")
    }
}

extension HubFenceView {
    fileprivate var mirrored: Revision? {
        if case .found(let fence) = self { fence.mirrored } else { nil }
    }
}
