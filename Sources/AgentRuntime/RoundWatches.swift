import DeviceCore
import GitWorkspace
import Logging
import Primitives
import SyncRounds
import WriterGate

/// What watches the files around rounds beside the workspace itself: who writes while the gate is closed, and what goes
/// round in circles.
struct RoundWatches: Sendable {
    let outside: OutsideWrites
    let loops: LoopWatch
    let workspace: Workspace
    let gate: WriterGate
    let audit: AuditTrail
    let watch: WorkspaceWatch

    /// From now on each look of `watch` at the files is one for these too.
    init(
        workspace: Workspace, watch: WorkspaceWatch, loop: DeviceLoop, gate: WriterGate, hooks: HookDesk,
        audit: AuditTrail, outside: OutsideWrites
    ) {
        self.outside = outside
        self.workspace = workspace
        self.gate = gate
        self.audit = audit
        self.watch = watch
        loops = LoopWatch(
            device: workspace.device, workspace: workspace, loop: loop, gate: gate, hooks: hooks, audit: audit,
            look: { watch.look() })
        watch.around(
            before: { [loops] in await loops.leftOutOfLook() },
            after: { [self] moved in
                await loops.moved(moved)
                _ = await notice()
            },
            isOld: { [loops] leftOut in
                guard !leftOut.isEmpty else { return false }
                return await loops.takesAll
            })
    }

    func closed(_ round: RoundID, _ report: GateReport) {
        watch.catchUp()
        outside.closed(round, unanswered: report.unanswered.count)
    }

    /// Before an exit: what is set aside counts as a change like any other, so that the last round takes it.
    func takeLast(_ loop: DeviceLoop) async {
        guard await loops.takeAll() else { return }
        let (ends, end) = AsyncStream<Void>.makeStream()
        let workspace = workspace
        Task {
            // If the files cannot be looked at, or not in time, the agent ends without that round.
            if let dirt = try? await workspace.dirt(), dirt.changed > 0 {
                loop.post(.workspaceChanged(pendingFiles: UInt32(clamping: dirt.changed)))
            }
            end.finish()
        }
        Task {
            try? await Task.sleep(for: Limits.exitPatience)
            end.finish()
        }
        for await _ in ends {}
    }

    /// - Returns: programs that wrote while the gate was closed, as far as this capture saw it.
    func captured(_ round: RoundID) async -> [String] {
        await loops.captured(round)
        return await notice().filter { $0.round == round }.flatMap(\.names)
    }

    func applied(_ round: RoundID, _ result: ApplyResult) {
        Task { await loops.applied(round, result.paths, late: result.late + result.deferred) }
    }

    private func notice() async -> [OutsideWrites.Finding] {
        let writes = await workspace.takeWrites()
        let groups = gate.writers.compactMap { if case .wrapped(let group) = $0.kind { group } else { nil } }
        let findings = outside.look(writes, except: groups, at: DeviceLoop.now)
        for finding in findings { tell(finding) }
        return findings
    }

    private func tell(_ finding: OutsideWrites.Finding) {
        let files = finding.paths.count == 1 ? "1 file" : "\(finding.paths.count) files"
        let known = finding.names.filter { $0 != OutsideWrites.unknown }
        let who = known.isEmpty ? "a program that takes no part in the gate" : known.joined(separator: ", ")
        audit.add(
            "outside", "\(files) written or deleted while the gate was closed, by \(who)", round: finding.round,
            token: finding.round.token,
            details: AuditPaths.details(finding.paths, ["outside": finding.names.joined(separator: ", ")]))
    }
}
