/// The part of an index that names the trees which its entries make up (`TREE`): a folder with the number of entries
/// below it and its tree's id. Without an id something below was staged since.
struct CachedFolder {
    var name: [UInt8]
    var count = 0
    var id: ObjectID?
    var folders: [CachedFolder] = []

    init(name: [UInt8]) { self.name = name }

    /// Total on any bytes.
    struct Reader {
        var bytes: ArraySlice<UInt8>
        let idBytes: Int

        mutating func folder(depth: Int) -> CachedFolder? {
            guard depth < TreeObject.depth, let end = bytes.firstIndex(of: 0) else { return nil }
            var folder = CachedFolder(name: Array(bytes[bytes.startIndex..<end]))
            bytes = bytes[(end + 1)...]
            guard let lineEnd = bytes.firstIndex(of: 10) else { return nil }
            let words = String(decoding: bytes[bytes.startIndex..<lineEnd], as: UTF8.self).split(separator: " ")
            bytes = bytes[(lineEnd + 1)...]
            guard words.count == 2, let count = Int(words[0]), let folders = Int(words[1]), folders >= 0,
                folders <= bytes.count
            else { return nil }
            folder.count = count
            if count >= 0 {
                guard bytes.count >= idBytes else { return nil }
                folder.id = ObjectID(raw: bytes.prefix(idBytes))
                bytes = bytes.dropFirst(idBytes)
            }
            for _ in 0..<folders {
                guard let child = self.folder(depth: depth + 1) else { return nil }
                folder.folders.append(child)
            }
            return folder
        }
    }

    /// The same for another tree: what is unchanged is kept, the rest is read from the store.
    func moved(to tree: ObjectID, _ store: Store, depth: Int) throws(GitError) -> CachedFolder {
        if id == tree { return self }
        guard depth < TreeObject.depth else { throw .damaged("folders are nested too deeply") }
        var known: [Name: CachedFolder] = [:]
        for folder in folders { known[Name(folder.name)] = folder }
        var moved = CachedFolder(name: name)
        moved.id = tree
        for item in tree == store.emptyTree ? [] : try store.items(of: tree) {
            guard item.isTree else {
                moved.count += 1
                continue
            }
            let folder = known[Name(item.name)] ?? CachedFolder(name: item.name)
            let child = try folder.moved(to: item.version.id, store, depth: depth + 1)
            moved.count += child.count
            moved.folders.append(child)
        }
        return moved
    }

    /// As git writes it: shorter names first.
    var bytes: [UInt8] {
        var bytes = name + [0] + Array("\(id == nil ? -1 : count) \(folders.count)\n".utf8)
        if let id { bytes += id.raw }
        let sorted = folders.sorted {
            $0.name.count == $1.name.count
                ? $0.name.lexicographicallyPrecedes($1.name) : $0.name.count < $1.name.count
        }
        for folder in sorted { bytes += folder.bytes }
        return bytes
    }
}
