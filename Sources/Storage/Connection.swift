import Foundation
import GRDB
import Primitives
import Synchronization

/// A row that is not what was written: damage that SQLite cannot see.
struct RowError: Error {
    var reason: String
}

/// The one connection to the database: write-ahead log, synchronous FULL, errors in our words.
final class Connection: Sendable {
    let queue: DatabaseQueue
    /// GRDB reads through a null pointer after a close; held during each use, so that none overlaps the close.
    private let isOpen = Mutex(true)
    /// The path that errors name.
    private let path: String

    convenience init(opening path: String) throws(StoreError) {
        try self.init(path, named: path, setUp: [])
    }

    /// An empty file becomes a database. `path` is what errors name.
    convenience init(creating temporary: String, named path: String) throws(StoreError) {
        try self.init(temporary, named: path, setUp: ["PRAGMA journal_mode = WAL"])
    }

    private init(_ file: String, named path: String, setUp: [String]) throws(StoreError) {
        self.path = path
        queue = try translating(path) {
            var configuration = Configuration()
            configuration.busyMode = .timeout(2)
            configuration.journalMode = .wal
            configuration.label = "baton.store"
            let queue = try DatabaseQueue(path: file, configuration: configuration)
            do {
                try queue.writeWithoutTransaction { db in
                    for statement in setUp { try db.execute(sql: statement) }
                    // GRDB has set NORMAL by now, under which a power cut may take acknowledged transactions back.
                    try db.execute(sql: "PRAGMA synchronous = FULL")
                    guard try Int.fetchOne(db, sql: "PRAGMA synchronous") == 2,
                        try String.fetchOne(db, sql: "PRAGMA journal_mode") == "wal"
                    else { throw RowError(reason: "SQLite does not keep writes durable here") }
                }
            } catch {
                try queue.close()
                throw error
            }
            return queue
        }
    }

    /// Looks for damage through a connection that cannot write, so that a damaged file stays as it is.
    static func examine<T>(_ path: String, _ body: (Database) throws -> T) throws(StoreError) -> T {
        try translating(path) {
            var configuration = Configuration()
            configuration.readonly = true
            configuration.busyMode = .timeout(2)
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            defer { shut(queue) }
            let findings = try queue.read { db in try String.fetchAll(db, sql: "PRAGMA quick_check(3)") }
            guard findings == ["ok"] else {
                throw RowError(reason: Self.oneLine(findings.first ?? "the check gave no result"))
            }
            return try queue.read(body)
        }
    }

    func read<T>(_ body: (Database) throws -> T) throws(StoreError) -> T {
        try whileOpen { try queue.read(body) }
    }

    /// One transaction: done and on disk, or not done.
    func write<T>(_ body: (Database) throws -> T) throws(StoreError) -> T {
        try whileOpen {
            try queue.writeWithoutTransaction { db in
                var result: T?
                try db.inTransaction(.immediate) {
                    result = try body(db)
                    return .commit
                }
                guard let result else { throw RowError(reason: "a transaction gave no result") }
                return result
            }
        }
    }

    private func whileOpen<T>(_ body: () throws -> T) throws(StoreError) -> T {
        try translating(path) {
            try isOpen.withLock { open in
                guard open else { throw StoreError(.failed, "the database \(path) is closed", hint: "open it again") }
                return try body()
            }
        }
    }

    func close() throws(StoreError) {
        try translating(path) {
            try isOpen.withLock { open in
                open = false
                try queue.close()
            }
        }
    }

    /// Closes as well as it can: what matters is durable already.
    func shut() {
        isOpen.withLock { open in
            if open { Self.shut(queue) }
            open = false
        }
    }

    private static func shut(_ queue: DatabaseQueue) {
        do {
            try queue.close()
        } catch {
            // A connection that cannot close now is closed with its last reference; no data depends on it.
            queue.interrupt()
        }
    }

    fileprivate static func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: "; ")
    }
}

/// Runs `body` and turns every error into a `StoreError` that names `path`.
private func translating<T>(_ path: String, _ body: () throws -> T) throws(StoreError) -> T {
    do {
        return try body()
    } catch let error as StoreError {
        throw error
    } catch let error as RowError {
        throw .corrupt(path, error.reason)
    } catch let error as DatabaseError {
        throw StoreError(error, path: path)
    } catch {
        throw .corrupt(path, Connection.oneLine("\(error)"))
    }
}

extension StoreError {
    init(_ error: DatabaseError, path: String) {
        let reason = Connection.oneLine(error.message ?? "SQLite code \(error.extendedResultCode.rawValue)")
        let code = error.resultCode
        // SQLITE_ERROR: our statements are fixed, and one that does not compile means that the tables are not ours.
        let damaged: [ResultCode] = [
            .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_FORMAT, .SQLITE_SCHEMA, .SQLITE_MISMATCH, .SQLITE_ERROR,
        ]
        let refused: [ResultCode] = [.SQLITE_READONLY, .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_AUTH]
        if damaged.contains(code) {
            self = .corrupt(path, reason)
        } else if code == .SQLITE_FULL || (code == .SQLITE_IOERR && Files.isFull(path)) {
            self = .full(path)
        } else if refused.contains(code) {
            self = .notWritable(path, reason)
        } else if code == .SQLITE_BUSY || code == .SQLITE_LOCKED {
            self.init(
                .inUse, "another program holds the database \(path)", hint: "close what has it open and try again")
        } else {
            self.init(
                .failed, "the database \(path) failed: \(reason)",
                hint: "check the disk (dmesg, smartctl), then run: baton up")
        }
    }
}

extension Row {
    /// Column readers that throw where GRDB's would trap.
    func bytes(_ column: Int) throws -> [UInt8] {
        let value: DatabaseValue = self[column]
        guard let data = Data.fromDatabaseValue(value) else { throw RowError(reason: "a column holds no bytes") }
        return [UInt8](data)
    }

    func text(_ column: Int) throws -> String {
        let value: DatabaseValue = self[column]
        guard let text = String.fromDatabaseValue(value) else { throw RowError(reason: "a column holds no text") }
        return text
    }

    func optionalText(_ column: Int) throws -> String? {
        let value: DatabaseValue = self[column]
        return value.isNull ? nil : try text(column)
    }

    func number(_ column: Int) throws -> Int64 {
        let value: DatabaseValue = self[column]
        guard let number = Int64.fromDatabaseValue(value) else { throw RowError(reason: "a column holds no number") }
        return number
    }

    static func blob(_ bytes: [UInt8]) -> Data { Data(bytes) }
}
