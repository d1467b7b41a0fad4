import Consensus
import DeviceCore
import Locks
import Primitives
import SyncRounds

// What one step of a device may say, given what it heard: checked when the step is taken, before the disk is asked.

extension World {
    /// After the step; `output` is what it wants.
    mutating func checkStep(_ node: Int, _ input: DeviceInput, at local: Instant) {
        guard checks else { return }
        nodes[node].steppedAt = max(local, nodes[node].steppedAt)
        nodes[node].elections.steps &+= 1
        // After a sleep a leader gives everybody a full timeout anew.
        if output.events.contains(where: \.isSleep) { noteSleep(node) }
        let local = max(local, nodes[node].steppedAt)
        let mayAct = nodes[node].glance.actsBefore.map { local < $0 } ?? false
        if checkEpochHeard(node, input), case .received(let message, let peer, _) = input {
            checkHeard(node, message, from: peer, at: local)
            checkAnswered(node, message, couldAct: mayAct, at: local)
        }
        checkStops(node, input, at: local)
        for event in output.events {
            if case .memberSaid(.captured(let round, _), nodes[node].id) = event { checkCovered(node, round) }
        }
        if case .captured(let round, .done) = input { nodes[node].gate.captured(round) }
        for envelope in output.send {
            if case .round(let message) = envelope.message { checkCallingOff(node, message, to: envelope.to) }
        }
        for envelope in output.send {
            guard case .round(let message) = envelope.message, message.needsLease, !mayAct else { continue }
            guard nodes[node].device?.mayLead(at: local) == false else { break }
            clash(
                .actsWithinLease, "device \(node + 1) may not act as leader at the moment",
                "and sends \(message.round) on its way to device \(envelope.to.number)")
        }
    }

    /// Term, vote and acknowledged entries are durable before a message says so. The disk is looked at in place: this
    /// is asked of every message.
    mutating func checkSaid(_ node: Int, _ message: MeshRaftMessage, to peer: DeviceID) {
        switch message {
        case .vote(let request) where request.isPreVote: return
        case .voteReply(let reply) where reply.isPreVote && reply.isGranted:
            return oracle.preVotes[.init(candidate: peer, term: reply.term), default: 0] |= 1 << UInt64(node)
        case .voteReply(let reply) where reply.isGranted:
            guard nodes[node].disk.raft.hardState != HardState(term: reply.term, votedFor: peer) else { break }
            clash(
                .durableBeforeSaid, "device \(node + 1) says that it votes for device \(peer.number) in \(reply.term)",
                "and its disk holds another vote, or none")
        case .appendReply(let reply):
            guard case .matches(let index) = reply.verdict, !nodes[node].disk.holdsUpTo(index) else { break }
            clash(
                .durableBeforeSaid, "device \(node + 1) acknowledges entries up to \(index)",
                "and its disk does not hold them")
        case .timeoutNow(let term): oracle.transfers.insert(.init(candidate: peer, term: term.next))
        case .vote, .voteReply, .append, .installSnapshot: break
        }
        guard message.term > nodes[node].disk.raft.hardState.term, message.term > nodes[node].disk.lastTerm else {
            return
        }
        clash(
            .durableBeforeSaid, "device \(node + 1) speaks in term \(message.term)",
            "and its disk knows of none after \(nodes[node].disk.raft.hardState.term)")
    }

    /// Before `update` is durable.
    mutating func checkWrite(_ node: Int, _ update: DeviceUpdate) {
        let term = nodes[node].seen.isLeader ? nodes[node].seen.term : nil
        oracle.willWrite(node, isLeader: term, update, disk: nodes[node].disk)
        if nodes[node].glance.leadsQuorum { checkExpiries(node, update) }
        let known = nodes[node].device?.electorate()
        oracle.checkWrite(
            node, as: nodes[node].id, leads: known?.leads ?? false, update, disk: nodes[node].disk,
            voters: known?.voters ?? [],
            commit: known?.commit ?? .zero)
        oracle.wrote(node, update)
    }

    private mutating func checkHeard(_ node: Int, _ message: PeerMessage, from peer: DeviceID, at local: Instant) {
        guard let from = offset(of: peer) else { return }
        if case .raft(let message) = message { checkHeardRaft(node, message, from, at: local) }
        noteHolder(node, message, peer, at: local)
        if case .round(.prepare(let round, let budget)) = message { nodes[node].rounds.budget = .init(round, budget) }
        // As it was before the step, which may have told it.
        let known = nodes[node].glance.removed
        if case .renew(let number, _) = message {
            if nodes[node].renewals.count >= 32 { nodes[node].renewals.removeFirst() }
            let last = nodes[node].disk.raft.entries.last?.index ?? .zero
            nodes[node].renewals.append(HeardRenewal(from: from, number: number, last: last, at: now))
        }
        let isRemoved = known > 0 && nodes[node].device?.knowsRemoved(peer, among: known) ?? false
        if isRemoved, !output.events.contains(where: \.isRefusal) {
            clash(
                .removedIsUnheard, "device \(node + 1) knows that device \(from + 1) was removed",
                "and takes a message from it")
        }
        guard case .round(let round) = message, round.isFromLeader,
            round.round.token < nodes[node].disk.acceptedToken.highest, !output.events.contains(where: \.isRefusal)
        else { return }
        clash(
            .staleIsRefused, "device \(node + 1) accepted token \(nodes[node].disk.acceptedToken.highest)",
            "and does not refuse a message of round \(round.round)")
    }

    /// The holder would act on the answer while the entry, already in the log, gives the lock to another. Not so if its
    /// question was there before the entry: then its time is over when it hears the answer.
    mutating func checkRenewed(_ node: Int, _ peer: Int, _ number: UInt64, _ answers: [LeaseAnswer]) {
        guard checks, nodes[node].glance.leadsQuorum,
            let asked = nodes[node].renewals.last(where: { $0.from == peer && $0.number == number })
        else { return }
        // It may come twice; what was confirmed after the first time is.
        if let first = nodes[node].renewals.first(where: { $0.from == peer && $0.number == number }) {
            checkConfirmed(node, peer, first)
        }
        for entry in nodes[node].disk.raft.entries.reversed() {
            guard entry.index > nodes[node].glance.applied else { return }
            guard entry.index <= asked.last, case .command(let command) = entry.payload,
                case .lock(.expire(let name, let token, entry.term)) = command.operation,
                answers.contains(where: {
                    $0.name == name && $0.current == LeaseHolder(device: nodes[peer].id, token: token)
                })
            else { continue }
            clash(
                .expiringIsNotRenewed, "entry \(entry.index) of device \(node + 1) expires \(name) under \(token)",
                "and it confirms that lease")
        }
    }

    // MARK: Leading the consensus

    /// After a step was looked at: a leader that no quorum answers is none, and commits by entries of its own term.
    mutating func checkLeading(_ node: Int, since commit: LogIndex) {
        let at = nodes[node].steppedAt
        guard nodes[node].glance.leadsQuorum else {
            nodes[node].elections.ledFrom = nil
            return nodes[node].elections.leadsSince = nil
        }
        if nodes[node].elections.ledFrom == nil {
            nodes[node].elections.ledFrom = at
            nodes[node].elections.holders = []
        }
        checkHandover(node, at: at)
        if nodes[node].glance.commit > commit, nodes[node].elections.leadsSince != nil,
            let term = nodes[node].disk.term(at: nodes[node].glance.commit), term != nodes[node].glance.term
        {
            clash(
                .commitsOwnTerm, "device \(node + 1) leads term \(nodes[node].glance.term)",
                "and commits entry \(nodes[node].glance.commit) of term \(term) by counting")
        }
        if nodes[node].elections.leadsSince == nil || nodes[node].elections.voters != nodes[node].glance.voters {
            nodes[node].elections.leadsSince = at
            nodes[node].elections.votersBefore = nodes[node].elections.voters
            nodes[node].elections.voters = nodes[node].glance.voters
        }
        guard let since = nodes[node].elections.leadsSince else { return }
        let patience = timing.election.upperBound + timing.heartbeat + timing.heartbeat
        guard at >= since + patience else { return }
        let voters = nodes[node].glance.voters
        let heard = voters.count { voter in
            guard let from = offset(of: voter) else { return wasThere(voter, at: node, within: patience) }
            return from == node || at < nodes[node].elections.answered[from] + patience
        }
        if heard <= voters.count / 2 {
            clash(
                .leadsWithQuorum, "device \(node + 1) leads term \(nodes[node].glance.term)",
                "and for \(patience) only \(heard) of its \(voters.count) voters have answered it")
        }
    }

    /// A device whose disk was lost since may have answered until then.
    private func wasThere(_ device: DeviceID, at node: Int, within patience: Duration) -> Bool {
        guard let lost = oracle.lostDisks.first(where: { $0.device == device }) else { return false }
        return trueTime(of: nodes[node].steppedAt, at: node) - lost.image.time < patience.wholeNanoseconds * 4
    }

    mutating func noteElections(_ node: Int, _ event: RaftEvent) {
        guard checks else { return }
        switch event {
        case .becamePreCandidate, .becameCandidate:
            if case .becamePreCandidate = event { checkTimeout(node) }
            guard case .becamePreCandidate = event, nodes[node].elections.campaigns(at: nodes[node].steppedAt) else {
                break
            }
            clash(
                .timeoutsAreDrawn, "device \(node + 1) campaigns again",
                "and waited as long as the times before: \(nodes[node].elections.intervals)")
        case .becameFollower, .becameLeader, .lostQuorum, .transferGivenUp, .snapshotInstalled, .snapshotTaken,
            .dropped,
            .safetyRefusal, .refounded, .rejoined:
            break
        }
    }
}

/// A question for a renewal, and how long the log was when it came.
struct HeardRenewal: Hashable, Sendable {
    var from: Int
    var number: UInt64
    var last: LogIndex
    var at: TrueTime
}

extension RoundMessage {
    /// What only an acting leader says; a round may be called off at any time.
    fileprivate var needsLease: Bool {
        switch self {
        case .prepare, .stage: true
        case .captured, .declined, .staged, .working, .finish, .abort, .applied: false
        }
    }
}

extension DeviceEvent {
    fileprivate var isSleep: Bool { if case .slept = self { true } else { false } }

    /// A message was refused as a whole.
    fileprivate var isRefusal: Bool {
        switch self {
        case .refusedToken, .dropped: true
        case .consensus, .lock, .leading, .leadershipLost, .decided, .roundStarted, .roundPhase, .roundEnded,
            .published,
            .publicationRefused, .pauseEnded, .memberSaid, .applied, .declined, .membership, .hub, .review, .slept,
            .stop, .epoch:
            false
        }
    }
}
