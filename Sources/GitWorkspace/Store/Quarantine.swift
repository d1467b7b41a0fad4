import CSystemCalls
import Glibc
import Primitives
import Synchronization

/// A folder in which objects arrive before they are trusted: a pack is received or a merge is made there, and only
/// what was verified moves into the store. Whatever breaks in between, the store holds complete things only, and the
/// folder is removed as a whole.
struct Quarantine: Sendable {
    let path: String
    let git: HermeticGit
    private let store: Store

    private static let counter = Atomic<UInt64>(0)

    init(_ store: Store) throws(GitError) {
        let number = Self.counter.add(1, ordering: .relaxed).newValue
        path = "\(store.path)/incoming/\(getpid())-\(number)"
        try DiskStep.before("make quarantine", path)
        mkdir(store.path + "/incoming", 0o700)
        guard mkdir(path, 0o700) == 0, mkdir(path + "/pack", 0o700) == 0 else { throw DurableFile.failure(path) }
        self.store = store
        git = store.git.with([
            "GIT_OBJECT_DIRECTORY=\(path)", "GIT_ALTERNATE_OBJECT_DIRECTORIES=\(store.path)/objects",
        ])
    }

    /// Moves finished packs into the store; durable on return.
    func adoptPacks() throws(GitError) {
        let source = path + "/pack"
        let target = store.path + "/objects/pack"
        mkdir(target, 0o700)
        let names = DurableFile.names(in: source).filter { $0.hasPrefix("pack-") }
        // The index last: with it the pack becomes visible.
        for suffix in [".pack", ".rev", ".idx"] {
            for name in names where name.hasSuffix(suffix) {
                try DiskStep.before("adopt \(suffix)", "\(target)/\(name)")
                guard rename("\(source)/\(name)", "\(target)/\(name)") == 0 else { throw DurableFile.failure(target) }
            }
        }
        DiskStep.after("adopt", target)
        DurableFile.syncFolder(target)
    }

    func remove() {
        DurableFile.removeTree(path)
        DiskStep.after("remove quarantine", path)
    }
}

extension Store {
    /// Removes what an interrupted process of ours left: quarantines, temporary packs, locks of a store that nobody
    /// else uses. Called once, at start, under the agent's lock on its state directory.
    func removeLeftovers() throws(GitError) {
        DurableFile.removeTree(path + "/incoming")
        let packs = path + "/objects/pack"
        for name in DurableFile.names(in: packs) where name.hasPrefix("tmp_") || name.hasPrefix(".tmp-") {
            unlink("\(packs)/\(name)")
        }
        for folder in DurableFile.names(in: path + "/objects") where folder.utf8.count == 2 {
            for name in DurableFile.names(in: "\(path)/objects/\(folder)") where name.hasPrefix("tmp_obj") {
                unlink("\(path)/objects/\(folder)/\(name)")
            }
        }
        removeLocks(path + "/refs")
        unlink(path + "/packed-refs.lock")
        for name in DurableFile.names(in: path) where name.hasPrefix("fast_import_crash_") { unlink("\(path)/\(name)") }
    }

    private func removeLocks(_ folder: String) {
        for name in DurableFile.names(in: folder) {
            let child = "\(folder)/\(name)"
            if name.hasSuffix(".lock") { unlink(child) } else { removeLocks(child) }
        }
    }
}
