import DeviceCore
import Foundation
import GRDB
import Primitives
import Synchronization
import Testing

@testable import Storage

@Suite struct CrashTests {
    /// What a crash leaves is a prefix of the write-ahead log, perhaps with rubbish behind it.
    @Test func everyPrefixOfTheWriteAheadLogIsAStateThatWasPersisted() throws {
        let scratch = try Scratch()
        try Fixture.create(scratch.path())
        let store = try Fixture.open(scratch.path())
        try withoutCheckpoints(store)
        var history = History(seed: 21)
        var states = [history.state]
        var sizes = [try scratch.bytes("device.db-wal").count]
        for _ in 0..<40 {
            try store.persist(history.next())
            states.append(history.state)
            sizes.append(try scratch.bytes("device.db-wal").count)
        }
        let database = try scratch.bytes()
        let log = try scratch.bytes("device.db-wal")
        store.close()
        // Around the end of every transaction, and everywhere in steps.
        var lengths = Set(stride(from: 0, through: log.count, by: 4099))
        for size in sizes { lengths.formUnion([size - 1, size, size + 1].filter { $0 <= log.count }) }
        var random = SeededGenerator(seed: 22)
        for length in lengths.sorted() {
            var cut = log.prefix(length)
            if random.below(3) == 0 { cut += Data((0..<random.below(9000)).map { _ in UInt8(random.below(256)) }) }
            let state = try stateAfterCrash(scratch, database, Data(cut))
            let acknowledged = sizes.lastIndex { $0 <= length } ?? 0
            let place = states[acknowledged...].firstIndex(of: state)
            #expect(place != nil, "cut at \(length): older than acknowledged, or torn")
            if let place { #expect(place <= acknowledged + 1) }
        }
    }

    /// A crash during a checkpoint: any mixture of old and new sectors in the file, the whole log beside it.
    @Test func aHalfDoneCheckpointLosesNothing() throws {
        let scratch = try Scratch()
        try Fixture.create(scratch.path())
        let store = try Fixture.open(scratch.path())
        try withoutCheckpoints(store)
        var history = History(seed: 31)
        for _ in 0..<80 { try store.persist(history.next()) }
        let before = try scratch.bytes()
        let log = try scratch.bytes("device.db-wal")
        try store.connection.queue.writeWithoutTransaction { db in
            _ = try db.checkpoint(.full)
        }
        let after = try scratch.bytes()
        store.close()
        #expect(before != after)
        var random = SeededGenerator(seed: 32)
        for _ in 0..<60 {
            var mixed = Data()
            let size = random.below(2) == 0 ? before.count : after.count
            for start in stride(from: 0, to: size, by: 512) {
                let source = random.below(2) == 0 && start < before.count ? before : after
                mixed += source[start..<min(start + 512, source.count, size)]
            }
            #expect(try stateAfterCrash(scratch, mixed, log) == history.state)
        }
    }

    /// Copies taken while another thread writes: never torn, never older than what was acknowledged before the copy.
    @Test func copiesTakenWhileWritingAreWhole() throws {
        let scratch = try Scratch()
        try Fixture.create(scratch.path())
        let store = try Fixture.open(scratch.path())
        try withoutCheckpoints(store)
        let database = try scratch.bytes()
        let writer = Writer(store: store, seed: 41, updates: 400)
        Thread.detachNewThread { writer.run() }
        var history = History(seed: 41)
        var states = [history.state]
        for _ in 0..<400 {
            _ = history.next()
            states.append(history.state)
        }
        var copies = 0
        while !writer.isDone {
            let acknowledged = writer.acknowledged
            let log = try scratch.bytes("device.db-wal")
            let state = try stateAfterCrash(scratch, database, log)
            #expect(states[acknowledged...].contains(state), "copy \(copies) after \(acknowledged)")
            copies += 1
        }
        #expect(writer.failure == nil)
        #expect(copies > 3)
        #expect(try store.load() == history.state)
    }

    @Test func anInterruptedCreationLeavesNothingInTheWay() throws {
        let scratch = try Scratch()
        try scratch.write(Data(repeating: 7, count: 5000), "device.db.new")
        try scratch.write(Data(repeating: 7, count: 5000), "device.db.new-wal")
        try Fixture.create(scratch.path())
        #expect(try Fixture.open(scratch.path()).load() == Fixture.initial)
        #expect(!FileManager.default.fileExists(atPath: scratch.path("device.db.new")))
        #expect(!FileManager.default.fileExists(atPath: scratch.path("device.db.new-wal")))
    }

    private func withoutCheckpoints(_ store: DeviceStore) throws {
        try store.connection.queue.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA wal_autocheckpoint = 0")
        }
    }

    private func stateAfterCrash(_ scratch: Scratch, _ database: Data, _ log: Data) throws -> DevicePersistentState {
        for name in ["copy.db-shm", "copy.db.lock"] { try? FileManager.default.removeItem(atPath: scratch.path(name)) }
        try scratch.write(database, "copy.db")
        try scratch.write(log, "copy.db-wal")
        let store = try Fixture.open(scratch.path("copy.db"))
        defer { store.close() }
        return try store.load()
    }
}

/// Persists a history on its own thread.
private final class Writer: Sendable {
    private struct Progress {
        var acknowledged = 0
        var isDone = false
        var failure: String?
    }

    private let store: DeviceStore
    private let seed: UInt64
    private let updates: Int
    private let progress = Mutex(Progress())

    init(store: DeviceStore, seed: UInt64, updates: Int) {
        self.store = store
        self.seed = seed
        self.updates = updates
    }

    var acknowledged: Int { progress.withLock { $0.acknowledged } }
    var isDone: Bool { progress.withLock { $0.isDone } }
    var failure: String? { progress.withLock { $0.failure } }

    func run() {
        var history = History(seed: seed)
        do {
            for _ in 0..<updates {
                try store.persist(history.next())
                progress.withLock { $0.acknowledged += 1 }
            }
        } catch {
            progress.withLock { $0.failure = "\(error)" }
        }
        progress.withLock { $0.isDone = true }
    }
}
