import Primitives
import Testing

@testable import Consensus

// Scenarios of the Raft paper (Ongaro & Ousterhout 2014) and of Ongaro's thesis, with their section or figure.

@Suite("Elections, as in the papers") struct ElectionPaperTests {
    @Test("3.4: a follower that hears nothing wins with a majority, and everybody follows it")
    func election() throws {
        var network = Network(3)
        network.elect(1)
        #expect(network.leads(1))
        #expect(try network.raft(2).leader == id(1))
        #expect(try network.raft(3).leader == id(1))
    }

    @Test("3.6.1: a candidate with an older log gets no vote", arguments: [[1, 1], [1, 1, 1]] as [[UInt64]])
    func upToDate(terms: [UInt64]) throws {
        var voter = lone(2, .log([1, 1, 2], voters: ids(1, 2, 3)))
        let request = VoteRequest(
            term: Term(9), lastIndex: LogIndex(UInt64(terms.count)), lastTerm: Term(1), isPreVote: false,
            isTransfer: false)
        let output = voter.receive(.vote(request), from: 1)
        #expect(
            output.send.map(\.message) == [.voteReply(VoteReply(term: Term(9), isGranted: false, isPreVote: false))])
        #expect(output.persist.hardState == HardState(term: Term(9)))
    }

    @Test("3.8: a vote is in the same output's persist, and is given once per term also after a restart")
    func voteIsDurable() throws {
        var voter = lone(3, .log([1], voters: ids(1, 2, 3)))
        let request = VoteRequest(
            term: Term(2), lastIndex: LogIndex(1), lastTerm: Term(1), isPreVote: false, isTransfer: false)
        let output = voter.receive(.vote(request), from: 1)
        #expect(output.persist.hardState == HardState(term: Term(2), votedFor: id(1)))
        voter.disk.apply(output.persist)
        voter = lone(3, voter.disk)
        let refused = VoteReply(term: Term(2), isGranted: false, isPreVote: false)
        let granted = VoteReply(term: Term(2), isGranted: true, isPreVote: false)
        #expect(voter.receive(.vote(request), from: 2).send.map(\.message) == [.voteReply(refused)])
        #expect(voter.receive(.vote(request), from: 1).send.map(\.message) == [.voteReply(granted)])
    }

    @Test("9.6: a device that was cut off does not raise the term and disturbs nobody when it is back")
    func preVote() throws {
        var network = Network(3)
        network.elect(1)
        let term = try network.raft(1).term
        network.cut = ids(3)
        network.run(.seconds(10))
        #expect(try network.raft(3).role == .preCandidate)
        #expect(try network.raft(3).term == term)
        network.cut = []
        network.run(.seconds(2))
        #expect(network.leads(1))
        #expect(try network.raft(1).term == term)
        #expect(try network.raft(3).leader == id(1))
    }

    @Test("4.2.3: a voter that hears from a live leader ignores votes and their terms; a transfer is heard")
    func liveLeader() throws {
        var network = Network(3)
        network.elect(1)
        let term = try network.raft(1).term
        let last = try network.raft(1).lastIndex
        for isTransfer in [false, true] {
            let request = VoteRequest(
                term: Term(50), lastIndex: last, lastTerm: term, isPreVote: false, isTransfer: isTransfer)
            network.input(2, .received(.vote(request), from: id(3)))
            #expect(try network.raft(2).term == (isTransfer ? Term(50) : term))
        }
    }

    @Test("6.2: a leader that a quorum does not answer steps down within an election timeout")
    func checkQuorum() throws {
        var network = Network(3)
        network.elect(1)
        let term = try network.raft(1).term
        network.cut = ids(1)
        network.run(.milliseconds(1200))
        #expect(try network.raft(1).role != .leader)
        #expect(network.has(.lostQuorum(term), of: 1))
        network.run(.seconds(3))
        #expect(network.leaders.map(\.device) != ids(1))
        #expect(network.leaders.count == 1)
    }

    @Test("A device with a newer term and no chance to win makes a leader step down, so that nobody is stuck")
    func higherTerm() throws {
        var network = Network(3)
        network.elect(1)
        network.nodes[2].disk.hardState = HardState(term: Term(40))
        network.start(2)
        network.run(.seconds(4))
        #expect(network.leaders.count == 1)
        #expect(network.leaders.allSatisfy { $0.term > Term(40) })
    }

    @Test("A mesh of one leads with its first tick and commits within the same step")
    func alone() throws {
        var network = Network(1)
        #expect(try network.raft(1).nextDeadline == network.now)
        network.input(1, .tick)
        #expect(network.leads(1))
        network.input(1, .propose(7))
        #expect(network.applied(1) == [7])
        #expect(try network.raft(1).nextDeadline == nil)
    }

    @Test("A device that joins never campaigns and never loops")
    func joiner() throws {
        var network = Network(1, voters: 0)
        #expect(try network.raft(1).nextDeadline == nil)
        network.now = network.now + .seconds(36_000)
        network.input(1, .tick)
        #expect(try network.raft(1).role == .follower)
        #expect(network.wire.isEmpty)
    }
}

@Suite("Replication, as in the papers") struct ReplicationPaperTests {
    static let followers: [[UInt64]] = [
        [1, 1, 1, 4, 4, 5, 5, 6, 6], [1, 1, 1, 4], [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
        [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7], [1, 1, 1, 4, 4, 4, 4], [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    ]

    @Test("Figure 7: every one of the six logs (a)-(f) comes to equal the leader's", arguments: followers)
    func figureSeven(terms: [UInt64]) throws {
        var network = Network(3)
        let leader: [UInt64] = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6]
        network.nodes[0].disk = .log(leader, voters: ids(1, 2, 3), term: 7)
        network.nodes[1].disk = .log(terms, voters: ids(1, 2, 3), term: 7)
        network.nodes[2].disk = .log([1, 1, 1], voters: ids(1, 2, 3), term: 7)
        for place in 0..<3 { network.start(place) }
        network.elect(1)
        #expect(network.leads(1))
        #expect(try network.raft(2).storedEntries == network.raft(1).storedEntries)
        #expect(network.nodes[1].disk.entries == network.nodes[0].disk.entries)
        #expect(try network.raft(2).commitIndex == LogIndex(11))
    }

    @Test("Section 5.3: a conflict costs messages per term, not per entry")
    func conflictHints() throws {
        var network = Network(3)
        let voters = ids(1, 2, 3)
        let common = [UInt64](repeating: 1, count: 50)
        network.nodes[0].disk = .log(common + [UInt64](repeating: 4, count: 100), voters: voters, term: 4)
        network.nodes[1].disk = .log(common + [UInt64](repeating: 3, count: 90), voters: voters, term: 4)
        for place in 0..<2 { network.start(place) }
        network.crash(2)
        network.elect(1)
        #expect((1...4).contains(network.conflicts), "\(network.conflicts) conflicts")
        #expect(try network.raft(2).storedEntries == network.raft(1).storedEntries)
    }

    @Test("Figure 8: an entry of an older term on a majority is not committed until one of the own term is")
    func figureEight() throws {
        var network = Network(5)
        let voters = ids(1, 2, 3, 4, 5)
        // (c): S1 leads again in term 4; its entry of term 2 is on S1 and S2, S5 has one of term 3 in its place.
        let logs: [[UInt64]] = [[1, 2], [1, 2], [1], [1], [1, 3]]
        for place in 0..<5 {
            network.nodes[place].disk = .log(logs[place], voters: voters, term: 3)
            network.start(place)
        }
        network.now = network.now + .seconds(1)
        network.input(1, .tick)
        network.deliver { packet in
            if case .append = packet.message { false } else { true }
        }
        #expect(network.leads(1))
        // S3 gets the old entry alone, as if the leader had sent it before its own.
        let old = AppendRequest(
            term: try network.raft(1).term, previousIndex: LogIndex(1), previousTerm: Term(1),
            entries: [entry(2, term: 2)], commitIndex: .zero, confirmation: 0)
        network.input(3, .received(.append(old), from: id(1)))
        network.deliver { $0.from == id(3) && $0.to == id(1) }
        let two = AppendReply(term: try network.raft(1).term, verdict: .matches(LogIndex(2)), confirmation: 0)
        network.input(1, .received(.appendReply(two), from: id(2)))
        #expect(try network.raft(1).commitIndex == .zero, "a majority has entry 2, which proves nothing")
        let three = AppendReply(term: try network.raft(1).term, verdict: .matches(LogIndex(3)), confirmation: 0)
        network.input(1, .received(.appendReply(three), from: id(2)))
        network.input(1, .received(.appendReply(three), from: id(3)))
        #expect(try network.raft(1).commitIndex == LogIndex(3))
    }

    @Test("Section 5.4.2: a follower learns of a commit within one round trip, without a heartbeat")
    func commitTravelsAtOnce() throws {
        var network = Network(3)
        network.elect(1)
        network.input(1, .propose(5))
        network.deliver()
        for number in UInt64(1)...3 { #expect(network.applied(number) == [5]) }
        #expect(network.wire.isEmpty)
    }

    @Test("10.2: appends are pipelined and stop at the window; the answers open it")
    func window() throws {
        var network = Network(3)
        network.elect(1)
        for command in 0..<100 { network.input(1, .propose(UInt64(command))) }
        let toTwo = network.wire.count { $0.to == id(2) }
        #expect(toTwo == Limits.appendsInFlight)
        network.deliver()
        #expect(network.applied(2) == (0..<100).map { UInt64($0) })
    }

    @Test("Lost appends and lost answers are made good by the next heartbeats")
    func lostAppends() throws {
        var network = Network(3)
        network.elect(1)
        for command in 0..<40 { network.input(1, .propose(UInt64(command))) }
        network.wire = []
        network.run(.milliseconds(400))
        #expect(network.applied(3) == (0..<40).map { UInt64($0) })
    }

    @Test("5.3: a follower commits only what this leader's message showed to be equal, not a tail of its own")
    func commitsOnlyWhatMatches() throws {
        var follower = lone(2, .log([1, 1, 1], voters: ids(1, 2, 3)))
        let append = AppendRequest(
            term: Term(2), previousIndex: LogIndex(1), previousTerm: Term(1), entries: [TestEntry](),
            commitIndex: LogIndex(3), confirmation: 0)
        #expect(follower.receive(.append(append), from: 1).committed.map(\.index) == [LogIndex(1)])
    }

    @Test("Answers of an older term prove nothing: the log they spoke of may be gone")
    func oldAnswers() throws {
        var network = Network(3)
        network.elect(1)
        network.input(1, .propose(5))
        network.wire = []
        for from in ids(2, 3) {
            let old = AppendReply(term: Term(1), verdict: .matches(LogIndex(3)), confirmation: 9)
            network.input(1, .received(.appendReply(old), from: from))
        }
        #expect(network.applied(1) == [])
    }

    @Test("More proposals than the limit are refused, not queued")
    func tooManyProposals() throws {
        var network = Network(3)
        network.elect(1)
        for command in 0...Limits.proposalsInFlight { network.input(1, .propose(UInt64(command))) }
        #expect(network.refused.map(\.refusal) == [.proposal(UInt64(Limits.proposalsInFlight))])
    }
}

/// One device without a network.
struct Lone {
    var raft: TestRaft
    var disk: PersistentState<UInt64, [UInt64]>

    mutating func receive(_ message: TestMessage, from number: UInt64) -> RaftOutput<UInt64, [UInt64]> {
        step(.received(message, from: id(number)))
    }

    mutating func step(
        _ input: RaftInput<UInt64, [UInt64]>, at now: Instant = .origin
    ) -> RaftOutput<UInt64, [UInt64]> {
        var output = RaftOutput<UInt64, [UInt64]>()
        raft.step(input, at: now, into: &output)
        return output
    }
}

func lone(_ number: UInt64, _ disk: PersistentState<UInt64, [UInt64]>) -> Lone {
    Lone(
        raft: TestRaft(
            device: id(number), configuration: RaftConfiguration(profile: .lan), restored: disk, seed: number,
            now: .origin), disk: disk)
}
