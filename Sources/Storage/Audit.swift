import GRDB
import Primitives

/// Something that happened and that people may ask about later.
package struct AuditRow: Hashable, Sendable {
    /// Grows by one from row to row; zero before the row is stored.
    package var id: Int64
    /// Wall time, milliseconds since 1970: for people, never compared between devices.
    package var at: Int64
    /// One word, e.g. `round`, `refused`.
    package var kind: String
    package var device: DeviceID
    package var round: RoundID?
    package var token: FencingToken?
    /// One line.
    package var summary: String
    /// A JSON object, or empty.
    package var details: String

    package init(
        id: Int64 = 0, at: Int64, kind: String, device: DeviceID, round: RoundID? = nil, token: FencingToken? = nil,
        summary: String, details: String = ""
    ) {
        self.id = id
        self.at = at
        self.kind = kind
        self.device = device
        self.round = round
        self.token = token
        self.summary = summary
        self.details = details
    }
}

/// Which audit rows are wanted; every condition narrows.
package struct AuditQuery: Hashable, Sendable {
    /// Only rows after this one.
    package var after: Int64?
    /// Only rows from this wall time on, milliseconds since 1970.
    package var since: Int64?
    package var device: DeviceID?
    package var round: RoundID?
    package var kind: String?
    /// The newest so many, at most `Limits.auditRowsShown`.
    package var limit: Int

    package init(
        after: Int64? = nil, since: Int64? = nil, device: DeviceID? = nil, round: RoundID? = nil, kind: String? = nil,
        limit: Int = 100
    ) {
        self.after = after
        self.since = since
        self.device = device
        self.round = round
        self.kind = kind
        self.limit = limit
    }
}

extension DeviceStore {
    /// Durable on return. The oldest rows beyond `Limits.auditRowsKept` go.
    package func appendAudit(_ rows: [AuditRow]) throws(StoreError) {
        try appendAudit(rows, keeping: Limits.auditRowsKept)
    }

    func appendAudit(_ rows: [AuditRow], keeping kept: Int) throws(StoreError) {
        if rows.isEmpty { return }
        try connection.write { db in
            let insert = try db.cachedStatement(
                sql: """
                    INSERT INTO audit(at, kind, device, round, token, summary, details) VALUES (?, ?, ?, ?, ?, ?, ?)
                    """)
            for row in rows {
                try insert.execute(arguments: [
                    row.at, row.kind, Row.blob(row.device.digest.bytes), row.round?.description,
                    row.token?.description, row.summary.cut(to: Limits.auditTextBytes),
                    // Half a JSON object is none.
                    row.details.utf8.count <= Limits.auditDetailsBytes ? row.details : "",
                ])
            }
            try db.cachedStatement(sql: "DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?")
                .execute(arguments: [kept])
        }
    }

    /// Oldest first.
    package func audit(_ query: AuditQuery) throws(StoreError) -> [AuditRow] {
        var conditions: [String] = []
        var arguments = StatementArguments()
        func add(_ condition: String, _ value: (some DatabaseValueConvertible)?) {
            guard let value else { return }
            conditions.append(condition)
            arguments += [value]
        }
        add("id > ?", query.after)
        add("at >= ?", query.since)
        add("device = ?", query.device.map { Row.blob($0.digest.bytes) })
        add("round = ?", query.round?.description)
        add("kind = ?", query.kind)
        arguments += [max(0, min(query.limit, Limits.auditRowsShown))]
        let condition = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
        let sql = """
            SELECT id, at, kind, device, round, token, summary, details FROM audit \(condition)
            ORDER BY id DESC LIMIT ?
            """
        return try connection.read { [arguments] db in
            try Row.fetchAll(db, sql: sql, arguments: arguments).reversed().map { try AuditRow($0) }
        }
    }
}

extension AuditRow {
    fileprivate init(_ row: Row) throws {
        guard let device = Digest(bytes: try row.bytes(3)) else { throw RowError(reason: "an audit row has no device") }
        self.init(
            id: try row.number(0), at: try row.number(1), kind: try row.text(2), device: DeviceID(device),
            round: try row.optionalText(4).map { try RoundID(stored: $0) },
            token: try row.optionalText(5).flatMap { FencingToken($0) }, summary: try row.text(6),
            details: try row.text(7))
    }
}

extension RoundID {
    /// Reads what `description` wrote.
    init(stored text: String) throws {
        let parts = text.split(separator: "/")
        guard parts.count == 2, let token = FencingToken(parts[0]), let sequence = UInt64(parts[1]) else {
            throw RowError(reason: "'\(text)' is no round")
        }
        self.init(token: token, sequence: sequence)
    }
}

extension String {
    /// At most so many bytes of UTF-8, whole characters.
    fileprivate func cut(to limit: Int) -> String {
        var text = self
        while text.utf8.count > limit { text = String(decoding: text.utf8.prefix(limit - 3), as: UTF8.self) }
        return text
    }
}
