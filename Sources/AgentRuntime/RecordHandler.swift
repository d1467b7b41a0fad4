import ControlSocket
import DeviceCore
import Primitives
import Storage

// The control socket's calls about the record: audit and metrics.

extension AgentHandler {
    /// Nil: the call is none of these.
    func record(_ kind: String, _ body: [UInt8]) async throws -> [UInt8]? {
        switch kind {
        case ControlCall.log: return try ControlJSON.encode(log(ControlJSON.decode(LogCall.self, from: body)))
        case ControlCall.verifyLog: return try ControlJSON.encode(verifyLog())
        case ControlCall.metrics: return try ControlJSON.encode(MetricsReport(text: await agent.metricsText()))
        default: return nil
        }
    }

    private func log(_ call: LogCall) throws -> LogReport {
        agent.audit.flush()
        let now = AuditTrail.unixMilliseconds
        var query = AuditQuery(
            after: call.after, since: call.since_s.map { now - Int64($0.clamped(to: 0...Self.longest) * 1000) },
            device: try call.device.map { try agent.device(named: $0) }, kind: call.kind,
            limit: min(max(call.limit, 1), Limits.auditRowsShown))
        let shown = AuditOperations(now: now, name: agent.audit.name(of:))
        do throws(StoreError) {
            if let op = call.op {
                query.op = try found(op)
                query.limit = Limits.auditRowsShown
                let rows = try agent.store.audit(query)
                return LogReport(
                    rows: rows.map { row($0, now) }, operations: [rows].compactMap { shown.operation($0) })
            }
            if call.operations == true {
                let operations = try agent.store.auditOperations(query)
                return LogReport(rows: [], operations: operations.compactMap { shown.operation($0) })
            }
            return LogReport(rows: try agent.store.audit(query).map { row($0, now) }, operations: [])
        } catch { throw Self.failure(error) }
    }

    private static let longest: Double = 10 * 365 * 86_400

    /// The first row of the operation that is meant; -1, which no row has, if there is none.
    private func found(_ text: String) throws(StoreError) -> Int64 {
        if let id = OperationID.number(text) { return id }
        let rows = try agent.store.audit(AuditQuery(kind: "published", limit: Limits.auditRowsShown))
        return rows.last { AuditMemory.fields($0.details)["number"] == text }?.op ?? -1
    }

    private func row(_ row: AuditRow, _ now: Int64) -> LogReport.Row {
        LogReport.Row(
            id: row.id, op: OperationID.text(row.op), at: Timestamps.text(row.at), age_s: Double(now - row.at) / 1000,
            kind: row.kind, device: row.device.description, device_name: agent.audit.name(of: row.device),
            round: row.round?.description, token: row.token?.description, summary: row.summary, details: row.details,
            hash: Self.hex(row.hash))
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private func verifyLog() throws -> LogVerdict {
        agent.audit.flush()
        do throws(StoreError) {
            let verdict = try agent.store.verifyAudit()
            // The row may be one that cannot be read: then it has no operation.
            let op = verdict.broken.flatMap { broken in
                try? agent.store.audit(AuditQuery(after: broken.id - 1, before: broken.id + 1, limit: 1)).first?.op
            }
            return LogVerdict(
                whole: verdict.broken == nil, rows: verdict.rows, first: verdict.first, last: verdict.last,
                cut_before: verdict.cutBefore, unchained: verdict.unchained, tip: verdict.tip,
                broken_row: verdict.broken?.id, broken_op: op.map { OperationID.text($0) }, why: verdict.broken?.why)
        } catch { throw Self.failure(error) }
    }

    static func failure(_ error: StoreError) -> ControlFailure {
        ControlFailure(code: ExitCode.failed, message: error.message, hint: error.hint)
    }
}
