import GRDB
import Primitives

/// Something that happened and that people may ask about later.
package struct AuditRow: Hashable, Sendable {
    /// Grows by one from row to row; zero before the row is stored.
    package var id: Int64
    /// The first row of the operation that this one belongs to: all rows of a round are one. Zero before it is stored.
    package var op: Int64 = 0
    /// Over this row and the hash of the one before (`AuditChain`); empty before the row is stored.
    package var hash: [UInt8] = []
    /// Wall time, milliseconds since 1970: for people, never compared between devices.
    package var at: Int64
    /// One word, e.g. `round`, `captured`, `token-refused`.
    package var kind: String
    /// The device that the row tells of.
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
    /// Only rows before this one: for whoever pages back.
    package var before: Int64?
    /// Only rows from this wall time on, milliseconds since 1970.
    package var since: Int64?
    package var device: DeviceID?
    package var round: RoundID?
    package var kind: String?
    /// The first row of an operation.
    package var op: Int64?
    /// The newest so many, at most `Limits.auditRowsShown`.
    package var limit: Int

    package init(
        after: Int64? = nil, before: Int64? = nil, since: Int64? = nil, device: DeviceID? = nil,
        round: RoundID? = nil, kind: String? = nil, op: Int64? = nil, limit: Int = 100
    ) {
        self.after = after
        self.before = before
        self.since = since
        self.device = device
        self.round = round
        self.kind = kind
        self.op = op
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
        let device = device
        try connection.write { db in
            var tip = try AuditChain.tip(db, device)
            for row in rows {
                var row = row.cut
                row.id = tip.id + 1
                row.op = try row.round.flatMap { try Self.operation(of: $0, db) } ?? row.id
                row.hash = AuditChain.hash(row, after: tip.hash)
                try row.insert(db)
                tip = AuditChain.Anchor(id: row.id, hash: row.hash)
            }
            try Self.cutAudit(before: tip.id - Int64(kept), db)
        }
    }

    private static func operation(of round: RoundID, _ db: Database) throws -> Int64? {
        let statement = try db.cachedStatement(sql: "SELECT op FROM audit WHERE round = ? ORDER BY id DESC LIMIT 1")
        return try Int64.fetchOne(statement, arguments: [round.description])
    }

    /// Rows up to `id` go; the last of them stays as the anchor of the chain.
    private static func cutAudit(before id: Int64, _ db: Database) throws {
        let last = try db.cachedStatement(sql: "SELECT id, hash FROM audit WHERE id <= ? ORDER BY id DESC LIMIT 1")
        guard let row = try Row.fetchOne(last, arguments: [id]) else { return }
        let hash = try row.bytes(1)
        if hash.count == AuditChain.hashBytes {
            try AuditChain.setAnchor(AuditChain.Anchor(id: try row.number(0), hash: hash), db)
        }
        try db.cachedStatement(sql: "DELETE FROM audit WHERE id <= ?").execute(arguments: [id])
    }

    /// Oldest first.
    package func audit(_ query: AuditQuery) throws(StoreError) -> [AuditRow] {
        var (condition, arguments) = query.condition
        arguments += [max(0, min(query.limit, Limits.auditRowsShown))]
        let sql = "SELECT \(AuditRow.columns) FROM audit \(condition) ORDER BY id DESC LIMIT ?"
        return try connection.read { [arguments] db in
            try Row.fetchAll(db, sql: sql, arguments: arguments).reversed().map { try AuditRow($0) }
        }
    }

    /// The newest `query.limit` operations of which some row fits, each with all of its rows, the newest first. In all
    /// at most `Limits.auditRowsShown` rows.
    package func auditOperations(_ query: AuditQuery) throws(StoreError) -> [[AuditRow]] {
        var (condition, arguments) = query.condition
        arguments += [max(0, min(query.limit, Limits.auditRowsShown))]
        let sql = """
            SELECT \(AuditRow.columns) FROM audit WHERE op IN
              (SELECT op FROM audit \(condition) GROUP BY op ORDER BY max(id) DESC LIMIT ?)
            ORDER BY id DESC LIMIT \(Limits.auditRowsShown)
            """
        let rows = try connection.read { [arguments] db in
            try Row.fetchAll(db, sql: sql, arguments: arguments).map { try AuditRow($0) }
        }
        var order: [Int64] = []
        var operations: [Int64: [AuditRow]] = [:]
        for row in rows {
            if operations[row.op] == nil { order.append(row.op) }
            operations[row.op, default: []].append(row)
        }
        return order.compactMap { operations[$0].map { Array($0.reversed()) } }
    }
}

extension AuditQuery {
    fileprivate var condition: (String, StatementArguments) {
        var conditions: [String] = []
        var arguments = StatementArguments()
        func add(_ condition: String, _ value: (some DatabaseValueConvertible)?) {
            guard let value else { return }
            conditions.append(condition)
            arguments += [value]
        }
        add("id > ?", after)
        add("id < ?", before)
        add("at >= ?", since)
        add("device = ?", device.map { Row.blob($0.digest.bytes) })
        add("round = ?", round?.description)
        add("kind = ?", kind)
        add("op = ?", op)
        return (conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND "), arguments)
    }
}

extension AuditRow {
    static let columns = "id, at, kind, device, round, token, summary, details, op, hash"

    init(_ row: Row) throws {
        guard let device = Digest(bytes: try row.bytes(3)) else { throw RowError(reason: "an audit row has no device") }
        self.init(
            id: try row.number(0), at: try row.number(1), kind: try row.text(2), device: DeviceID(device),
            round: try row.optionalText(4).map { try RoundID(stored: $0) },
            token: try row.optionalText(5).flatMap { FencingToken($0) }, summary: try row.text(6),
            details: try row.text(7))
        op = try row.number(8)
        hash = try row.bytes(9)
    }

    fileprivate func insert(_ db: Database) throws {
        try db.cachedStatement(
            sql: "INSERT INTO audit(\(Self.columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        ).execute(arguments: [
            id, at, kind, Row.blob(device.digest.bytes), round?.description, token?.description, summary, details, op,
            Row.blob(hash),
        ])
    }

    /// Within the limits, as it is stored and hashed.
    fileprivate var cut: AuditRow {
        var row = self
        row.summary = summary.cut(to: Limits.auditTextBytes)
        // Half a JSON object is none.
        if details.utf8.count > Limits.auditDetailsBytes { row.details = "" }
        return row
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
