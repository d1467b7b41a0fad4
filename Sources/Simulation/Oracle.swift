import Consensus
import DeviceCore
import Locks
import Primitives

/// A check that failed, on its way to become a violation.
struct Fault: Hashable, Sendable {
    var check: CheckID
    var fact: String
    var clash: String
}

/// What one device was last seen to be.
struct SeenState: Hashable, Sendable {
    var term = Term.zero
    var isLeader = false
    var commit = LogIndex.zero
    var applied = LogIndex.zero
    var phase: RoundPhaseName?
    var wasActing = false
}

/// Who was granted a token.
struct TokenHolder: Hashable, Sendable {
    var token: FencingToken
    var name: LockName
    var device: DeviceID
}

/// The published history, as the log has it.
struct PublishedChain: Hashable, Sendable {
    var number: UInt64 = 0
    var head: Int?
    var revision: Revision?
}

/// The memory of an observer who sees every device's disk and every message: what was true once and must stay so.
///
/// It never iterates over a hashed collection.
struct Oracle: Sendable {
    struct EntryKey: Hashable, Sendable {
        var index: LogIndex
        var term: Term
    }

    struct KnownEntry: Sendable {
        var entry: MeshEntry
        /// The term of the entry before it.
        var before: Term?
    }

    struct Ballot: Hashable, Sendable {
        var voter: DeviceID
        var term: Term
    }

    /// The leader of each term that had one.
    var leaders: [Term: Int] = [:]
    var ballots: [Ballot: DeviceID] = [:]
    var entries: [EntryKey: KnownEntry] = [:]
    /// Every committed entry, the first at place 0 with the index `firstIndex`.
    var committed: [MeshEntry] = []
    /// The term in which each of them was committed, which may be later than its own.
    var committedIn: [Term] = []
    /// Who votes by the newest committed membership.
    private(set) var voters: [DeviceID] = []
    private(set) var votersSince = LogIndex.zero
    /// The state after all of them, and a fingerprint of it after each.
    var state = MeshState()
    var fingerprints: [Int] = []
    var chain = PublishedChain()
    var grants: [TokenHolder] = []
    /// Captures that were completed: device and revision.
    var captures: [(node: Int, revision: Int)] = []
    /// The disks of devices whose place another one took, as they were.
    var lostDisks: [(device: DeviceID, image: DiskImage)] = []
    /// The disks of devices that left this epoch, as they were: what they had acknowledged counts.
    var leftDisks: [(device: DeviceID, disk: DevicePersistentState)] = []
    var tombstones: [DeviceID] = []
    /// The number of each published head, by its revision.
    var headNumbers: [Int: UInt64] = [:]
    /// Messages that are more than signs of life.
    var talk: UInt64 = 0
    var roundsStarted: UInt64 = 0
    /// Which devices granted a pre-vote, one bit each; and who was asked to campaign at once.
    var preVotes: [Candidacy: UInt64] = [:]
    var transfers: Set<Candidacy> = []
    /// What each request of the log asked for.
    var requests: [RequestID: MeshOperation] = [:]
    /// The token under which the sync lock is held, by the events of the log alone.
    var syncToken: FencingToken?
    /// Who waits for each lock that anybody ever waited for.
    var queues: [(name: LockName, waiting: [DeviceID])] = []
    /// The highest term that each device ever wrote.
    private var durableTerms: [Term] = []
    private var excused: Set<UInt64> = []
    private var fault: Fault?

    var committedCount: Int { committed.count }

    mutating func takeFault() -> Fault? {
        guard let fault else { return nil }
        self.fault = nil
        return fault
    }

    mutating func fail(_ check: CheckID, _ fact: String, _ clash: String) {
        if fault == nil { fault = Fault(check: check, fact: fact, clash: clash) }
    }

    mutating func votersAre(_ voters: [DeviceID], since index: LogIndex) {
        if !self.voters.isEmpty { checkMeeting(self.voters, voters, at: index) }
        self.voters = voters
        votersSince = index
    }

    mutating func beginVoters(_ voters: [DeviceID], since index: LogIndex) {
        self.voters = voters
        votersSince = index
    }

    /// What does not belong to one epoch: machines, their disks and captures, writers, and how much is said.
    mutating func takeWorldwide(from other: Oracle) {
        captures = other.captures
        lostDisks = other.lostDisks
        talk = other.talk
        roundsStarted = other.roundsStarted
        durableTerms = other.durableTerms
        excused = other.excused
        fault = other.fault ?? fault
    }

    func holder(of token: FencingToken) -> TokenHolder? {
        var low = 0
        var high = grants.count
        while low < high {
            let middle = (low + high) / 2
            if grants[middle].token < token { low = middle + 1 } else { high = middle }
        }
        return low < grants.count && grants[low].token == token ? grants[low] : nil
    }

    /// What a device starts from is not older than what it wrote.
    mutating func starts(_ node: Int, disk: DevicePersistentState) {
        while durableTerms.count <= node { durableTerms.append(.zero) }
        if disk.raft.hardState.term < durableTerms[node] {
            fail(
                .diskNeverBack, "device \(node + 1) wrote term \(durableTerms[node])",
                "and starts again in term \(disk.raft.hardState.term)")
        }
    }

    mutating func wrote(_ node: Int, _ update: DeviceUpdate) {
        if let term = update.raft.hardState?.term { durableTerms[node] = max(durableTerms[node], term) }
    }

    /// Its disk was harmed by the scenario: what was durable is no more.
    mutating func diskWasHarmed(_ node: Int) { durableTerms[node] = .zero }

    // MARK: Sections of gated writers

    private static func key(_ node: Int, _ writer: Int, _ section: UInt32) -> UInt64 {
        UInt64(node) << 40 | UInt64(writer) << 32 | UInt64(section)
    }

    /// This section was cut by something that the gate cannot help.
    mutating func excuse(node: Int, writer: Int, section: UInt32) { excused.insert(Self.key(node, writer, section)) }

    func isExcused(node: Int, writer: Int, section: UInt32) -> Bool {
        excused.contains(Self.key(node, writer, section))
    }
}
