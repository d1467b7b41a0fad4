import Glibc
import Primitives

/// A store whose files a power cut damaged on a disk that does not keep its word: packs that are cut or zeroed, empty
/// objects and refs. It is set aside as a whole and never written again; what is whole in it is carried into a new one.
/// Then everything that is there is whole again, and the rest is fetched from a peer or captured anew.
struct StoreDamage {
    let state: String
    let installation: GitInstallation
    /// Where the damaged store is now.
    let aside: String

    /// Cheap enough for every start: the ends of packs and indexes, and the sizes of small files.
    /// - Parameter digits: of object ids.
    static func isThere(_ git: HermeticGit, digits: Int) throws(GitError) -> Bool {
        let store = git.gitDirectory
        let packs = DurableFile.names(in: store + "/objects/pack").filter { $0.hasSuffix(".idx") }
            .map { "\(store)/objects/pack/\($0.dropLast(4))" }
        // A repack that was killed while it took old packs away leaves an index alone; so may a disk that lies.
        let alone = packs.filter { access($0 + ".pack", F_OK) != 0 }
        if !alone.isEmpty {
            let check = try git.runBlocking(["rev-list", "--objects", "--quiet", "--all"], accepting: any)
            if check.status != 0 { return true }
            for pack in alone { unlink(pack + ".idx") }
        }
        for pack in packs where !alone.contains(pack) && !isWhole(pack: pack, idBytes: digits / 2) { return true }
        let folders = DurableFile.names(in: store + "/objects").filter { $0.utf8.count == 2 }
        for folder in folders {
            for name in DurableFile.names(in: "\(store)/objects/\(folder)") where name.utf8.count == digits - 2 {
                if size(of: "\(store)/objects/\(folder)/\(name)") == 0 { return true }
            }
        }
        return refs(store).contains { $0.id == nil }
    }

    /// A pack ends with its checksum, which its index repeats before its own.
    private static func isWhole(pack: String, idBytes: Int) -> Bool {
        guard let last = tail(of: pack + ".pack", idBytes), let named = tail(of: pack + ".idx", 2 * idBytes),
            let head = start(of: pack + ".idx", 4), let begin = start(of: pack + ".pack", 4)
        else { return false }
        return last.elementsEqual(named.prefix(idBytes)) && head == [255, 116, 79, 99]
            && begin == Array("PACK".utf8)
    }

    private static func size(of path: String) -> Int {
        var raw = stat()
        return lstat(path, &raw) == 0 ? Int(raw.st_size) : 0
    }

    private static func tail(of path: String, _ count: Int) -> [UInt8]? { piece(path, size(of: path) - count, count) }
    private static func start(of path: String, _ count: Int) -> [UInt8]? { piece(path, 0, count) }

    private static func piece(_ path: String, _ offset: Int, _ count: Int) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: count)
        return offset >= 0 && pread(file, &bytes, count, off_t(offset)) == count ? bytes : nil
    }

    /// Every ref of ours by its file; without an id where the file holds none.
    private static func refs(_ store: String) -> [(name: String, id: ObjectID?)] {
        func below(_ folder: String) -> [String] {
            DurableFile.names(in: "\(store)/\(folder)").flatMap { name -> [String] in
                let path = "\(folder)/\(name)"
                var raw = stat()
                guard lstat("\(store)/\(path)", &raw) == 0 else { return [] }
                if raw.st_mode & S_IFMT == S_IFDIR { return below(path) }
                return name.hasSuffix(".lock") ? [] : [path]
            }
        }
        return below("refs/baton").map { name in
            let bytes = DurableFile.read("\(store)/\(name)") ?? []
            return (name, bytes.last == 10 ? ObjectID(bytes: bytes.dropLast()) : nil)
        }
    }

    // MARK: Mending

    /// Moves the store aside. Its successor is made by the caller, and filled by `carry`.
    init(_ store: String, state: String, installation: GitInstallation) throws(GitError) {
        self.state = state
        self.installation = installation
        var number = 1
        while access("\(state)/damaged-\(number).git", F_OK) == 0 { number += 1 }
        aside = "\(state)/damaged-\(number).git"
        guard rename(store, aside) == 0 else { throw DurableFile.failure(aside) }
        // What it remembers of files may be in the store no more.
        unlink(state + "/manifest")
        DurableFile.syncFolder(state)
    }

    /// Brings what is whole into the new store; says which refs were not.
    func carry(into store: Store) throws(GitError) -> [String] {
        let git = HermeticGit(installation: installation, gitDirectory: aside)
        let folder = aside + "/objects/pack"
        mkdir(aside + "/broken", 0o700)
        for name in DurableFile.names(in: folder) where name.hasSuffix(".idx") {
            let pack = String(name.dropLast(4))
            if Self.isWhole(pack: "\(folder)/\(pack)", idBytes: store.digits / 2) { continue }
            for suffix in [".idx", ".pack", ".rev"] {
                rename("\(folder)/\(pack)\(suffix)", "\(aside)/broken/\(pack)\(suffix)")
            }
            let file = open("\(aside)/broken/\(pack).pack", O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { continue }
            defer { close(file) }
            // As many objects as can be read; each is checked by its id.
            _ = try git.runBlocking(["unpack-objects", "-r", "-q"], from: .descriptor(file), accepting: Self.any)
        }
        var (whole, lost): ([RefChange], [String]) = ([], [])
        for (name, id) in Self.refs(aside) {
            let check = try id.map { id throws(GitError) in
                try git.runBlocking(["rev-list", "--objects", "--quiet", id.hex, "--"], accepting: Self.any).status
            }
            if let id, check == 0 { whole.append(RefChange(name: name, new: id)) } else { lost.append(name) }
        }
        try copy(whole, from: git, into: store)
        return lost.sorted()
    }

    private static let any = Array(Int32(0)...255)

    private func copy(_ refs: [RefChange], from git: HermeticGit, into store: Store) throws(GitError) {
        if refs.isEmpty { return }
        let path = state + "/carried.pack"
        let file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw DurableFile.failure(path) }
        defer {
            close(file)
            unlink(path)
        }
        let wanted = refs.compactMap { $0.new.map { $0.hex + "\n" } }.joined()
        _ = try git.runBlocking(
            ["pack-objects", "--revs", "--stdout", "-q", "--delta-base-offset"], from: .bytes(Array(wanted.utf8)),
            to: .descriptor(file))
        lseek(file, 0, SEEK_SET)
        _ = try store.git.runBlocking(["index-pack", "--stdin"], from: .descriptor(file))
        // Where the past was let go.
        try FileCopy.copy(aside + "/shallow", to: store.path + "/shallow", synced: true)
        try store.update(refs)
    }
}
