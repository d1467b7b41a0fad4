import DeviceCore
import Primitives
import Testing

@testable import Simulation

/// The three cases of "Omni-Paxos: Breaking the Barriers of Partial Connectivity" (Ng, Haridi, Carbone 2023, figure 1),
/// with what is expected of Raft with pre-vote and check-quorum.
@Suite struct PartialConnectivityTests {
    /// A calm mesh, run until `from`; its quorum leader is known then.
    private static func mesh(_ seed: UInt64, devices: Int) -> World {
        var scenario = Scenario(seed: seed, devices: devices, faultTime: .seconds(60))
        scenario.settings = [
            Setting(key: "sync.settle", value: "100ms"), Setting(key: "sync.max-wait", value: "1s"),
            Setting(key: "sync.min-interval", value: "1s"),
        ]
        var world = World(scenario)
        run(&world, until: 15)
        return world
    }

    private static func run(_ world: inout World, until seconds: Int64) {
        while world.now < TrueTime(.seconds(seconds)), world.advance() {}
    }

    /// Who leads the consensus in the highest term, if anybody does.
    private static func leader(_ world: World) -> Int? {
        world.nodes.indices.filter { world.nodes[$0].glance.leadsQuorum }
            .max { world.nodes[$0].glance.term < world.nodes[$1].glance.term }
    }

    @Test(arguments: UInt64(1)...4)
    func `quorum loss: the one device that reaches a majority is elected, and can publish`(seed: UInt64) throws {
        var world = Self.mesh(seed, devices: 5)
        let old = try #require(Self.leader(world))
        let hub = (old + 1) % 5
        world.happen(.cut(.star(.node(hub)), .seconds(30)))
        Self.run(&world, until: 30)
        #expect(Self.leader(world) == hub)
        // Any other sync leader reaches one voter besides itself, and its rounds are given up: after a few of them it
        // hands off to the crossing, which publishes.
        let before = world.oracle.chain.number
        Self.run(&world, until: 44)
        #expect(Self.leader(world) == hub)
        #expect(world.oracle.chain.number > before)
        world.run()
        #expect(world.violation == nil && world.isOver)
    }

    @Test(arguments: UInt64(1)...4)
    func `constrained election: with an older log at the only crossing nobody is elected, and nothing is lost`(
        seed: UInt64
    ) throws {
        var world = Self.mesh(seed, devices: 5)
        let old = try #require(Self.leader(world))
        let hub = (old + 1) % 5
        world.happen(.cut(.isolate(.node(hub)), .seconds(8)))
        Self.run(&world, until: 23)
        let term = world.nodes[old].glance.term
        world.happen(.cut(.star(.node(hub)), .seconds(25)))
        world.happen(.cut(.isolate(.node(old)), .seconds(25)))
        Self.run(&world, until: 26)
        let (head, entries) = (world.oracle.chain.number, world.oracle.committedCount)
        Self.run(&world, until: 45)
        let isElected = world.nodes.indices.contains {
            world.nodes[$0].glance.leadsQuorum && world.nodes[$0].glance.term > term
        }
        #expect(!isElected)
        #expect(world.oracle.chain.number == head && world.oracle.committedCount == entries)
        world.run()
        #expect(world.violation == nil && world.isOver)
        #expect(world.oracle.chain.number > head)
    }

    @Test(arguments: UInt64(1)...4)
    func `chained: the leader of a chain of three stays the leader`(seed: UInt64) throws {
        var world = Self.mesh(seed, devices: 3)
        let old = try #require(Self.leader(world))
        let term = world.nodes[old].glance.term
        world.happen(.cut(.link(old, (old + 1) % 3), .seconds(40)))
        Self.run(&world, until: 54)
        #expect(Self.leader(world) == old)
        #expect(world.nodes.allSatisfy { $0.glance.term == term })
        world.run()
        #expect(world.violation == nil && world.isOver)
    }
}
