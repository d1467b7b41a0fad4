import Foundation
import GRDB
import Primitives
import Synchronization
import Testing

@testable import Storage

/// The record cannot be changed unseen: each row holds a hash over itself and the one before.
@Suite struct AuditChainTests {
    private static let token = FencingToken(epoch: 1, counter: 7)

    private func rows(_ count: Int, from first: Int = 1) -> [AuditRow] {
        (first..<(first + count)).map { number in
            let round = RoundID(token: Self.token, sequence: UInt64(number / 3))
            return AuditRow(
                at: Int64(number) * 1000, kind: "captured", device: Fixture.device, round: round, token: round.token,
                summary: "captured \(number) files", details: #"{"files":"\#(number)"}"#)
        }
    }

    /// A database with rows, changed by `change` behind our back, and what a walk then finds.
    private func verdict(_ change: (Database) throws -> Void) throws -> AuditVerdict {
        let scratch = try Scratch()
        try Fixture.create(scratch.path())
        let store = try Fixture.open(scratch.path())
        try store.appendAudit(rows(30))
        store.close()
        let queue = try DatabaseQueue(path: scratch.path())
        try queue.write(change)
        try queue.close()
        return try Fixture.open(scratch.path()).verifyAudit()
    }

    @Test("U3 rows hang together by their hashes, over restarts") func wholeChain() throws {
        let scratch = try Scratch()
        try Fixture.create(scratch.path())
        for start in 0..<3 {
            let store = try Fixture.open(scratch.path())
            try store.appendAudit(rows(4, from: start * 4 + 1))
            store.close()
        }
        let store = try Fixture.open(scratch.path())
        let verdict = try store.verifyAudit()
        #expect(verdict.broken == nil && verdict.rows == 12 && verdict.first == 1 && verdict.last == 12)
        #expect(verdict.cutBefore == nil && verdict.unchained == 0)
        let last = try #require(try store.audit(AuditQuery(limit: 1)).first)
        #expect(verdict.tip == last.hash.map { String(format: "%02x", $0) }.joined())
    }

    @Test(
        "U3 a changed row is named",
        arguments: [
            "UPDATE audit SET summary = 'captured 0 files' WHERE id = 17",
            "UPDATE audit SET details = '{}' WHERE id = 17", "UPDATE audit SET at = at + 1 WHERE id = 17",
            "UPDATE audit SET kind = 'applied' WHERE id = 17", "UPDATE audit SET round = NULL WHERE id = 17",
            "UPDATE audit SET token = '1.8' WHERE id = 17", "UPDATE audit SET op = 1 WHERE id = 17",
            "UPDATE audit SET device = randomblob(32) WHERE id = 17",
            "UPDATE audit SET device = x'01' WHERE id = 17", "UPDATE audit SET hash = randomblob(32) WHERE id = 17",
        ])
    func changedRow(statement: String) throws {
        let verdict = try verdict { db in try db.execute(sql: statement) }
        #expect(verdict.broken?.id == 17)
        #expect(verdict.rows == 16)
    }

    @Test("U3 a removed row is missed, wherever it stood") func removedRows() throws {
        let middle = try verdict { db in try db.execute(sql: "DELETE FROM audit WHERE id IN (8, 9)") }
        #expect(middle.broken == .init(id: 10, why: "2 rows before it are missing"))
        let first = try verdict { db in try db.execute(sql: "DELETE FROM audit WHERE id = 1") }
        #expect(first.broken?.id == 2)
        let last = try verdict { db in try db.execute(sql: "DELETE FROM audit WHERE id > 28") }
        #expect(last.broken == .init(id: 29, why: "the newest rows up to 30 are missing"))
        let all = try verdict { db in try db.execute(sql: "DELETE FROM audit") }
        #expect(all.broken?.id == 1)
    }

    @Test("U3 swapped and forged rows do not fit") func forgedRows() throws {
        let swapped = try verdict { db in
            try db.execute(sql: "UPDATE audit SET id = -1 WHERE id = 5")
            try db.execute(sql: "UPDATE audit SET id = 5 WHERE id = 6")
            try db.execute(sql: "UPDATE audit SET id = 6 WHERE id = -1")
        }
        #expect(swapped.broken?.id == 5)
        let forged = try verdict { db in
            try db.execute(
                sql: """
                    INSERT INTO audit(at, kind, device, summary, details, op, hash)
                    SELECT at, kind, device, summary, details, op, hash FROM audit WHERE id = 30
                    """)
        }
        #expect(forged.broken?.id == 31)
    }

    @Test("U3 what retention cut off leaves an anchor") func retention() throws {
        let scratch = try Scratch()
        try Fixture.create(scratch.path())
        var store = try Fixture.open(scratch.path())
        for batch in 0..<5 { try store.appendAudit(rows(4, from: batch * 4 + 1), keeping: 6) }
        store.close()
        store = try Fixture.open(scratch.path())
        let verdict = try store.verifyAudit()
        #expect(verdict.broken == nil && verdict.rows == 6 && verdict.first == 15 && verdict.cutBefore == 14)
        store.close()
        let queue = try DatabaseQueue(path: scratch.path())
        try queue.write { db in try db.execute(sql: "DELETE FROM audit WHERE id = 15") }
        try queue.close()
        #expect(try Fixture.open(scratch.path()).verifyAudit().broken?.id == 16)
    }

    @Test("U3 a database of the format before goes on, and its new rows are chained") func formatBefore() throws {
        let scratch = try Scratch()
        try Fixture.create(scratch.path())
        let queue = try DatabaseQueue(path: scratch.path())
        try queue.write { db in
            try db.execute(sql: "DROP INDEX audit_op")
            try db.execute(sql: "ALTER TABLE audit DROP COLUMN op")
            try db.execute(sql: "ALTER TABLE audit DROP COLUMN hash")
            for number in 1...3 {
                try db.execute(
                    sql: "INSERT INTO audit(at, kind, device, summary, details) VALUES (?, 'old', ?, 's', '')",
                    arguments: [number, Data(Fixture.device.digest.bytes)])
            }
            try db.execute(sql: "PRAGMA user_version = 1")
        }
        try queue.close()
        let store = try Fixture.open(scratch.path())
        try store.appendAudit(rows(3, from: 4))
        #expect(try store.audit(AuditQuery()).map(\.kind) == ["old", "old", "old", "captured", "captured", "captured"])
        let verdict = try store.verifyAudit()
        #expect(verdict.broken == nil && verdict.rows == 3 && verdict.unchained == 3)
        store.close()
        let again = try Fixture.open(scratch.path())
        #expect(try again.verifyAudit() == verdict)
    }

    @Test func aRoundIsOneOperation() throws {
        let scratch = try Scratch()
        try Fixture.create(scratch.path())
        let store = try Fixture.open(scratch.path())
        let other = AuditRow(at: 1, kind: "handoff", device: DeviceID(number: 2), summary: "s")
        try store.appendAudit(Array(rows(4)) + [other])
        // Rows 1 and 2 are of one round, 3 and 4 of the next, 5 of none; and one more of the first comes late.
        try store.appendAudit(Array(rows(1)))
        let operations = try store.auditOperations(AuditQuery(limit: 10))
        #expect(operations.map { $0.map(\.id) } == [[1, 2, 6], [5], [3, 4]])
        #expect(try store.auditOperations(AuditQuery(limit: 1)).map { $0.map(\.id) } == [[1, 2, 6]])
        #expect(try store.auditOperations(AuditQuery(device: DeviceID(number: 2))).map { $0.map(\.id) } == [[5]])
        #expect(try store.audit(AuditQuery(op: 3)).map(\.id) == [3, 4])
    }

    @Test("U3 a walk beside a device that goes on writing finds nothing missing") func walkBesideWrites() async throws {
        let scratch = try Scratch()
        try Fixture.create(scratch.path())
        let store = try Fixture.open(scratch.path())
        try store.appendAudit(rows(20))
        let isWritten = Mutex(false)
        let writer = Task.detached { [self] in
            defer { isWritten.withLock { $0 = true } }
            for number in 0..<500 { try store.appendAudit(rows(1, from: 21 + number)) }
        }
        while !isWritten.withLock({ $0 }) { #expect(try store.verifyAudit().broken == nil) }
        try await writer.value
        store.close()
    }
}
