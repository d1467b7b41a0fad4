import ControlSocket
import DeviceCore
import GitWorkspace
import Primitives
import SyncRounds

/// `sync --reason startup` and `exit`: what a login or a shutdown asks for by itself. Changes wait for no quiet, but
/// rounds keep their least distance: whoever wants one sooner asks as a person.
extension AgentHandler {
    func hurried(_ reason: RoundReason, waits: Bool) async throws -> SyncReport {
        agent.loop.tell { $0.hurry(reason) }
        // What a shutdown asks for is the last chance of what is set aside.
        if reason == .exit { await agent.watches.loops.takeAll() }
        do throws(WorkspaceError) {
            let dirt = try await agent.workspace.dirt(setAside: await agent.watches.loops.leftOutOfLook())
            await agent.watches.loops.moved(dirt.moved)
            if let reason = dirt.withheld {
                agent.loop.tell { $0.waitingChanged(reason) }
                return report("not_now", why: "the workspace waits: \(reason)")
            }
            agent.loop.post(.workspaceChanged(pendingFiles: UInt32(clamping: dirt.changed)))
        } catch { throw ControlFailure(code: ExitCode.failed, message: error.message, hint: error.hint) }
        // The scheduler has heard of it when this is answered.
        await agent.loop.turn()
        let end = DeviceLoop.now + Limits.hurriedSync
        while true {
            if isInStep { return report("in_step") }
            let why = putOff(until: waits ? end : DeviceLoop.now)
            if let why { return report("not_now", why: why) }
            guard waits else { return report("requested") }
            guard DeviceLoop.now < end else {
                return report("not_now", why: hindrance ?? "\(leaderName ?? "no sync leader") has started none yet")
            }
            try await Task.sleep(for: Limits.statusPause)
        }
    }

    private var isInStep: Bool {
        let now = DeviceLoop.now
        return agent.loop.read { value in
            let facts = value.facts(at: now)
            return facts.pendingFiles == 0 && facts.base == value.state.head.revision
                && value.roundMember.current == nil
        }
    }

    private var hindrance: String? {
        let now = DeviceLoop.now
        return agent.loop.read { $0.facts(at: now).waiting }.map { "the workspace waits: \($0)" }
    }

    private var leaderName: String? { agent.loop.read { $0.syncLeader?.device }.map(agent.audit.name(of:)) }

    /// Why no round starts before `end`; nil if one may, or if another device decides.
    private func putOff(until end: Instant) -> String? {
        let now = DeviceLoop.now
        let table = agent.loop.read { value in
            value.mayLead(at: now) && value.roundLeader.current == nil ? value.scheduleTable(at: now) : nil
        }
        guard let table, case .wait(let until, _) = table.verdict, until.map({ $0 > end }) ?? true,
            let row = table.rows.first(where: { $0.rule == table.deciding })
        else { return nil }
        let when = until.map { ", in \(max(1, ($0 - now).components.seconds)) s" } ?? ""
        return "\(row.rule.title): \(row.value)\(row.limit == "-" ? "" : " (least \(row.limit))")\(when)"
    }

    private func report(_ result: String, why: String? = nil) -> SyncReport {
        let head = agent.loop.read { $0.state.head }
        return SyncReport(
            result: result, round: head.number, head: head.revision?.hex, changed_files: 0, conflicts: 0,
            participants: [], left_out: [], took_s: 0, why: why)
    }
}
