import Consensus
import DeviceCore
import Primitives

// Raft's safety properties, from disks and messages (Ongaro and Ousterhout 2014, figure 3).

extension Oracle {
    /// A device is about to make `update` durable.
    mutating func willWrite(_ node: Int, isLeader term: Term?, _ update: DeviceUpdate, disk: DevicePersistentState) {
        for entry in update.raft.entries { learn(entry, of: node, update: update, disk: disk) }
        guard let term, let first = update.raft.entries.first, let last = disk.raft.entries.last else { return }
        let isStillTerm = (update.raft.hardState ?? disk.raft.hardState).term == term
        if first.index <= last.index, isStillTerm {
            fail(
                .leaderAppendOnly, "device \(node + 1) leads term \(term) with a log up to \(last.index)",
                "and writes entry \(first.index) again")
        }
    }

    /// Log matching: an entry is the same wherever its index and term are, and so is the one before.
    private mutating func learn(_ entry: MeshEntry, of node: Int, update: DeviceUpdate, disk: DevicePersistentState) {
        let key = EntryKey(index: entry.index, term: entry.term)
        let before = update.raft.term(at: entry.index.previous) ?? disk.term(at: entry.index.previous)
        checkFirstOfTerm(entry, before: before)
        guard let known = entries[key] else {
            entries[key] = KnownEntry(entry: entry, before: before)
            return
        }
        if known.entry != entry {
            fail(
                .logMatching, "some device has entry \(entry.index) of term \(entry.term)",
                "and device \(node + 1) has another entry with the same index and term")
        }
        if let one = known.before, let other = before, one != other {
            fail(
                .logMatching, "entry \(entry.index) of term \(entry.term) follows one of term \(one)",
                "and on device \(node + 1) it follows one of term \(other)")
        }
        if known.before == nil { entries[key]?.before = before }
    }

    /// A device leads `term` from now on.
    mutating func elected(_ node: Int, _ term: Term, disk: DevicePersistentState) {
        if let other = leaders[term], other != node {
            fail(
                .electionSafety, "device \(other + 1) was elected in term \(term)",
                "and device \(node + 1) leads the same term")
        }
        leaders[term] = node
        guard let first = disk.raft.entries.first?.index else { return }
        for (entry, since) in zip(committed, committedIn) {
            guard since < term, entry.index >= first, disk.term(at: entry.index) != entry.term else { continue }
            fail(
                .leaderCompleteness, "entry \(entry.index) of term \(entry.term) is committed",
                "and device \(node + 1), leader of term \(term), does not have it")
            return
        }
    }

    /// `voter` answers that it votes for `candidate`.
    mutating func voted(_ voter: DeviceID, _ term: Term, for candidate: DeviceID) {
        let ballot = Ballot(voter: voter, term: term)
        if let before = ballots[ballot], before != candidate {
            fail(
                .oneVote, "device \(voter.number) voted for device \(before.number) in term \(term)",
                "and in the same term for device \(candidate.number)")
        }
        ballots[ballot] = candidate
    }

    /// Place of an index among the committed entries.
    func place(of index: LogIndex) -> Int? {
        guard let first = committed.first?.index, index >= first else { return nil }
        return Int(index - first)
    }

    /// True if the observer knew this entry as committed; checks that it is the same.
    mutating func isKnown(_ entry: MeshEntry, at node: Int) -> Bool {
        guard let place = place(of: entry.index), place < committed.count else { return false }
        if committed[place] != entry {
            fail(
                .stateMachineSafety,
                "entry \(entry.index) was committed with term \(committed[place].term)",
                "and device \(node + 1) commits another one there, of term \(entry.term)")
        }
        return true
    }
}
