/// One life of a mesh, from its founding or a forced recovery to the next (protocol.md, section 7). Two epochs of one
/// number are rivals: two devices recovered without knowing of each other, and `draw` tells them apart.
public struct Epoch: Hashable, Sendable, CustomStringConvertible {
    public var number: UInt64
    /// Drawn at the recovery that began it, one of `draws`; zero for the first one, which needs none.
    public var draw: UInt64

    public static let draws: ClosedRange<UInt64> = 1...Limits.largestNumber - 1

    public init(number: UInt64, draw: UInt64) {
        self.number = number
        self.draw = draw
    }

    /// The one that every mesh is founded in.
    public static let first = Epoch(number: 1, draw: 0)

    /// Neither outranks the other: people must say which one goes on.
    public func isRival(of other: Epoch) -> Bool { number == other.number && draw != other.draw }

    public var description: String {
        draw == 0 ? "\(number)" : "\(number)-\(String(draw, radix: 16))"
    }
}
