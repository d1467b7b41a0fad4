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
    /// One link.
    case link(Int, Int)

    /// True if nothing passes from the one to the other; `resolve` says who a target is.
    func blocks(from: Int, to: Int, count: Int, _ resolve: (Target) -> Int) -> Bool {
        switch self {
        case .isolate(let target): from == resolve(target) || to == resolve(target)
        case .halves(let border): (from < border) != (to < border)
        case .deaf(let target): to == resolve(target)
        case .mute(let target): from == resolve(target)
        case .ring: !(from == (to + 1) % count || to == (from + 1) % count)
        case .bridge(let middle): from != middle && to != middle && (from < count / 2) != (to < count / 2)
        case .chain: abs(from - to) > 1
        case .link(let a, let b): (from == a && to == b) || (from == b && to == a)
        }
    }
}

/// Who a fault hits.
package enum Target: Hashable, Sendable {
    case node(Int)
    /// Who acts as sync leader at that moment; the first device if nobody does.
    case leader
    /// Who leads the consensus at that moment.
    case quorumLeader
}
