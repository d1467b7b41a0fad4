import Primitives

/// What a draw is for. Each domain has its own streams, so that taking one fault out does not shift the others.
enum DrawDomain: UInt64, Sendable {
    case plan = 1
    case planEvents, delay, loss, duplication, replay, detection, reconnection, timer, disk, crash, work, writer, user,
        scan
    case client, device, origin, heal, hub
}

/// Draws for one purpose and one entity: the n-th depends on nothing but seed, domain, entity and n.
struct KeyedStream: Hashable, Sendable {
    private let seed: UInt64
    private let domain: DrawDomain
    private let entity: UInt64
    private var ordinal: UInt64 = 0

    init(seed: UInt64, _ domain: DrawDomain, entity: Int = 0) {
        self.seed = seed
        self.domain = domain
        self.entity = UInt64(truncatingIfNeeded: entity)
    }

    mutating func next() -> UInt64 {
        ordinal &+= 1
        return SeededGenerator.draw(seed: seed, domain: domain.rawValue, entity: entity, ordinal: ordinal)
    }

    /// A value below `bound`; zero if `bound` is not above zero.
    mutating func below(_ bound: Int) -> Int {
        Int(next().multipliedFullWidth(by: UInt64(max(bound, 1))).high)
    }

    mutating func chance(perMillion: Int) -> Bool { perMillion > 0 && below(1_000_000) < perMillion }

    mutating func between(_ low: Nanoseconds, _ high: Nanoseconds) -> Nanoseconds {
        low &+ Nanoseconds(next().multipliedFullWidth(by: UInt64(max(high &- low, 0)) &+ 1).high)
    }

    /// Mostly near `typical`; one in ten up to ten times, one in a hundred up to a hundred times as long.
    mutating func longTail(_ typical: Nanoseconds) -> Nanoseconds {
        switch below(100) {
        case 0: between(typical, typical &* 100)
        case 1..<10: between(typical, typical &* 10)
        default: between(typical / 2, typical &* 2)
        }
    }

    /// Times of a process without memory, roughly: between a tenth and three times `mean`.
    mutating func interval(_ mean: Nanoseconds) -> Nanoseconds {
        switch below(4) {
        case 0: between(mean / 10, mean / 2)
        case 1, 2: between(mean / 2, mean &+ mean / 2)
        default: between(mean, mean &* 3)
        }
    }

    mutating func pick<Element>(_ choices: [Element]) -> Element { choices[below(choices.count)] }
}
