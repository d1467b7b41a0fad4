/// A fencing token: `(epoch, counter)`, compared in that order, printed `7.1843` (protocol.md, section 4).
///
/// `counter` is advanced by every grant of any lock of the mesh and never goes back; `epoch` changes only by forced
/// recovery. A token is never the Raft term.
public struct FencingToken: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var epoch: UInt64
    public var counter: UInt64

    public init(epoch: UInt64, counter: UInt64) {
        self.epoch = epoch
        self.counter = counter
    }

    /// Lower than every token that is ever granted.
    public static let none = FencingToken(epoch: 0, counter: 0)

    /// Reads `7.1843`; nil for anything else.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let epoch = UInt64(parts[0]), let counter = UInt64(parts[1]) else { return nil }
        self.init(epoch: epoch, counter: counter)
    }

    public static func < (a: FencingToken, b: FencingToken) -> Bool {
        (a.epoch, a.counter) < (b.epoch, b.counter)
    }
    public var description: String { "\(epoch).\(counter)" }
}

/// The name of a lock. `sync/<workspace>` belongs to the sync leader.
public struct LockName: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let text: String

    /// Nil unless 1 to `Limits.lockNameBytes` bytes of printable ASCII without spaces.
    public init?(_ text: some StringProtocol) {
        let bytes = text.utf8
        guard (1...Limits.lockNameBytes).contains(bytes.count), bytes.allSatisfy({ (33...126).contains($0) }) else {
            return nil
        }
        self.text = String(text)
    }

    private init(unchecked text: String) { self.text = text }

    /// The lock whose holder is the sync leader.
    public static let sync = LockName(unchecked: "sync/workspace")

    public static func < (a: LockName, b: LockName) -> Bool { a.text < b.text }
    public var description: String { text }
}

/// One sync round: the leader's token and its own sequence, printed `7.1843/12`.
public struct RoundID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var token: FencingToken
    public var sequence: UInt64

    public init(token: FencingToken, sequence: UInt64) {
        self.token = token
        self.sequence = sequence
    }

    public static func < (a: RoundID, b: RoundID) -> Bool {
        a.token == b.token ? a.sequence < b.sequence : a.token < b.token
    }
    public var description: String { "\(token)/\(sequence)" }
}
