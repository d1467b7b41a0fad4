import DeviceCore
import Primitives
import Testing

@testable import Simulation

/// Events that a state sets off, and conditions that a scenario states.
@Suite struct RuleTests {
    private static func busy(_ seed: UInt64, devices: Int = 3) -> Scenario {
        var scenario = Scenario(seed: seed, devices: devices, faultTime: .seconds(30))
        scenario.settings = [
            Setting(key: "sync.settle", value: "100ms"), Setting(key: "sync.max-wait", value: "1s"),
            Setting(key: "sync.min-interval", value: "1s"),
        ]
        return scenario
    }

    @Test func `a leader that sleeps between its check and the publication is refused when it wakes`() {
        var scenario = Self.busy(1)
        scenario.rules = [Rule(on: .round(.staged), .suspend(.subject, .seconds(12)), skipping: 2, times: 1)]
        let report = Simulation.run(scenario)
        #expect(report.violation == nil)
        #expect(report.externalEvents == 1)
        #expect(report.marks[.suspended] == 1)
        #expect(report.marks[.leaseEndedWhileHolderSuspended] == 1)
        #expect(report.roundsPublished > 3)
        #expect(report.convergedAfter != nil)
    }

    @Test func `a rule passes the hits that it skips, and happens so often at most`() {
        var scenario = Self.busy(2)
        scenario.rules = [
            Rule(on: .captureTaken, .freeze(.subject, .milliseconds(10)), skipping: 1, times: 3),
            Rule(on: .every(.seconds(4)), .wallJump(.every, .hours(-1))),
            Rule(on: .mark(.roundPublished), .client(.others, .sync), delay: .milliseconds(50), times: 2),
        ]
        let report = Simulation.run(scenario)
        #expect(report.violation == nil)
        #expect(report.marks[.pausedProcess] == 3)
        #expect(report.externalEvents == 3 + 7 + 2)
    }

    @Test func `the subject of a rule can be cut off, and a cut ends by itself`() {
        var scenario = Self.busy(3)
        scenario.rules = [
            Rule(
                on: .quorumLeaderChange, .cut(.route(Route(from: .others, to: .subject)), .seconds(3)),
                delay: .seconds(2), times: 3)
        ]
        let report = Simulation.run(scenario)
        #expect(report.violation == nil)
        #expect(report.externalEvents == 3)
        #expect(report.marks[.electionUnderPartition] > 0)
    }

    @Test func `learners wait until the others vote`() {
        var scenario = Self.busy(4, devices: 4)
        scenario.learners = 1
        var world = World(scenario)
        world.run()
        #expect(world.violation == nil)
        #expect(world.oracle.voters.map(\.number) == [1, 2, 3])
    }

    @Test func `a late device joins when it is told to`() {
        var scenario = Self.busy(5)
        scenario.late = [2]
        scenario.events = [TimedEvent(at: TrueTime(.seconds(20)), event: .addDevice(2))]
        var world = World(scenario)
        while world.now < TrueTime(.seconds(19)), world.advance() {}
        #expect(!world.nodes[2].hasJoined)
        world.run()
        #expect(world.violation == nil && world.nodes[2].hasJoined)
    }

    @Test func `an exponential delay has its mean`() {
        var draw = KeyedStream(seed: 1, .delay)
        var sum: Nanoseconds = 0
        var above = 0
        for _ in 0..<20_000 {
            let value = draw.delay(.exponential(mean: .milliseconds(8), least: .milliseconds(1)))
            sum += value
            if value > .milliseconds(17) { above += 1 }
        }
        #expect((Nanoseconds.microseconds(8850)...(.microseconds(9150))).contains(sum / 20_000))
        // e to the power of minus two is 0.135.
        #expect((2_560...2_860).contains(above))
    }
}
