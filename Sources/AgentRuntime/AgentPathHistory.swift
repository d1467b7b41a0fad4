import ControlSocket
import GitWorkspace
import Primitives
import Storage

// `baton log --path`: what the store and this device's audit know of one path.

extension AgentHandler {
    func path(_ call: PathCall) async throws -> PathReport {
        let path = try relative(call.path)
        let name = String(decoding: path, as: UTF8.self)
        let head = try await heldHead()
        let limit = min(max(call.limit, 1), Limits.pathChangesShown)
        let history = try await Self.workspace { () throws(WorkspaceError) in
            try await agent.workspace.history(of: path, head: head.revision, number: head.number, limit: limit)
        }
        var events = history.changes.map(event) + history.unpublished.map(event)
        events += try rows(about: name, limit: limit)
        // Rounds of one second keep their order.
        let order = events.enumerated().sorted { first, second in
            (second.element.at, first.offset) < (first.element.at, second.offset)
        }
        guard history.now != nil || !events.isEmpty else {
            throw ControlFailure(
                code: ExitCode.failed, message: "nothing is known of '\(call.path)'",
                hint: "give the path from the workspace's root; what is left out: baton status")
        }
        return PathReport(
            path: name, now: history.now.map(version), events: Array(order.map(\.element).prefix(limit)),
            oldest_round: history.oldestRound)
    }

    private func event(_ change: PathHistory.Change) -> PathReport.Event {
        let kind =
            change.before == change.after
            ? "kept" : change.before == nil ? "added" : change.after == nil ? "deleted" : "changed"
        return PathReport.Event(
            kind: kind, round: change.number, revision: change.revision.hex, at: Timestamps.text(change.seconds * 1000),
            age_s: age(change.seconds), version: change.after.map(version), brought: change.brought.map(brought),
            conflicts: change.conflicts.map(conflict), undoes: change.undoes, left_by_undo: change.isLeft,
            files: change.files)
    }

    private func event(_ capture: PathHistory.Unpublished) -> PathReport.Event {
        let device = capture.device.map(agent.audit.name(of:)) ?? "-"
        let brought = PathReport.Brought(
            device: device, capture: capture.capture.hex, version: capture.version.map(version))
        return PathReport.Event(
            kind: "captured", revision: capture.capture.hex, at: Timestamps.text(capture.seconds * 1000),
            age_s: age(capture.seconds), version: capture.version.map(version), brought: [brought], conflicts: [],
            left_by_undo: false)
    }

    private func age(_ seconds: Int64) -> Double { Double(AuditTrail.unixMilliseconds - seconds * 1000) / 1000 }

    private func brought(_ brought: PathHistory.Brought) -> PathReport.Brought {
        PathReport.Brought(
            device: agent.audit.name(of: brought.device), capture: brought.capture.hex,
            version: brought.version.map(version))
    }

    private func conflict(_ conflict: Conflict) -> PathReport.Conflict {
        PathReport.Conflict(
            id: conflict.id, kind: conflict.kind.rawValue, open: conflict.isOpen, stands: conflict.ours.map(version),
            kept: conflict.theirs.map(version), stands_from: conflict.oursDevice.map(agent.audit.name(of:)),
            kept_from: agent.audit.name(of: conflict.theirsDevice))
    }

    private func version(_ version: PathHistory.Version) -> PathReport.Version {
        var shown = self.version(version.entry)
        shown.bytes = version.bytes
        return shown
    }

    private func version(_ entry: TreeEntry) -> PathReport.Version {
        PathReport.Version(id: entry.blob, mode: String(entry.mode, radix: 8), bytes: nil)
    }

    /// Rows of this device's audit that name the path: what was held back, let through, late, restored.
    private func rows(about path: String, limit: Int) throws -> [PathReport.Event] {
        agent.audit.flush()
        var events: [PathReport.Event] = []
        let now = AuditTrail.unixMilliseconds
        for kind in ["allowed", "held", "late", "restored"] {
            let rows: [AuditRow]
            do throws(StoreError) {
                rows = try agent.store.audit(AuditQuery(kind: kind, limit: Limits.auditRowsShown))
            } catch { throw ControlFailure(code: ExitCode.failed, message: error.message, hint: error.hint) }
            for row in rows.suffix(limit) where AuditPaths.mentions(path, in: row.details) {
                events.append(
                    PathReport.Event(
                        kind: kind, at: Timestamps.text(row.at), age_s: Double(now - row.at) / 1000, brought: [],
                        conflicts: [], left_by_undo: false, summary: row.summary))
            }
        }
        return events
    }
}
