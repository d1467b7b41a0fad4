import Primitives

/// Pauses between dials: doubling from `Limits.reconnectFloor` to `Limits.reconnectCeiling`, each shortened by up to
/// half at random, so that devices that lost each other together do not come back together.
struct Backoff {
    private var current = Limits.reconnectFloor

    mutating func reset() { current = Limits.reconnectFloor }

    mutating func next(using generator: inout some RandomNumberGenerator) -> Duration {
        let pause = current
        current = min(current * 2, Limits.reconnectCeiling)
        let permille = Int.random(in: 500...1000, using: &generator)
        return pause * permille / 1000
    }
}
