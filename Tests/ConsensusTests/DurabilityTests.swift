import Primitives
import Testing

@testable import Consensus

/// What a step wants stored, and what a device makes of it after a restart (thesis, sections 3.8 and 5.1).
@Suite("What is durable") struct DurabilityTests {
    typealias Disk = PersistentState<UInt64, [UInt64]>
    typealias Update = PersistentUpdate<UInt64, [UInt64]>

    private func snapshot(_ index: UInt64, term: UInt64, voters: [DeviceID] = ids(1, 2, 3)) -> Snapshot<[UInt64]> {
        Snapshot(index: LogIndex(index), term: Term(term), membership: Membership(voters: voters), image: [index])
    }

    @Test("3.6.1: a candidate asks for a vote of another device only with its own vote durable in the same output")
    func ownVote() throws {
        var device = lone(1, .log([1], voters: ids(1, 2, 3)))
        _ = device.step(.tick, at: .origin + .seconds(1))
        let output = device.receive(.voteReply(VoteReply(term: Term(2), isGranted: true, isPreVote: true)), from: 2)
        #expect(output.persist.hardState == HardState(term: Term(2), votedFor: id(1)))
        #expect(output.send.count == 2)
    }

    @Test("3.5: an answer that entries match comes with these entries to store, and says no more than that")
    func answerAndEntries() throws {
        var follower = lone(2, .log([1, 1, 1], voters: ids(1, 2, 3)))
        let append = AppendRequest(
            term: Term(2), previousIndex: LogIndex(1), previousTerm: Term(1), entries: [entry(2, term: 2)],
            commitIndex: .zero, confirmation: 0)
        let output = follower.receive(.append(append), from: 1)
        #expect(output.persist.entries == append.entries)
        #expect(output.persist.appendFrom == LogIndex(2))
        let answer = AppendReply(term: Term(2), verdict: .matches(LogIndex(2)), confirmation: 0)
        #expect(output.send.map(\.message) == [.appendReply(answer)])
    }

    @Test("5.3: a sign of life acknowledges what it compared, not the tail that this device has of its own")
    func answerToSignOfLife() throws {
        var follower = lone(2, .log([1, 1, 1], voters: ids(1, 2, 3)))
        let append = AppendRequest(
            term: Term(2), previousIndex: LogIndex(1), previousTerm: Term(1), entries: [TestEntry](),
            commitIndex: .zero, confirmation: 4)
        let answer = AppendReply(term: Term(2), verdict: .matches(LogIndex(1)), confirmation: 4)
        #expect(follower.receive(.append(append), from: 1).send.map(\.message) == [.appendReply(answer)])
    }

    @Test("Compaction in the output that installs a snapshot does not keep what the snapshot replaced")
    func installThenCompact() throws {
        var follower = lone(2, .log([1, 1, 1, 1], voters: ids(1, 2, 3)))
        var output = RaftOutput<UInt64, [UInt64]>()
        func give(_ message: TestMessage) {
            follower.raft.step(.received(message, from: id(1)), at: .origin, into: &output)
        }
        give(.installSnapshot(term: Term(3), snapshot(3, term: 2)))
        let append = AppendRequest(
            term: Term(3), previousIndex: LogIndex(3), previousTerm: Term(2), entries: [entry(4, term: 3)],
            commitIndex: LogIndex(4), confirmation: 0)
        give(.append(append))
        follower.raft.step(.compact(upTo: LogIndex(4), image: [4]), at: .origin, into: &output)
        follower.disk.apply(output.persist)
        #expect(follower.disk.entries == append.entries)
        #expect(follower.disk.snapshot?.index == LogIndex(4))
        #expect(lone(2, follower.disk).raft.lastIndex == follower.raft.lastIndex)
    }

    @Test("5.1: entries that a snapshot replaced may still be stored; they are no part of the log after a restart")
    func replacedEntries() throws {
        var disk = Disk.log([1, 1, 1, 1], voters: ids(1, 2, 3), term: 5)
        disk.snapshot = snapshot(3, term: 4)
        disk.entries[3] = entry(4, term: 5)
        let raft = lone(2, disk).raft
        #expect(raft.term(at: LogIndex(1)) == nil)
        #expect(raft.term(at: LogIndex(3)) == Term(4))
        #expect(raft.term(at: LogIndex(4)) == Term(5))
        #expect(raft.lastIndex == LogIndex(4))
    }

    @Test("5.1: entries kept behind the snapshot serve a laggard after a restart too, their terms unchanged")
    func entriesBehindSnapshot() throws {
        var disk = Disk.log([1, 1, 2, 2, 3], voters: ids(1, 2, 3))
        disk.snapshot = snapshot(4, term: 2)
        let raft = lone(1, disk).raft
        #expect(raft.commitIndex == LogIndex(4))
        #expect((1...5).map { raft.term(at: LogIndex($0)) } == [1, 1, 2, 2, 3].map { Term($0) })
        #expect(raft.membershipIndex == LogIndex(4))
    }

    @Test("4.1: after a restart a membership in the log is in use though nobody has said that it is committed")
    func membershipAfterRestart() throws {
        var disk = Disk.log([1, 1], voters: ids(1, 2, 3))
        let new = Membership(voters: ids(1, 2, 3), learners: ids(4))
        disk.entries[1] = entry(2, term: 1, .membership(new))
        #expect(lone(1, disk).raft.membership == new)
        #expect(lone(1, disk).raft.membershipIndex == LogIndex(2))
    }

    @Test("Two updates merged store what both store one after the other", arguments: UInt64(0)..<40)
    func merging(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var disk = Disk.log(Array(repeating: 1, count: 6), voters: ids(1))
        var merged = Update()
        var inTurn = disk
        for step in UInt64(2)...8 {
            var update = Update()
            let floor = inTurn.snapshot?.index.number ?? 0
            let last = max(inTurn.entries.last?.index.number ?? floor, floor)
            switch random.below(3) {
            case 0: update.hardState = HardState(term: Term(step), votedFor: id(step))
            case 1:
                let from = floor + 1 + random.below(last - floor + 1)
                let count = random.below(4)
                update.append((0..<count).map { entry(from + $0, term: step) }, from: LogIndex(from))
            default:
                update.snapshot = snapshot(last + 1, term: step)
                update.append([], from: LogIndex(last + 2))
                update.compactTo = LogIndex(last + 1)
            }
            inTurn.apply(update)
            merged.merge(update)
        }
        disk.apply(merged)
        #expect(disk == inTurn)
    }
}
