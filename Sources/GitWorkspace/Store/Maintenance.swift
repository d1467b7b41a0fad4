import Glibc
import Primitives
import Synchronization

/// What maintenance found and did.
package struct MaintenanceReport: Hashable, Sendable {
    package var packsBefore: Int
    package var packsAfter: Int
    package var looseObjects: Int
}

extension Store {
    private var packs: [String] {
        DurableFile.names(in: path + "/objects/pack").filter { $0.hasSuffix(".idx") }
    }

    private var looseObjects: Int {
        DurableFile.names(in: path + "/objects").filter { $0.utf8.count == 2 }.reduce(0) { sum, folder in
            sum + DurableFile.names(in: "\(path)/objects/\(folder)").count
        }
    }

    /// Rolls small packs up into larger ones, each at least twice as large as the next: the work of many rounds stays
    /// in proportion to what they brought. No object is dropped, whether a ref names it or not. Nil if there is little
    /// to do. Blocking; others may read, and write packs of their own, meanwhile.
    func rollUpPacks(deadline: Duration, cancellation: Cancellation) throws(GitError) -> MaintenanceReport? {
        let before = packs.count
        let loose = looseObjects
        guard before > Limits.storePacks || loose > Limits.storeLooseObjects else { return nil }
        _ = try git.runBlocking(
            ["-c", "pack.window=10", "repack", "--geometric=2", "-d", "--quiet"], deadline: deadline,
            cancellation: cancellation)
        return MaintenanceReport(packsBefore: before, packsAfter: packs.count, looseObjects: loose)
    }
}

extension Workspace {
    /// Keeps our own store small; for the time between rounds, when nobody waits. Nothing of the user's is touched.
    package nonisolated func maintain() async throws(WorkspaceError) -> MaintenanceReport? {
        guard maintenance.begin() else { return nil }
        defer { maintenance.end() }
        do throws(GitError) {
            return try await BlockingThread.run { [store] cancellation throws(GitError) in
                try store.rollUpPacks(deadline: Limits.maintenanceDeadline, cancellation: cancellation)
            }
        } catch { throw .git(error) }
    }
}

/// One at a time.
final class Maintenance: Sendable {
    private let isUnderWay = Mutex(false)

    func begin() -> Bool {
        isUnderWay.withLock { underWay in
            defer { underWay = true }
            return !underWay
        }
    }

    func end() { isUnderWay.withLock { $0 = false } }
}
