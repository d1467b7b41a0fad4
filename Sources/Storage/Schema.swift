import GRDB
import Primitives

/// The tables, and the marks by which a database is known as ours before anything of it is believed.
///
/// Rows that consensus rests on carry a checksum of their content: SQLite finds a damaged page, not a damaged byte.
enum Schema {
    /// "BATN", at offset 68 of the file.
    static let applicationID: UInt32 = 0x4241_544E
    /// At offset 60 of the file; raised by every change of the tables.
    static let version: UInt32 = 2
    /// `upgrade` makes the newest of it.
    static let oldest: UInt32 = 1
    static let headerBytes = 100

    static let statements = [
        """
        CREATE TABLE mesh(
          one INTEGER PRIMARY KEY CHECK(one = 1), device BLOB NOT NULL, mesh BLOB NOT NULL, workspace TEXT NOT NULL,
          name TEXT NOT NULL, profile TEXT NOT NULL, branch TEXT NOT NULL, checksum INTEGER NOT NULL) STRICT
        """,
        """
        CREATE TABLE cell(
          kind INTEGER PRIMARY KEY, body BLOB NOT NULL, checksum INTEGER NOT NULL) STRICT
        """,
        """
        CREATE TABLE entry(
          position INTEGER PRIMARY KEY, body BLOB NOT NULL, checksum INTEGER NOT NULL) STRICT
        """,
        """
        CREATE TABLE journal(
          round TEXT PRIMARY KEY, step TEXT NOT NULL, revision TEXT, detail TEXT NOT NULL, added INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX journal_added ON journal(added)",
        """
        CREATE TABLE audit(
          id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, kind TEXT NOT NULL, device BLOB NOT NULL,
          round TEXT, token TEXT, summary TEXT NOT NULL, details TEXT NOT NULL, op INTEGER NOT NULL DEFAULT 0,
          hash BLOB NOT NULL DEFAULT x'') STRICT
        """,
        "CREATE INDEX audit_round ON audit(round)",
        "CREATE INDEX audit_op ON audit(op)",
        "CREATE TABLE value(name TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT, WITHOUT ROWID",
    ]

    /// From the format before: rows got the operation that they belong to, and the hash that chains them.
    static func upgrade(_ db: Database) throws {
        guard try Int.fetchOne(db, sql: "PRAGMA user_version") == 1 else { return }
        try db.execute(sql: "ALTER TABLE audit ADD COLUMN op INTEGER NOT NULL DEFAULT 0")
        try db.execute(sql: "ALTER TABLE audit ADD COLUMN hash BLOB NOT NULL DEFAULT x''")
        try db.execute(sql: "CREATE INDEX audit_op ON audit(op)")
        try db.execute(sql: "UPDATE audit SET op = id")
        try AuditChain.beginAfterOldRows(db)
        try db.execute(sql: "PRAGMA user_version = 2")
    }

    /// Judges a file by its first bytes, without opening it as a database.
    static func check(header: [UInt8], path: String) throws(StoreError) {
        guard header.count == headerBytes, header.starts(with: Array("SQLite format 3\0".utf8)) else {
            throw .corrupt(path, "it has no header of a database")
        }
        guard number(header, at: 68) == applicationID else { throw .foreign(path) }
        let found = number(header, at: 60)
        guard found <= version else {
            throw StoreError(
                .newerSchema, "the database \(path) has format \(found); this baton knows \(version)",
                hint: "install the newer version of baton again")
        }
        guard found >= oldest else { throw .corrupt(path, "its format is \(found)") }
    }

    private static func number(_ bytes: [UInt8], at offset: Int) -> UInt32 {
        bytes[offset..<(offset + 4)].reduce(0) { $0 << 8 | UInt32($1) }
    }
}

/// The values of which there is one each.
enum Cell: Int64 {
    case hardState = 1
    case snapshot = 2
    case acceptedToken = 3
    /// How often the agent was started: 8 bytes, the highest first.
    case incarnation = 4
    /// What a person stopped; missing where nobody ever did.
    case stops = 5
    /// One byte, 1: the base may be of rounds of an epoch that was left; missing where none ever was.
    case stray = 6
}

extension Cell {
    /// The bytes last written; nil if there are none.
    func read(from db: Database) throws -> [UInt8]? {
        let sql = "SELECT body, checksum FROM cell WHERE kind = ?"
        guard let row = try Row.fetchOne(db, sql: sql, arguments: [rawValue]) else { return nil }
        let body = try row.bytes(0)
        guard Checksum.of(-rawValue, body) == (try row.number(1)) else {
            throw RowError(reason: "the \(self) has a wrong checksum")
        }
        return body
    }

    func write(_ body: [UInt8], to db: Database) throws {
        try db.cachedStatement(sql: "INSERT OR REPLACE INTO cell(kind, body, checksum) VALUES (?, ?, ?)")
            .execute(arguments: [rawValue, Row.blob(body), Checksum.of(-rawValue, body)])
    }
}

/// A 64-bit checksum of a row: against damage, not against forgery.
enum Checksum {
    static func of(_ key: Int64, _ bytes: [UInt8]) -> Int64 {
        var sum = SeededGenerator.mix(UInt64(bitPattern: key) &+ 0x9E37_79B9_7F4A_7C15 &* UInt64(bytes.count &+ 1))
        bytes.withUnsafeBytes { raw in
            var offset = 0
            while offset + 8 <= raw.count {
                let word = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
                sum = SeededGenerator.mix(sum ^ word)
                offset += 8
            }
            while offset < raw.count {
                sum = SeededGenerator.mix(sum ^ UInt64(raw[offset]))
                offset += 1
            }
        }
        return Int64(bitPattern: sum)
    }
}
