import Primitives

/// A running hash over everything that happens. Never `Hasher`: its seed differs from process to process.
package struct TraceHash: Hashable, Sendable, CustomStringConvertible {
    package private(set) var value: UInt64 = 0x6A09_E667_F3BC_C908

    package init() {}

    package mutating func mix(_ word: UInt64) {
        value = (value ^ word) &* 0x9FB2_1C65_1E98_DF25
        value ^= value >> 29
    }

    mutating func mix(_ number: Int) { mix(UInt64(truncatingIfNeeded: number)) }

    package var description: String {
        let digits = String(SeededGenerator.mix(value), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
