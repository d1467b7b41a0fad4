import Primitives

/// One side's tree merged into another's, every path settled so that the tree holds one whole version of it. Only the
/// folders that both sides changed are read, and only files that both changed are merged line by line. Renames are not
/// guessed: a rename is a delete and an add, so an edit never moves silently.
///
/// A name can be a file on one side and a folder on the other: the file and the folder are merged each for itself, and
/// where both are left, the folder stands.
struct TreeMerge {
    let batch: ObjectBatch
    let theirsDevice: DeviceID
    let text: TextMerge
    var policies = MergePolicies()
    /// The sync leader brought what is merged.
    var isLeaders = false
    /// Whether theirs was captured in a later round than the version that stands.
    var isNewer: ([UInt8], Version) throws(GitError) -> Bool = { _, _ throws(GitError) in false }
    private(set) var conflicts: [Conflict] = []

    init(_ batch: ObjectBatch, theirsDevice: DeviceID) {
        self.batch = batch
        self.theirsDevice = theirsDevice
        text = TextMerge(store: batch.store)
    }

    /// The three versions of one place.
    struct Sides<Value> {
        var base: Value?
        var ours: Value?
        var theirs: Value?
    }

    mutating func run(base: ObjectID, ours: ObjectID, theirs: ObjectID) throws(GitError) -> ObjectID {
        let merged = try merge(Sides(base: base, ours: ours, theirs: theirs), at: [], depth: 0)
        conflicts.sort { $0.path.lexicographicallyPrecedes($1.path) }
        if let merged { return merged }
        return try batch.add(tree: [])
    }

    /// Nil: nothing is left of the folder.
    private mutating func merge(
        _ trees: Sides<ObjectID>, at path: [UInt8], depth: Int
    ) throws(GitError) -> ObjectID? {
        if trees.ours == trees.theirs || trees.base == trees.theirs { return trees.ours }
        if trees.base == trees.ours { return trees.theirs }
        guard depth < TreeObject.depth else { throw .damaged("folders are nested too deeply") }
        let base = try items(trees.base)
        let ours = try items(trees.ours)
        let theirs = try items(trees.theirs)
        var merged: [TreeItem] = []
        var places = Sides(base: 0, ours: 0, theirs: 0)
        var isMixed = false
        while let place = Self.next(base, ours, theirs, &places) {
            guard let any = place.ours ?? place.theirs ?? place.base else { continue }
            let child = path.isEmpty ? any.name : path + [47] + any.name
            let version: Version?
            if any.isTree {
                let inside = Sides(
                    base: place.base?.version.id, ours: place.ours?.version.id, theirs: place.theirs?.version.id)
                version = try merge(inside, at: child, depth: depth + 1)
                    .map { Version(mode: TreeObject.folder, id: $0) }
            } else {
                let files = Sides(base: place.base?.version, ours: place.ours?.version, theirs: place.theirs?.version)
                version = try settle(files, at: child)
            }
            if let version { merged.append(TreeItem(name: any.name, version: version)) }
            if place.ours == nil, place.theirs != nil { isMixed = true }
        }
        if isMixed { try settleMixed(&merged, trees, at: path) }
        return merged.isEmpty ? nil : try batch.add(tree: merged)
    }

    private func items(_ id: ObjectID?) throws(GitError) -> [TreeItem] {
        guard let id, id != batch.store.emptyTree else { return [] }
        return try batch.tree(id)
    }

    /// The next place in git's order that any of the three has.
    private static func next(
        _ base: [TreeItem], _ ours: [TreeItem], _ theirs: [TreeItem], _ places: inout Sides<Int>
    ) -> Sides<TreeItem>? {
        let (b, o, t) = (places.base ?? 0, places.ours ?? 0, places.theirs ?? 0)
        let heads = [
            b < base.count ? base[b] : nil, o < ours.count ? ours[o] : nil, t < theirs.count ? theirs[t] : nil,
        ]
        guard let first = heads.compactMap({ $0 }).min(by: { $0.precedes($1) }) else { return nil }
        let taken = heads.map { head in head.flatMap { TreeObject.order($0, first) == 0 ? $0 : nil } }
        places = Sides(
            base: b + (taken[0] == nil ? 0 : 1), ours: o + (taken[1] == nil ? 0 : 1),
            theirs: t + (taken[2] == nil ? 0 : 1))
        return Sides(base: taken[0], ours: taken[1], theirs: taken[2])
    }

    // MARK: Files

    /// What stands at a path: an edit beats a delete, and where both edited, ours, unless the lines go together.
    private mutating func settle(_ files: Sides<Version>, at path: [UInt8]) throws(GitError) -> Version? {
        if files.ours == files.theirs || files.base == files.theirs { return files.ours }
        if files.base == files.ours { return files.theirs }
        guard let ours = files.ours, let theirs = files.theirs else {
            conflicts.append(conflict(path, .editedAndDeleted, files))
            return files.ours ?? files.theirs
        }
        let policy = policies.policy(for: path)
        if let both = try combine(files.base, ours, theirs, policy) { return both }
        let takesTheirs: Bool
        switch policy {
        case .keepBoth, .union:
            let isSameType = ours.mode & 0o170000 == theirs.mode & 0o170000
            conflicts.append(conflict(path, !isSameType ? .type : files.base == nil ? .added : .content, files))
            return ours
        case .ours: takesTheirs = isLeaders
        case .theirs: takesTheirs = !isLeaders
        case .newestRound: takesTheirs = try isNewer(path, ours)
        }
        var note = conflict(path, .settled, files)
        if takesTheirs {
            // What stands comes first in a record.
            (note.ours, note.theirs, note.oursDevice) = (note.theirs, note.ours, theirsDevice)
            note = note.renamed
        }
        conflicts.append(note)
        return takesTheirs ? theirs : ours
    }

    /// Bytes of one and executable bit of the other, or the lines of both; nil where a person has to choose.
    private func combine(
        _ base: Version?, _ ours: Version, _ theirs: Version, _ policy: MergePolicy
    ) throws(GitError) -> Version? {
        let sides = [base, ours, theirs].compactMap { $0 }
        guard base != nil || policy == .union, sides.allSatisfy({ $0.mode & 0o170000 == 0o100000 }) else { return nil }
        let mode = base == nil || base?.mode == ours.mode ? theirs.mode : ours.mode
        if base?.id == ours.id || ours.id == theirs.id { return Version(mode: mode, id: theirs.id) }
        if base?.id == theirs.id { return Version(mode: mode, id: ours.id) }
        let before = if let base { try blob(base) } else { [UInt8]() }
        let style: TextMerge.Style = policy == .union ? .union : .exact
        let lines = try text.merge(base: before, ours: blob(ours), theirs: blob(theirs), style: style)
        return try lines.map { bytes throws(GitError) in Version(mode: mode, id: try batch.add(.blob, bytes)) }
    }

    private func blob(_ version: Version) throws(GitError) -> [UInt8] {
        guard let object = try batch.object(version.id), object.kind == .blob else {
            throw .damaged("blob \(version.id.hex.prefix(10)) is not in the store")
        }
        return object.bytes
    }

    private func conflict(_ path: [UInt8], _ kind: Conflict.Kind, _ files: Sides<Version>) -> Conflict {
        Conflict(
            path: path, kind: kind, base: files.base, ours: files.ours, theirs: files.theirs, oursDevice: nil,
            theirsDevice: theirsDevice)
    }

    // MARK: Files against folders

    /// Names that are left as a file and as a folder: the folder stands, as in git, and the file is kept as a conflict.
    /// Whose it is plays no part: the same comes out in whatever order the devices are merged.
    private mutating func settleMixed(
        _ merged: inout [TreeItem], _ trees: Sides<ObjectID>, at path: [UInt8]
    ) throws(GitError) {
        let folders = Set(merged.filter(\.isTree).map { Name($0.name) })
        for file in merged where !file.isTree && folders.contains(Name(file.name)) {
            let child = path.isEmpty ? file.name : path + [47] + file.name
            let before = try items(trees.base).first { !$0.isTree && $0.name == file.name }?.version
            let isOurs = try items(trees.ours).contains { !$0.isTree && $0.name == file.name }
            conflicts.removeAll { $0.path == child }
            merged.removeAll { $0 == file }
            var note = conflict(child, .fileAndFolder, Sides(base: before, ours: nil, theirs: file.version))
            // Then the folder came with what is merged.
            if isOurs { note.oursDevice = theirsDevice }
            conflicts.append(note)
        }
    }
}
