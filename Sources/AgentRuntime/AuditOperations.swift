import Primitives
import Storage

/// Rows of the audit as the operations that people see: one line each of `baton log`.
struct AuditOperations {
    let now: Int64
    let name: (DeviceID) -> String

    func operation(_ rows: [AuditRow]) -> LogReport.Operation? {
        guard let first = rows.first, let last = rows.last else { return nil }
        var operation = LogReport.Operation(
            op: OperationID.text(first.op), at: Timestamps.text(last.at), age_s: Double(now - last.at) / 1000,
            kind: first.kind, by: first.device.description, by_name: name(first.device), what: first.summary,
            result: Self.result(of: first), took_s: nil, round: nil, round_id: first.round?.description,
            rows: rows.count)
        if first.round != nil { round(rows, &operation) }
        return operation
    }

    /// Every row of one round, as this device knows them: all of its leader, or a member's own part.
    private func round(_ rows: [AuditRow], _ operation: inout LogReport.Operation) {
        operation.kind = "round"
        let all = rows.map { ($0, AuditMemory.fields($0.details)) }
        if let leader = all.compactMap({ $0.1["leader"] }).first { operation.by_name = leader }
        let started = rows.first { $0.kind == "round-started" }
        if let started { operation.by = started.device.description }
        let end = all.last { $0.0.kind == "round" }
        let published = all.last { $0.0.kind == "published" }
        let milliseconds = (end?.1["took_ms"] ?? all.last?.1["after_ms"]).flatMap { Double($0) }
        operation.took_s = milliseconds.map { $0 / 1000 }
        if let published {
            tell(published, devices: end?.1["participants"] ?? published.1["holders"] ?? "", &operation)
        } else if let end {
            tell(end: end.1, &operation)
        } else if let refused = rows.last(where: { $0.kind == "publication-refused" }) {
            operation.what = "round given up: \(refused.summary)"
            operation.result = "refused"
        } else if let declined = rows.last(where: { $0.kind == "declined" }) {
            operation.what = "round: \(declined.summary)"
            operation.result = "declined"
        } else {
            let captured = rows.last { $0.kind == "captured" }?.summary
            operation.what = "round: " + (captured ?? rows.last?.summary ?? "under way")
            operation.result = captured == "nothing changed" ? "skipped" : ""
        }
    }

    private func tell(
        _ published: (AuditRow, [String: String]), devices: String, _ operation: inout LogReport.Operation
    ) {
        let details = published.1
        operation.round = details["number"].flatMap { UInt64($0) }
        let files = UInt64(details["files"] ?? "") ?? 0
        let count = devices.split(separator: " ").count
        let undo = details["undoes"].map { "undo of round \($0), " } ?? ""
        operation.what =
            "round \(details["number"] ?? "?"): \(undo)\(files == 1 ? "1 file" : "\(files) files")"
            + (count == 0 ? "" : ", \(count == 1 ? "1 device" : "\(count) devices")")
        let conflicts = UInt64(details["conflicts"] ?? "") ?? 0
        operation.result = conflicts == 0 ? "ok" : conflicts == 1 ? "1 conflict" : "\(conflicts) conflicts"
    }

    private func tell(end details: [String: String], _ operation: inout LogReport.Operation) {
        switch details["result"] {
        case "nothing_to_do":
            operation.what = "round: nothing to do"
            operation.result = "skipped"
        case "caught_up":
            operation.what = "round: brought devices to the head"
            operation.result = "ok"
        case "aborted":
            operation.what = "round given up: \(details["why"] ?? "no reason was given")"
            operation.result = "given up"
        default:
            operation.what = "round published"
            operation.result = "ok"
        }
    }

    /// Of what is no round.
    private static func result(of row: AuditRow) -> String {
        switch row.kind {
        case "handoff", "joined", "started", "stopped", "allowed", "invite": return "ok"
        case "lock-expired", "leadership-lost": return "lost"
        case "no-round": return "waits"
        case "loop": return "set aside"
        default: return row.kind.contains("refus") ? "refused" : ""
        }
    }
}
