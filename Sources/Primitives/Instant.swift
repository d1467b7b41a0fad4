// Primitives: the words that every module shares - ids, terms, tokens, instants, randomness, limits, settings.
// Never: behaviour, I/O, a clock, a random source of the system. Start with FencingToken.swift, then Limits.swift.

/// A moment on one device's clock that counts suspend, as the time since that clock's origin.
///
/// Two devices' instants are never compared and never travel between devices (protocol.md, section 3).
public struct Instant: Hashable, Comparable, Sendable {
    public var sinceOrigin: Duration

    public init(sinceOrigin: Duration) { self.sinceOrigin = sinceOrigin }

    public static let origin = Instant(sinceOrigin: .zero)

    public static func < (a: Instant, b: Instant) -> Bool { a.sinceOrigin < b.sinceOrigin }
    public static func + (a: Instant, b: Duration) -> Instant { Instant(sinceOrigin: a.sinceOrigin + b) }
    public static func - (a: Instant, b: Duration) -> Instant { Instant(sinceOrigin: a.sinceOrigin - b) }
    public static func - (a: Instant, b: Instant) -> Duration { a.sinceOrigin - b.sinceOrigin }
}

extension Instant: CustomStringConvertible {
    /// Seconds since the origin with millisecond digits: `12.345`.
    public var description: String {
        let milliseconds = sinceOrigin.wholeMilliseconds
        let digits = String(abs(milliseconds % 1000))
        let padding = String(repeating: "0", count: 3 - digits.count)
        return "\(milliseconds / 1000).\(padding)\(digits)"
    }
}

extension Duration {
    /// Milliseconds, rounded towards zero.
    public var wholeMilliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }

    /// Nanoseconds, rounded towards zero; traps only beyond 292 years.
    public var wholeNanoseconds: Int64 {
        let magnitude = attoseconds.magnitude
        // One division of the processor does for what is not absurdly long.
        let high = UInt64(truncatingIfNeeded: magnitude >> 64)
        guard high < 500_000_000 else { return Int64(attoseconds / 1_000_000_000) }
        let quotient = UInt64(1_000_000_000).dividingFullWidth((high, UInt64(truncatingIfNeeded: magnitude))).quotient
        return attoseconds < 0 ? -Int64(quotient) : Int64(quotient)
    }

    /// The same as `.nanoseconds(count)`, without its detour through generic arithmetic.
    public static func wholeNanoseconds(_ count: Int64) -> Duration {
        Duration(attoseconds: Int128(count) * 1_000_000_000)
    }
}
