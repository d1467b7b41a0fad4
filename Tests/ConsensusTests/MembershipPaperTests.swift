import Primitives
import Testing

@testable import Consensus

@Suite("Membership, as in the papers") struct MembershipPaperTests {
    @Test("4.1: a membership is in use as soon as it is in the log, and rolled back when that is truncated")
    func usedAtOnceAndRolledBack() throws {
        let old = Membership(voters: ids(1, 2, 3))
        let new = Membership(voters: ids(1, 2, 3), learners: ids(4))
        var follower = lone(2, .log([1], voters: old.voters))
        var append = AppendRequest(
            term: Term(2), previousIndex: LogIndex(1), previousTerm: Term(1),
            entries: [entry(2, term: 2, .membership(new))], commitIndex: .zero, confirmation: 0)
        _ = follower.receive(.append(append), from: 1)
        #expect(follower.raft.membership == new)
        append.term = Term(3)
        append.entries = [entry(2, term: 3, .noop)]
        let output = follower.receive(.append(append), from: 3)
        #expect(follower.raft.membership == old)
        #expect(output.persist.appendFrom == LogIndex(2))
        #expect(output.persist.entries == append.entries)
    }

    @Test("Bug of 2015: no change before an entry of the own term is committed")
    func changeOfOwnTermOnly() throws {
        var network = Network(3)
        let added = Membership(voters: ids(1, 2, 3), learners: ids(4))
        network.now = network.now + .seconds(1)
        network.input(1, .tick)
        network.deliver { packet in
            if case .append = packet.message { false } else { true }
        }
        #expect(network.leads(1))
        network.input(1, .changeMembership(added))
        #expect(network.refused.map(\.refusal) == [.membership(added, .termNotCommitted)])
        network.deliver()
        network.input(1, .changeMembership(added))
        #expect(try network.raft(1).membership == added)
    }

    @Test("4.1: one change at a time, by one device")
    func oneAtATime() throws {
        var network = Network(3)
        network.elect(1)
        let one = Membership(voters: ids(1, 2, 3), learners: ids(4))
        let two = Membership(voters: ids(1, 2, 3), learners: ids(4, 5))
        network.input(1, .changeMembership(two))
        network.input(1, .changeMembership(one))
        network.input(1, .changeMembership(two))
        network.input(2, .changeMembership(two))
        network.input(1, .changeMembership(Membership(voters: [])))
        #expect(
            network.refused.map(\.refusal) == [
                .membership(two, .notByOne), .membership(two, .changeUnderWay), .membership(two, .notLeader),
                .membership(Membership(voters: []), .changeUnderWay),
            ])
    }

    @Test("4.2.1: a new device catches up as a learner, from a snapshot, and does not count until it is promoted")
    func learner() throws {
        var network = Network(2, voters: 1)
        network.input(1, .tick)
        network.input(1, .propose(1))
        network.input(1, .changeMembership(Membership(voters: ids(1), learners: ids(2))))
        network.input(1, .propose(2))
        #expect(network.applied(1) == [1, 2], "the learner is not waited for")
        network.run(.milliseconds(300))
        #expect(network.applied(2) == [1, 2])
        #expect(network.events.contains { $0.device == id(2) && $0.event == .snapshotInstalled(LogIndex(1)) })
        #expect(try network.raft(1).progress(of: id(2))?.match == network.raft(1).lastIndex)
        network.input(1, .changeMembership(Membership(voters: ids(1, 2))))
        #expect(try network.raft(1).commitIndex < network.raft(1).lastIndex, "two voters: both are needed")
        network.deliver()
        #expect(try network.raft(2).isVoter)
        #expect(try network.raft(1).commitIndex == network.raft(1).lastIndex)
    }

    @Test("4.2.2: a leader that is removed leads until that is committed, then hands over at once")
    func removedLeader() throws {
        var network = Network(3)
        network.elect(1)
        let before = network.now
        network.input(1, .changeMembership(Membership(voters: ids(2, 3))))
        #expect(network.leads(1))
        network.deliver { $0.from == id(1) || $0.to == id(1) }
        #expect(!network.leads(1))
        network.deliver()
        #expect(network.leaders.count == 1)
        #expect(network.now == before, "no timeout was waited for")
        #expect(try network.raft(1).nextDeadline == nil || !network.raft(1).isVoter)
    }

    @Test("Figure 4.6: a device that its own uncommitted entry took the vote from is still elected to commit it")
    func removedLeaderIsNeeded() throws {
        var network = Network(2)
        network.elect(1)
        network.input(1, .changeMembership(Membership(voters: ids(2), learners: ids(1))))
        network.wire = []
        network.crash(0)
        network.start(0)
        network.run(.seconds(6))
        #expect(network.leads(2))
        #expect(try network.raft(2).membership == Membership(voters: ids(2), learners: ids(1)))
        #expect(try network.raft(2).commitIndex == network.raft(1).commitIndex)
    }

    @Test("The vote moves from one device to the other without waiting for a timeout")
    func voteMoves() throws {
        var network = Network(2, voters: 1)
        network.input(1, .tick)
        for membership in [
            Membership(voters: ids(1), learners: ids(2)), Membership(voters: ids(1, 2)),
            Membership(voters: ids(2), learners: ids(1)),
        ] {
            network.run(.milliseconds(200))
            network.input(1, .changeMembership(membership))
        }
        network.deliver()
        #expect(network.leads(2))
        network.crash(0)
        network.input(2, .propose(3))
        #expect(network.applied(2) == [3])
    }

    @Test("A device that was removed cannot move anybody's term by its answers")
    func strangersAnswer() throws {
        var network = Network(3)
        network.elect(1)
        let reply = AppendReply(term: Term(99), verdict: .stale, confirmation: 0)
        network.input(1, .received(.appendReply(reply), from: id(8)))
        #expect(network.leads(1))
    }
}

@Suite("Transfer, reads and snapshots, as in the papers") struct LeadershipPaperTests {
    @Test("3.10: leadership passes in no time, proposals are refused meanwhile, nothing is lost")
    func transfer() throws {
        var network = Network(3)
        network.elect(1)
        network.input(1, .propose(1))
        network.input(1, .transferLeadership(to: id(3)))
        network.input(1, .propose(2))
        #expect(network.refused.map(\.refusal) == [.proposal(2)])
        network.deliver()
        #expect(network.leads(3))
        #expect(network.applied(3) == [1])
    }

    @Test("3.10: a transfer to a device that does not answer is given up, and the leader goes on")
    func transferGivenUp() throws {
        var network = Network(3)
        network.elect(1)
        network.cut = ids(3)
        network.input(1, .propose(1))
        network.input(1, .transferLeadership(to: id(3)))
        network.run(.milliseconds(1200))
        #expect(network.has(.transferGivenUp(to: id(3)), of: 1))
        network.input(1, .propose(2))
        network.deliver()
        #expect(network.applied(2) == [1, 2])
    }

    @Test("3.10: only the leader that a device follows can make it campaign")
    func timeoutNowFromAnother() throws {
        var network = Network(3)
        network.elect(1)
        network.input(2, .received(.timeoutNow(term: try network.raft(1).term), from: id(3)))
        #expect(try network.raft(2).role == .follower)
    }

    @Test("6.4: a read is answered only after a quorum confirmed leadership later than it came")
    func readIndex() throws {
        var network = Network(3)
        network.elect(1)
        network.run(.milliseconds(300))
        network.input(1, .confirmLeadership(7))
        #expect(network.confirmed.isEmpty, "earlier answers do not count")
        network.deliver()
        let index = try network.raft(1).commitIndex
        #expect(network.confirmed.map(\.answer) == [LeadershipConfirmation(id: 7, index: index)])
    }

    @Test("6.4: a new leader answers no read before an entry of its own term is committed")
    func readWaitsForNoop() throws {
        var network = Network(3)
        network.elect(2)
        network.input(2, .propose(1))
        network.deliver()
        network.now = network.now + .seconds(2)
        network.input(1, .tick)
        network.deliver { packet in
            if case .append = packet.message { false } else { true }
        }
        #expect(network.leads(1))
        let noop = try network.raft(1).lastIndex
        network.input(1, .confirmLeadership(1))
        #expect(network.confirmed.isEmpty)
        network.deliver()
        #expect(network.confirmed.map(\.answer.index) == [noop])
    }

    @Test("6.4: a leader that was cut off answers no read; it refuses it when it steps down")
    func staleRead() throws {
        var network = Network(3)
        network.elect(1)
        network.cut = ids(1)
        network.input(1, .confirmLeadership(1))
        network.run(.seconds(3))
        #expect(network.confirmed.isEmpty)
        #expect(network.refused.map(\.refusal) == [.confirmation(1)])
    }

    /// Seed 100387 of the simulator, whose leader renewed a lease on such answers.
    @Test("6.4: an answer to a message of an older term confirms no read, whatever count that message had")
    func readAndStaleAnswers() throws {
        var network = Network(3)
        network.elect(1)
        network.run(.milliseconds(300))
        network.input(1, .confirmLeadership(7))
        let reply = AppendReply(term: try network.raft(1).term, verdict: .stale, confirmation: 1_000)
        for peer in ids(2, 3) { network.input(1, .received(.appendReply(reply), from: peer)) }
        #expect(network.confirmed.isEmpty)
        network.deliver()
        #expect(network.confirmed.count == 1)
    }

    @Test("After a sleep a read needs answers that were asked for after it")
    func readAcrossSleep() throws {
        var network = Network(3)
        network.elect(1)
        network.input(1, .confirmLeadership(1))
        network.deliver { $0.to != id(1) }
        network.now = network.now + .seconds(36_000)
        network.input(1, .slept)
        #expect(network.leads(1))
        let old = network.wire.filter { $0.to == id(1) }
        network.wire.removeAll { $0.to == id(1) }
        for packet in old { network.receive(packet) }
        #expect(network.confirmed.isEmpty)
        network.run(.milliseconds(200))
        #expect(network.confirmed.count == 1)
    }

    @Test("Figure 5.3: a snapshot replaces a log that differs, and keeps what follows in one that agrees")
    func snapshotAndTail() throws {
        for agrees in [true, false] {
            var follower = lone(2, .log([1, 1, 1], voters: ids(1, 2, 3)))
            let snapshot = Snapshot<[UInt64]>(
                index: LogIndex(2), term: Term(agrees ? 1 : 2), membership: Membership(voters: ids(1, 2, 3)),
                image: [7])
            let output = follower.receive(.installSnapshot(term: Term(3), snapshot), from: 1)
            #expect(output.install == snapshot)
            #expect(follower.raft.lastIndex == LogIndex(agrees ? 3 : 2))
            follower.disk.apply(output.persist)
            #expect(follower.disk.entries.map(\.index) == (agrees ? [LogIndex(3)] : []))
            #expect(follower.disk.snapshot == snapshot)
        }
    }

    @Test("5.1: a device that is far behind gets the snapshot, then entries; one that is not, entries alone")
    func snapshot() throws {
        var network = Network(3)
        network.elect(1)
        network.cut = ids(3)
        for command in UInt64(1)...400 {
            network.input(1, .propose(command))
            if command % 50 == 0 { network.deliver() }
        }
        network.deliver()
        let node = network.nodes[0]
        network.input(1, .compact(upTo: node.appliedIndex, image: node.applied))
        #expect(UInt64(try network.raft(1).storedEntries.count) == Limits.entriesKeptBehindSnapshot)
        network.input(1, .propose(401))
        network.cut = []
        network.run(.seconds(1))
        #expect(network.applied(3) == (1...401).map { UInt64($0) })
        #expect(network.events.contains { $0.event == .snapshotInstalled(node.appliedIndex) })
        for place in 0..<3 {
            History.checkDisk(network.nodes[place])
            network.crash(place)
            network.start(place)
        }
        network.run(.seconds(4))
        #expect(network.leaders.count == 1)
        for number in UInt64(1)...3 { #expect(network.applied(number) == (1...401).map { UInt64($0) }) }
    }
}
