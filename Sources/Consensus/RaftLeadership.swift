import Primitives

// Reads, leadership transfer and membership changes of a leader (thesis, sections 3.10, 4.1-4.2, 6.4).

extension Raft {
    /// ReadIndex (section 6.4): the answer waits until a quorum, asked after this, still takes us for the leader, and
    /// until an entry of our own term is committed.
    mutating func confirm(_ id: UInt64, at now: Instant, into output: inout Output) {
        guard role == .leader, reads.count < Limits.readsInFlight else {
            return output.refused.append(.confirmation(id))
        }
        confirmation += mutants.has(.readWithoutAsking) ? 0 : 1
        reads.append(PendingRead(id: id, index: max(commitIndex, termStart), confirmation: confirmation))
        if membership.voters != [device] { askEverybody(into: &output) }
        answerReads(into: &output)
    }

    mutating func answerReads(into output: inout Output) {
        guard !reads.isEmpty, commitIndex >= termStart else { return }
        var confirmed = membership.voters.map { voter in
            voter == device ? confirmation : progress.first { $0.peer == voter }?.confirmed ?? 0
        }
        confirmed.sort(by: >)
        guard confirmed.count >= quorum else { return }
        let proven = mutants.has(.readWithoutQuorum) ? confirmation : confirmed[quorum - 1]
        while let read = reads.first, read.confirmation <= proven, read.index <= commitIndex {
            output.confirmed.append(LeadershipConfirmation(id: read.id, index: read.index))
            reads.removeFirst()
        }
    }

    /// Section 3.10: no new proposals; when the target has the whole log it campaigns at once.
    mutating func transferLeadership(to peer: DeviceID, at now: Instant, into output: inout Output) {
        guard role == .leader else { return output.refused.append(.transfer(peer, .notLeader)) }
        guard peer != device, membership.voters.contains(peer) else {
            return output.refused.append(.transfer(peer, .notAVoter))
        }
        if let transfer, transfer.to != peer { return output.refused.append(.transfer(peer, .transferUnderWay)) }
        transfer = Transfer(to: peer, deadline: now + profile.election.upperBound)
        if let place = progress.firstIndex(where: { $0.peer == peer }) {
            sendEntries(to: place, at: now, into: &output)
        }
        sendTransferIfReady(into: &output)
    }

    mutating func sendTransferIfReady(into output: inout Output) {
        guard let current = transfer, !current.isSent,
            progress.first(where: { $0.peer == current.to })?.match == log.lastIndex
        else { return }
        transfer?.isSent = true
        send(.timeoutNow(term: term), to: current.to, into: &output)
    }

    /// Section 4.1 with the correction of 2015: one device at a time, the last change committed, and an entry of this
    /// term committed.
    mutating func change(to membership: Membership, at now: Instant, into output: inout Output) {
        guard let refusal = refusal(of: membership) else {
            return appendOwn(.membership(membership), at: now, into: &output)
        }
        output.refused.append(.membership(membership, refusal))
    }

    private func refusal(of new: Membership) -> RaftRefusal<Command>.Why? {
        guard role == .leader else { return .notLeader }
        guard transfer == nil else { return .transferUnderWay }
        guard membershipIndex <= commitIndex || mutants.has(.changeTooEarly) else { return .changeUnderWay }
        guard commitIndex >= termStart || mutants.has(.changeInOldTerm) else { return .termNotCommitted }
        guard new.isSound, membership.differsByOne(from: new) else { return .notByOne }
        return nil
    }

    /// A leader that its own, now committed, change took the vote from hands over to the most advanced voter and stops
    /// (section 4.2.2).
    mutating func leaveIfRemoved(at now: Instant, into output: inout Output) {
        guard !membership.voters.contains(device), membershipIndex <= commitIndex else { return }
        let heir = progress.filter { membership.voters.contains($0.peer) }.max { $0.match < $1.match }
        if let heir { send(.timeoutNow(term: term), to: heir.peer, into: &output) }
        becomeFollower(term, leader: nil, at: now, into: &output)
    }
}
