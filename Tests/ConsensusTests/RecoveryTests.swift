import Primitives
import Testing

@testable import Consensus

/// A group that lost its quorum goes on as another group.
@Suite struct RecoveryTests {
    private static func lonely() -> Network {
        var network = Network(3)
        network.elect(1)
        for command in 1...5 as ClosedRange<UInt64> { network.input(1, .propose(command)) }
        network.deliver()
        network.crash(0)
        network.crash(1)
        return network
    }

    @Test func theSurvivorLeadsAtOnceBehindItsWholeLog() throws {
        var network = Self.lonely()
        let before = try network.raft(3)
        network.input(3, .refound([1, 2, 3, 4, 5]))
        network.run(.seconds(1))
        let after = try network.raft(3)
        #expect(after.role == .leader)
        #expect(after.term > before.term)
        #expect(after.membership == Membership(voters: [id(3)]))
        let disk = network.nodes[2].disk
        #expect(disk.snapshot?.index == before.lastIndex.next)
        #expect(disk.entries.allSatisfy { $0.index > before.lastIndex.next })
        #expect(after.commitIndex == after.lastIndex)
    }

    @Test func aDeviceThatRejoinsBeginsAtNothingAndTakesTheSnapshot() throws {
        var network = Self.lonely()
        network.input(3, .refound([9]))
        network.run(.seconds(1))
        network.start(0)
        network.input(1, .rejoin([]))
        #expect(try network.raft(1).term == .zero)
        #expect(try network.raft(1).lastIndex == .zero)
        #expect(network.nodes[0].disk.entries.isEmpty)
        network.input(3, .changeMembership(Membership(voters: [id(3)], learners: [id(1)])))
        network.run(.seconds(2))
        #expect(network.nodes[0].applied.first == 9)
        #expect(try network.raft(1).commitIndex == network.raft(3).commitIndex)
    }

    @Test func aRestartAfterwardsGivesTheSameGroup() throws {
        var network = Self.lonely()
        network.input(3, .refound([9]))
        let disk = network.nodes[2].disk
        network.crash(2)
        network.start(2)
        #expect(network.nodes[2].disk == disk)
        network.run(.seconds(1))
        #expect(try network.raft(3).role == .leader)
        #expect(try network.raft(3).membership.voters == [id(3)])
    }

    /// Whatever the log was, the update that a recovery wants on the disk leaves what the device itself goes on with.
    @Test func whatIsOnTheDiskIsWhatTheDeviceHas() {
        var generator = SeededGenerator(seed: 3)
        for seed in 0..<200 as Range<UInt64> {
            var network = Network(3)
            network.elect(1 + generator.next() % 3)
            for command in 0..<(generator.next() % 9) { network.input(1 + generator.next() % 3, .propose(command)) }
            if generator.next() % 2 == 0 { network.deliver() }
            let place = Int(generator.next() % 3)
            let isRefounded = generator.next() % 2 == 0
            network.step(place, isRefounded ? .refound([seed]) : .rejoin([seed]))
            network.flush(place)
            let disk = network.nodes[place].disk
            guard let live = network.nodes[place].raft else { continue }
            let restored = TestRaft(
                device: live.device, configuration: RaftConfiguration(profile: .lan), restored: disk, seed: 1,
                now: network.now)
            #expect(restored.lastIndex == live.lastIndex)
            #expect(restored.term == live.term)
            #expect(restored.membership == live.membership)
            #expect(restored.votedInTerm == live.votedInTerm)
            #expect(disk.snapshot?.image == [seed])
        }
    }
}
