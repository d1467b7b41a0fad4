import Primitives

/// What came in a pack, checked against a wanted commit without git: every object plain, and everything that the commit
/// reaches either in the pack or here already. Blocking.
struct PackReceipt {
    let store: Store
    private var arrived: [ObjectID: StoredObject] = [:]
    private var reached: [ObjectID] = []
    private var seen: Set<ObjectID> = []
    private var walked: Set<TreeWalk> = []

    init(_ store: Store, _ objects: [(id: ObjectID, object: StoredObject)]) {
        self.store = store
        for item in objects { arrived[item.id] = item.object }
    }

    /// Takes what `want` reaches into the store, durably, and moves `refs`; the rest is dropped. False if git has to
    /// decide: then the store is as it was.
    mutating func adopt(_ want: Revision, refs: [RefChange]) throws(GitError) -> Bool {
        for (_, object) in arrived where !PlainObject.isPlain(object, digits: store.digits) { return false }
        guard arrived[ObjectID(want)]?.kind == .commit, try checkHistory(want) else { return false }
        let batch = ObjectBatch(store)
        for id in reached {
            if let object = arrived[id] { try batch.add(id, object) }
        }
        try batch.finish(refs: refs)
        return true
    }

    private mutating func checkHistory(_ want: Revision) throws(GitError) -> Bool {
        var waiting = [want]
        while let revision = waiting.popLast() {
            guard let object = arrived[ObjectID(revision)] else {
                // What is here is whole: it was checked when it came.
                guard try store.has(revision) else { return false }
                continue
            }
            guard seen.insert(ObjectID(revision)).inserted else { continue }
            guard object.kind == .commit, let record = CommitRecord(object.bytes) else { return false }
            reached.append(ObjectID(revision))
            var beside: [ObjectID] = []
            for parent in record.parents {
                if let tree = try tree(of: parent) { beside.append(tree) } else { return false }
            }
            guard try check(tree: record.tree, beside: beside, depth: 0) else { return false }
            waiting += record.parents
        }
        return true
    }

    private func tree(of revision: Revision) throws(GitError) -> ObjectID? {
        guard let object = try object(ObjectID(revision)), object.kind == .commit else { return nil }
        return CommitRecord(object.bytes)?.tree
    }

    private func object(_ id: ObjectID) throws(GitError) -> StoredObject? {
        if let object = arrived[id] { return object }
        return try store.object(id)
    }

    private func items(_ id: ObjectID) throws(GitError) -> [TreeItem]? {
        guard let object = try object(id), object.kind == .tree else { return nil }
        return TreeObject.parse(object.bytes, idBytes: store.digits / 2)
    }

    /// A tree whose objects all came, or stand in a parent's tree at the same place (whose own objects are checked as
    /// that parent's). A folder from elsewhere in the store is for git to follow.
    private mutating func check(tree: ObjectID, beside: [ObjectID], depth: Int) throws(GitError) -> Bool {
        if beside.contains(tree) || !walked.insert(TreeWalk(tree: tree, beside: beside)).inserted { return true }
        guard depth < TreeObject.depth, let object = arrived[tree], object.kind == .tree,
            let items = TreeObject.parse(object.bytes, idBytes: store.digits / 2)
        else { return false }
        var there: Set<ObjectID> = []
        var folders: [Name: [ObjectID]] = [:]
        for other in beside where other != store.emptyTree {
            guard let known = try self.items(other) else { return false }
            for item in known {
                if item.isTree { folders[Name(item.name), default: []].append(item.version.id) }
                if !item.isTree, !item.version.isGitlink { there.insert(item.version.id) }
            }
        }
        for item in items where !item.version.isGitlink {
            if item.isTree {
                let others = folders[Name(item.name)] ?? []
                guard try check(tree: item.version.id, beside: others, depth: depth + 1) else { return false }
            } else if !there.contains(item.version.id), !seen.contains(item.version.id) {
                guard try check(blob: item.version.id) else { return false }
            }
        }
        if seen.insert(tree).inserted { reached.append(tree) }
        return true
    }

    private mutating func check(blob: ObjectID) throws(GitError) -> Bool {
        if let object = arrived[blob] {
            guard object.kind == .blob else { return false }
            seen.insert(blob)
            reached.append(blob)
            return true
        }
        return try store.kind(of: blob) == .blob
    }
}
