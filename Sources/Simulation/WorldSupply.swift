import DeviceCore
import Primitives
import SyncRounds

// What machines run on and what their links cost: the scheduler spares who has little.

/// What a device has little of, for a time.
package enum Supply: String, Hashable, Sendable, CaseIterable {
    /// Its battery is low, and it is not plugged in.
    case lowBattery = "low-battery"
    /// Its link costs by the byte.
    case metered

    fileprivate var facts: PowerFacts {
        switch self {
        case .lowBattery: PowerFacts(battery: Limits.lowBattery - 5)
        case .metered: PowerFacts(isMetered: true)
        }
    }
}

struct Spell: Hashable, Sendable {
    var supply: Supply
    var from: TrueTime
    var until: TrueTime
}

extension Node {
    /// For how long it had little so far, in true time.
    func spared(at now: TrueTime) -> Nanoseconds {
        spells.reduce(0) { $0 &+ max(min($1.until, now) - $1.from, 0) }
    }
}

extension World {
    private static let spellsKept = 64

    mutating func supply(_ node: Int, _ supply: Supply, _ length: Nanoseconds) {
        row(node, "\(supply.rawValue) for \(TrueTime(length)) s")
        hit(.supplyLow)
        endSpells(node)
        if nodes[node].spells.count >= Self.spellsKept { nodes[node].spells.removeFirst() }
        nodes[node].spells.append(Spell(supply: supply, from: now, until: now + length))
        tellSupply(node)
        queue.push(.supplyEnds(node), at: now + length)
    }

    mutating func endSupply(_ node: Int) {
        guard nodes[node].spells.last.map({ $0.until <= now }) ?? true else { return }
        tellSupply(node)
    }

    /// There is enough again.
    mutating func endSpells(_ node: Int) {
        for at in nodes[node].spells.indices where nodes[node].spells[at].until > now {
            nodes[node].spells[at].until = now
        }
        tellSupply(node)
    }

    /// As the agent's own look at it does.
    mutating func tellSupply(_ node: Int) {
        guard nodes[node].hasProcess else { return }
        let facts = nodes[node].spells.last.flatMap { $0.until > now ? $0.supply.facts : nil } ?? PowerFacts()
        nodes[node].supplyTold = facts
        nodes[node].device?.powerChanged(facts)
        if isAwake(node) { feed(node, .tick) }
    }

    /// A leader that is to be spared starts rounds only when somebody asks for one.
    mutating func checkSpares(_ node: Int, _ round: RoundID, _ reason: RoundReason) {
        guard checks, reason != .manual, let rule = nodes[node].supplyTold.spares else { return }
        clash(
            .sparesItself, "device \(node + 1) was told of its supply: \(rule.rawValue)",
            "and starts \(round) (\(reason.rawValue)) of its own accord")
    }
}
