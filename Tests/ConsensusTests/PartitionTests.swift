import Primitives
import Testing

@testable import Consensus

/// Pre-vote, check-quorum and stickiness together: cuts of every shape (thesis, sections 4.2.3, 6.2, 9.6).
@Suite("Partitions") struct PartitionTests {
    @Test("6.2: a leader that was cut off steps down in time also while reads keep coming")
    func readsDoNotPostponeCheckQuorum() throws {
        var network = Network(3)
        network.elect(1)
        let term = try network.raft(1).term
        network.cut = ids(1)
        for read in UInt64(0)..<24 {
            network.input(1, .confirmLeadership(read))
            network.run(.milliseconds(50))
        }
        #expect(network.has(.lostQuorum(term), of: 1))
        #expect(!network.leads(1))
    }

    @Test("6.2: a leader whose messages arrive but who hears nobody steps down; another leads")
    func deafLeader() throws {
        var network = Network(3)
        network.elect(1)
        network.cutLinks = [Link(from: id(2), to: id(1)), Link(from: id(3), to: id(1))]
        network.run(.seconds(5))
        #expect(!network.leads(1))
        #expect(network.leaders.count == 1)
    }

    @Test("9.6: one link is broken, everything else works: no leader falls and no term rises")
    func oneBrokenLink() throws {
        var network = Network(3)
        network.elect(1)
        let term = try network.raft(1).term
        network.cutLinks = [Link(from: id(1), to: id(3)), Link(from: id(3), to: id(1))]
        network.run(.seconds(20), step: .milliseconds(20))
        #expect(network.leads(1))
        for number in UInt64(1)...3 { #expect(try network.raft(number).term == term) }
        network.input(1, .propose(1))
        network.deliver()
        #expect(network.applied(2) == [1])
    }

    @Test("A learner with a newer term than the leader's is not stuck")
    func learnerWithNewerTerm() throws {
        var network = Network(2, voters: 1)
        network.input(1, .tick)
        network.input(1, .changeMembership(Membership(voters: ids(1), learners: ids(2))))
        network.run(.milliseconds(300))
        network.nodes[1].disk.hardState = HardState(term: Term(30))
        network.start(1)
        network.run(.seconds(3))
        network.input(1, .propose(5))
        network.deliver()
        #expect(network.applied(2) == [5])
        #expect(try network.raft(1).term > Term(30))
    }

    @Test("A candidate whose term nobody followed comes back: one change of leader at most, and nothing is lost")
    func candidateComesBack() throws {
        var network = Network(3)
        network.elect(1)
        network.input(1, .propose(1))
        network.deliver()
        let term = try network.raft(1).term
        network.nodes[2].disk.hardState = HardState(term: term.next, votedFor: id(3))
        network.start(2)
        network.run(.seconds(5))
        let led = network.events.filter { if case .becameLeader = $0.event { true } else { false } }
        #expect(led.count == 2)
        for number in UInt64(1)...3 { #expect(network.applied(number) == [1]) }
    }

    @Test("9.6: a refusal that is late does not hide the grant that follows")
    func refusalThenGrant() throws {
        var device = lone(1, .log([1], voters: ids(1, 2, 3)))
        _ = device.step(.tick, at: .origin + .seconds(1))
        let late = VoteReply(term: Term(1), isGranted: false, isPreVote: true)
        #expect(device.receive(.voteReply(late), from: 2).send.isEmpty)
        let granted = VoteReply(term: Term(2), isGranted: true, isPreVote: true)
        _ = device.receive(.voteReply(granted), from: 2)
        #expect(device.raft.role == .candidate)
        let refused = VoteReply(term: Term(2), isGranted: false, isPreVote: false)
        _ = device.receive(.voteReply(refused), from: 3)
        let vote = VoteReply(term: Term(2), isGranted: true, isPreVote: false)
        _ = device.receive(.voteReply(vote), from: 3)
        #expect(device.raft.role == .leader)
    }

    @Test("3.4: one device's vote counts once, and a learner's not at all")
    func countedOnce() throws {
        var disk = PersistentState<UInt64, [UInt64]>.log([1], voters: ids(1, 2, 3, 4, 5))
        disk.snapshot?.membership.learners = ids(6)
        var device = lone(1, disk)
        _ = device.step(.tick, at: .origin + .seconds(1))
        let granted = VoteReply(term: Term(2), isGranted: true, isPreVote: true)
        for from in [2, 2, 6] as [UInt64] { _ = device.receive(.voteReply(granted), from: from) }
        #expect(device.raft.role == .preCandidate)
        _ = device.receive(.voteReply(granted), from: 3)
        #expect(device.raft.role == .candidate)
    }

    @Test("3.10: a device that was asked to lead and does not win goes back to pre-votes")
    func transferThatFails() throws {
        var network = Network(3)
        network.elect(1)
        let term = try network.raft(1).term
        network.input(1, .transferLeadership(to: id(3)))
        network.deliver { $0.to == id(3) }
        #expect(try network.raft(3).role == .candidate)
        network.wire = []
        network.cut = ids(3)
        network.run(.seconds(6))
        #expect(try network.raft(3).role == .preCandidate)
        #expect(try network.raft(3).term == term.next)
        network.cut = []
        network.run(.seconds(4))
        #expect(network.leaders.count == 1)
    }
}
