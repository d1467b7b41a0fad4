/// A tree with some paths changed, built along those paths only.
struct TreeEdit {
    let batch: ObjectBatch

    private struct Change {
        var parts: [ArraySlice<UInt8>]
        var new: Version?
    }

    /// `lines` say what stands at a path afterwards (`new`, nil: nothing). Folders that become empty go; a file in the
    /// way of a folder goes, and a folder in the way of a file.
    func apply(_ lines: [TreeLine], to tree: ObjectID) throws(GitError) -> ObjectID {
        if lines.isEmpty { return tree }
        let changes = lines.sorted { $0.path.lexicographicallyPrecedes($1.path) }
            .map { Change(parts: $0.path.split(separator: 47), new: $0.new) }
        let items = tree == batch.store.emptyTree ? [] : try batch.tree(tree)
        return try batch.add(tree: edit(items, changes, depth: 0))
    }

    private func edit(_ items: [TreeItem], _ changes: [Change], depth: Int) throws(GitError) -> [TreeItem] {
        guard depth < TreeObject.depth else { throw .damaged("folders are nested too deeply") }
        var groups: [(name: Name, changes: [Change])] = []
        var places: [Name: Int] = [:]
        for change in changes {
            guard change.parts.count > depth else { throw .damaged("an empty path") }
            let name = Name(change.parts[depth])
            if let place = places[name] {
                groups[place].changes.append(change)
            } else {
                places[name] = groups.count
                groups.append((name, [change]))
            }
        }
        var edited: [TreeItem] = []
        var known: [TreeItem?] = groups.map { _ in nil }
        for item in items {
            if let place = places[Name(item.name)] { known[place] = item } else { edited.append(item) }
        }
        for (group, item) in zip(groups, known) {
            if let made = try result(item, group.name, group.changes, depth: depth) { edited.append(made) }
        }
        return edited.sorted { $0.precedes($1) }
    }

    /// What becomes of one name: deletions first, then what is below, then a file of that very name.
    private func result(
        _ item: TreeItem?, _ name: Name, _ changes: [Change], depth: Int
    ) throws(GitError) -> TreeItem? {
        var item = item
        let own = changes.filter { $0.parts.count == depth + 1 }
        let below = changes.filter { $0.parts.count > depth + 1 }
        if own.contains(where: { $0.new == nil }), item?.isTree == false { item = nil }
        if item?.isTree == true || below.contains(where: { $0.new != nil }) {
            let inside = if let item, item.isTree { try batch.tree(item.version.id) } else { [TreeItem]() }
            let edited = below.isEmpty ? inside : try edit(inside, below, depth: depth + 1)
            if edited.isEmpty {
                item = nil
            } else if edited != inside {
                let id = try batch.add(tree: edited)
                item = TreeItem(name: name.bytes, version: Version(mode: TreeObject.folder, id: id))
            }
        }
        if let new = own.last(where: { $0.new != nil })?.new { item = TreeItem(name: name.bytes, version: new) }
        return item
    }
}
