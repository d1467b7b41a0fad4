import Primitives

/// New objects on their way into a store: made in memory, readable at once by the one who makes them, and all in the
/// store as one pack, durable, when `finish` returns. Before that the store knows nothing of them. Used by one thread.
final class ObjectBatch {
    let store: Store
    private var pack: PackFile
    private var pending: [ObjectID: StoredObject] = [:]
    private var known: Set<ObjectID> = []

    /// A batch that has grown to this goes to disk as a pack of its own, and another begins.
    static let packBytes = 16 << 20
    /// Blobs above this are not kept readable: nobody asks for them before they are on disk.
    static let readableBytes = 64 << 10

    init(_ store: Store) {
        self.store = store
        pack = PackFile(digits: store.digits)
    }

    @discardableResult
    func add(_ kind: ObjectKind, _ bytes: [UInt8]) throws(GitError) -> ObjectID {
        let object = StoredObject(kind: kind, bytes: bytes)
        let id = try object.id(digits: store.digits)
        try add(id, object)
        return id
    }

    /// - Parameter id: of these bytes.
    func add(_ id: ObjectID, _ object: StoredObject) throws(GitError) {
        guard known.insert(id).inserted else { return }
        if object.kind != .blob, store.cache[id] != nil { return }
        try pack.add(id, object)
        if object.kind != .blob || object.bytes.count <= Self.readableBytes { pending[id] = object }
        if pack.byteCount > Self.packBytes { try finish() }
    }

    func object(_ id: ObjectID) throws(GitError) -> StoredObject? {
        if let object = pending[id] { return object }
        return try store.object(id)
    }

    /// The items of a tree, which must be there.
    func tree(_ id: ObjectID) throws(GitError) -> [TreeItem] {
        guard let object = pending[id] else { return try store.items(of: id) }
        guard object.kind == .tree, let items = TreeObject.parse(object.bytes, idBytes: store.digits / 2) else {
            throw .damaged("\(id.hex.prefix(10)) is not a tree")
        }
        return items
    }

    /// - Parameter items: in git's order.
    func add(tree items: [TreeItem]) throws(GitError) -> ObjectID { try add(.tree, TreeObject.encode(items)) }

    /// Everything is in the store, durable, when it returns; then `refs` move, durable too.
    func finish(refs: [RefChange] = []) throws(GitError) {
        try store.update(refs) { [self] descriptors throws(GitError) in
            if pack.count > 0 {
                try pack.write(into: store.path + "/objects/pack", with: descriptors)
            } else if !DurableFile.sync(descriptors) {
                throw DurableFile.failure(store.path)
            }
        }
        for (id, object) in pending { store.cache.insert(id, object) }
        pending = [:]
        pack = PackFile(digits: store.digits)
    }

    /// A commit to be made.
    struct Commit {
        var tree: ObjectID
        var parents: [Revision]
        var author: String
        var email: String
        /// Since 1970.
        var seconds: Int64
        var message: String
    }

    func add(commit: Commit) throws(GitError) -> Revision {
        var text = "tree \(commit.tree.hex)\n"
        for parent in commit.parents { text += "parent \(parent.hex)\n" }
        let person = "\(Self.plain(commit.author)) <\(Self.plain(commit.email))> \(max(0, commit.seconds)) +0000"
        text += "author \(person)\ncommitter \(person)\n\n\(commit.message)"
        guard let revision = try add(.commit, Array(text.utf8)).revision else { throw .damaged("no commit id") }
        return revision
    }

    /// Without what would end a name or an address in a commit header.
    private static func plain(_ text: String) -> String {
        let kept = text.unicodeScalars.filter { $0.value >= 32 && $0 != "<" && $0 != ">" && $0.value != 127 }
        let words = String(String.UnicodeScalarView(kept)).split(separator: " ", omittingEmptySubsequences: true)
        let name = words.joined(separator: " ")
        return name.isEmpty ? "unnamed" : name
    }
}
