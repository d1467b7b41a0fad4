import Primitives
import Simulation

/// Draws for one line of a file: the n-th depends on the seed, the line and n alone, so that a line taken out or
/// changed does not shift the others.
struct FileDraw {
    /// Apart from the domains of the engine.
    private static let domain: UInt64 = 0x5CE7
    let seed: UInt64
    let line: UInt64
    private var ordinal: UInt64 = 0

    init(seed: UInt64, line: Int) {
        self.seed = seed
        self.line = UInt64(truncatingIfNeeded: line)
    }

    mutating func below(_ bound: Int) -> Int {
        ordinal &+= 1
        let draw = SeededGenerator.draw(seed: seed, domain: Self.domain, entity: line, ordinal: ordinal)
        return Int(draw.multipliedFullWidth(by: UInt64(max(bound, 1))).high)
    }

    mutating func between(_ span: Span) -> Nanoseconds {
        guard span.low < span.high else { return span.low }
        let (width, overflows) = span.high.subtractingReportingOverflow(span.low)
        return overflows ? span.low : span.low &+ Nanoseconds(below(Int(width) &+ 1))
    }
}
