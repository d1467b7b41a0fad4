import ControlSocket
import GitWorkspace
import Primitives

// `baton snapshot`: a round as a file, and files of other rounds kept here.

extension AgentHandler {
    /// Nil for a call of another kind.
    func snapshot(_ kind: String, _ body: [UInt8]) async throws -> [UInt8]? {
        switch kind {
        case ControlCall.snapshotExport:
            return try ControlJSON.encode(await export(ControlJSON.decode(SnapshotExportCall.self, from: body)))
        case ControlCall.snapshotImport:
            return try ControlJSON.encode(await takeIn(ControlJSON.decode(SnapshotNameCall.self, from: body)))
        case ControlCall.snapshotList: return try ControlJSON.encode(await snapshots())
        case ControlCall.snapshotDrop: return try await drop(ControlJSON.decode(SnapshotNameCall.self, from: body))
        default: return nil
        }
    }

    private func export(_ call: SnapshotExportCall) async throws -> SnapshotExportReply {
        let head = try await heldHead()
        let round = call.round ?? head.number
        for number in [round, call.since].compactMap({ $0 }) where number > head.number {
            throw ControlFailure(
                code: ExitCode.failed, message: "there is no round \(number); the newest is \(head.number)",
                hint: "see: baton log --kind published")
        }
        if let since = call.since, since >= round {
            throw ControlFailure(
                code: ExitCode.usage, message: "round \(round) has nothing that round \(since) has not",
                hint: "give --since an older round than --round")
        }
        let revision = try await revision(ofRound: round, head)
        var since: Revision?
        if let older = call.since { since = try await self.revision(ofRound: older, head) }
        let base = since
        let bytes = try await Self.workspace { () throws(WorkspaceError) in
            try await agent.workspace.exportSnapshot(revision, round: round, since: base, to: call.file)
        }
        agent.audit.add("snapshot", "round \(round) written to a file", details: ["file": call.file])
        return SnapshotExportReply(round: round, revision: revision.hex, bytes: bytes, since: call.since)
    }

    private func takeIn(_ call: SnapshotNameCall) async throws -> SnapshotReport.Item {
        let imported = try await Self.workspace { () throws(WorkspaceError) in
            try await agent.workspace.importSnapshot(call.name)
        }
        agent.audit.add("snapshot", "snapshot \(imported.name) taken in", details: ["file": call.name])
        return item(imported)
    }

    private func snapshots() async throws -> SnapshotReport {
        let (found, size) = try await Self.workspace { () throws(WorkspaceError) in
            (try await agent.workspace.snapshots(), try await agent.workspace.storeSize())
        }
        return SnapshotReport(
            items: found.map(item), rounds: agent.loop.read { $0.state.head.number }, store_bytes: size.bytes)
    }

    private func drop(_ call: SnapshotNameCall) async throws -> [UInt8] {
        let isGone = try await Self.workspace { () throws(WorkspaceError) in
            try await agent.workspace.dropSnapshot(call.name)
        }
        guard isGone else {
            throw ControlFailure(
                code: ExitCode.failed, message: "no imported snapshot is called '\(call.name)'",
                hint: "see: baton snapshot list")
        }
        agent.audit.add("snapshot", "snapshot \(call.name) let go")
        return ControlJSON.empty
    }

    private func item(_ snapshot: ImportedSnapshot) -> SnapshotReport.Item {
        SnapshotReport.Item(
            name: snapshot.name, revision: snapshot.revision.hex, at: Timestamps.text(snapshot.seconds * 1000),
            age_s: Double(AuditTrail.unixMilliseconds - snapshot.seconds * 1000) / 1000, files: snapshot.files)
    }
}
