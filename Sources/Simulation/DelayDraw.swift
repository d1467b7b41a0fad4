// Draws of delays, in whole numbers.

extension KeyedStream {
    mutating func delay(_ delay: Delay) -> Nanoseconds {
        switch delay {
        case .around(let typical): between(typical / 2, typical &* 2)
        case .longTail(let typical): longTail(typical)
        case .between(let low, let high): between(low, max(low, high))
        case .exponential(let mean, let least): least &+ exponential(mean)
        }
    }

    /// `-ln u` times the mean, where u is even between zero and one: the logarithm to the base of two from the place of
    /// the first bit and a parabola through the rest, to two parts in a thousand.
    mutating func exponential(_ mean: Nanoseconds) -> Nanoseconds {
        let drawn = next() | 1
        let zeros = drawn.leadingZeroBitCount
        /// The bits after the first one, of 65,536.
        let rest = Int64(((drawn << UInt64(zeros)) << 1) >> 48)
        let bend = rest &* (65_536 &- rest) / 65_536 &* 22_713 / 65_536
        let log = Int64(zeros &+ 1) &* 65_536 &- rest &- bend
        // ln 2 is 45,426 of 65,536.
        return mean / 65_536 &* (log &* 45_426 / 65_536) &+ mean % 65_536 &* (log &* 45_426 / 65_536) / 65_536
    }
}
