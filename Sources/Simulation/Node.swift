import DeviceCore
import Locks
import Primitives
import SyncRounds

/// One device of the world: its core, its disk, its clocks, its shells.
struct Node: Sendable {
    enum Power: Hashable, Sendable {
        case off
        case running
        /// The machine sleeps: nothing runs, one clock stops.
        case suspended
        /// The process is stopped by a signal: clocks and writers run, inputs wait.
        case paused
    }

    struct ArmedCrash: Hashable, Sendable {
        var boundary: Boundary
        var skipping: Int
        var power: Bool
        var down: Nanoseconds
    }

    /// Changes when a new device takes the place of one whose disk is gone.
    var id: DeviceID
    var index: Int
    /// A place for a machine that is not there.
    var isDormant = false
    /// Nil while the process does not run. Asked in the loop only in place (`glance`): it is large to copy.
    var device: Device?
    /// What was last seen of it.
    var glance = Glance()
    var hasProcess = false
    /// What storage would give back.
    var disk: DevicePersistentState
    /// The place of its disk's epoch among those of the run.
    var era = 0
    /// Different for each start, whatever becomes of the disk.
    var incarnation: UInt64 = 0
    /// How often the agent was started, as its disk has it.
    var starts: UInt64 = 0
    var power = Power.off
    /// Somebody stopped everything while no agent ran here.
    var hasStopFile = false
    /// When its agent started last, in true time.
    var startedAt = TrueTime.start
    var stops = StopWatch()
    /// Part of the mesh or about to join it.
    var hasJoined = false
    var wasRemoved = false
    /// Somebody was told to add it.
    var isAsked = false
    /// Its disk is no good any more, and it never comes back under its name.
    var isLost = false
    /// Off because of a power cut: the writers of the machine stand still too.
    var lostPower = false
    var clock: NodeClock
    var workspace: Workspace
    var gate = GateModel()
    var writers: [WriterModel] = []

    /// Inputs that wait for a durable write or for the process to go on.
    var inbox: [DeviceInput] = []
    /// Events of this machine that would have come while it slept.
    var deferred: [WorldEvent] = []
    /// The rest of an output whose first part is being written.
    var pending: DeviceOutput?
    var isWriting = false
    var timerAt = TrueTime.never
    var timerGeneration: UInt32 = 0
    var scanIsDue = false
    var armed: ArmedCrash?
    var suspendedWhileLeading = false
    /// Each input takes so long, until then.
    var slow: (perInput: Nanoseconds, until: TrueTime) = (0, .start)
    var disksStallUntil = TrueTime.start
    var diskFault: ArmedDiskFault?
    var lie: Lie?
    /// Kept only where a scenario goes back to one.
    var images: [DiskImage] = []
    var userBusyUntil = TrueTime.start
    /// When it had little power or a costly link; the last one may go on. And what its agent was told of that.
    var spells: [Spell] = []
    var supplyTold = PowerFacts()
    var misbehaviour: Misbehaviour?
    /// No connection to or from it comes about before.
    var connectsAfter = TrueTime.start
    /// Its clock at its last step.
    var steppedAt = Instant.origin
    var elections = ElectionWatch()
    /// The newest that it heard.
    var renewals: [HeardRenewal] = []
    var rounds = RoundWatch()
    /// When it last followed each device, and in which term; in true time, whether or not it has started anew since.
    var followed: [(term: Term, at: TrueTime)?] = []
    /// Entries that left its disk, perhaps before the observer saw them committed.
    var lately: [MeshEntry] = []
    /// What a mutant has not written yet.
    var lateWrites: [DeviceUpdate] = []

    var draws: NodeDraws
    var seen = SeenState()
    /// The highest token of an effect that was carried out here.
    var highestEffect = FencingToken.none

}

/// What the loop asks of a device after every step, read in one go.
struct Glance: Hashable, Sendable {
    var epoch = Epoch.first
    var term = Term.zero
    var commit = LogIndex.zero
    var applied = LogIndex.zero
    var leadsQuorum = false
    var mayLead = false
    /// While it holds the sync lock: until when it may act.
    var actsBefore: Instant?
    /// How many devices it knows to be removed.
    var removed = 0
    /// Who votes, as a leader of the consensus has it.
    var voters: [DeviceID] = []
    var claims = 0
    var nextDeadline = Instant.origin
    /// A leader of the consensus that hands over: until when at most.
    var handoverEnds: Instant?
}

/// Questions to a device. They are mutating only so that it is read where it is: it is large to copy, and they are
/// asked at every step.
extension Device {
    mutating func fingerprint() -> Int { state.fingerprint }

    /// The token under which it may act as holder of the lock at the moment; nil if it may not.
    mutating func tokenActed(of name: LockName, at local: Instant) -> FencingToken? {
        for place in claims.indices where claims[place].name == name && claims[place].claim.mayAct(at: local) {
            return claims[place].claim.token
        }
        return nil
    }

    mutating func userLocksActed(at local: Instant) -> [LockName] {
        claims.indices.filter { claims[$0].name != .sync && claims[$0].claim.mayAct(at: local) }
            .map { claims[$0].name }
    }

    /// Who votes as it has it, up to where it knows entries to be committed, and whether it leads since this step.
    mutating func electorate() -> (voters: [DeviceID], commit: LogIndex, leads: Bool) {
        (raft.membership.voters, raft.commitIndex, raft.role == .leader)
    }

    /// A lock that it claims although its own log has granted it to another since.
    mutating func claimAgainstLog() -> (name: LockName, own: FencingToken, current: FencingToken)? {
        for place in claims.indices {
            guard let own = claims[place].claim.token, let grant = state.locks.grant(of: claims[place].name),
                grant.holder != device, grant.token > own
            else { continue }
            return (claims[place].name, own, grant.token)
        }
        return nil
    }

    /// As a leader: up to where it has noted that the peer's log agrees with its own.
    mutating func agreement(with peer: DeviceID) -> LogIndex { raft.progress(of: peer)?.match ?? .zero }

    /// What its scheduler says, as a leader.
    mutating func decidingRule(at local: Instant) -> String {
        roundLeader.current == nil ? scheduleVerdict(at: local).rule.title : Journal.underWay
    }

    /// The soft budget of a pause as its replicated settings have it.
    mutating func pauseBudget() -> Duration { state.syncSettings.pauseBudget }

    /// Whether the device is among the first so many that it knows to be removed.
    mutating func knowsRemoved(_ peer: DeviceID, among first: Int) -> Bool {
        state.removed.prefix(first).contains(peer)
    }

    mutating func glance(at local: Instant) -> Glance {
        Glance(
            epoch: epoch, term: raft.term, commit: raft.commitIndex, applied: raft.appliedIndex,
            leadsQuorum: raft.role == .leader,
            mayLead: mayLead(at: local), actsBefore: actsBefore,
            removed: state.removed.count, voters: raft.role == .leader ? raft.membership.voters : [],
            claims: claims.count, nextDeadline: nextDeadline, handoverEnds: raft.handoverEnds)
    }
}

struct NodeDraws: Hashable, Sendable {
    var timer: KeyedStream
    var disk: KeyedStream
    var work: KeyedStream
    var scan: KeyedStream
    var crash: KeyedStream
    var user: KeyedStream
    var origin: KeyedStream

    init(seed: UInt64, node: Int) {
        timer = KeyedStream(seed: seed, .timer, entity: node)
        disk = KeyedStream(seed: seed, .disk, entity: node)
        work = KeyedStream(seed: seed, .work, entity: node)
        scan = KeyedStream(seed: seed, .scan, entity: node)
        crash = KeyedStream(seed: seed, .crash, entity: node)
        user = KeyedStream(seed: seed, .user, entity: node)
        origin = KeyedStream(seed: seed, .origin, entity: node)
    }
}

/// Everything that lies in the future of the world.
enum WorldEvent: Sendable {
    /// The scenario's event of that number.
    case scenario(Int)
    /// The rule of that number, set off by that device.
    case rule(Int, subject: Int)
    /// The next time of a rule that happens every so often.
    case ruleTime(Int)
    case cutEnds(Int)
    case linksSilent(Int, for: Nanoseconds)
    /// The replicated setting of that number is put in.
    case setting(Int)
    case takeImages
    case cloneEnds(Int)
    case regularScan(Int)
    case replace(Int, by: Int?)
    case removeOld(DeviceID, of: Int, by: Int)
    case userReady(Int)
    case supplyEnds(Int)
    case storm(Int, left: Int, every: Nanoseconds)
    case join(Int)
    case wake(Int)
    case restart(Int)
    case resume(Int, incarnation: UInt64)
    case timer(Int, generation: UInt32)
    case delivery(Delivery)
    case linkChange(pair: Int, generation: UInt32, up: Bool)
    case linkNotice(node: Int, peer: Int, session: UInt32)
    case diskDone(Int, incarnation: UInt64)
    case work(Int, incarnation: UInt64, WorkDone)
    case applyNext(Int, incarnation: UInt64)
    case gateGrace(Int, closing: UInt32)
    case gateDeadline(Int, generation: UInt32)
    case writer(Int, Int)
    case ungated(Int)
    case user(Int)
    case scan(Int)
    case clientRelease(tag: UInt64)
    indirect case hub(HubStep)
    case mend
    case settleCheck

    /// The machine on which it happens; nil if it happens outside of all.
    var machine: Int? {
        switch self {
        case .timer(let node, _), .diskDone(let node, _), .work(let node, _, _), .applyNext(let node, _),
            .gateGrace(let node, _), .gateDeadline(let node, _), .writer(let node, _), .ungated(let node),
            .user(let node), .userReady(let node), .scan(let node), .resume(let node, _):
            node
        case .hub(let step): step.machine
        case .scenario, .rule, .ruleTime, .cutEnds, .linksSilent, .storm, .setting, .takeImages, .cloneEnds,
            .regularScan, .supplyEnds,
            .replace,
            .removeOld,
            .join, .wake, .restart, .delivery, .linkChange,
            .linkNotice, .clientRelease, .mend,
            .settleCheck:
            nil
        }
    }
}

/// Work of a shell that comes to its end.
enum WorkDone: Hashable, Sendable {
    case capture(RoundID)
    case fetch(RoundID, Revision, from: Int)
    case stage(RoundID, Revision, from: Int)
    case merge(RoundID, head: Revision?, [DeviceCaptureNumber])
    case failed(FailedWork)
    /// A gate opens later than it was told to.
    case resume(RoundID)
}

/// A capture to be merged, in the model's numbers.
struct DeviceCaptureNumber: Hashable, Sendable {
    var device: DeviceID
    var revision: Int
    var base: Int?
}

enum FailedWork: Hashable, Sendable {
    case capture(RoundID)
    case fetch(RoundID, Revision)
    case stage(RoundID, Revision)
    case merge(RoundID)
    case apply(RoundID)
}
