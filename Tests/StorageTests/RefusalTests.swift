import DeviceCore
import Foundation
import GRDB
import Primitives
import Testing

@testable import Storage

/// A database that is damaged, foreign or missing is refused with a clear error, and stays as it is.
@Suite struct RefusalTests {
    @Test func aMissingDatabaseIsNotMade() throws {
        let scratch = try Scratch()
        #expect(Fixture.error { _ = try Fixture.open(scratch.path()) }?.kind == .missing)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.directory).isEmpty)
    }

    @Test func anExistingDatabaseIsNotMadeAnew() throws {
        let scratch = try Scratch()
        try Fixture.create(scratch.path())
        let before = try scratch.bytes()
        #expect(Fixture.error { try Fixture.create(scratch.path()) }?.kind == .exists)
        try scratch.write(Data("my diary".utf8), "other.txt")
        #expect(Fixture.error { try Fixture.create(scratch.path("other.txt")) }?.kind == .exists)
        #expect(try scratch.bytes() == before)
        #expect(try scratch.bytes("other.txt") == Data("my diary".utf8))
    }

    @Test func twoAgentsCannotUseOneDatabase() throws {
        let scratch = try Scratch()
        try Fixture.create(scratch.path())
        let store = try Fixture.open(scratch.path())
        #expect(Fixture.error { _ = try Fixture.open(scratch.path()) }?.kind == .inUse)
        #expect(try store.load() == Fixture.initial)
        store.close()
        #expect(Fixture.error { _ = try store.load() } != nil)
        _ = try Fixture.open(scratch.path())
    }

    @Test func anotherDevicesDatabaseIsRefused() throws {
        let scratch = try Scratch()
        try Fixture.create(scratch.path())
        let error = Fixture.error { _ = try DeviceStore.open(at: scratch.path(), device: DeviceID(number: 2)) }
        #expect(error?.kind == .otherDevice)
        #expect(error?.message.contains(DeviceID(number: 2).short) == true)
        #expect(error?.message.contains(Fixture.device.short) == true)
    }

    @Test func foreignAndNewerDatabasesAreRefused() throws {
        let scratch = try Scratch()
        let foreign = try DatabaseQueue(path: scratch.path("foreign.db"))
        try foreign.write { db in try db.execute(sql: "CREATE TABLE recipes(name TEXT)") }
        try foreign.close()
        try expectRefusal(scratch, "foreign.db", .foreign)
        try Fixture.create(scratch.path("newer.db"))
        let newer = try DatabaseQueue(path: scratch.path("newer.db"))
        try newer.write { db in try db.execute(sql: "PRAGMA user_version = 99") }
        try newer.close()
        try expectRefusal(scratch, "newer.db", .newerSchema)
    }

    @Test func filesThatAreNoDatabasesAreRefused() throws {
        let scratch = try Scratch()
        var random = SeededGenerator(seed: 51)
        try scratch.write(Data(), "empty.db")
        try scratch.write(Data("SQLite format 3\0".utf8), "short.db")
        try scratch.write(Data((0..<20_000).map { _ in UInt8(random.below(256)) }), "random.db")
        for name in ["empty.db", "short.db", "random.db"] { try expectRefusal(scratch, name, .corrupt) }
        try FileManager.default.createDirectory(atPath: scratch.path("folder.db"), withIntermediateDirectories: true)
        #expect(Fixture.error { _ = try Fixture.open(scratch.path("folder.db")) } != nil)
    }

    /// One damaged byte anywhere: refused, or harmless. Never another state.
    @Test func damageIsFoundOrHarmless() throws {
        let scratch = try Scratch()
        try Fixture.create(scratch.path())
        var history = History(seed: 61)
        let store = try Fixture.open(scratch.path())
        for _ in 0..<60 { try store.persist(history.next()) }
        try store.appendAudit((1...30).map { AuditRow(at: $0, kind: "k", device: Fixture.device, summary: "s") })
        store.close()
        let original = try scratch.bytes()
        #expect(original.count > 10 * 4096)
        var random = SeededGenerator(seed: 62)
        var refused = 0
        for offset in Array(0..<100) + Array(stride(from: 100, to: original.count, by: 211)) {
            var damaged = original
            damaged[offset] ^= UInt8(1 + random.below(255))
            try scratch.write(damaged, "damaged.db")
            do {
                let store = try Fixture.open(scratch.path("damaged.db"))
                defer { store.close() }
                #expect(try store.load() == history.state, "byte \(offset)")
                #expect(store.mesh == Fixture.mesh, "byte \(offset)")
            } catch let error as StoreError {
                refused += 1
                #expect(!error.message.contains("\n") && error.message.contains("damaged.db"), "\(error)")
                #expect(try scratch.bytes("damaged.db") == damaged, "byte \(offset) of a refused file")
            }
            for suffix in ["-wal", "-shm"] {
                try? FileManager.default.removeItem(atPath: scratch.path("damaged.db" + suffix))
            }
        }
        #expect(refused > 50)
    }

    @Test func aDamagedPageIsRefused() throws {
        let scratch = try Scratch()
        try Fixture.create(scratch.path())
        var history = History(seed: 71)
        let store = try Fixture.open(scratch.path())
        for _ in 0..<60 { try store.persist(history.next()) }
        store.close()
        let original = try scratch.bytes()
        var kinds: [StoreError.Kind?] = []
        for page in 1..<min(original.count / 4096, 12) {
            var damaged = original
            damaged.replaceSubrange(page * 4096..<(page + 1) * 4096, with: Data(repeating: 0xA5, count: 4096))
            try scratch.write(damaged, "page.db")
            kinds.append(Fixture.error { try Fixture.open(scratch.path("page.db")).close() }?.kind)
        }
        #expect(kinds.contains(.corrupt) && kinds.allSatisfy { $0 == nil || $0 == .corrupt }, "\(kinds)")
    }

    @Test func aTruncatedFileIsRefused() throws {
        let scratch = try Scratch()
        try Fixture.create(scratch.path())
        let original = try scratch.bytes()
        for length in stride(from: 0, to: original.count, by: 4096) {
            try scratch.write(original.prefix(length), "short.db")
            try expectRefusal(scratch, "short.db", .corrupt)
        }
    }

    private func expectRefusal(_ scratch: Scratch, _ name: String, _ kind: StoreError.Kind) throws {
        let before = try scratch.bytes(name)
        let error = Fixture.error { _ = try Fixture.open(scratch.path(name)) }
        #expect(error?.kind == kind, "\(name): \(String(describing: error))")
        #expect(error?.message.contains(name) == true && error?.hint.isEmpty == false)
        #expect(try scratch.bytes(name) == before)
    }
}
