import Primitives

/// One member of a Raft group. The caller persists and sends in the order of `RaftOutput`.
package struct Raft<Command: Hashable & Sendable, Image: Hashable & Sendable>: Hashable, Sendable {
    package typealias Input = RaftInput<Command, Image>
    package typealias Output = RaftOutput<Command, Image>
    package typealias Message = RaftMessage<Command, Image>

    package let device: DeviceID
    let profile: TimingProfile
    let mutants: MutantSet
    let entriesKept: UInt64
    var generator: SeededGenerator
    var log: RaftLog<Command, Image>

    package internal(set) var role = Role.follower
    package internal(set) var term: Term
    var votedFor: DeviceID?
    package internal(set) var leader: DeviceID?
    package internal(set) var commitIndex: LogIndex
    /// The last entry that was given out as committed.
    package internal(set) var appliedIndex: LogIndex

    // Follower and candidate
    var leaderHeard: Instant?
    var electionDeadline: Instant
    /// Who granted the vote or pre-vote that this device asks for.
    var votes: [DeviceID] = []
    var isTransferElection = false

    // Leader
    var progress: [Progress] = []
    var heartbeatAt: Instant
    var termStart = LogIndex.zero
    var confirmation: UInt64 = 0
    var reads: [PendingRead] = []
    var transfer: Transfer?

    struct PendingRead: Hashable, Sendable {
        var id: UInt64
        var index: LogIndex
        var confirmation: UInt64
    }

    struct Transfer: Hashable, Sendable {
        var to: DeviceID
        var deadline: Instant
        var isSent = false
    }

    package init(
        device: DeviceID, configuration: RaftConfiguration, restored: PersistentState<Command, Image>, seed: UInt64,
        now: Instant
    ) {
        self.device = device
        profile = configuration.profile
        mutants = configuration.mutants
        entriesKept = configuration.compaction.keeping
        generator = SeededGenerator(seed: seed)
        log = RaftLog(restored: restored)
        term = max(restored.hardState.term, log.lastTerm)
        let isVoteOfTerm = term == restored.hardState.term && !mutants.has(.voteNotReloaded)
        votedFor = isVoteOfTerm ? restored.hardState.votedFor : nil
        commitIndex = restored.snapshot?.index ?? .zero
        appliedIndex = commitIndex
        electionDeadline = now + generator.duration(in: configuration.profile.election)
        heartbeatAt = now
        // A mesh of one need not wait to see whether somebody else leads.
        if log.membership.membership.voters == [device] { electionDeadline = now }
    }

    package mutating func step(_ input: Input, at now: Instant, into output: inout Output) {
        switch input {
        case .tick: tick(at: now, into: &output)
        case .received(let message, let peer): receive(message, from: peer, at: now, into: &output)
        case .propose(let command): propose(command, at: now, into: &output)
        case .changeMembership(let membership): change(to: membership, at: now, into: &output)
        case .confirmLeadership(let id): confirm(id, at: now, into: &output)
        case .transferLeadership(let peer): transferLeadership(to: peer, at: now, into: &output)
        case .compact(let index, let image): compact(upTo: index, image: image, into: &output)
        case .linkUp(let peer): linkUp(peer, at: now, into: &output)
        case .slept: slept(at: now, into: &output)
        case .refound(let image): refound(image, at: now, into: &output)
        case .rejoin(let image): rejoin(image, at: now, into: &output)
        }
        giveOutCommitted(into: &output)
    }

    private mutating func giveOutCommitted(into output: inout Output) {
        guard commitIndex > appliedIndex else { return }
        output.committed += log.slice(from: appliedIndex.next, through: commitIndex)
        appliedIndex = commitIndex
    }
}

// MARK: - What others may know

extension Raft {
    package var lastIndex: LogIndex { log.lastIndex }
    /// In use from the moment that its entry is in the log.
    package var membership: Membership {
        if mutants.has(.configurationOnCommit) { return log.membership(at: commitIndex) }
        return log.membership.membership
    }
    /// The membership as of an entry that this device has not compacted before applying it.
    package func membership(at index: LogIndex) -> Membership { log.membership(at: index) }
    package var membershipIndex: LogIndex { log.membership.index }
    /// Who has granted the election under way its vote, or its pre-vote; none where there is none.
    package var votesGranted: [DeviceID] { role == .leader || role == .follower ? [] : votes }
    package var isVoter: Bool { membership.voters.contains(device) }
    package var entriesSinceSnapshot: UInt64 { appliedIndex - (log.snapshot?.index ?? .zero) }
    package var votedInTerm: DeviceID? { votedFor }
    /// A leader whose term has begun in the log: it has applied all that was committed before (thesis, section 6.4).
    package var knowsAllCommitted: Bool { role == .leader && commitIndex >= termStart }

    /// While a leader hands over: when it gives that up.
    package var handoverEnds: Instant? { role == .leader ? transfer?.deadline : nil }

    package func term(at index: LogIndex) -> Term? { log.term(at: index) }

    /// The stored entries after the last compaction, for checks.
    package var storedEntries: [Entry<Command>] { log.entries }

    /// On a leader, what it knows of a member.
    package func progress(of peer: DeviceID) -> Progress? {
        role == .leader ? progress.first { $0.peer == peer } : nil
    }

    /// When `tick` is wanted; nil if time alone changes nothing.
    package var nextDeadline: Instant? {
        switch role {
        case .leader: progress.isEmpty ? nil : min(heartbeatAt, transfer?.deadline ?? heartbeatAt)
        case .follower, .preCandidate, .candidate: mayCampaign || leader != nil ? electionDeadline : nil
        }
    }

    /// A device that the newest, not yet committed membership takes the vote from may still be needed to commit it: its
    /// log may be the longest. It does not count its own vote (thesis, section 4.2.2, figure 4.6).
    var mayCampaign: Bool {
        isVoter || (membershipIndex > commitIndex && log.previousMembership.voters.contains(device))
    }

    var quorum: Int {
        let voters = membership.voters.count
        return mutants.has(.quorumTooSmall) ? max(voters / 2, 1) : voters / 2 + 1
    }
}

// MARK: - Time

extension Raft {
    private mutating func tick(at now: Instant, into output: inout Output) {
        switch role {
        case .leader: leaderTick(at: now, into: &output)
        case .follower, .preCandidate, .candidate:
            guard now >= electionDeadline else { return }
            if mayCampaign {
                campaign(transfer: false, at: now, into: &output)
            } else if leader != nil {
                becomeFollower(term, leader: nil, at: now, into: &output)
            }
        }
    }

    /// Whatever was measured before a sleep proves nothing: everybody gets a full timeout anew.
    private mutating func slept(at now: Instant, into output: inout Output) {
        resetElectionTimer(at: now)
        guard role == .leader else { return }
        for place in progress.indices { progress[place].heard = now }
        guard !reads.isEmpty else { return }
        confirmation += 1
        for place in reads.indices { reads[place].confirmation = confirmation }
        heartbeat(at: now, into: &output)
    }

    mutating func resetElectionTimer(at now: Instant) {
        let timeout = generator.duration(in: profile.election)
        electionDeadline = now + (mutants.has(.fixedElectionTimeout) ? profile.election.lowerBound : timeout)
    }

    mutating func persistHardState(into output: inout Output) {
        output.persist.hardState = HardState(term: term, votedFor: votedFor)
    }

    func send(_ message: Message, to peer: DeviceID, into output: inout Output) {
        output.send.append(RaftEnvelope(to: peer, message: message))
    }

    mutating func becomeFollower(
        _ newTerm: Term, leader newLeader: DeviceID?, at now: Instant, into output: inout Output
    ) {
        if newTerm > term {
            term = newTerm
            votedFor = nil
            if !mutants.has(.termNotPersisted) { persistHardState(into: &output) }
        } else if role == .follower, leader == newLeader {
            return
        }
        for read in reads { output.refused.append(.confirmation(read.id)) }
        reads = []
        progress = []
        transfer = nil
        votes = []
        if role != .follower { resetElectionTimer(at: now) }
        role = .follower
        leader = newLeader
        output.events.append(.becameFollower(term, leader: newLeader))
    }
}

// MARK: - Messages

extension Raft {
    private mutating func receive(_ message: Message, from peer: DeviceID, at now: Instant, into output: inout Output) {
        guard peer != device else { return output.events.append(.dropped("a message from this device itself")) }
        guard message.isBounded else { return output.events.append(.dropped("a number too large from \(peer.short)")) }
        // Requests are heard from anybody: a leader may be in no membership that this device knows (section 4.1).
        guard !message.isReply || membership.contains(peer) else {
            return output.events.append(.dropped("an answer from \(peer.short), which is no member"))
        }
        if message.term > term, !isTermlessVote(message, at: now) {
            let newLeader = message.isFromLeader ? peer : nil
            becomeFollower(message.term, leader: newLeader, at: now, into: &output)
        }
        switch message {
        case .vote(let request): answer(request, from: peer, at: now, into: &output)
        case .voteReply(let reply): count(reply, from: peer, at: now, into: &output)
        case .append(let request): append(request, from: peer, at: now, into: &output)
        case .appendReply(let reply): note(reply, from: peer, at: now, into: &output)
        case .installSnapshot(let term, let snapshot):
            install(snapshot, of: term, from: peer, at: now, into: &output)
        case .timeoutNow(let asked):
            guard asked == term, mayCampaign, role == .follower, leader == peer else { return }
            campaign(transfer: true, at: now, into: &output)
        }
    }

    /// Votes that must not move our term: pre-votes and their grants, and votes while a leader is alive (section
    /// 4.2.3).
    private func isTermlessVote(_ message: Message, at now: Instant) -> Bool {
        switch message {
        case .vote(let request): request.isPreVote || (!request.isTransfer && hasLiveLeader(at: now))
        case .voteReply(let reply): reply.isPreVote && reply.isGranted
        case .append, .appendReply, .installSnapshot, .timeoutNow: false
        }
    }

    /// Heard from a leader within the minimum election timeout; a leader hears itself.
    func hasLiveLeader(at now: Instant) -> Bool {
        if role == .leader { return true }
        guard leader != nil, let leaderHeard, !mutants.has(.voteDespiteLeader) else { return false }
        return now < leaderHeard + profile.election.lowerBound
    }
}

extension RaftMessage {
    var isFromLeader: Bool {
        switch self {
        case .append, .installSnapshot: true
        case .vote, .voteReply, .appendReply, .timeoutNow: false
        }
    }

    var isReply: Bool {
        switch self {
        case .voteReply, .appendReply: true
        case .vote, .append, .installSnapshot, .timeoutNow: false
        }
    }

    /// Whether its numbers are such as a mesh can reach by working. Adding to them cannot overflow then.
    var isBounded: Bool {
        let index: LogIndex =
            switch self {
            case .vote(let request): request.lastIndex
            case .append(let request): max(request.previousIndex, request.commitIndex)
            case .installSnapshot(_, let snapshot): snapshot.index
            case .voteReply, .appendReply, .timeoutNow: .zero
            }
        return term.number < Limits.largestNumber && index.number < Limits.largestNumber
    }
}
