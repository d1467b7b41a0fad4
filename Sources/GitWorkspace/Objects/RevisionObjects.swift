import Primitives

/// The objects that a revision needs beyond others, found by walking from it: a round's handful of commits and the
/// folders that they changed. What is more than that is left to git.
struct RevisionObjects {
    let store: Store
    /// Of all objects together, unpacked.
    let bytesAllowed: Int
    private(set) var found: [(id: ObjectID, object: StoredObject)] = []
    private var seen: Set<ObjectID> = []
    private var walked: Set<TreeWalk> = []
    private var bytes = 0

    static let commits = 64
    /// How far back it is looked whether a commit is an ancestor of what is there.
    static let ancestors = 256

    init(_ store: Store, bytesAllowed: Int) {
        self.store = store
        self.bytesAllowed = bytesAllowed
    }

    /// False if it is left to git: too many commits or bytes, folders too deep, something not here.
    mutating func collect(_ want: Revision, beyond have: [Revision]) throws(GitError) -> Bool {
        var behind = try Ancestors(store, of: have)
        var waiting = [want]
        var commits: [(revision: Revision, record: CommitRecord)] = []
        var visited: Set<Revision> = []
        while let revision = waiting.popLast() {
            guard visited.insert(revision).inserted, try !behind.contains(revision) else { continue }
            guard commits.count < Self.commits, let object = try store.object(ObjectID(revision)),
                object.kind == .commit, let record = CommitRecord(object.bytes)
            else { return false }
            commits.append((revision, record))
            add(ObjectID(revision), object)
            waiting += record.parents
        }
        for (_, record) in commits {
            var beside: [ObjectID] = []
            for parent in record.parents {
                guard let tree = try? store.tree(of: parent) else { return false }
                beside.append(tree)
            }
            guard try collect(tree: record.tree, beside: beside, depth: 0) else { return false }
        }
        return true
    }

    /// Everything below a tree that none of the trees `beside` has at the same place.
    private mutating func collect(tree: ObjectID, beside: [ObjectID], depth: Int) throws(GitError) -> Bool {
        if beside.contains(tree) || !walked.insert(TreeWalk(tree: tree, beside: beside)).inserted { return true }
        guard depth < TreeObject.depth, let object = try store.object(tree), object.kind == .tree,
            let items = TreeObject.parse(object.bytes, idBytes: store.digits / 2)
        else { return false }
        add(tree, object)
        var there: Set<ObjectID> = []
        var folders: [Name: [ObjectID]] = [:]
        for other in beside where other != store.emptyTree {
            for item in try store.items(of: other) {
                there.insert(item.version.id)
                if item.isTree { folders[Name(item.name), default: []].append(item.version.id) }
            }
        }
        for item in items where !item.version.isGitlink && !there.contains(item.version.id) {
            if item.isTree {
                let others = folders[Name(item.name)] ?? []
                guard try collect(tree: item.version.id, beside: others, depth: depth + 1) else { return false }
            } else if !seen.contains(item.version.id) {
                guard let size = try store.size(of: item.version.id), bytes + size <= bytesAllowed,
                    let blob = try store.object(item.version.id), blob.kind == .blob
                else { return false }
                add(item.version.id, blob)
            }
        }
        return bytes <= bytesAllowed
    }

    private mutating func add(_ id: ObjectID, _ object: StoredObject) {
        guard seen.insert(id).inserted else { return }
        found.append((id, object))
        bytes += object.bytes.count
    }

    func pack() throws(GitError) -> PackFile {
        var pack = PackFile(digits: store.digits)
        for item in found { try pack.add(item.id, item.object) }
        return pack
    }
}

/// A tree that was gone through beside others. What they have was passed over, so that the same tree beside others, or
/// beside none, is another walk: where a commit brings a folder back to what it was before, the older commit is the one
/// whose objects are needed.
struct TreeWalk: Hashable {
    var tree: ObjectID
    var beside: [ObjectID]
}

/// Whether commits lie behind some others, looked at only as far back as a question needs.
private struct Ancestors {
    private let store: Store
    private var known: Set<Revision> = []
    private var waiting: [Revision] = []
    private var visited = 0

    init(_ store: Store, of revisions: [Revision]) throws(GitError) {
        self.store = store
        for revision in revisions where try store.has(revision) {
            known.insert(revision)
            waiting.append(revision)
        }
    }

    mutating func contains(_ revision: Revision) throws(GitError) -> Bool {
        while !known.contains(revision), !waiting.isEmpty, visited < RevisionObjects.ancestors {
            visited += 1
            let next = waiting.removeFirst()
            // A shallow end of history has no parents here.
            guard let object = try store.object(ObjectID(next)), let record = CommitRecord(object.bytes) else {
                continue
            }
            for parent in record.parents where known.insert(parent).inserted { waiting.append(parent) }
        }
        return known.contains(revision)
    }
}
