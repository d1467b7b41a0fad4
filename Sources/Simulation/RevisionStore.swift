import Primitives

/// The content of one file: equal contents have equal numbers; zero is "no such file".
typealias VersionID = UInt32

/// One immutable capture or merge.
struct ModelRevision: Hashable, Sendable {
    var parents: [Int]
    /// The same device's capture before this one, if it is not in the base already.
    var earlier: Int?
    /// The version of each path.
    var tree: [VersionID]
    /// In which epochs it is reachable from a published head, a bit each.
    var published: UInt64 = 0
}

/// A version of a file: who wrote it, and which section of a gated writer it belongs to.
struct VersionInfo: Hashable, Sendable {
    var path: Int
    var node: Int
    /// Counts a writer's sections; nil for files outside of groups.
    var section: UInt32?
    /// Part of a capture that was completed somewhere.
    var isCaptured = false
    var published: UInt64 = 0
}

/// What a merge came to.
struct ModelMerge: Hashable, Sendable {
    var revision: Int
    var changed: Int
    var conflicts: Int
    /// What lost, and is kept under a name of its own.
    var kept: [VersionID] = []
}

/// Every object of the mesh, by number. Which device has which is kept with the devices.
struct RevisionStore: Sendable {
    private(set) var revisions: [ModelRevision] = []
    var versions: [VersionInfo] = [VersionInfo(path: 0, node: 0)]
    let emptyTree: [VersionID]
    /// The epoch that is looked at.
    var era = 0

    init(paths: Int) { emptyTree = [VersionID](repeating: 0, count: paths) }

    mutating func newVersion(path: Int, node: Int, section: UInt32? = nil) -> VersionID {
        versions.append(VersionInfo(path: path, node: node, section: section))
        return VersionID(versions.count - 1)
    }

    func tree(_ revision: Int?) -> [VersionID] { revision.map { revisions[$0].tree } ?? emptyTree }

    /// The protocol's name of a revision.
    func name(_ number: Int) -> Revision { Revision(number: UInt64(number)) }

    /// The number behind a name; nil if no such revision was ever made.
    func number(_ name: Revision) -> Int? {
        var number: UInt64 = 0
        for byte in name.hex.utf8.dropFirst(24) { number = number << 4 | UInt64(byte < 58 ? byte - 48 : byte - 87) }
        return number < UInt64(revisions.count) ? Int(number) : nil
    }

    mutating func add(parents: [Int], earlier: Int? = nil, tree: [VersionID]) -> Int {
        revisions.append(ModelRevision(parents: parents + (earlier.map { [$0] } ?? []), earlier: earlier, tree: tree))
        return revisions.count - 1
    }

    /// Marks what a new head makes reachable.
    mutating func publish(_ head: Int) {
        var open = [head]
        while let next = open.popLast() {
            guard !isPublished(next) else { continue }
            revisions[next].published |= 1 << UInt64(era)
            for version in revisions[next].tree { versions[Int(version)].published |= 1 << UInt64(era) }
            open.append(contentsOf: revisions[next].parents)
        }
    }

    func isPublished(_ revision: Int) -> Bool { revisions[revision].published >> UInt64(era) & 1 == 1 }

    func isPublished(version: VersionID, in era: Int? = nil) -> Bool {
        versions[Int(version)].published >> UInt64(era ?? self.era) & 1 == 1
    }

    /// True if `ancestor` is `revision` or before it.
    func isAncestor(_ ancestor: Int, of revision: Int) -> Bool {
        var open = [revision]
        var seen = Bits()
        while let next = open.popLast() {
            if next == ancestor { return true }
            guard next > ancestor, !seen[next] else { continue }
            seen.insert(next)
            open.append(contentsOf: revisions[next].parents)
        }
        return false
    }

    /// What a capture is compared with: the same device's newest earlier capture that the head holds, since the tree
    /// was just that; else the base.
    private func mergeBase(of capture: Int, base: Int?, head: Int?) -> Int? {
        guard let head else { return base }
        var earlier = revisions[capture].earlier
        while let candidate = earlier {
            if isAncestor(candidate, of: head) { return candidate }
            earlier = revisions[candidate].earlier
        }
        return base
    }

    private func mergeBase(of capture: DeviceCaptureNumber, head: Int?) -> [VersionID] {
        tree(mergeBase(of: capture.revision, base: capture.base, head: head))
    }

    /// The paths that a capture alone brings new bytes for: they were not changed in the head meanwhile.
    func edits(of capture: DeviceCaptureNumber, head: Int?) -> [Int] {
        let (before, now, mine) = (mergeBase(of: capture, head: head), tree(head), revisions[capture.revision].tree)
        return mine.indices.filter {
            mine[$0] != 0 && mine[$0] != before[$0] && (now[$0] == before[$0] || now[$0] == 0)
        }
    }

    /// Whether another capture has a say in what becomes of an edit: it edits the same path, or deletes those very
    /// bytes.
    func settles(_ path: Int, of edit: DeviceCaptureNumber, _ other: DeviceCaptureNumber, head: Int?) -> Bool {
        let before = mergeBase(of: other, head: head)[path]
        let theirs = revisions[other.revision].tree[path]
        return theirs == 0 ? before == revisions[edit.revision].tree[path] : theirs != before
    }

    /// Three ways, path by path, in the order of the captures. An edit beats a deletion; in a true conflict what came
    /// first stays, and the other stays reachable as a parent. What stands on the hub becomes part of the history also
    /// if it changes nothing, and the head itself if it builds on it and is all there is.
    mutating func merge(
        head: Int?, captures: [(revision: Int, base: Int?)], keeping hub: Int? = nil, _ mutants: MutantSet = .none
    ) -> ModelMerge {
        let before = tree(head)
        var merged = before
        var conflicts = 0
        var kept: [VersionID] = []
        for capture in captures {
            let base = tree(mergeBase(of: capture.revision, base: capture.base, head: head))
            let mine = tree(capture.revision)
            for path in merged.indices where mine[path] != base[path] && mine[path] != merged[path] {
                let deletes = mine[path] == 0 && mutants.has(.deleteBeatsEdit)
                if merged[path] == base[path] || merged[path] == 0 || deletes {
                    merged[path] = mine[path]
                } else if mine[path] != 0 {
                    conflicts += 1
                    kept.append(mine[path])
                }
            }
        }
        let changed = zip(before, merged).count { $0 != $1 }
        if let hub, captures.count == 1, revisions[hub].parents.first == head {
            return ModelMerge(revision: hub, changed: changed, conflicts: 0)
        }
        let isHeld = hub.map { hub in head.map { isAncestor(hub, of: $0) } ?? false } ?? true
        if let head, changed == 0, conflicts == 0, isHeld {
            return ModelMerge(revision: head, changed: 0, conflicts: 0)
        }
        let parents = (head.map { [$0] } ?? []) + captures.map(\.revision)
        return ModelMerge(
            revision: add(parents: parents, tree: merged), changed: changed, conflicts: conflicts, kept: kept)
    }
}

/// A growing set of small numbers.
struct Bits: Hashable, Sendable {
    private var words: [UInt64] = []

    subscript(_ number: Int) -> Bool {
        let word = number >> 6
        return word < words.count && words[word] >> UInt64(number & 63) & 1 == 1
    }

    mutating func insert(_ number: Int) {
        while words.count <= number >> 6 { words.append(0) }
        words[number >> 6] |= 1 << UInt64(number & 63)
    }

    /// The greatest that is in it and that `condition` holds for.
    func newest(_ condition: (Int) -> Bool) -> Int? {
        (0..<words.count * 64).last { self[$0] && condition($0) }
    }

    mutating func formUnion(_ other: Bits) {
        while words.count < other.words.count { words.append(0) }
        for at in other.words.indices { words[at] |= other.words[at] }
    }
}
