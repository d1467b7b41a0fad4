import DeviceCore
import Primitives

/// The links of a mesh: which directions are cut, which pairs are connected, when a message arrives.
struct Network: Sendable {
    struct Pair: Hashable, Sendable {
        /// Zero: not connected. Each connection has a new number.
        var session: UInt32 = 0
        /// Changes with each change of what is wanted; a planned change of an older generation is void.
        var generation: UInt32 = 0
        var isChanging = false
        /// Whom each end was told to be connected with: a device of that place, which another may have taken since.
        var lowKnows: DeviceID?
        var highKnows: DeviceID?
    }

    private struct Direction: Sendable {
        var delay: KeyedStream
        var loss: KeyedStream
        var duplication: KeyedStream
        var last = TrueTime.start
        var clogged = TrueTime.start
        var lossy = TrueTime.start
        var burstLoss = 0
        var dead = TrueTime.start
        /// Messages on their way.
        var inFlight = 0
        /// Cuts that hold at this moment.
        var cuts = 0
    }

    /// A tail ends here: TCP would have given up or tried again.
    static let longestDelay = Nanoseconds.seconds(8)

    static let lossInBursts = 500_000

    let count: Int
    var conditions: NetworkConditions
    private var directions: [Direction]
    var pairs: [Pair]
    private var sessions: UInt32 = 0
    var changes: KeyedStream
    var replays: KeyedStream

    init(count: Int, seed: UInt64, conditions: NetworkConditions) {
        self.count = count
        self.conditions = conditions
        directions = (0..<(count * count)).map {
            Direction(
                delay: KeyedStream(seed: seed, .delay, entity: $0), loss: KeyedStream(seed: seed, .loss, entity: $0),
                duplication: KeyedStream(seed: seed, .duplication, entity: $0))
        }
        pairs = [Pair](repeating: Pair(), count: count * count)
        changes = KeyedStream(seed: seed, .detection)
        replays = KeyedStream(seed: seed, .replay)
    }

    /// The place of the pair, whichever end is named first.
    func pair(_ a: Int, _ b: Int) -> Int { min(a, b) * count + max(a, b) }

    func isCut(from: Int, to: Int) -> Bool { directions[from * count + to].cuts > 0 }

    func isConnected(_ a: Int, _ b: Int) -> Bool { pairs[pair(a, b)].session != 0 }

    mutating func cut(from: Int, to: Int) { directions[from * count + to].cuts += 1 }

    /// One of the cuts ends; after a `mendAll` there may be none.
    mutating func mend(from: Int, to: Int) {
        directions[from * count + to].cuts = max(directions[from * count + to].cuts - 1, 0)
    }

    mutating func mendAll() {
        for at in directions.indices { directions[at].cuts = 0 }
    }

    mutating func clog(from: Int, to: Int, until time: TrueTime) { directions[from * count + to].clogged = time }

    mutating func burst(from: Int, to: Int, until time: TrueTime, loss: Int) {
        directions[from * count + to].lossy = time
        directions[from * count + to].burstLoss = loss
    }

    mutating func deaden(from: Int, to: Int, until time: TrueTime) { directions[from * count + to].dead = time }

    /// Nothing is clogged, lossy or dead any more.
    mutating func calm() {
        for at in directions.indices {
            directions[at].lossy = .start
            directions[at].dead = .start
        }
    }

    mutating func connect(_ pair: Int) {
        sessions &+= 1
        pairs[pair].session = sessions
    }

    /// When a message that leaves now arrives: never, once, or twice.
    mutating func arrivals(from: Int, to: Int, at now: TrueTime) -> (TrueTime?, TrueTime?) {
        let at = from * count + to
        guard directions[at].cuts == 0 else { return (nil, nil) }
        if directions[at].loss.chance(perMillion: conditions.loss) { return (nil, nil) }
        if now < directions[at].dead { return (nil, nil) }
        if let queue = conditions.queue, directions[at].inFlight >= queue { return (nil, nil) }
        if let burst = conditions.burst, directions[at].loss.chance(perMillion: burst.begins) {
            directions[at].lossy = now + burst.length
            directions[at].burstLoss = Self.lossInBursts
        }
        if now < directions[at].lossy, directions[at].loss.chance(perMillion: directions[at].burstLoss) {
            return (nil, nil)
        }
        let first = arrival(at, now)
        directions[at].inFlight &+= 1
        guard directions[at].duplication.chance(perMillion: conditions.duplication) else { return (first, nil) }
        directions[at].inFlight &+= 1
        return (first, arrival(at, now))
    }

    mutating func arrived(from: Int, to: Int) { directions[from * count + to].inFlight &-= 1 }

    private mutating func arrival(_ at: Int, _ now: TrueTime) -> TrueTime {
        let delay = min(directions[at].delay.delay(conditions.delay), Self.longestDelay)
        var time = max(now + delay, directions[at].clogged)
        if conditions.keepsOrder {
            time = max(time, directions[at].last + 1)
            directions[at].last = time
        }
        return time
    }
}

/// A message on its way.
struct Delivery: Sendable {
    var from: Int
    var to: Int
    /// Zero: one that was held up somewhere, and arrives over whatever connection there is.
    var session: UInt32
    var message: PeerMessage
    var epoch: Epoch
}
