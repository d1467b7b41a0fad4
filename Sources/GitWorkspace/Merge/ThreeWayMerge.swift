import Primitives

/// One side's tree merged into another's by `git merge-tree`, every conflicted path settled so that the tree holds one
/// whole version of it. Renames are not guessed: a rename is a delete and an add, so an edit never moves silently.
struct ThreeWayMerge {
    /// Sees the objects of the quarantine.
    let store: Store
    /// The sides' trees, and who brought the second.
    let base: ObjectID
    let ours: ObjectID
    let theirs: ObjectID
    let theirsDevice: DeviceID

    struct Outcome {
        var tree: ObjectID
        var conflicts: [Conflict]
    }

    /// Stages of one conflicted path: 1 base, 2 ours, 3 theirs.
    private struct Stages {
        var base: Version?
        var ours: Version?
        var theirs: Version?
        /// What merge-tree called it: the path itself, or the path with a side's name behind it.
        var names: Set<Name> = []
    }

    /// - Parameters:
    ///   - first, second: commits with trees `ours` and `theirs` whose one merge base has the tree `base`.
    func run(first: Revision, second: Revision) throws(GitError) -> Outcome {
        let result = try store.git.runBlocking(
            [
                "-c", "core.fsync=none", "merge-tree", "--write-tree", "-z", "--no-messages",
                "--allow-unrelated-histories", first.hex, second.hex,
            ], accepting: [0, 1])
        let fields = result.output.split(separator: 0)
        guard let head = fields.first, let tree = ObjectID(bytes: head) else {
            throw .damaged("merge-tree gave no tree")
        }
        if result.status == 0 { return Outcome(tree: tree, conflicts: []) }
        let groups = try group(fields.dropFirst(), sides: [first.hex, second.hex])
        return try settle(tree, groups)
    }

    private func group(_ fields: ArraySlice<ArraySlice<UInt8>>, sides: [String]) throws(GitError) -> [Name: Stages] {
        var groups: [Name: Stages] = [:]
        for field in fields {
            guard let tab = field.firstIndex(of: 9) else { throw .damaged("merge-tree gave a line without a path") }
            let words = field[..<tab].split(separator: 32)
            guard words.count == 3, let mode = UInt32(String(decoding: words[0], as: UTF8.self), radix: 8),
                let id = ObjectID(bytes: words[1]), let stage = words[2].first
            else { throw .damaged("merge-tree gave a line of another shape") }
            let literal = Array(field[(tab + 1)...])
            let path = Name(Self.original(literal, sides: sides))
            var stages = groups[path] ?? Stages()
            stages.names.insert(Name(literal))
            let version = Version(mode: mode, id: id)
            switch stage {
            case 49: stages.base = version
            case 50: stages.ours = version
            default: stages.theirs = version
            }
            groups[path] = stages
        }
        return groups
    }

    /// Takes `~<side>` and a number behind it off a name that merge-tree made up.
    private static func original(_ path: [UInt8], sides: [String]) -> [UInt8] {
        for side in sides {
            let suffix = Array("~\(side)".utf8)
            guard path.count > suffix.count else { continue }
            for start in stride(from: path.count - suffix.count, through: 1, by: -1)
            where path[start..<start + suffix.count].elementsEqual(suffix) {
                let rest = path[(start + suffix.count)...]
                let isNumbered = rest.first == 95 && rest.dropFirst().allSatisfy { (48...57).contains($0) }
                if rest.isEmpty || isNumbered { return Array(path[..<start]) }
            }
        }
        return path
    }

    private func settle(_ tree: ObjectID, _ groups: [Name: Stages]) throws(GitError) -> Outcome {
        var lines: [TreeLine] = []
        var conflicts: [Conflict] = []
        let paths = groups.keys.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
        for name in paths {
            guard let stages = groups[name] else { continue }
            let path = name.bytes
            for literal in stages.names.map(\.bytes).sorted(by: { $0.lexicographicallyPrecedes($1) }) {
                lines.append(TreeLine(path: literal, old: nil, new: nil))
            }
            if let ours = stages.ours {
                conflicts += try displace(under: path, in: tree, except: groups)
                    .map { line in
                        lines.append(TreeLine(path: line.path, old: line.new, new: nil))
                        return conflict(line.path, .fileAndFolder, Stages(theirs: line.new))
                    }
                lines.append(TreeLine(path: path, old: nil, new: ours))
                if stages.theirs != nil || stages.base != nil { conflicts.append(conflict(path, kind(stages), stages)) }
            } else if try isBlocked(path) {
                conflicts.append(conflict(path, .fileAndFolder, stages))
            } else {
                lines.append(TreeLine(path: path, old: nil, new: stages.theirs))
                conflicts.append(conflict(path, .editedAndDeleted, stages))
            }
        }
        conflicts.sort { ($0.path.lexicographicallyPrecedes($1.path)) }
        return Outcome(tree: try rewrite(tree, lines), conflicts: conflicts)
    }

    private func conflict(_ path: [UInt8], _ kind: Conflict.Kind, _ stages: Stages) -> Conflict {
        Conflict(
            path: path, kind: kind, base: stages.base, ours: stages.ours, theirs: stages.theirs, oursDevice: nil,
            theirsDevice: theirsDevice)
    }

    private func kind(_ stages: Stages) -> Conflict.Kind {
        guard let ours = stages.ours, let theirs = stages.theirs else { return .editedAndDeleted }
        if ours.mode & 0o170000 != theirs.mode & 0o170000 { return .type }
        return stages.base == nil ? .added : .content
    }

    /// What the other side put below a path where ours has a file.
    private func displace(
        under path: [UInt8], in tree: ObjectID, except groups: [Name: Stages]
    ) throws(GitError) -> [TreeLine] {
        try store.list(tree, under: path).filter { groups[Name($0.path)] == nil }
    }

    /// True if ours has a folder at the path, or a file at one of its folders.
    private func isBlocked(_ path: [UInt8]) throws(GitError) -> Bool {
        if try store.entry(ours, path)?.mode == 0o40000 { return true }
        for (offset, byte) in path.enumerated() where byte == 47 {
            if let above = try store.entry(ours, Array(path[..<offset])), above.mode != 0o40000 { return true }
        }
        return false
    }

    /// The tree with the lines applied.
    private func rewrite(_ tree: ObjectID, _ lines: [TreeLine]) throws(GitError) -> ObjectID {
        let objects = try ObjectImport(store)
        let ref = "refs/baton/merging"
        let commit = ObjectImport.Commit(
            ref: ref, parents: [], tree: tree, lines: lines, author: "Baton", email: "baton@localhost", seconds: 0,
            message: "settled\n")
        let revision = try objects.commit(commit)
        try objects.reset(ref, to: nil)
        try objects.finish()
        return try store.tree(of: revision)
    }
}
