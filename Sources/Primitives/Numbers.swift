/// A Raft term (thesis, section 3.3). Never a fencing token.
public struct Term: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var number: UInt64
    public init(_ number: UInt64) { self.number = number }
    public static let zero = Term(0)
    public static func < (a: Term, b: Term) -> Bool { a.number < b.number }
    public var next: Term { Term(number + 1) }
    public var description: String { "\(number)" }
}

/// A position in the Raft log; the first entry has 1, zero means "before the first".
public struct LogIndex: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var number: UInt64
    public init(_ number: UInt64) { self.number = number }
    public static let zero = LogIndex(0)
    public static func < (a: LogIndex, b: LogIndex) -> Bool { a.number < b.number }
    public static func + (a: LogIndex, b: UInt64) -> LogIndex { LogIndex(a.number + b) }
    /// Distance; zero if `b` is beyond `a`.
    public static func - (a: LogIndex, b: LogIndex) -> UInt64 { a.number > b.number ? a.number - b.number : 0 }
    public var next: LogIndex { LogIndex(number + 1) }
    /// The index before; zero stays zero.
    public var previous: LogIndex { LogIndex(number == 0 ? 0 : number - 1) }
    public var description: String { "\(number)" }
}
