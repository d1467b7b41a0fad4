import Consensus
import DeviceCore
import Primitives

// Which devices are mended in the end, and whether they can do anything at all.

extension World {
    /// No member, and nobody has asked for it.
    func isAbsent(_ node: Int) -> Bool {
        !nodes[node].hasJoined && scenario.late.contains(node) && !nodes[node].isAsked
    }

    mutating func chooseCore() {
        turnToCore()
        var draw = KeyedStream(seed: scenario.seed, .heal, entity: 0)
        let voters = oracle.voters.compactMap(offset(of:))
        let others = nodes.indices.filter { !voters.contains($0) }
        var core: [Int]
        switch scenario.heal.core {
        case .all: core = Array(nodes.indices)
        case .majority:
            core = draw.sample(voters, voters.count / 2 + 1 + draw.below(voters.count - voters.count / 2))
            core += others.filter { _ in draw.below(2) == 0 }
        case .exactMajority: core = draw.sample(voters, voters.count / 2 + 1)
        case .random: core = draw.sample(Array(nodes.indices), 1 + draw.below(nodes.count))
        }
        heal.isCore = nodes.indices.map(core.contains)
        guard scenario.heal.core != .random else { return }
        // A change of voters under way, or a vote that moved away from the head, may need one device more.
        for node in draw.sample(voters + others, nodes.count) where hopelessness() != nil { heal.isCore[node] = true }
    }

    /// Nil if the core can elect a leader by the configurations on its disks and reach the head; else why not.
    mutating func hopelessness() -> String? {
        turnToCore()
        let core = nodes.indices.filter { heal.isCore[$0] && isMember($0) }
        guard core.contains(where: { canBeElected($0, by: core) }) else {
            return "no device of the core can be elected"
        }
        if let head = oracle.chain.head, !core.contains(where: { nodes[$0].workspace.hasDurably(head) }) {
            return "no device of the core holds the head"
        }
        return nil
    }

    private func canBeElected(_ node: Int, by core: [Int]) -> Bool {
        let disk = nodes[node].disk
        let voters = disk.membership.voters
        guard voters.contains(nodes[node].id), nodes[node].era == eras.current else { return false }
        let supporters = core.filter {
            nodes[$0].era == eras.current && voters.contains(nodes[$0].id) && nodes[$0].disk.lastPlace <= disk.lastPlace
        }
        return supporters.count > voters.count / 2
    }
}

/// How far a log reaches, as an election compares it.
struct LogPlace: Comparable, Sendable {
    var term: Term
    var index: LogIndex

    static func < (a: LogPlace, b: LogPlace) -> Bool { (a.term, a.index) < (b.term, b.index) }
}

extension DevicePersistentState {
    /// The newest configuration of the log, committed or not.
    var membership: Membership {
        for entry in raft.entries.reversed() {
            if case .membership(let membership) = entry.payload { return membership }
        }
        return raft.snapshot?.membership ?? Membership(voters: [])
    }

    var lastPlace: LogPlace {
        if let last = raft.entries.last { return LogPlace(term: last.term, index: last.index) }
        return LogPlace(term: raft.snapshot?.term ?? .zero, index: raft.snapshot?.index ?? .zero)
    }
}

extension KeyedStream {
    /// So many of them, in a drawn order.
    mutating func sample<Element>(_ choices: [Element], _ count: Int) -> [Element] {
        var rest = choices
        var taken: [Element] = []
        while taken.count < count, !rest.isEmpty { taken.append(rest.remove(at: below(rest.count))) }
        return taken
    }
}
