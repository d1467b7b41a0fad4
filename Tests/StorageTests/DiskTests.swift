import DeviceCore
import Foundation
import Primitives
import Testing

@testable import Storage

#if canImport(Glibc)
    import Glibc

    /// A small file system in memory; nil where this user may not mount one.
    private final class SmallDisk {
        let path: String

        init?(bytes: Int) {
            path = NSTemporaryDirectory() + "/baton-disk-\(UUID().uuidString)"
            guard mkdir(path, 0o700) == 0 else { return nil }
            guard mount("baton-test", path, "tmpfs", 0, "size=\(bytes)") == 0 else {
                rmdir(path)
                return nil
            }
        }

        /// MS_RDONLY | MS_REMOUNT
        func makeReadOnly() -> Bool { mount("baton-test", path, "tmpfs", 1 | 32, nil) == 0 }

        deinit {
            umount2(path, 2)
            rmdir(path)
        }
    }

    @Suite struct DiskTests {
        @Test func aFullDiskIsAClearErrorAndLosesNothing() throws {
            guard let disk = SmallDisk(bytes: 600 << 10) else { return }
            let path = disk.path + "/device.db"
            try Fixture.create(path)
            var history = History(seed: 81)
            var acknowledged = history.state
            let store = try Fixture.open(path)
            var failure: StoreError?
            for _ in 0..<5000 where failure == nil {
                let update = history.next()
                failure = Fixture.error { try store.persist(update) }
                if failure == nil { acknowledged = history.state }
            }
            #expect(failure?.kind == .full, "\(String(describing: failure))")
            var later = DeviceUpdate()
            later.raft.hardState = .init(term: Term(999_999))
            #expect(Fixture.error { try store.persist(later) } == failure)
            #expect(try store.load() == acknowledged)
            store.close()
            let again = try Fixture.open(path)
            #expect(try again.load() == acknowledged)
        }

        @Test func noRoomForANewDatabaseLeavesNothingBehind() throws {
            guard let disk = SmallDisk(bytes: 8 << 10) else { return }
            let error = Fixture.error { try Fixture.create(disk.path + "/device.db") }
            #expect(error?.kind == .full, "\(String(describing: error))")
            let left = try FileManager.default.contentsOfDirectory(atPath: disk.path).filter { !$0.hasSuffix(".lock") }
            #expect(left.isEmpty, "\(left)")
        }

        @Test func aReadOnlyDirectoryIsAClearError() throws {
            guard let disk = SmallDisk(bytes: 1 << 20) else { return }
            let path = disk.path + "/device.db"
            try Fixture.create(path)
            guard disk.makeReadOnly() else { return }
            #expect(Fixture.error { _ = try Fixture.open(path) }?.kind == .notWritable)
            #expect(Fixture.error { try Fixture.create(disk.path + "/other.db") }?.kind == .notWritable)
        }

        @Test func aMissingDirectoryIsAClearError() throws {
            let scratch = try Scratch()
            let error = Fixture.error { try Fixture.create(scratch.path("no/such/device.db")) }
            #expect(error?.kind == .notWritable)
        }
    }
#endif
