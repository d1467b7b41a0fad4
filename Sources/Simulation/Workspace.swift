import Primitives

/// One device's working tree and object store, with the journal of its apply.
struct Workspace: Sendable {
    /// A capture that is being read: the first half of the paths is read when it starts, the rest when it ends, so that
    /// a writer in between is seen half.
    struct Reading: Hashable, Sendable {
        var round: RoundID
        var half: [VersionID]
        /// How often the gate had opened before; nil if it was not closed for this round.
        var openings: UInt32?
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
        /// Of the device when it began.
        var era = 0
    }

    private(set) var tree: [VersionID]
    /// Where somebody wrote since the tree was last brought to a revision.
    private(set) var edited: [Bool]
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
    /// The number of the newest head that was applied here.
    var appliedHead: UInt64 = 0
    /// Work that waits until the tree is free.
    var waiting: [WorkspaceJob] = []

    init(tree: [VersionID]) {
        self.tree = tree
        edited = Array(repeating: false, count: tree.count)
    }

    mutating func write(_ path: Int, _ version: VersionID) {
        tree[path] = version
        edited[path] = true
    }

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

    mutating func beginCapture(_ round: RoundID, behind gate: GateModel) {
        let openings = gate.closed?.round == round ? gate.openings : nil
        reading = Reading(round: round, half: tree, openings: openings)
    }

    /// The tree as it was read: the first half at the beginning, the second now.
    mutating func endCapture() -> [VersionID]? {
        guard let half = reading?.half else { return nil }
        reading = nil
        let middle = tree.count / 2
        return Array(half[..<middle] + tree[middle...])
    }

    // MARK: Apply

    /// Expects what this round captured, or else the base.
    mutating func beginApply(_ round: RoundID, _ revision: Int, _ store: RevisionStore, _ mutants: MutantSet = .none) {
        let captured = roundCapture.flatMap { $0.round == round ? $0.tree : nil }
        let expected = captured ?? store.tree(base)
        let target = store.tree(revision)
        var paths = target.indices.filter { target[$0] != expected[$0] }
        if mutants.has(.checkedOnce) { paths.removeAll { tree[$0] != expected[$0] } }
        applying = Apply(
            round: round, revision: revision, expected: expected, rest: paths.reversed(), era: store.era)
    }

    /// Verifies one path, then replaces it. Gives the version that went, or nil if there is nothing more to do.
    mutating func applyOne(_ store: RevisionStore, _ mutants: MutantSet = .none) -> VersionID?? {
        guard let path = applying?.rest.popLast(), let apply = applying else { return nil }
        let target = store.revisions[apply.revision].tree[path]
        let found = tree[path]
        if Self.isReplaced(found, apply.expected[path], mutants) {
            tree[path] = target
            edited[path] = false
            applying?.applied += 1
            return .some(found)
        }
        if found != target { applying?.late += 1 }
        return .some(nil)
    }

    /// Only what is as it was expected. Mutants do not look, or not closely.
    private static func isReplaced(_ found: VersionID, _ expected: VersionID, _ mutants: MutantSet) -> Bool {
        if mutants.has(.likeResetHard) || mutants.has(.checkedOnce) { return true }
        if mutants.has(.changedByStat), found != 0, expected != 0 { return found % 4 == expected % 4 }
        return found == expected
    }

    mutating func endApply(_ store: RevisionStore) -> Apply? {
        guard let apply = applying else { return nil }
        applying = nil
        base = apply.revision
        let now = store.tree(base)
        for path in tree.indices where tree[path] == now[path] { edited[path] = false }
        return apply
    }

    /// What a mutant removes: files that neither side of the apply knows.
    mutating func removeUnknown(_ apply: Apply, _ store: RevisionStore) -> [VersionID] {
        let target = store.tree(apply.revision)
        let unknown = tree.indices.filter { tree[$0] != 0 && target[$0] == 0 && apply.expected[$0] == 0 }
        let gone = unknown.map { tree[$0] }
        for path in unknown { tree[path] = 0 }
        return gone
    }

    /// A path that differs from the base although nobody wrote it.
    func phantom(in captured: [VersionID], _ store: RevisionStore) -> Int? {
        let base = store.tree(base)
        return captured.indices.first { captured[$0] != base[$0] && !edited[$0] }
    }

    /// What a restart does with the journal of an apply: finish it, or undo what it did.
    mutating func recover(finishing: Bool, _ store: RevisionStore, _ mutants: MutantSet = .none) {
        guard let apply = applying else { return }
        let target = store.tree(apply.revision)
        if mutants.has(.journalDoneEarly) {
            base = apply.revision
        } else if finishing, has(apply.revision) {
            for path in apply.rest where tree[path] == apply.expected[path] {
                tree[path] = target[path]
                edited[path] = false
            }
            base = apply.revision
        } else {
            for path in target.indices where target[path] != apply.expected[path] && !apply.rest.contains(path) {
                if tree[path] == target[path] { write(path, apply.expected[path]) }
            }
        }
        applying = nil
    }

    /// The base is another one, and no path is touched.
    mutating func rest(on revision: Int?, _ store: RevisionStore) {
        base = revision
        let now = store.tree(revision)
        for path in tree.indices where tree[path] != now[path] { edited[path] = true }
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
