import Synchronization

/// Why a connection, or what came over it, was turned away.
package enum RefusalReason: String, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    case tooManyConnections = "too many connections that are not authenticated"
    case timedOut = "handshake not finished in time"
    case notTLS = "not TLS, or broken TLS"
    case tlsVersion = "TLS below 1.3"
    case noCertificate = "no client certificate"
    case badCertificate = "not exactly one certificate with a P-256 key"
    case stranger = "key not in the roster"
    case removedDevice = "key of a removed device"
    case wrongDevice = "another key than the pinned one"
    case resumedSession = "session resumption"
    case wrongProtocol = "wrong or missing ALPN protocol"
    case versionMismatch = "other protocol version"
    case emptyFrame = "frame of length zero"
    case oversizedFrame = "frame over the limit"
    case malformedFrame = "frame that makes no sense here"
    case stalledFrame = "frame not finished in time"
    case joinRate = "too many join requests"
    case streamLimit = "too many streams"
    case cut = "cut by the test switch"

    package var description: String { rawValue }
}

/// Numbers since the start.
package struct TransportCounters: Hashable, Sendable {
    package var refusals: [RefusalReason: UInt64] = [:]
    package var connectionsAccepted: UInt64 = 0
    package var dialsFailed: UInt64 = 0
    package var linksUp: UInt64 = 0
    package var linksDown: UInt64 = 0
    package var duplicateLinks: UInt64 = 0
    package var framesIn: UInt64 = 0
    package var framesOut: UInt64 = 0
    package var framesDropped: UInt64 = 0
    package var bytesIn: UInt64 = 0
    package var bytesOut: UInt64 = 0
    package var streamsOpened: UInt64 = 0
    package var streamsAccepted: UInt64 = 0
    package var streamsRefused: UInt64 = 0
    package var joinsAnswered: UInt64 = 0
    package var joinsUnanswered: UInt64 = 0

    package func refused(_ reason: RefusalReason) -> UInt64 { refusals[reason] ?? 0 }
    package var refusedInAll: UInt64 { refusals.values.reduce(0, +) }
}

/// The counters behind a lock: counted on the event loop, read by anybody.
final class CounterBox: Sendable {
    private let counters = Mutex(TransportCounters())

    var value: TransportCounters { counters.withLock { $0 } }
    func add(_ change: (inout TransportCounters) -> Void) { counters.withLock { change(&$0) } }
}

/// At most `capacity` at once, then `perSecond`. Moments are nanoseconds of any one clock that does not go back.
struct TokenBucket {
    private let capacity: UInt64
    private let nanosecondsEach: UInt64
    private var tokens: UInt64
    private var refilled: UInt64

    init(capacity: Int, perSecond: Int, now: UInt64) {
        self.capacity = UInt64(capacity)
        nanosecondsEach = 1_000_000_000 / UInt64(perSecond)
        tokens = UInt64(capacity)
        refilled = now
    }

    /// False if there is none left.
    mutating func take(now: UInt64) -> Bool {
        let earned = now > refilled ? (now - refilled) / nanosecondsEach : 0
        if earned > 0 {
            tokens = min(capacity, tokens + min(earned, capacity))
            refilled += earned * nanosecondsEach
        }
        guard tokens > 0 else { return false }
        tokens -= 1
        return true
    }
}
