import Consensus
import DeviceCore
import Foundation
import GRDB
import Locks
import Primitives
import Testing

@testable import Storage

@Suite struct PersistTests {
    @Test("what was persisted is loaded again: truncations, compactions, snapshots, restarts", arguments: 1...6)
    func agreesWithATwin(seed: UInt64) throws {
        let scratch = try Scratch()
        try Fixture.create(scratch.path())
        var history = History(seed: seed)
        var store = try Fixture.open(scratch.path())
        #expect(try store.load() == Fixture.initial)
        for step in 1...150 {
            try store.persist(history.next())
            if step % 10 == 0 { #expect(try store.load() == history.state) }
            if step % 50 == 0 {
                store.close()
                store = try Fixture.open(scratch.path())
                #expect(try store.load() == history.state)
            }
        }
        #expect(store.mesh == Fixture.mesh)
    }

    @Test func writesAreFullySynchronous() throws {
        let scratch = try Scratch()
        try Fixture.create(scratch.path())
        let store = try Fixture.open(scratch.path())
        let modes = try store.connection.queue.writeWithoutTransaction { db in
            (try Int.fetchOne(db, sql: "PRAGMA synchronous"), try String.fetchOne(db, sql: "PRAGMA journal_mode"))
        }
        #expect(modes.0 == 2 && modes.1 == "wal")
    }

    @Test func anEmptyUpdateWritesNothing() throws {
        let scratch = try Scratch()
        try Fixture.create(scratch.path())
        let store = try Fixture.open(scratch.path())
        let before = try scratch.bytes("device.db-wal").count
        try store.persist(DeviceUpdate())
        #expect(try scratch.bytes("device.db-wal").count == before)
    }

    @Test func everyStartHasAHigherNumber() throws {
        let scratch = try Scratch()
        try Fixture.create(scratch.path())
        for expected in UInt64(1)...3 {
            let store = try Fixture.open(scratch.path())
            #expect(try store.nextIncarnation() == expected)
            store.close()
        }
    }

    @Test func aValueThatCouldNotBeReadBackIsRefusedAndNothingMoreIsAccepted() throws {
        let scratch = try Scratch()
        try Fixture.create(scratch.path())
        let store = try Fixture.open(scratch.path())
        var update = DeviceUpdate()
        let command = MeshCommand(
            request: RequestID(device: Fixture.device, incarnation: 1, number: 1),
            operation: .set(Setting(key: "", value: "")))
        let index = LogIndex(2)
        update.raft.append([MeshEntry(term: Term(1), index: index, payload: .command(command))], from: index)
        #expect(Fixture.error { try store.persist(update) }?.kind == .failed)
        var other = DeviceUpdate()
        other.raft.hardState = HardState(term: Term(9))
        #expect(Fixture.error { try store.persist(other) }?.kind == .failed)
        #expect(try store.load() == Fixture.initial)
    }

    @Test func persistIsQuick() throws {
        let scratch = try Scratch()
        try Fixture.create(scratch.path())
        let store = try Fixture.open(scratch.path())
        var times: [Duration] = []
        for number in UInt64(2)...400 {
            var update = DeviceUpdate()
            let command = MeshCommand(
                request: RequestID(device: Fixture.device, incarnation: 1, number: number),
                operation: .lock(.acquire(.sync, device: Fixture.device, ttl: .seconds(3), waits: true)))
            let index = LogIndex(number)
            update.raft.append([MeshEntry(term: Term(1), index: index, payload: .command(command))], from: index)
            times.append(try ContinuousClock().measure { try store.persist(update) })
        }
        times.sort()
        print("persist one entry: median \(times[times.count / 2]), p99 \(times[times.count * 99 / 100])")
        // Far above what it takes: only a lost index or a statement compiled each time would reach it.
        #expect(times[0] < .milliseconds(100))
    }
}

@Suite struct SmallValueTests {
    @Test func valuesAreKeptReplacedAndRemoved() throws {
        let scratch = try Scratch()
        try Fixture.create(scratch.path())
        var store = try Fixture.open(scratch.path())
        #expect(try store.value("addresses") == nil)
        try store.setValue("addresses", to: [1, 2, 3])
        try store.setValue("empty", to: [])
        store.close()
        store = try Fixture.open(scratch.path())
        #expect(try store.value("addresses") == [1, 2, 3])
        #expect(try store.value("empty") == [])
        try store.setValue("addresses", to: [4])
        #expect(try store.value("addresses") == [4])
        try store.setValue("addresses", to: nil)
        #expect(try store.value("addresses") == nil)
        let huge = [UInt8](repeating: 0, count: Limits.storedValueBytes + 1)
        #expect(Fixture.error { try store.setValue("huge", to: huge) }?.kind == .failed)
    }

    @Test func theJournalTellsWhatMayBeHalfDone() throws {
        let scratch = try Scratch()
        try Fixture.create(scratch.path())
        var store = try Fixture.open(scratch.path())
        let token = FencingToken(epoch: 7, counter: 1843)
        let first = RoundID(token: token, sequence: 1)
        let second = RoundID(token: token, sequence: 2)
        try store.note(JournalNote(round: first, step: .gateClosed))
        try store.note(JournalNote(round: second, step: .capturing))
        try store.note(JournalNote(round: first, step: .applying, revision: Revision(number: 5), detail: "stage-1"))
        store.close()
        store = try Fixture.open(scratch.path())
        #expect(
            try store.openRounds() == [
                JournalNote(round: first, step: .applying, revision: Revision(number: 5), detail: "stage-1"),
                JournalNote(round: second, step: .capturing),
            ])
        try store.endRound(first)
        #expect(try store.openRounds().map(\.round) == [second])
        for sequence in 10..<(10 + UInt64(Limits.journalRounds)) {
            try store.note(JournalNote(round: RoundID(token: token, sequence: sequence), step: .captured))
        }
        let open = try store.openRounds()
        #expect(open.count == Limits.journalRounds && open.first?.round.sequence == 10)
    }

    @Test func auditRowsAreFoundByWhatPeopleAskFor() throws {
        let scratch = try Scratch()
        try Fixture.create(scratch.path())
        let store = try Fixture.open(scratch.path())
        let round = RoundID(token: FencingToken(epoch: 1, counter: 2), sequence: 3)
        let other = DeviceID(number: 2)
        var rows = (1...10).map { number in
            AuditRow(at: Int64(number) * 1000, kind: "round", device: Fixture.device, summary: "round \(number)")
        }
        rows[3].device = other
        rows[4].round = round
        rows[4].token = round.token
        rows[4].details = #"{"files":3}"#
        rows[5].kind = "refused"
        try store.appendAudit(rows)
        for place in rows.indices {
            rows[place].id = Int64(place) + 1
            rows[place].op = rows[place].id
            rows[place].hash = try #require(
                try store.audit(AuditQuery(after: Int64(place), before: Int64(place) + 2)).first
            ).hash
        }
        #expect(try store.audit(AuditQuery()) == rows)
        #expect(try store.audit(AuditQuery(limit: 2)) == Array(rows.suffix(2)))
        #expect(try store.audit(AuditQuery(since: 9000)) == Array(rows.suffix(2)))
        #expect(try store.audit(AuditQuery(after: 9)) == Array(rows.suffix(1)))
        #expect(try store.audit(AuditQuery(device: other)) == [rows[3]])
        #expect(try store.audit(AuditQuery(round: round)) == [rows[4]])
        #expect(try store.audit(AuditQuery(kind: "refused")) == [rows[5]])
        #expect(try store.audit(AuditQuery(device: other, kind: "refused")) == [])
        try store.appendAudit([AuditRow(at: 11_000, kind: "x", device: other, summary: "last")], keeping: 4)
        #expect(try store.audit(AuditQuery()).map(\.id) == [8, 9, 10, 11])
        let long = String(repeating: "ä", count: Limits.auditTextBytes)
        try store.appendAudit([AuditRow(at: 1, kind: "x", device: other, summary: long)])
        let stored = try store.audit(AuditQuery(limit: 1))
        #expect((stored.first?.summary.utf8.count ?? .max) <= Limits.auditTextBytes)
    }
}
