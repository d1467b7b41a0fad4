import Primitives
import Testing

@testable import Consensus

/// Nothing in a message may trap or undo what is committed.
@Suite("Hostile and late messages") struct HostileMessageTests {
    static let numbers: [UInt64] = [0, 1, 2, 3, 5, 1 << 61, (1 << 62) - 1, 1 << 62, .max - 1, .max]

    /// Messages with every number replaced by each of the extremes.
    static func messages(_ a: UInt64, _ b: UInt64, term: UInt64) -> [TestMessage] {
        let (index, other, term) = (LogIndex(a), LogIndex(b), Term(term))
        let membership = Membership(voters: ids(1, 2, 3))
        let entries = [TestEntry(term: Term(b), index: LogIndex(a &+ 1), payload: .command(1))]
        return [
            .append(
                AppendRequest(
                    term: term, previousIndex: index, previousTerm: Term(b), entries: [], commitIndex: other,
                    confirmation: a)),
            .append(
                AppendRequest(
                    term: term, previousIndex: index, previousTerm: .zero, entries: entries, commitIndex: other,
                    confirmation: b)),
            .appendReply(AppendReply(term: term, verdict: .matches(index), confirmation: b)),
            .appendReply(
                AppendReply(
                    term: term, verdict: .conflicts(at: index, hint: other, hintTerm: Term(b)), confirmation: a)),
            .vote(VoteRequest(term: term, lastIndex: index, lastTerm: Term(b), isPreVote: true, isTransfer: false)),
            .vote(VoteRequest(term: term, lastIndex: index, lastTerm: Term(b), isPreVote: false, isTransfer: true)),
            .voteReply(VoteReply(term: term, isGranted: true, isPreVote: a % 2 == 0)),
            .installSnapshot(
                term: term, Snapshot(index: index, term: Term(b), membership: membership, image: [1])),
            .installSnapshot(
                term: term, Snapshot(index: index, term: Term(b), membership: Membership(voters: []), image: [1])),
            .timeoutNow(term: term),
        ]
    }

    @Test("Extreme numbers in every field, to a leader, a follower and a joiner: nothing traps, time goes on")
    func extremes() throws {
        for a in Self.numbers {
            for b in Self.numbers {
                for term in Self.numbers {
                    for message in Self.messages(a, b, term: term) { survive(message) }
                }
            }
        }
    }

    private func survive(_ message: TestMessage) {
        for (number, terms) in [(UInt64(1), [UInt64(1), 1]), (2, [1, 1]), (3, [])] {
            var device = lone(number, .log(terms, voters: number == 3 ? [] : ids(1, 2)))
            if number == 1 {
                _ = device.step(.tick, at: .origin + .seconds(1))
                let yes = { VoteReply(term: Term(2), isGranted: true, isPreVote: $0) }
                _ = device.receive(.voteReply(yes(true)), from: 2)
                _ = device.receive(.voteReply(yes(false)), from: 2)
            }
            for from in UInt64(1)...3 { _ = device.receive(message, from: from) }
            _ = device.step(.tick, at: .origin + .seconds(10))
            _ = device.step(.tick, at: .origin + .seconds(20))
            _ = device.step(.propose(4), at: .origin + .seconds(20))
        }
    }

    @Test("A message that would undo a committed entry is dropped and named")
    func committedStays() throws {
        var follower = lone(2, .log([1, 1, 1], voters: ids(1, 2, 3)))
        var append = AppendRequest(
            term: Term(2), previousIndex: LogIndex(3), previousTerm: Term(1), entries: [TestEntry](),
            commitIndex: LogIndex(3), confirmation: 0)
        _ = follower.receive(.append(append), from: 1)
        #expect(follower.raft.commitIndex == LogIndex(3))
        let before = follower.raft.storedEntries
        append.previousIndex = LogIndex(1)
        append.entries = [entry(2, term: 2), entry(3, term: 2), entry(4, term: 2)]
        let output = follower.receive(.append(append), from: 1)
        #expect(output.persist.isEmpty && output.send.isEmpty)
        #expect(follower.raft.storedEntries == before)
        #expect(
            output.events.contains {
                if case .safetyRefusal = $0 { true } else { false }
            })
    }

    @Test("A second leader in one term is refused and named")
    func twoLeaders() throws {
        var follower = lone(2, .log([1], voters: ids(1, 2, 3)))
        let append = AppendRequest(
            term: Term(2), previousIndex: LogIndex(1), previousTerm: Term(1), entries: [TestEntry](),
            commitIndex: .zero, confirmation: 0)
        #expect(follower.receive(.append(append), from: 1).send.count == 1)
        let output = follower.receive(.append(append), from: 3)
        #expect(output.send.isEmpty && output.persist.isEmpty)
        #expect(follower.raft.leader == id(1))
    }

    @Test("Entries with a gap, of a term that goes back or of a term above the message's are dropped")
    func unsoundEntries() throws {
        let wrong: [[TestEntry]] = [
            [entry(3, term: 2)], [entry(2, term: 2), entry(4, term: 2)], [entry(2, term: 2), entry(3, term: 1)],
            [entry(2, term: 3)], [entry(2, term: 2, .membership(Membership(voters: ids(2, 1))))],
        ]
        for entries in wrong {
            var follower = lone(2, .log([1], voters: ids(1, 2, 3)))
            let append = AppendRequest(
                term: Term(2), previousIndex: LogIndex(1), previousTerm: Term(1), entries: entries,
                commitIndex: .zero, confirmation: 0)
            let output = follower.receive(.append(append), from: 1)
            #expect(output.send.isEmpty)
            #expect(follower.raft.lastIndex == LogIndex(1))
        }
    }

    @Test("Duplicated and late messages change nothing")
    func duplicates() throws {
        var network = Network(3)
        network.elect(1)
        for command in UInt64(1)...5 { network.input(1, .propose(command)) }
        let late = network.wire
        network.deliver()
        let before = network.nodes.map(\.applied)
        for packet in late + late.reversed() { network.receive(packet) }
        network.run(.milliseconds(300))
        #expect(network.nodes.map(\.applied) == before)
        #expect(network.leads(1))
    }

    @Test("What storage gives back with a gap is used up to the gap")
    func restoredWithGap() throws {
        var disk = PersistentState<UInt64, [UInt64]>.log([1, 1, 1, 1], voters: ids(1))
        disk.entries.remove(at: 2)
        #expect(lone(1, disk).raft.lastIndex == LogIndex(2))
        disk.entries.removeFirst(2)
        #expect(lone(1, disk).raft.lastIndex == .zero)
    }

    @Test("A clock that jumps by hours makes nothing loop, and one tick is one attempt")
    func clockJump() throws {
        var network = Network(3)
        network.elect(1)
        let term = try network.raft(2).term
        network.now = network.now + .seconds(36_000)
        network.input(2, .tick)
        network.input(2, .tick)
        #expect(try network.raft(2).role == .preCandidate)
        #expect(try network.raft(2).term == term)
        #expect(try network.raft(2).nextDeadline ?? .origin > network.now)
    }

    @Test("An early tick does nothing")
    func earlyTick() throws {
        var follower = lone(2, .log([1], voters: ids(1, 2, 3)))
        let before = follower.raft
        #expect(follower.step(.tick) == RaftOutput())
        #expect(follower.raft == before)
    }
}
