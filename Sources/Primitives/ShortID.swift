/// The first 48 bits of a digest, printed as twelve hexadecimal digits: the name of a conflict, or of a set of
/// deletions. Whoever has the same content has the same name, without asking anybody.
public struct ShortID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let bits: UInt64

    /// Nil for more than 48 bits.
    public init?(bits: UInt64) {
        guard bits >> 48 == 0 else { return nil }
        self.bits = bits
    }

    /// Nil unless there are exactly twelve hexadecimal digits.
    public init?(hex: some StringProtocol) {
        guard let bytes = Hex.decode(hex), bytes.count == 6 else { return nil }
        bits = bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// The first six bytes of a digest; missing ones count as zero.
    public init(firstOf digest: some Sequence<UInt8>) {
        bits = digest.prefix(6).reduce(0) { $0 << 8 | UInt64($1) }
    }

    public var hex: String {
        Hex.encode((0..<6).map { UInt8(truncatingIfNeeded: bits >> (40 - 8 * UInt64($0))) })
    }

    public var description: String { hex }
    public static func < (a: ShortID, b: ShortID) -> Bool { a.bits < b.bits }
}
