import DeviceCore
import Primitives
import SyncRounds
import Testing

@testable import Simulation

/// The model of a git hub, one fault at a time (protocol.md, section 6).
@Suite struct HubTests {
    private static func run(
        _ seed: UInt64, isAtomic: Bool = true, _ events: [(Nanoseconds, HubFault)] = []
    ) -> World {
        var scenario = Scenario(seed: seed, devices: 3, faultTime: .seconds(60))
        scenario.settings = [
            Setting(key: "sync.settle", value: "100ms"), Setting(key: "sync.max-wait", value: "1s"),
            Setting(key: "sync.min-interval", value: "1s"),
        ]
        var hub = HubConditions()
        hub.isAtomic = isAtomic
        scenario.hub = hub
        scenario.events = events.map { TimedEvent(at: TrueTime($0.0), event: .hub($0.1)) }
        var world = World(scenario)
        world.run()
        return world
    }

    private static func expectCaughtUp(_ world: World) {
        #expect(world.violation == nil)
        #expect(world.isOver)
        let head = world.hub?.refs.head
        #expect(head != nil && head == world.oracle.chain.head)
    }

    @Test(arguments: [true, false])
    func `H4 a calm hub has every head, under the leader's token`(isAtomic: Bool) throws {
        let world = Self.run(1, isAtomic: isAtomic)
        #expect(world.violation == nil)
        let hub = try #require(world.hub)
        #expect(hub.refs.fence.map { $0.token == hub.highestToken } ?? !isAtomic)
        let (there, published) = (try #require(hub.refs.head), try #require(world.oracle.chain.head))
        #expect(world.store.isAncestor(published, of: there))
        #expect(world.store.tree(published) == world.store.tree(there))
    }

    @Test func `H3 what somebody pushes is merged into what is published`() {
        let world = Self.run(2, [(.seconds(20), .foreignPush), (.seconds(30), .foreignPush)])
        Self.expectCaughtUp(world)
        let pushed = world.hub?.foreign ?? []
        #expect(pushed.count == 2)
        #expect(pushed.allSatisfy { world.store.isPublished($0) })
    }

    @Test func `H3 a rewritten branch stays as it is until a person accepts it`() {
        let world = Self.run(3, [(.seconds(30), .forcedPush)])
        Self.expectCaughtUp(world)
        #expect(world.marks[.hubRewritten] > 0 && world.marks[.hubAccepted] > 0)
    }

    @Test func `H1 a deleted fence stops every push until a person accepts that`() {
        let world = Self.run(4, [(.seconds(30), .fenceDeleted)])
        Self.expectCaughtUp(world)
        #expect(world.marks[.hubFenceGone] > 0 && world.marks[.hubAccepted] > 0)
    }

    @Test func `H5 a push whose answer is lost is asked about and not repeated`() {
        let world = Self.run(5, [(.seconds(10), .losesReplies(1000))])
        Self.expectCaughtUp(world)
        #expect(world.marks[.hubReadBack] > 1)
    }

    @Test func `H4 rounds go on while the hub hangs, and it catches up`() {
        let world = Self.run(6, [(.seconds(10), .hangs(.seconds(45)))])
        Self.expectCaughtUp(world)
        #expect(world.marks[.roundWithoutHub] > 3)
    }

    @Test func `events at a hub that is not there change nothing`() {
        var scenario = Scenario(seed: 7, devices: 1, faultTime: .seconds(10))
        scenario.events = [TimedEvent(at: TrueTime(.seconds(5)), event: .hub(.foreignPush))]
        let report = Simulation.run(scenario)
        #expect(report.violation == nil && report.marks[.hubForeignPush] == 0)
    }

    @Test func `what two revisions build on is the newest that both hold`() {
        var store = RevisionStore(paths: 1)
        let root = store.add(parents: [], tree: [0])
        let left = store.add(parents: [root], tree: [0])
        let right = store.add(parents: [root], tree: [0])
        let both = store.add(parents: [left, right], tree: [0])
        let after = store.add(parents: [right], tree: [0])
        #expect(store.commonAncestor(left, right) == root)
        #expect(store.commonAncestor(both, after) == right)
        #expect(store.rounds(both, beyond: right) == 2 && store.rounds(both, beyond: both) == 0)
        #expect(store.rounds(both, beyond: nil) == 3)
    }
}

/// Bugs around the hub.
@Suite(.enabled(if: MutantSet.isAvailable)) struct HubMutantTests {
    @Test(arguments: [Mutant.hubRetriesBlindly, .hubNotAtomic, .hubForced])
    func `a mutant of the hub is killed by the check that is meant for it`(mutant: Mutant) throws {
        let trial = try #require(MutantTrial(mutant, starts: [1], budget: 120))
        let outcome = trial.run(from: 1)
        #expect(trial.isPassed([outcome]), "\(trial.facts.name): \(outcome)")
    }
}
