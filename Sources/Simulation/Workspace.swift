import Primitives

/// One device's working tree and object store, with the journal of its apply.
struct Workspace: Sendable {
    /// A capture that is being read: the first half of the paths is read when it starts, the rest when it ends, so that
    /// a writer in between is seen half.
    struct Reading: Hashable, Sendable {
        var round: RoundID
        var half: [VersionID]
    }

    struct Apply: Hashable, Sendable {
        var round: RoundID
        var revision: Int
        /// What the tree must hold for a path to be replaced.
        var expected: [VersionID]
        /// Paths still to be done.
        var rest: [Int]
        var applied: UInt32 = 0
        var late: UInt32 = 0
    }

    var tree: [VersionID]
    /// What the tree was last brought to. Durable.
    private(set) var base: Int?
    /// The newest capture; those before it are its ancestors or published. Durable.
    var pin: Int?
    private(set) var objects = Bits()
    private var durable = Bits()
    var reading: Reading?
    /// The newest capture of this incarnation, and the revision if it was not clean.
    var roundCapture: (round: RoundID, tree: [VersionID], revision: Int?)?
    var applying: Apply?
    /// Work that waits until the tree is free.
    var waiting: [WorkspaceJob] = []

    init(tree: [VersionID]) { self.tree = tree }

    func has(_ revision: Int) -> Bool { objects[revision] }
    func hasDurably(_ revision: Int) -> Bool { durable[revision] }

    /// `revision` with all before it, as the store knows it.
    mutating func receive(_ revision: Int, durably: Bool, _ store: RevisionStore) {
        var open = [revision]
        while let next = open.popLast() {
            guard !(durably ? durable[next] : objects[next]) else { continue }
            objects.insert(next)
            if durably { durable.insert(next) }
            open.append(contentsOf: store.revisions[next].parents)
        }
    }

    func pendingFiles(_ store: RevisionStore) -> UInt32 {
        let base = store.tree(base)
        return tree == base ? 0 : UInt32(zip(tree, base).count { $0 != $1 })
    }

    var isFree: Bool { reading == nil && applying == nil }

    // MARK: Capture

    mutating func beginCapture(_ round: RoundID) { reading = Reading(round: round, half: tree) }

    /// The tree as it was read: the first half at the beginning, the second now.
    mutating func endCapture() -> [VersionID]? {
        guard let half = reading?.half else { return nil }
        reading = nil
        let middle = tree.count / 2
        return Array(half[..<middle] + tree[middle...])
    }

    // MARK: Apply

    /// Expects what this round captured, or else the base.
    mutating func beginApply(_ round: RoundID, _ revision: Int, _ store: RevisionStore) {
        let captured = roundCapture.flatMap { $0.round == round ? $0.tree : nil }
        let expected = captured ?? store.tree(base)
        let target = store.tree(revision)
        let paths = target.indices.filter { target[$0] != expected[$0] }
        applying = Apply(round: round, revision: revision, expected: expected, rest: paths.reversed())
    }

    /// Verifies one path, then replaces it. Gives the version that went, or nil if there is nothing more to do.
    mutating func applyOne(_ store: RevisionStore) -> VersionID?? {
        guard let path = applying?.rest.popLast(), let apply = applying else { return nil }
        let target = store.revisions[apply.revision].tree[path]
        let found = tree[path]
        if found == apply.expected[path] {
            tree[path] = target
            applying?.applied += 1
            return .some(found)
        }
        if found != target { applying?.late += 1 }
        return .some(nil)
    }

    mutating func endApply() -> Apply? {
        guard let apply = applying else { return nil }
        applying = nil
        base = apply.revision
        return apply
    }

    /// What a restart does with the journal of an apply: finish it, or undo what it did.
    mutating func recover(finishing: Bool, _ store: RevisionStore) {
        guard let apply = applying else { return }
        let target = store.tree(apply.revision)
        if finishing, has(apply.revision) {
            for path in apply.rest where tree[path] == apply.expected[path] { tree[path] = target[path] }
            base = apply.revision
        } else {
            for path in target.indices where target[path] != apply.expected[path] && !apply.rest.contains(path) {
                if tree[path] == target[path] { tree[path] = apply.expected[path] }
            }
        }
        applying = nil
    }

    // MARK: Crash

    /// The process is gone, and with `power` whatever was not synced.
    mutating func crash(power: Bool) {
        reading = nil
        roundCapture = nil
        waiting = []
        if power { objects = durable }
    }
}

/// Work on the tree: one at a time.
enum WorkspaceJob: Hashable, Sendable {
    case capture(RoundID)
    case apply(RoundID, Int)
}
