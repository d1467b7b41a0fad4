import ControlSocket
import DeviceCore
import GitWorkspace
import Primitives

/// Answers of people at this device: what may leave it, what may run on it.
extension AgentHandler {
    func conflictCall(_ kind: String, _ body: [UInt8]) async throws -> [UInt8]? {
        let desk = ConflictDesk(agent: agent)
        switch kind {
        case ControlCall.conflicts:
            return try ControlJSON.encode(await desk.list(ControlJSON.decode(ConflictsCall.self, from: body)))
        case ControlCall.conflict:
            return try ControlJSON.encode(await desk.show(ControlJSON.decode(ConflictCall.self, from: body)))
        case ControlCall.conflictExport:
            return try ControlJSON.encode(await desk.export(ControlJSON.decode(ConflictExportCall.self, from: body)))
        case ControlCall.resolve:
            return try ControlJSON.encode(await desk.resolve(ControlJSON.decode(ResolveCall.self, from: body)))
        case ControlCall.approve:
            return try ControlJSON.encode(await approve(ControlJSON.decode(ApproveCall.self, from: body)))
        default: return nil
        }
    }

    func allow(_ call: AllowCall) async throws -> AllowReport {
        var report = AllowReport()
        if call.deletions { report.deletions = try await allowDeletions() }
        guard !call.paths.isEmpty else { return report }
        let held = agent.watch.held
        let paths = try call.paths.map { name in
            guard let found = held.first(where: { String(decoding: $0.path, as: UTF8.self) == name }) else {
                throw ControlFailure(
                    code: ExitCode.failed, message: "'\(name)' is not held back here",
                    hint: "baton status names what is; paths are given as there")
            }
            guard found.reason.canBeAllowed else {
                throw ControlFailure(
                    code: ExitCode.notAllowed, message: "'\(name)' cannot be let through: \(found.reason)",
                    hint: "change the file, then: baton sync --now")
            }
            return found.path
        }
        // What goes round in circles goes on until it does so again; only what is new on its way out is let through for
        // good.
        let released = await agent.watches.loops.release(paths)
        do { try await agent.workspace.allow(paths.filter { !released.contains($0) }) } catch {
            throw ControlFailure(code: ExitCode.failed, message: error.message, hint: error.hint)
        }
        let what = call.paths.count == 1 ? "1 path" : "\(call.paths.count) paths"
        agent.audit.add("allowed", "\(what) may leave this device", details: AuditPaths.details(paths))
        agent.watch.look()
        report.paths = call.paths
        return report
    }

    /// Yes to the very sets of deletions that are asked about now; to no later one.
    private func allowDeletions() async throws -> [StatusReport.Deletions] {
        let asked = agent.deletionsAsked
        guard !asked.isEmpty else {
            throw ControlFailure(
                code: ExitCode.failed, message: "no device asks about deletions now", hint: "see: baton status")
        }
        var allowed: [StatusReport.Deletions] = []
        for question in asked {
            guard let id = ShortID(hex: question.id) else { continue }
            switch await agent.loop.ask(.review(.allowDeletions(id))) {
            case .done: allowed.append(question)
            case .refused(.notOpen): continue
            case let reply: try done(reply)
            }
        }
        return allowed
    }

    private func approve(_ call: ApproveCall) async throws -> ApproveReport {
        let waiting = await agent.workspace.quarantined
        let names = waiting.map { String(decoding: $0.path, as: UTF8.self) }
        if let unknown = call.paths.first(where: { !names.contains($0) }) {
            throw ControlFailure(
                code: ExitCode.failed, message: "'\(unknown)' does not wait for anybody here",
                hint: "what does: baton approve")
        }
        var report = ApproveReport(waiting: [], approved: [], late: [])
        let wanted = zip(waiting, names).filter { call.all || call.paths.contains($0.1) }
        do throws(WorkspaceError) {
            if !wanted.isEmpty, !call.differences {
                let result = try await agent.workspace.approve(wanted.map(\.0.path))
                report.late = (result.late + result.deferred).map { String(decoding: $0, as: UTF8.self) }
                report.approved = wanted.map(\.1).filter { !report.late.contains($0) }
                agent.audit.add(
                    "approved", "\(report.approved.count) changes that run code were let in place here",
                    details: ["paths": report.approved.prefix(20).joined(separator: " ")])
                agent.watch.look()
            }
            let shown = call.differences && !wanted.isEmpty ? wanted.map(\.0) : await agent.workspace.quarantined
            for change in shown {
                report.waiting.append(try await describe(change, withDifference: call.differences))
            }
        } catch { throw ControlFailure(code: ExitCode.failed, message: error.message, hint: error.hint) }
        return report
    }

    private func describe(
        _ change: QuarantinedChange, withDifference: Bool
    ) async throws(WorkspaceError) -> ApproveReport.Waiting {
        let counts = try await agent.workspace.lineCounts(change)
        var item = ApproveReport.Waiting(
            path: String(decoding: change.path, as: UTF8.self), is_new: change.old == nil, added: counts?.added,
            removed: counts?.removed)
        if withDifference { item.difference = try await agent.workspace.difference(change.old, change.new) }
        return item
    }
}
