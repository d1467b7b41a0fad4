/// A partition: which directions of which links carry nothing.
package enum Cut: Hashable, Sendable {
    /// One device alone.
    case isolate(Target)
    /// The devices below the number, and the rest.
    case halves(Int)
    /// It sends but hears nothing.
    case deaf(Target)
    /// It hears but cannot be heard.
    case mute(Target)
    /// Everybody hears only the next and the one before.
    case ring
    /// Two halves that both reach one device.
    case bridge(Int)
    case chain
    /// Everybody reaches this device, and nobody else anybody (Omni-Paxos, figure 1a: quorum loss).
    case star(Target)
    /// One link.
    case link(Int, Int)
    case route(Route)

    /// True if nothing passes from the one to the other; `resolve` says who a target is.
    func blocks(from: Int, to: Int, count: Int, _ resolve: (Target) -> [Int]) -> Bool {
        switch self {
        case .isolate(let target): isOne(from, of: target, resolve) || isOne(to, of: target, resolve)
        case .halves(let border): (from < border) != (to < border)
        case .deaf(let target): isOne(to, of: target, resolve)
        case .mute(let target): isOne(from, of: target, resolve)
        case .ring: !(from == (to + 1) % count || to == (from + 1) % count)
        case .bridge(let middle): from != middle && to != middle && (from < count / 2) != (to < count / 2)
        case .chain: abs(from - to) > 1
        case .star(let target): !isOne(from, of: target, resolve) && !isOne(to, of: target, resolve)
        case .link(let a, let b): (from == a && to == b) || (from == b && to == a)
        case .route(let route): route.covers(from: from, to: to, resolve)
        }
    }

    private func isOne(_ node: Int, of target: Target, _ resolve: (Target) -> [Int]) -> Bool {
        resolve(target).contains(node)
    }
}

/// Who a fault hits.
package enum Target: Hashable, Sendable {
    case node(Int)
    /// Who acts as sync leader at that moment, or did last; the first device if nobody ever did.
    case leader
    /// Who leads the consensus at that moment.
    case quorumLeader
    /// Who set the rule off; the first device outside of rules.
    case subject
    case every
    /// Every device but the one that set the rule off.
    case others
}

/// Directions of links: `leader->*`, `*->2`, `leader<->*`.
package struct Route: Hashable, Sendable {
    package var from: Target
    package var to: Target
    package var bothWays: Bool

    package init(from: Target, to: Target, bothWays: Bool = false) {
        self.from = from
        self.to = to
        self.bothWays = bothWays
    }

    /// All that goes to or comes from it.
    package static func all(of target: Target) -> Route { Route(from: target, to: .every, bothWays: true) }

    func covers(from: Int, to: Int, _ resolve: (Target) -> [Int]) -> Bool {
        let (sources, sinks) = (resolve(self.from), resolve(self.to))
        if sources.contains(from), sinks.contains(to) { return true }
        return bothWays && sources.contains(to) && sinks.contains(from)
    }
}
