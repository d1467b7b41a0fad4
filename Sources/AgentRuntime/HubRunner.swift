import DeviceCore
import GitWorkspace
import Logging
import Primitives
import SyncRounds
import Synchronization

/// Carries out what the device asks about the hub and posts what came of it. Knows no rules: the fence is checked where
/// a push lands.
final class HubRunner: Sendable {
    private let workspace: Workspace
    private let mesh: MeshID
    private let loop: DeviceLoop
    private let logger: Logger
    private let running: Mutex<Task<Void, Never>?> = Mutex(nil)

    init(workspace: Workspace, mesh: MeshID, loop: DeviceLoop, logger: Logger) {
        self.workspace = workspace
        self.mesh = mesh
        self.loop = loop
        self.logger = logger
    }

    /// The device has one order under way at a time; what an earlier leadership asked may still be at work before it.
    func carryOut(_ order: HubOrder) {
        let task = Task { [self] in
            switch order {
            case .look(let number, let look): loop.post(.hub(.looked(number, await self.look(look))))
            case .push(let number, let push): loop.post(.hub(.pushed(number, await self.push(push))))
            }
        }
        running.withLock { $0 = task }
    }

    /// A child that is talking to the hub ends with its agent.
    func stop() { running.withLock { $0?.cancel() } }

    private func look(_ look: HubLook) async -> Completion<HubReport> {
        do { return .done(try await workspace.lookAtHub(look, mesh: mesh)) } catch { return .failed(words(error)) }
    }

    private func push(_ push: HubPush) async -> Completion<HubPushOutcome> {
        do { return .done(try await workspace.pushToHub(push, mesh: mesh)) } catch { return .failed(words(error)) }
    }

    private func words(_ error: WorkspaceError) -> String {
        logger.notice("the hub did not work", metadata: ["reason": "\(error)"])
        return error.message
    }
}
