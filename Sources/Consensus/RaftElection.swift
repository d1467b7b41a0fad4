import Primitives

// Elections: pre-vote, vote, and how a winner begins (thesis, sections 3.4, 3.6, 9.6).

extension Raft {
    /// Runs for leader. First a pre-vote, which changes nothing anywhere, unless the leader itself asked.
    mutating func campaign(transfer: Bool, at now: Instant, into output: inout Output) {
        isTransferElection = transfer
        resetElectionTimer(at: now)
        leader = nil
        votes = [device]
        if transfer || mutants.has(.noPreVote) {
            becomeCandidate(at: now, into: &output)
        } else {
            role = .preCandidate
            output.events.append(.becamePreCandidate(term))
            guard !hasWon else { return becomeCandidate(at: now, into: &output) }
            askForVotes(into: &output)
        }
    }

    private mutating func becomeCandidate(at now: Instant, into output: inout Output) {
        role = .candidate
        term = term.next
        votedFor = device
        persistHardState(into: &output)
        resetElectionTimer(at: now)
        votes = [device]
        output.events.append(.becameCandidate(term))
        guard !hasWon else { return becomeLeader(at: now, into: &output) }
        askForVotes(into: &output)
    }

    private func askForVotes(into output: inout Output) {
        for voter in membership.voters where voter != device { askForVote(of: voter, into: &output) }
    }

    func askForVote(of voter: DeviceID, into output: inout Output) {
        let isPreVote = role == .preCandidate
        let request = VoteRequest(
            term: isPreVote ? term.next : term, lastIndex: log.lastIndex, lastTerm: log.lastTerm, isPreVote: isPreVote,
            isTransfer: isTransferElection)
        send(.vote(request), to: voter, into: &output)
    }

    private var hasWon: Bool { votes.count { membership.voters.contains($0) } >= quorum }

    /// A pre-vote changes nothing here. A vote is durable before the answer leaves (same output).
    mutating func answer(_ request: VoteRequest, from peer: DeviceID, at now: Instant, into output: inout Output) {
        let isNewEnough =
            mutants.has(.voteWithoutLogCheck) || mutants.has(.voteByLengthOnly) && request.lastIndex >= log.lastIndex
            || !mutants.has(.voteByLengthOnly) && log.isUpToDate(index: request.lastIndex, term: request.lastTerm)
        let leaderLives = !request.isTransfer && hasLiveLeader(at: now)
        if request.isPreVote {
            let isGranted = request.term > term && isNewEnough && !leaderLives
            let reply = VoteReply(term: isGranted ? request.term : term, isGranted: isGranted, isPreVote: true)
            return send(.voteReply(reply), to: peer, into: &output)
        }
        // While a leader lives the request is ignored altogether; a reply with our lower term would tell nothing.
        guard request.term == term else {
            guard request.term < term else { return }
            let reply = VoteReply(term: term, isGranted: false, isPreVote: false)
            return send(.voteReply(reply), to: peer, into: &output)
        }
        let isFree = votedFor == nil || votedFor == peer
        let isGranted = isFree && isNewEnough && !leaderLives && role != .leader
        if isGranted, votedFor == nil {
            votedFor = peer
            persistHardState(into: &output)
        }
        if isGranted, !mutants.has(.voteKeepsTimer) { resetElectionTimer(at: now) }
        let reply = VoteReply(term: term, isGranted: isGranted, isPreVote: false)
        send(.voteReply(reply), to: peer, into: &output)
    }

    /// A refusal is not counted: a voter that is asked again may grant, and a refusal may be late.
    mutating func count(_ reply: VoteReply, from peer: DeviceID, at now: Instant, into output: inout Output) {
        let wanted: Role = reply.isPreVote ? .preCandidate : .candidate
        let asked = reply.isPreVote ? term.next : term
        let isOfTerm = reply.term == asked || mutants.has(.oldTermResponses)
        guard reply.isGranted, role == wanted, isOfTerm, !votes.contains(peer) else { return }
        votes.append(peer)
        guard hasWon else { return }
        if reply.isPreVote {
            becomeCandidate(at: now, into: &output)
        } else {
            becomeLeader(at: now, into: &output)
        }
    }

    private mutating func becomeLeader(at now: Instant, into output: inout Output) {
        role = .leader
        leader = device
        votes = []
        reads = []
        transfer = nil
        progress = []
        termStart = log.lastIndex.next
        heartbeatAt = now + profile.heartbeat
        output.events.append(.becameLeader(term))
        if mutants.has(.noNoop) { return heartbeatWithoutNoop(at: now, into: &output) }
        appendOwn(.noop, at: now, into: &output)
    }
}
