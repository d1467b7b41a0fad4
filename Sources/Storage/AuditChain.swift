import Crypto
import GRDB
import Primitives

/// The chain of the audit: each row holds a hash over itself and over the hash of the row before, so that none can be
/// changed, removed or put between others unseen. What retention cut off leaves an anchor: the last row of it by id and
/// hash. Against accidents and editors of the database; whoever rewrites every hash has rewritten the history.
enum AuditChain {
    /// The last row before the ones that are kept.
    struct Anchor: Hashable {
        var id: Int64
        var hash: [UInt8]
    }

    private static let anchorName = "audit.anchor"
    static let hashBytes = 32

    /// The hash of a row. Each field goes in with its length, so that no two rows read alike.
    static func hash(_ row: AuditRow, after previous: [UInt8]) -> [UInt8] {
        var hasher = SHA256()
        func add(_ bytes: some Collection<UInt8>) {
            withUnsafeBytes(of: UInt64(bytes.count).bigEndian) { hasher.update(bufferPointer: $0) }
            hasher.update(data: Array(bytes))
        }
        func add(_ number: Int64) { withUnsafeBytes(of: number.bigEndian) { hasher.update(bufferPointer: $0) } }
        add(previous)
        add(row.id)
        add(row.op)
        add(row.at)
        add(row.device.digest.bytes)
        let texts = [
            row.kind, row.round?.description ?? "", row.token?.description ?? "", row.summary, row.details,
        ]
        for text in texts { add(text.utf8) }
        return Array(hasher.finalize())
    }

    /// What the first row of all follows: nothing, told apart by device.
    static func genesis(_ device: DeviceID) -> Anchor {
        Anchor(id: 0, hash: Array(SHA256.hash(data: Array("baton audit 1 ".utf8) + device.digest.bytes)))
    }

    static func anchor(_ db: Database, _ device: DeviceID) throws -> Anchor {
        let sql = "SELECT bytes FROM value WHERE name = ?"
        guard let row = try Row.fetchOne(db, sql: sql, arguments: [anchorName]) else { return genesis(device) }
        let bytes = try row.bytes(0)
        guard bytes.count == 8 + hashBytes else { throw RowError(reason: "the anchor of the audit is not readable") }
        let id = bytes.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return Anchor(id: Int64(bitPattern: id), hash: Array(bytes.dropFirst(8)))
    }

    static func setAnchor(_ anchor: Anchor, _ db: Database) throws {
        let id = (0..<8).map { UInt8(truncatingIfNeeded: anchor.id >> (56 - 8 * $0)) }
        try db.cachedStatement(sql: "INSERT OR REPLACE INTO value(name, bytes) VALUES (?, ?)")
            .execute(arguments: [anchorName, Row.blob(id + anchor.hash)])
    }

    /// The newest row, which the next one follows.
    static func tip(_ db: Database, _ device: DeviceID) throws -> Anchor {
        guard let row = try Row.fetchOne(db, sql: "SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1") else {
            return try anchor(db, device)
        }
        let anchor = try anchor(db, device)
        let (id, hash) = (try row.number(0), try row.bytes(1))
        return id <= anchor.id ? anchor : Anchor(id: id, hash: hash)
    }

    /// Rows that were written before there was a chain stand before it.
    static func beginAfterOldRows(_ db: Database) throws {
        guard let last = try Int64.fetchOne(db, sql: "SELECT max(id) FROM audit") else { return }
        try setAnchor(Anchor(id: last, hash: Array(SHA256.hash(data: Array("baton audit 1".utf8)))), db)
    }
}

/// What a walk along the chain found.
package struct AuditVerdict: Hashable, Sendable {
    /// Rows that were looked at and stand in the chain.
    package var rows = 0
    package var first: Int64?
    package var last: Int64?
    /// The last row that retention cut off; nil if none was.
    package var cutBefore: Int64?
    /// Rows of a time when there was no chain.
    package var unchained = 0
    /// The hash of the last row, in hex: whoever keeps it can tell later whether the record was rewritten.
    package var tip = ""
    package var broken: Break?

    package struct Break: Hashable, Sendable {
        /// The first row that does not fit.
        package var id: Int64
        package var why: String
    }
}

extension DeviceStore {
    /// Walks the chain from its anchor, a batch at a time, so that the device can write between two of them.
    package func verifyAudit() throws(StoreError) -> AuditVerdict {
        var verdict = AuditVerdict()
        let device = device
        let begin = try connection.read { db in
            let anchor = try AuditChain.anchor(db, device)
            let sql = "SELECT count(*) FROM audit WHERE id <= ?"
            return (anchor, try Int.fetchOne(db, sql: sql, arguments: [anchor.id]) ?? 0, try Self.batch(db, anchor.id))
        }
        var (previous, batch) = (begin.0, begin.2)
        if previous.id > 0 { verdict.cutBefore = previous.id }
        verdict.unchained = begin.1
        while verdict.broken == nil, !batch.rows.isEmpty {
            for (id, row) in batch.rows where verdict.broken == nil { check(id, row, &previous, &verdict) }
            guard verdict.broken == nil else { break }
            batch = try connection.read { [previous] db in try Self.batch(db, previous.id) }
        }
        verdict.tip = previous.hash.map { hexByte($0) }.joined()
        if verdict.broken == nil, batch.given > previous.id {
            let why = "the newest rows up to \(batch.given) are missing"
            verdict.broken = .init(id: previous.id + 1, why: why)
        }
        return verdict
    }

    private struct Batch {
        var rows: [(id: Int64, row: Result<AuditRow, any Error>)]
        /// The highest id that was ever given, as SQLite remembers it: read together with the rows, since the device
        /// goes on writing.
        var given: Int64
    }

    private static func batch(_ db: Database, _ after: Int64) throws -> Batch {
        let rows = try Row.fetchAll(
            db, sql: "SELECT \(AuditRow.columns) FROM audit WHERE id > ? ORDER BY id LIMIT ?",
            arguments: [after, Limits.auditVerifyBatch]
        ).map { row in (row[0] as Int64, Result { try AuditRow(row) }) }
        let given = try Int64.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'audit'") ?? 0
        return Batch(rows: rows, given: given)
    }

    private func check(
        _ id: Int64, _ row: Result<AuditRow, any Error>, _ previous: inout AuditChain.Anchor,
        _ verdict: inout AuditVerdict
    ) {
        guard id == previous.id + 1 else {
            let missing = id - previous.id - 1
            verdict.broken = .init(id: id, why: "\(missing) row\(missing == 1 ? "" : "s") before it are missing")
            return
        }
        guard case .success(let row) = row else {
            verdict.broken = .init(id: id, why: "it cannot be read")
            return
        }
        guard AuditChain.hash(row, after: previous.hash) == row.hash else {
            verdict.broken = .init(id: id, why: "it was changed, or the row before it was replaced")
            return
        }
        verdict.rows += 1
        verdict.first = verdict.first ?? id
        verdict.last = id
        previous = AuditChain.Anchor(id: id, hash: row.hash)
    }

    private func hexByte(_ byte: UInt8) -> String {
        let text = String(byte, radix: 16)
        return byte < 16 ? "0" + text : text
    }
}
