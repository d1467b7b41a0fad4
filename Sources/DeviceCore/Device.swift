import Consensus
import Locks
import Primitives
import SyncRounds

package struct DeviceConfiguration: Hashable, Sendable {
    package var profile: TimingProfile
    package var version: String
    package var mutants: MutantSet
    package var compaction: Compaction

    package init(
        profile: TimingProfile, version: String = "", mutants: MutantSet = .none, compaction: Compaction = Compaction()
    ) {
        self.profile = profile
        self.version = version
        self.mutants = mutants
        self.compaction = compaction
    }
}

/// One whole device as one value. `step` takes everything that can happen and says what is to be done.
///
/// Layers, from below: `raft` orders commands; `state` is what they come to; `claims` are the locks that this device
/// holds or wants; `roundLeader` runs rounds while the sync lock's claim allows it; `roundMember` takes part in rounds.
package struct Device: Hashable, Sendable {
    package let device: DeviceID
    package let configuration: DeviceConfiguration
    let incarnation: UInt64
    /// The end of the log at this start: what was granted up to there, an earlier incarnation may have given back.
    var restoredIndex: LogIndex

    package internal(set) var raft: MeshRaft
    package internal(set) var state: MeshState
    package internal(set) var acceptedToken: FencingGate
    /// Devices with a working link, sorted.
    package internal(set) var links: [DeviceID] = []
    package internal(set) var peers: [PeerView] = []
    package internal(set) var claims: [LockClaim]
    var watch: LeaseWatch
    package internal(set) var roundLeader: RoundLeader
    package internal(set) var roundMember: RoundMember
    package internal(set) var hubMirror = HubMirror()
    package internal(set) var lastRound: RoundOutcome?
    package internal(set) var isStopping = false
    /// What a person stopped; see DeviceStop.swift. `isStopping` is the agent's end.
    package internal(set) var stops: StopState
    var stopEnds: StopEnds
    /// When what is left of a timed stop is written down next.
    var stopCheckpoint: Instant
    /// When the mesh's stop was last told to everybody.
    var stopToldAt: Instant?

    var requestNumber: UInt64 = 0
    var pending: [PendingRequest] = []
    var waits: [ClientWait] = []
    var renewalsInDoubt: [RenewalInDoubt] = []
    var announcedToken: FencingToken?
    /// After this device left an epoch: its tree may rest on rounds that the mesh does not have. Until that is settled
    /// it takes part in no round.
    package internal(set) var isStray = false
    var groundAt: Instant?
    var schedule = ScheduleMemory()
    var handoff: Handoff?
    var own = OwnFacts()
    var stopDeadline: Instant?
    /// A stop waits until then for a round that takes the last changes of this device.
    var exitDeadline: Instant?
    var stopTransferAt: Instant?
    var membershipCheck: Instant
    /// Somebody wants this quorum leader removed; until it leads no more.
    var isBeingRemoved = false
    /// On the quorum leader: whom somebody wants removed. It votes no more.
    var removal: Removal?
    var lastStep: Instant
    /// When a `tick` is wanted at the latest.
    package private(set) var nextDeadline: Instant
    /// Messages to ourselves, handled before the step ends.
    var loopback: [PeerMessage] = []
    // Empty between steps; kept so that their storage is reused.
    var raftOutput = RaftOutput<MeshCommand, MeshState>()
    var leaderActions: [RoundLeader.Action] = []
    var memberActions: [RoundMember.Action] = []
    private let inPlace = InPlace()

    /// - Parameter incarnation: greater at each start of the agent (durable before the first step).
    package init(
        device: DeviceID, configuration: DeviceConfiguration, restored: DevicePersistentState, incarnation: UInt64,
        seed: UInt64, now: Instant
    ) {
        self.device = device
        self.configuration = configuration
        self.incarnation = incarnation
        let mutants = configuration.mutants
        state = restored.raft.snapshot?.image ?? MeshState()
        watch = LeaseWatch(mutants: mutants)
        roundLeader = RoundLeader(mutants: mutants)
        roundMember = RoundMember(mutants: mutants)
        acceptedToken = restored.acceptedToken
        raft = MeshRaft(
            device: device,
            configuration: RaftConfiguration(
                profile: configuration.profile, mutants: mutants, compaction: configuration.compaction),
            restored: restored.raft, seed: seed, now: now)
        restoredIndex = raft.lastIndex
        claims = [LockClaim(name: .sync, ttl: configuration.profile.leaseTTL, client: nil, mutants: mutants)]
        membershipCheck = now
        lastStep = now
        stops = mutants.has(.stopForgotten) ? StopState() : restored.stops
        isStray = restored.isStray
        stopEnds = StopEnds(stops, at: now)
        stopCheckpoint = now + Limits.stopCheckpoint
        own.isStopped = stops.order != nil
        nextDeadline = now
        schedule.jitter = SeededGenerator(seed: seed)
        reconsiderDeadline()
    }

    /// Appends to `output` what is to be done. Late, duplicated and unknown inputs add nothing or an event.
    package mutating func step(_ input: DeviceInput, at now: Instant, into output: inout DeviceOutput) {
        let now = max(now, lastStep)
        noticeSleep(at: now, into: &output)
        lastStep = now
        handle(input, at: now, into: &output)
        output.epoch = state.epoch
        if case .received(.raft, _, state.epoch) = input, now < nextDeadline, passOnSmallTalk(into: &output) { return }
        settle(at: now, into: &output)
        carryOutDuties(at: now, into: &output)
        settle(at: now, into: &output)
        output.epoch = state.epoch
        reconsiderDeadline()
    }

    private mutating func handle(_ input: DeviceInput, at now: Instant, into output: inout DeviceOutput) {
        switch input {
        case .tick:
            stepRaft(.tick, at: now)
            leaderStep(.tick, at: now)
            memberStep(.tick, at: now)
        case .received(let message, let peer, let epoch):
            if hears(epoch, from: peer, at: now, into: &output) { receive(message, from: peer, at: now, into: &output) }
        case .linkUp(let peer): linkUp(peer, at: now, into: &output)
        case .linkDown(let peer): linkDown(peer, at: now, into: &output)
        case .request(let tag, let request): handle(request, tag: tag, at: now, into: &output)
        case .cancelled(let tag): cancel(tag, at: now, into: &output)
        case .workspaceChanged(let files): own.changed(files, at: now)
        case .writersChanged(let active, let paused): own.writersChanged(active: active, paused: paused)
        case .gateClosed(let round, let writers): memberStep(.gateClosed(round, writers), at: now)
        case .gateOpenedEarly(let round): memberStep(.gateOpenedEarly(round), at: now)
        case .captured(let round, let result): captured(round, result, at: now)
        case .fetched(let round, let revision, let result):
            leaderStep(.fetched(round, revision, result == .done(true)), at: now)
        case .merged(let round, let result): leaderStep(.merged(round, result), at: now)
        case .staged(let round, let revision, let result): memberStep(.staged(round, revision, result), at: now)
        case .filesInPlace(let round): memberStep(.filesInPlace(round), at: now)
        case .applied(let round, let result): applied(round, result, at: now)
        case .grounded(let head, let result): grounded(onto: head, result, at: now, into: &output)
        case .hub(let answer): hubAnswered(answer, at: now, into: &output)
        case .stop: beginExit(at: now, into: &output)
        }
    }

    /// Runs what the inner machines asked for until nothing is left.
    mutating func settle(at now: Instant, into output: inout DeviceOutput) {
        var turns = 0
        while true {
            drainRaft(at: now, into: &output)
            drainLeader(at: now, into: &output)
            drainMember(at: now, into: &output)
            guard !loopback.isEmpty else {
                if raftOutputIsEmpty, leaderActions.isEmpty, memberActions.isEmpty { return }
                continue
            }
            let message = loopback.removeFirst()
            receive(message, from: device, at: now, into: &output)
            turns += 1
            precondition(turns < Limits.turnsPerStep, "a device answers itself for ever: a rule feeds its own input")
        }
    }

    mutating func send(_ message: PeerMessage, to peer: DeviceID, into output: inout DeviceOutput) {
        if peer == device {
            loopback.append(message)
        } else {
            output.send.append(PeerEnvelope(to: peer, message: message))
        }
    }

    mutating func nextRequest() -> RequestID {
        requestNumber += 1
        let start = configuration.mutants.has(.requestsForgotten) ? 0 : incarnation
        return RequestID(device: device, incarnation: start, number: requestNumber)
    }
}

/// A value of four kilobytes that the compiler could load, it does load: before a computed property or a method that
/// only reads, it copies all of it, several times in each step. What holds an existential is used where it lies.
private struct InPlace: Hashable, Sendable {
    private protocol Nothing: Sendable {}
    private let nothing: (any Nothing)? = nil

    static func == (_: InPlace, _: InPlace) -> Bool { true }
    func hash(into _: inout Hasher) {}
}

// MARK: - What others may know

extension Device {
    /// The sync leader by the replicated state, whether or not it can act at this moment.
    package var syncLeader: LeaseHolder? {
        state.locks.grant(of: .sync).map { LeaseHolder(device: $0.holder, token: $0.token) }
    }

    /// True while this device may act as sync leader; ask again after every wait.
    package func mayLead(at now: Instant) -> Bool {
        // Read in place: it is asked several times in each step.
        guard let place = syncClaim else { return false }
        return claims[place].claim.mayAct(at: now)
    }

    /// The token of this device's sync lease; nil without one.
    package var leaderToken: FencingToken? {
        guard let place = syncClaim else { return nil }
        return claims[place].claim.token
    }

    /// The end of the time for which it may; nil while it may not at all.
    package var actsBefore: Instant? {
        guard let place = syncClaim else { return nil }
        return claims[place].claim.actsBefore
    }

    package func leaseRemaining(at now: Instant) -> Duration {
        syncClaim.map { claims[$0].claim.remaining(at: now) } ?? .zero
    }

    /// The one claim that no client made.
    private var syncClaim: Int? {
        for place in claims.indices where claims[place].client == nil { return place }
        return nil
    }

    package func hasLink(to peer: DeviceID) -> Bool { peer == device || links.contains(peer) }

    private static let shortest = Duration.milliseconds(1)

    /// The part of `reconsiderDeadline` for a step that changed nothing but the clocks of consensus.
    mutating func reconsiderElectionDeadline() {
        guard let election = raft.nextDeadline, election < nextDeadline else { return }
        nextDeadline = max(election, lastStep + Self.shortest)
    }

    /// Whoever changes the device calls this at last.
    mutating func reconsiderDeadline() { nextDeadline = deadline }

    private var deadline: Instant {
        var next = lastStep + configuration.profile.election.upperBound
        func consider(_ candidate: Instant?) { if let candidate, candidate < next { next = candidate } }
        consider(membershipCheck)
        consider(raft.nextDeadline)
        consider(roundLeader.nextDeadline)
        consider(roundMember.nextDeadline)
        consider(leaseDeadline)
        consider(requestDeadline)
        consider(scheduleDeadline)
        consider(hubMirror.nextDeadline)
        consider(factsDeadline)
        consider(stopDeadline)
        consider(stopsDeadline)
        consider(stopReminder)
        if own.pendingFiles > 0 { consider(own.triggerEnds) }
        consider(exitDeadline)
        consider(strayDeadline)
        if handoff != nil { consider(handoff?.deadline) }
        return max(next, lastStep + Self.shortest)
    }
}

// MARK: - Sleep

extension Device {
    /// A step that comes much later than the tick that was due: the device slept (protocol.md, section 3).
    private mutating func noticeSleep(at now: Instant, into output: inout DeviceOutput) {
        let allowance = max(configuration.profile.heartbeat + configuration.profile.heartbeat, .seconds(1))
        let due = nextDeadline
        guard now > due + allowance else { return }
        output.events.append(.slept(now - due))
        own.triggered(.wake, at: now)
        stepRaft(.slept, at: now)
        guard !configuration.mutants.has(.noRecheckAfterWait) else { return }
        for place in claims.indices { claims[place].claim.slept() }
    }
}
