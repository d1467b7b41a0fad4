import Primitives

// A group that lost its quorum for good goes on as a new group (protocol.md, section 7). To Raft the two have nothing
// in common: indexes and terms of one mean nothing in the other.

extension Raft {
    /// The new group's first snapshot lies behind everything that is in the log here: whoever joins gets it whole, and
    /// no entry of the old group is taken for one of the new.
    mutating func refound(_ image: Image, at now: Instant, into output: inout Output) {
        let before = log.lastIndex
        becomeFollower(term.next, leader: nil, at: now, into: &output)
        let snapshot = Snapshot(
            index: before.next, term: term, membership: Membership(voters: [device]), image: image)
        begin(with: snapshot, into: &output)
        // It need not wait to see whether somebody else leads.
        electionDeadline = now
        output.events.append(.refounded(before))
    }

    /// It has not voted in the new group and holds nothing of it, so it begins at term zero: its own may be above the
    /// new group's, and would only disturb it.
    mutating func rejoin(_ image: Image, at now: Instant, into output: inout Output) {
        becomeFollower(term.next, leader: nil, at: now, into: &output)
        term = .zero
        let snapshot = Snapshot(index: .zero, term: .zero, membership: Membership(voters: []), image: image)
        begin(with: snapshot, into: &output)
        resetElectionTimer(at: now)
        output.events.append(.rejoined)
    }

    private mutating func begin(with snapshot: Snapshot<Image>, into output: inout Output) {
        votedFor = nil
        leader = nil
        leaderHeard = nil
        votes = []
        isTransferElection = false
        termStart = .zero
        log.replaceAll(by: snapshot)
        commitIndex = snapshot.index
        appliedIndex = snapshot.index
        // What the old group wanted done in this step is void, whatever it was.
        output.send = []
        output.committed = []
        output.install = nil
        output.persist = PersistentUpdate()
        persistHardState(into: &output)
        output.persist.snapshot = snapshot
        output.persist.append([], from: .zero)
        output.persist.compactTo = snapshot.index
    }
}
