import Primitives

extension Store {
    /// Every file of a tree, in git's order.
    func list(_ tree: ObjectID, under path: [UInt8]? = nil) throws(GitError) -> [TreeLine] {
        var arguments = ["ls-tree", "-r", "-z", "--full-tree", tree.hex]
        if let path {
            // A path of any bytes cannot be an argument; the subtree is named by its own id instead.
            guard let subtree = try entry(tree, path), subtree.mode == 0o40000 else { return [] }
            arguments[4] = subtree.id.hex
        }
        let prefix = path.map { $0 + [47] } ?? []
        var lines: [TreeLine] = []
        for record in try git.runBlocking(arguments).output.split(separator: 0) {
            guard let tab = record.firstIndex(of: 9) else { throw .damaged("ls-tree gave a line without a path") }
            let words = record[..<tab].split(separator: 32)
            guard words.count == 3, let mode = Self.mode(words[0]), let id = ObjectID(bytes: words[2]) else {
                throw .damaged("ls-tree gave a line without an id")
            }
            lines.append(TreeLine(path: prefix + record[(tab + 1)...], new: Version(mode: mode, id: id)))
        }
        return lines
    }

    /// What differs between two trees, without renames.
    func compare(_ old: ObjectID, _ new: ObjectID) throws(GitError) -> [TreeLine] {
        if old == new { return [] }
        if old != emptyTree, new != emptyTree {
            var comparison = TreeComparison(ObjectBatch(self))
            if try comparison.run(old, new) { return comparison.lines }
        }
        return try compareByGit(old, new)
    }

    private func compareByGit(_ old: ObjectID, _ new: ObjectID) throws(GitError) -> [TreeLine] {
        let output = try git.runBlocking(["diff-tree", "-r", "-z", "--no-renames", old.hex, new.hex]).output
        var lines: [TreeLine] = []
        var fields = output.split(separator: 0, omittingEmptySubsequences: false).makeIterator()
        while let header = fields.next(), !header.isEmpty {
            // ":oldmode newmode oldid newid status"
            let words = header.dropFirst().split(separator: 32)
            guard words.count == 5, let path = fields.next(), let oldMode = Self.mode(words[0]),
                let newMode = Self.mode(words[1]), let oldID = ObjectID(bytes: words[2]),
                let newID = ObjectID(bytes: words[3])
            else { throw .damaged("diff-tree gave a line of another shape") }
            lines.append(
                TreeLine(
                    path: Array(path), old: oldMode == 0 ? nil : Version(mode: oldMode, id: oldID),
                    new: newMode == 0 ? nil : Version(mode: newMode, id: newID)))
        }
        return lines
    }

    /// What stands at `path` in a tree: a file, a link or a folder (mode 40000); nil if nothing.
    func entry(_ tree: ObjectID, _ path: [UInt8]) throws(GitError) -> Version? {
        var current = Version(mode: TreeObject.folder, id: tree)
        for name in path.split(separator: 47) {
            guard current.mode == TreeObject.folder, current.id != emptyTree,
                let next = try items(of: current.id).first(where: { $0.name.elementsEqual(name) })
            else { return nil }
            current = next.version
        }
        return current
    }

    private static func mode(_ digits: ArraySlice<UInt8>) -> UInt32? {
        UInt32(String(decoding: digits, as: UTF8.self), radix: 8)
    }
}
