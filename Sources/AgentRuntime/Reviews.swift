import DeviceCore
import GitWorkspace
import Logging
import Primitives

/// Between what people are asked and answer, which is replicated, and the workspace: pins what is open, asks about
/// deletions that the workspace holds back, and tells it the answer. Late or repeated news do no harm.
actor Reviews {
    private let device: DeviceID
    private let workspace: Workspace
    private let watch: WorkspaceWatch
    private let loop: DeviceLoop
    private let logger: Logger

    init(device: DeviceID, workspace: Workspace, watch: WorkspaceWatch, loop: DeviceLoop, logger: Logger) {
        self.device = device
        self.workspace = workspace
        self.watch = watch
        self.loop = loop
        self.logger = logger
    }

    /// Before the start: hears of what concerns it.
    nonisolated func follow(_ settings: AgentSettings) {
        watch.whenDeletionsSettle { await self.lookAtDeletions() }
        settings.observe { [workspace] layers in
            let quarantines = layers.flag("apply.quarantine")
            Task { await workspace.quarantineCode(quarantines ? nil : []) }
        }
    }

    /// After a start, or when the replicated state came as a whole.
    func begin() async {
        await keepOpen()
        await hearAnswers()
        await lookAtDeletions()
    }

    nonisolated func note(_ events: [DeviceEvent]) {
        for case .review(let event) in events {
            Task {
                switch event {
                case .resolved: await keepOpen()
                case .allowed: await hearAnswers()
                case .braked, .lifted: break
                }
            }
        }
    }

    /// Both versions of what is open stay, and for a while what was.
    func keepOpen() async {
        let open = loop.read { $0.state.conflicts.list }
        do {
            try await workspace.keepConflicts(open.map { ConflictPlace(id: $0.id, revision: $0.revision) })
        } catch {
            logger.warning("conflicts could not be kept", metadata: ["reason": "\(error)"])
        }
    }

    private func hearAnswers() async {
        for brake in loop.read({ $0.state.brakes }) where brake.device == device && brake.allowedBy != nil {
            do {
                guard try await workspace.allowDeletions(brake.id) else { continue }
            } catch {
                logger.warning("an answer about deletions was not kept", metadata: ["reason": "\(error)"])
                continue
            }
            loop.tell { $0.waitingChanged(nil) }
            watch.look()
            // Somebody waits for it: it was just said.
            _ = loop.request(.sync) { _ in }
        }
    }

    /// After a capture or an apply: asks what the workspace waits for, or takes the question back.
    func lookAtDeletions() async {
        let (held, answered) = (await workspace.heldDeletions, await workspace.allowedDeletions)
        let known = loop.read { state(of: $0) }
        if let held {
            if known?.id != held.id {
                await ask(held, ofRound: false)
            } else if known?.allowedBy != nil {
                await hearAnswers()
            }
        } else if let known, known.id != answered {
            _ = await loop.ask(.review(.lift(device, ofRound: false)))
        }
    }

    /// A round that this device leads would delete too much, in sum.
    func ask(_ set: DeletionSet, ofRound: Bool) async {
        let brake = DeletionBrake(
            device: device, ofRound: ofRound, id: set.id, deleted: UInt32(clamping: set.paths.count),
            files: UInt32(clamping: set.files))
        let reply = await loop.ask(.review(.brake(brake)))
        if reply != .done {
            logger.warning("the others do not know of held deletions yet", metadata: ["answer": "\(reply)"])
        }
        if loop.read({ $0.state.brakes.contains { $0.id == set.id && $0.allowedBy != nil } }) { await hearAnswers() }
    }

    /// A round was published: whatever was asked about rounds before it is settled.
    func published() async {
        let asked = loop.read { value in
            value.leaderToken == nil ? [] : value.state.brakes.filter(\.ofRound).map(\.device)
        }
        for device in asked { _ = await loop.ask(.review(.lift(device, ofRound: true))) }
        await keepOpen()
    }

    nonisolated private func state(of value: Device) -> DeletionBrake? {
        let device = device
        return value.state.brakes.first { $0.device == device && !$0.ofRound }
    }
}
