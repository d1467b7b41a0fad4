import DeviceCore
import Primitives
import SyncRounds

/// The rounds of a run, why the scheduler did or did not start one, and how long changes waited; kept only if asked
/// for.
package struct Journal: Sendable {
    package struct Round: Hashable, Sendable {
        package var began: TrueTime
        /// Nil: its leader was gone before it ended.
        package var ended: TrueTime?
        package var leader: Int
        package var reason: RoundReason
        /// Whom it was started with.
        package var members: [Int]
        package var changedFiles: UInt32 = 0
        package var result: RoundResult?
        let id: RoundID

        /// Why it was started, and what it came to, in words.
        package var because: String { reason.rawValue }
        package var cameTo: String {
            switch result {
            case .published(let merge):
                merge.conflicts == 0 ? "published" : "published, \(merge.conflicts) conflicts kept"
            case .nothingToDo: "nothing to do"
            case .caughtUp: "caught up"
            case .aborted(let why): "given up: \(why)"
            case nil: "never ended"
            }
        }
    }

    /// What the acting leader's scheduler said, all in all.
    package struct Decision: Hashable, Sendable {
        /// The rule that decided, or that a round was under way.
        package var rule: String
        package var times = 0
        package var lasted: Nanoseconds = 0
    }

    /// A change, and until when it waited to be published.
    package struct Wait: Hashable, Sendable {
        package var node: Int
        package var edited: TrueTime
        package var published: TrueTime
        /// Without the time in which its machine slept, or was spared.
        package var waited: Nanoseconds
    }

    private struct Edit: Sendable {
        var node: Int
        var version: VersionID
        var path: Int
        var at: TrueTime
        /// The clock of its machine that stops in sleep, and what it was spared until then.
        var awake: Nanoseconds
        var spared: Nanoseconds
    }

    package private(set) var rounds: [Round] = []
    package private(set) var decisions: [Decision] = []
    package private(set) var waits: [Wait] = []
    /// When somebody changed a file, and where.
    package private(set) var edits: [(node: Int, at: TrueTime)] = []
    private var open: [Edit] = []
    private var current: (leader: Int, rule: Int, since: TrueTime)?

    package static let limit = 200_000
    static let underWay = "a round is under way"

    init() {}

    mutating func began(_ round: RoundID, _ reason: RoundReason, leader: Int, _ members: [Int], at now: TrueTime) {
        guard rounds.count < Self.limit else { return }
        rounds.append(Round(began: now, leader: leader, reason: reason, members: members, id: round))
    }

    mutating func ended(_ summary: RoundSummary, at now: TrueTime) {
        guard let place = rounds.lastIndex(where: { $0.id == summary.round }) else { return }
        rounds[place].ended = now
        rounds[place].result = summary.result
        rounds[place].changedFiles = summary.changedFiles
    }

    /// What the scheduler of the acting leader says at this moment.
    mutating func decides(_ leader: Int, _ rule: String, at now: TrueTime) {
        if let current, current.leader == leader, decisions[current.rule].rule == rule { return }
        pauses(at: now)
        let place = decisions.firstIndex { $0.rule == rule } ?? decisions.count
        if place == decisions.count { decisions.append(Decision(rule: rule)) }
        decisions[place].times += 1
        current = (leader, place, now)
    }

    /// Nobody leads from now on.
    mutating func pauses(at now: TrueTime) {
        if let current { decisions[current.rule].lasted &+= now - current.since }
        current = nil
    }

    mutating func edited(_ node: Node, _ path: Int, _ version: VersionID, at now: TrueTime) {
        guard edits.count < Self.limit else { return }
        edits.append((node.index, now))
        open.append(
            Edit(
                node: node.index, version: version, path: path, at: now, awake: node.clock.awake(at: now),
                spared: node.spared(at: now)))
    }

    /// A head was published: which changes it holds. One that was written over before anybody took it waits no more.
    mutating func published(_ store: RevisionStore, _ nodes: [Node], at now: TrueTime) {
        var still: [Edit] = []
        for edit in open {
            let version = store.versions[Int(edit.version)]
            let node = nodes[edit.node]
            guard store.isPublished(version: edit.version) else {
                if version.isCaptured || node.workspace.tree[edit.path] == edit.version { still.append(edit) }
                continue
            }
            let waited = node.clock.awake(at: now) - edit.awake - (node.spared(at: now) - edit.spared)
            waits.append(Wait(node: edit.node, edited: edit.at, published: now, waited: max(waited, 0)))
        }
        open = still
    }

    /// Changes that no head holds yet.
    package var waiting: Int { open.count }
}

extension World {
    /// Keeps a journal from now on; before the first event.
    package mutating func keepJournal() { journal = Journal() }

    /// After a step of `node`, if it may lead.
    mutating func noteDecision(_ node: Int) {
        let local = deviceTime(node)
        guard nodes[node].glance.mayLead, let rule = nodes[node].device?.decidingRule(at: local) else {
            if syncLeader == node || syncLeader == nil { journal?.pauses(at: now) }
            return
        }
        journal?.decides(node, rule, at: now)
    }

    package func isAsleep(_ node: Int) -> Bool { nodes[node].power == .suspended }
    package var trees: [[UInt32]] { nodes.map(\.workspace.tree) }
}
