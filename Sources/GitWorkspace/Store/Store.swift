import Glibc
import Primitives
import Synchronization

/// Our own bare repository of one workspace, outside of it: the user's `git gc`, hooks, index and configuration never
/// meet what is in flight here. Blocking; called from threads that may.
final class Store: Sendable {
    let path: String
    let git: HermeticGit
    let reader: BatchReader
    let cache = ObjectCache()
    /// Set if the store was found damaged: what became of it, for the log.
    let damage = Mutex<String?>(nil)
    /// One conversation with the hub at a time: they share git's note of what was fetched.
    let hubTurn = Mutex<Void>(())
    private let refFiles: RefFiles
    let installation: GitInstallation
    private let home: String
    /// Hexadecimal digits of an object id: 40, or 64 where the user's repository uses SHA-256.
    let digits: Int

    private init(path: String, home: String, installation: GitInstallation, digits: Int) {
        self.path = path
        self.home = home
        self.installation = installation
        self.digits = digits
        git = HermeticGit(installation: installation, gitDirectory: path, home: home)
        reader = BatchReader(git)
        refFiles = RefFiles(directory: path, digits: digits)
    }

    /// Opens the store below `state`, making it if there is none.
    /// - Parameter digits: of object ids, for a new store.
    static func open(state: String, installation: GitInstallation, digits: Int) throws(GitError) -> Store {
        let path = state + "/repository.git"
        let git = HermeticGit(installation: installation, gitDirectory: path)
        guard access(path + "/info/attributes", F_OK) == 0, try StoreDamage.isThere(git, digits: digits) else {
            return try make(path, state: state, installation: installation, digits: digits)
        }
        let damage = try StoreDamage(path, state: state, installation: installation)
        let store = try make(path, state: state, installation: installation, digits: digits)
        let lost = try damage.carry(into: store)
        store.damage.withLock { $0 = "what is whole was carried over from \(damage.aside), without \(lost)" }
        return store
    }

    private static func make(
        _ path: String, state: String, installation: GitInstallation, digits: Int
    ) throws(GitError) -> Store {
        let home = state + "/empty"
        mkdir(state, 0o700)
        mkdir(home, 0o500)
        let git = HermeticGit(installation: installation, gitDirectory: path, home: home)
        let marker = path + "/info/attributes"
        if access(marker, F_OK) != 0 {
            let format = digits == 64 ? "sha256" : "sha1"
            _ = try git.runBlocking(
                ["init", "--quiet", "--bare", "--template=", "--object-format=\(format)", path])
            mkdir(path + "/info", 0o700)
            // Bytes are captured and merged as they are. Written last: it says that the store is whole.
            let line = "* -text !eol -filter -ident !working-tree-encoding !merge !diff\n"
            try DurableFile.write(Array(line.utf8), to: marker)
        }
        let format = try git.runBlocking(["rev-parse", "--show-object-format"])
        let isLong = format.output.starts(with: Array("sha256".utf8))
        let store = Store(path: path, home: home, installation: installation, digits: isLong ? 64 : 40)
        try store.removeLeftovers()
        return store
    }

    /// This store seen with a working tree, for the commands that read one.
    func git(workTree: String, extra: [String]) -> HermeticGit {
        HermeticGit(installation: installation, gitDirectory: path, workTree: workTree, home: home, extra: extra)
    }

    /// The user's repository as a hermetic git sees it.
    func gitOfUser(directory: String) -> HermeticGit {
        HermeticGit(installation: installation, gitDirectory: directory, home: home)
    }

    // MARK: Objects

    /// Nil if there is no such object.
    func object(_ id: ObjectID) throws(GitError) -> StoredObject? {
        if let object = cache[id] { return object }
        guard let (info, bytes) = try reader.contents(id.hex) else { return nil }
        guard let kind = ObjectKind(name: info.type) else { throw .damaged("an object of kind '\(info.type)'") }
        let object = StoredObject(kind: kind, bytes: bytes)
        cache.insert(id, object)
        return object
    }

    /// Unpacked bytes of an object; nil if there is none.
    func size(of id: ObjectID) throws(GitError) -> Int? {
        if let object = cache[id] { return object.bytes.count }
        return try reader.info(id.hex)?.size
    }

    func kind(of id: ObjectID) throws(GitError) -> ObjectKind? {
        if let object = cache[id] { return object.kind }
        return try reader.info(id.hex).flatMap { ObjectKind(name: $0.type) }
    }

    func has(_ revision: Revision) throws(GitError) -> Bool { try kind(of: ObjectID(revision)) == .commit }

    func tree(of revision: Revision?) throws(GitError) -> ObjectID {
        guard let revision else { return emptyTree }
        return try commit(revision).tree
    }

    func commit(_ revision: Revision) throws(GitError) -> CommitRecord {
        guard let object = try object(ObjectID(revision)), object.kind == .commit,
            let record = CommitRecord(object.bytes)
        else { throw missing(revision.hex) }
        return record
    }

    /// The items of a tree, which must be there.
    func items(of tree: ObjectID) throws(GitError) -> [TreeItem] {
        guard let object = try object(tree), object.kind == .tree,
            let items = TreeObject.parse(object.bytes, idBytes: digits / 2)
        else { throw missing(tree.hex) }
        return items
    }

    func blob(_ id: ObjectID) throws(GitError) -> [UInt8] {
        guard let object = try object(id), object.kind == .blob else { throw missing(id.hex) }
        return object.bytes
    }

    private func missing(_ name: String) -> GitError {
        GitError(
            .damaged, message: "object \(name.prefix(10)) is not in the store",
            meaning: "it was never received, or the store is damaged", hint: "it is fetched from a peer that has it")
    }

    /// True if `old` is `new` or one of its ancestors.
    func isAncestor(_ old: Revision, of new: Revision) throws(GitError) -> Bool {
        if old == new { return true }
        return try git.runBlocking(["merge-base", "--is-ancestor", old.hex, new.hex], accepting: [0, 1]).status == 0
    }

    /// The newest revision that both hold; nil if they have no past in common.
    func mergeBase(_ one: Revision, _ other: Revision) throws(GitError) -> Revision? {
        let result = try git.runBlocking(["merge-base", one.hex, other.hex], accepting: [0, 1])
        return result.output.split(separator: 10).first.flatMap { Revision(hex: String(decoding: $0, as: UTF8.self)) }
    }

    // MARK: Refs

    func ref(_ name: String) throws(GitError) -> Revision? {
        switch refFiles.look(name) {
        case .found(let id): id.revision
        case .none: nil
        case .leftToGit: try reader.info(name)?.id.revision
        }
    }

    /// Moves refs; they are on disk when it returns.
    /// - Parameter first: has to be done, durably, before any ref moves; gets files to bring to the disk with its own.
    func update(
        _ changes: [RefChange], first: ([Int32]) throws(GitError) -> Void = RefFiles.sync
    ) throws(GitError) {
        if try refFiles.update(changes, first: first) { return }
        try first([])
        var text = "start\n"
        for change in changes {
            if let new = change.new {
                text += "update \(change.name) \(new.hex)\n"
            } else {
                text += "delete \(change.name)\n"
            }
        }
        _ = try git.runBlocking(["update-ref", "--stdin"], from: .bytes(Array((text + "commit\n").utf8)))
    }

    func refs(under prefix: String) throws(GitError) -> [(name: String, id: ObjectID)] {
        let result = try git.runBlocking(["for-each-ref", "--format=%(objectname) %(refname)", prefix])
        return result.output.split(separator: 10).compactMap { line in
            let words = line.split(separator: 32, maxSplits: 1)
            guard words.count == 2, let id = ObjectID(bytes: words[0]) else { return nil }
            return (String(decoding: words[1], as: UTF8.self), id)
        }
    }

    var emptyTree: ObjectID {
        let hex =
            digits == 64
            ? "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"
            : "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
        return ObjectID(hex: hex) ?? .zero
    }
}
