import Primitives
import Testing

@testable import Consensus

/// What happened, kept from outside the devices, and Raft's promises about it (Ongaro & Ousterhout 2014, figure 3).
struct History {
    struct Committed {
        var entry: TestEntry
        /// A term in which it was known to be committed; the first such term seen.
        var term: Term
    }

    private var leaderOfTerm: [Term: DeviceID] = [:]
    private(set) var byIndex: [LogIndex: Committed] = [:]
    private(set) var last = LogIndex.zero

    /// State machine safety: no two devices apply different entries at one index.
    mutating func committed(_ entry: TestEntry, in term: Term) {
        if let before = byIndex[entry.index] {
            #expect(before.entry == entry, "state machine safety at \(entry.index)")
            byIndex[entry.index]?.term = min(before.term, term)
        } else {
            byIndex[entry.index] = Committed(entry: entry, term: term)
        }
        last = max(last, entry.index)
    }

    /// Election safety: at most one leader in a term. Leader completeness: a leader has what older terms committed.
    mutating func leads(_ device: DeviceID, in term: Term, _ raft: TestRaft) {
        #expect(leaderOfTerm[term] ?? device == device, "two leaders in term \(term)")
        leaderOfTerm[term] = device
        for committed in byIndex.values where committed.term < term {
            guard let here = raft.term(at: committed.entry.index) else {
                #expect(raft.commitIndex >= committed.entry.index, "the leader lacks entry \(committed.entry.index)")
                continue
            }
            #expect(here == committed.entry.term, "the leader has another entry \(committed.entry.index)")
        }
    }

    /// Committed is durable: what any device gives out as committed is stored by a majority of the voters, of the
    /// newest membership or of the one before it.
    static func checkDurable(_ entry: TestEntry, by raft: TestRaft, _ nodes: [Node]) {
        let holders = nodes.filter { node in
            node.disk.snapshot.map { $0.index >= entry.index } ?? false
                || node.disk.entries.contains { $0.index == entry.index && $0.term == entry.term }
        }
        let isHeld = [raft.membership, raft.log.previousMembership].contains { membership in
            holders.count { membership.voters.contains($0.device) } > membership.voters.count / 2
        }
        #expect(isHeld, "entry \(entry.index) is committed and only \(holders.map(\.device.name)) have it")
    }

    /// Any majority of one voter set meets any majority of the next (thesis, section 4.1).
    func checkVoterSets(from first: Membership) {
        var before = first.voters
        for index in byIndex.keys.sorted() {
            guard case .membership(let membership) = byIndex[index]?.entry.payload else { continue }
            let union = Set(before).union(membership.voters)
            let majorities = before.count / 2 + 1 + membership.voters.count / 2 + 1
            #expect(majorities > union.count, "majorities of two successive voter sets need not meet")
            before = membership.voters
        }
    }

    /// Log matching: logs that agree on index and term of one entry agree on all before it.
    static func checkLogMatching(_ nodes: [Node]) {
        for (offset, one) in nodes.enumerated() {
            for other in nodes[(offset + 1)...] {
                guard let mine = one.raft?.storedEntries, let theirs = other.raft?.storedEntries else { continue }
                checkLogMatching(mine, theirs)
            }
        }
    }

    private static func checkLogMatching(_ mine: [TestEntry], _ theirs: [TestEntry]) {
        guard let first = mine.first?.index, let other = theirs.first?.index else { return }
        let start = max(first, other)
        let pairs = Array(zip(mine.drop { $0.index < start }, theirs.drop { $0.index < start }))
        guard let agreed = pairs.lastIndex(where: { $0.0.term == $0.1.term }) else { return }
        #expect(pairs[...agreed].allSatisfy { $0.0 == $0.1 }, "log matching")
    }

    /// What is on the disk is what the device holds in memory.
    static func checkDisk(_ node: Node) {
        guard let raft = node.raft, node.pending.persist.isEmpty else { return }
        let restored = TestRaft(
            device: node.device, configuration: RaftConfiguration(profile: .lan), restored: node.disk, seed: 1,
            now: .origin)
        #expect(restored.term == raft.term)
        #expect(restored.lastIndex == raft.lastIndex)
        #expect(restored.membership == raft.membership)
        #expect(restored.votedInTerm == raft.votedInTerm)
        let shared = min(raft.storedEntries.count, restored.storedEntries.count)
        #expect(restored.storedEntries.suffix(shared) == raft.storedEntries.suffix(shared))
    }
}
