/// A small generator with a known seed: SplitMix64 (Steele, Lea, Flood 2014). The only randomness of the pure modules.
public struct SeededGenerator: RandomNumberGenerator, Hashable, Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mix(state)
    }

    /// A value below `bound`, which must be above zero.
    public mutating func below(_ bound: UInt64) -> UInt64 { next().multipliedFullWidth(by: bound).high }

    /// A duration in `range`, by the nanosecond.
    public mutating func duration(in range: ClosedRange<Duration>) -> Duration {
        let width = UInt64((range.upperBound - range.lowerBound).wholeNanoseconds)
        return range.lowerBound + .nanoseconds(Int64(below(width + 1)))
    }

    /// True `perMillion` times of a million.
    public mutating func chance(perMillion: UInt64) -> Bool { below(1_000_000) < perMillion }

    /// SplitMix64's finalizer: a bijection of 64 bits in which every input bit moves half of the output bits.
    public static func mix(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Keyed randomness: one independent draw for (seed, domain, entity, ordinal), so that taking one fault out of a
    /// simulation does not shift the others.
    public static func draw(seed: UInt64, domain: UInt64, entity: UInt64, ordinal: UInt64) -> UInt64 {
        mix(mix(mix(mix(seed &+ 0x9E37_79B9_7F4A_7C15) ^ domain) &+ entity &* 0xD1B5_4A32_D192_ED03) ^ ordinal)
    }
}
