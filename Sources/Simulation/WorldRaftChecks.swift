import Consensus
import DeviceCore
import Locks
import Primitives

// What consensus says, held against what it heard: votes beside a live leader, timeouts, agreement, confirmed
// leadership; and what the observer needs of a log that is cut.

extension World {
    // MARK: The log on the disk

    /// A log that is cut may lose entries before the observer has seen them committed.
    mutating func keepForObserver(_ node: Int, _ update: DeviceUpdate) {
        // A snapshot that was installed replaces entries that may never have been committed.
        guard let upTo = update.raft.compactTo, update.raft.snapshot.map({ upTo < $0.index }) ?? true else { return }
        let from = nodes[node].seen.commit
        let replaced = update.raft.appendFrom
        for entry in nodes[node].disk.raft.entries where entry.index > from && entry.index <= upTo {
            if let replaced, entry.index >= replaced { break }
            nodes[node].lately.append(entry)
        }
        for entry in update.raft.entries where entry.index > from && entry.index <= upTo {
            nodes[node].lately.append(entry)
        }
    }

    func lateEntry(_ node: Int, _ index: LogIndex) -> MeshEntry? {
        nodes[node].lately.isEmpty ? nil : nodes[node].lately.last { $0.index == index }
    }

    /// After a write: one with a membership or a snapshot in it, or one that replaced entries, may have changed who
    /// votes.
    mutating func checkVoters(_ node: Int, _ update: DeviceUpdate) {
        let written = nodes[node].elections.written
        guard let first = update.raft.appendFrom ?? update.raft.snapshot?.index else { return }
        nodes[node].elections.written = update.raft.lastWritten
        guard first <= written || update.raft.snapshot != nil || update.raft.entries.contains(where: \.isMembership)
        else { return }
        compareVoters(node)
    }

    /// Not where a mutant leaves something else on the disk than the device wrote.
    private mutating func compareVoters(_ node: Int) {
        let others: [Mutant] = [.tornTailTrusted, .leaderCountsEarly, .fsyncErrorSwallowed]
        guard !others.contains(where: mutants.has), let known = nodes[node].device?.electorate() else { return }
        let written = nodes[node].disk.membership.voters
        guard known.voters != written else { return }
        clash(
            .votersOfLog,
            "the newest membership in the log of device \(node + 1) has the voters "
                + "\(written.map(\.number))",
            "and it counts the votes of \(known.voters.map(\.number))")
    }

    // MARK: Leaders and votes

    /// What a device heard, before the step that heard it is looked at.
    mutating func checkHeardRaft(_ node: Int, _ message: MeshRaftMessage, _ from: Int, at local: Instant) {
        switch message {
        case .append, .installSnapshot:
            guard message.term >= nodes[node].glance.term else { return }
            nodes[node].elections.heardLeader = (message.term, local)
        case .appendReply(let reply):
            nodes[node].elections.answered[from] = local
            guard nodes[node].glance.leadsQuorum, reply.term == nodes[node].glance.term,
                case .matches(let index) = reply.verdict
            else { return }
            noteAgreement(node, from, reply.term, index)
        case .vote(let request): checkVote(node, request, at: local)
        case .voteReply, .timeoutNow: break
        }
    }

    private mutating func checkVote(_ node: Int, _ request: VoteRequest, at local: Instant) {
        let grants = output.send.contains { envelope in
            if case .raft(.voteReply(let reply)) = envelope.message { reply.isGranted } else { false }
        }
        guard grants else { return }
        if !request.isPreVote { nodes[node].elections.voted = local }
        guard !request.isTransfer, let heard = nodes[node].elections.heardLeader,
            heard.term == nodes[node].glance.term, local < heard.at + timing.election.lowerBound
        else { return }
        clash(
            .noVoteBesideLeader,
            "device \(node + 1) heard from the leader of term \(heard.term) \(local - heard.at) ago",
            "and would vote for another in term \(request.term)")
    }

    /// It begins to campaign of its own accord.
    mutating func checkTimeout(_ node: Int) {
        let now = nodes[node].steppedAt
        let watch = nodes[node].elections
        guard let last = [watch.voted, watch.heardLeader?.at].compactMap({ $0 }).max(),
            now < last + timing.election.lowerBound
        else { return }
        clash(
            .timeoutAnew, "device \(node + 1) voted for another, or heard from a leader, \(now - last) ago",
            "and campaigns, \(timing.election.lowerBound) being the least timeout")
    }

    private mutating func noteAgreement(_ node: Int, _ from: Int, _ term: Term, _ index: LogIndex) {
        var next = ElectionWatch.Agreement(
            device: nodes[from].id, term: term, index: index, step: nodes[node].elections.steps)
        if let known = nodes[node].elections.agreed[from], known.device == next.device, known.term == term {
            next.index = max(next.index, known.index)
        }
        nodes[node].elections.agreed[from] = next
    }

    /// What a device says, when it leaves.
    mutating func checkSaidRaft(_ node: Int, _ message: MeshRaftMessage, _ peer: Int) {
        switch message {
        case .append(let request):
            guard let known = nodes[node].elections.agreed[peer], known.device == nodes[peer].id,
                known.term == request.term, request.previousIndex < known.index,
                known.step < nodes[node].elections.steps,
                // A member that left and came back is asked anew.
                let noted = nodes[node].device?.agreement(with: known.device), request.previousIndex < noted
            else { return }
            clash(
                .agreementNeverBack,
                "device \(peer + 1) told device \(node + 1) that it holds all up to \(known.index)",
                "and is sent what follows \(request.previousIndex)")
        case .appendReply(let reply):
            if reply.verdict != .stale { nodes[node].followed[peer] = (reply.term, now) }
        case .vote, .voteReply, .installSnapshot, .timeoutNow: break
        }
    }

    /// A handover has a deadline, on the leader's own clock: after it proposals are taken again.
    mutating func checkHandover(_ node: Int, at local: Instant) {
        guard let deadline = nodes[node].glance.handoverEnds, local >= deadline + timing.heartbeat * 4 else { return }
        clash(
            .handoverEnds, "device \(node + 1) leads the consensus, and was to hand over until \(deadline)",
            "and at \(local) on its clock it still takes no proposals")
    }

    // MARK: Leases

    /// A leader hears from the holder of a lock that it wants to keep it.
    mutating func noteHolder(_ node: Int, _ message: PeerMessage, _ peer: DeviceID, at local: Instant) {
        guard nodes[node].glance.leadsQuorum else { return }
        switch message {
        case .renew(_, let renewals):
            for renewal in renewals { noteHolder(node, renewal.name, renewal.token, peer, at: local) }
        case .propose(let command):
            // A repetition moves nothing.
            guard case .lock(.acquire(let name, peer, _, _)) = command.operation,
                oracle.requests[command.request] == nil
            else { return }
            noteHolder(node, name, nil, peer, at: local)
        case .raft, .notLeader, .renewed, .round, .facts, .syncRequest, .syncAnswer, .handoffRequest, .handoffAnswer,
            .leaving, .stop:
            break
        }
    }

    /// It counts where the leader knows what the log has come to.
    private mutating func noteHolder(
        _ node: Int, _ name: LockName, _ token: FencingToken?, _ peer: DeviceID, at local: Instant
    ) {
        guard let grant = oracle.state.locks.grant(of: name), grant.holder == peer, token ?? grant.token == grant.token,
            oracle.state.record(of: peer) != nil, let last = oracle.committed.last,
            nodes[node].glance.applied >= last.index
        else { return }
        nodes[node].elections.holders.removeAll { $0.token == grant.token }
        if nodes[node].elections.holders.count >= Limits.locks { nodes[node].elections.holders.removeFirst() }
        nodes[node].elections.holders.append((grant.token, local))
    }

    /// A leader lets a lease run for its whole time, from when it began to lead or last heard from the holder.
    mutating func checkExpiries(_ node: Int, _ update: DeviceUpdate) {
        for entry in update.raft.entries {
            guard case .command(let command) = entry.payload,
                case .lock(.expire(let name, let token, entry.term)) = command.operation,
                let grant = oracle.state.locks.grant(of: name), grant.token == token, !mutants.has(.lateExpiry),
                let led = nodes[node].elections.ledFrom
            else { continue }
            let heard = nodes[node].elections.holders.last { $0.token == token }?.at ?? led
            let since = max(heard, led)
            guard nodes[node].steppedAt < since + grant.ttl else { continue }
            clash(
                .leasesRunOut,
                "device \(node + 1) leads the consensus, and heard from the holder of \(name) under \(token), or began "
                    + "to lead, \(nodes[node].steppedAt - since) ago",
                "and ends that lease of \(grant.ttl) in entry \(entry.index)")
        }
    }

    // MARK: Leadership confirmed

    /// A renewal is answered: since it came, and since the leader last slept, a majority has followed it.
    mutating func checkConfirmed(_ node: Int, _ peer: Int, _ asked: HeardRenewal) {
        let since = max(asked.at, nodes[node].elections.sleptAt)
        let term = nodes[node].glance.term
        func isConfirmed(_ voters: [DeviceID]) -> Bool {
            let followers = voters.count { voter in
                guard let at = offset(of: voter), at != node else { return true }
                return nodes[at].followed[node].map { $0.term == term && $0.at >= since } ?? false
            }
            return followers > voters.count / 2
        }
        guard !isConfirmed(nodes[node].glance.voters), !isConfirmed(nodes[node].elections.votersBefore) else { return }
        clash(
            .confirmedByQuorum, "device \(peer + 1) asked device \(node + 1) at \(since) s to renew its lease",
            "and is told yes, though no majority has followed the leader of term \(term) since")
    }

    mutating func noteSleep(_ node: Int) {
        nodes[node].elections.leadsSince = nil
        nodes[node].elections.sleptAt = now
        nodes[node].elections.voidRenewal = nodes[node].elections.newestRenewal
    }

    /// After a step that took an answer to a renewal.
    mutating func checkAnswered(_ node: Int, _ message: PeerMessage, couldAct: Bool, at local: Instant) {
        guard case .renewed(let number, _) = message, number <= nodes[node].elections.voidRenewal, !couldAct,
            nodes[node].device?.mayLead(at: local) == true
        else { return }
        clash(
            .sleepVoidsAnswers, "device \(node + 1) asked for renewal \(number) before it slept",
            "and acts as leader on the answer")
    }
}

extension PersistentUpdate {
    /// The place of the last entry that it writes, or that it leaves.
    var lastWritten: LogIndex { entries.last?.index ?? appendFrom?.previous ?? .zero }
}
