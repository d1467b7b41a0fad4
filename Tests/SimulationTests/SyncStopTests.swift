import DeviceCore
import Primitives
import Testing

@testable import Simulation

/// What people stop and let go on (decision 0024), one word at a time.
@Suite struct SyncStopTests {
    private static func world(_ seed: UInt64, _ events: [(Nanoseconds, ScenarioEvent)]) -> World {
        var scenario = Scenario(seed: seed, devices: 3, faultTime: .seconds(40))
        scenario.settings = [
            Setting(key: "sync.settle", value: "100ms"), Setting(key: "sync.max-wait", value: "1s"),
            Setting(key: "sync.min-interval", value: "1s"),
        ]
        scenario.workload.ungatedPause = .milliseconds(400)
        scenario.events = events.map { TimedEvent(at: TrueTime($0.0), event: $0.1) }
        return World(scenario)
    }

    private static let emergency = ClientPlan.stop(.emergency, everywhere: true, nil)
    private static let pauseHere = ClientPlan.stop(.pause, everywhere: false, nil)

    private static func advance(_ world: inout World, to time: Nanoseconds) {
        while world.now < TrueTime(time), world.advance() {}
    }

    @Test func `W6 nothing is published from an emergency stop until somebody lets all go on, and nothing is lost`() {
        var world = Self.world(
            1,
            [
                (.seconds(10), .client(.node(1), Self.emergency)),
                (.seconds(25), .client(.node(2), .resume(everywhere: true))),
            ])
        Self.advance(&world, to: .seconds(12))
        let published = world.oracle.chain.number
        #expect(published > 2)
        #expect(world.nodes.allSatisfy { $0.disk.stops.order?.kind == .emergency && $0.gate.isOpen })
        Self.advance(&world, to: .seconds(25))
        #expect(world.oracle.chain.number == published)
        world.run()
        #expect(world.violation == nil)
        #expect(world.oracle.chain.number > published)
        #expect(world.report.convergedAfter != nil)
        #expect(world.marks[.stopHeard] == 2)
    }

    @Test func `a paused device stays so over restarts, and the others go on without it`() {
        let deaths = (0..<3).map { number -> (Nanoseconds, ScenarioEvent) in
            (.seconds(14 + 4 * Int64(number)), .crash(.node(2), power: number == 1, down: .seconds(1)))
        }
        var world = Self.world(2, [(.seconds(10), .client(.node(2), Self.pauseHere))] + deaths)
        Self.advance(&world, to: .seconds(12))
        let published = world.oracle.chain.number
        Self.advance(&world, to: .seconds(39))
        #expect(world.marks[.stopOverRestart] == 3)
        #expect(world.nodes[2].disk.stops.here != nil)
        #expect(world.oracle.chain.number > published + 5)
        world.run()
        #expect(world.violation == nil && world.report.convergedAfter != nil)
    }

    @Test func `W6 a device that was cut off, and one without an agent, hear of a stop when they are reached`() {
        var world = Self.world(
            3,
            [
                (.seconds(8), .cut(.isolate(.node(0)), .seconds(10))),
                (.seconds(9), .crash(.node(1), power: false, down: .seconds(8))),
                (.seconds(10), .client(.node(2), Self.emergency)), (.seconds(11), .client(.node(1), Self.emergency)),
            ])
        Self.advance(&world, to: .seconds(16))
        #expect(world.nodes[0].disk.stops.order == nil)
        #expect(world.nodes[1].hasStopFile)
        Self.advance(&world, to: .seconds(30))
        #expect(world.nodes.allSatisfy { $0.disk.stops.order?.kind == .emergency })
        #expect(world.marks[.stopFileTaken] == 1)
        #expect(!world.nodes[1].hasStopFile)
        world.run()
        #expect(world.violation == nil && world.report.convergedAfter != nil)
    }

    @Test func `a pause of all for a time ends by itself`() {
        var world = Self.world(4, [(.seconds(10), .client(.node(0), .stop(.pause, everywhere: true, .seconds(6))))])
        Self.advance(&world, to: .seconds(14))
        #expect(world.nodes.allSatisfy { $0.disk.stops.order != nil })
        Self.advance(&world, to: .seconds(20))
        #expect(world.nodes.allSatisfy { $0.disk.stops.order == nil })
        #expect(world.marks[.stopTimeOver] >= 1)
        world.run()
        #expect(world.violation == nil)
    }

    @Test(
        .enabled(if: MutantSet.isAvailable),
        arguments: [
            Mutant.stopForgotten, .stoppedTakesPart, .stopKeepsWriters,
        ])
    func `a stop that does not hold is found`(mutant: Mutant) throws {
        let trial = try #require(MutantTrial(mutant, starts: [1], budget: 120))
        let outcome = trial.run(from: 1)
        #expect(trial.isPassed([outcome]), "\(trial.facts.name): \(outcome)")
    }
}
