import Testing

@testable import Simulation

@Suite struct SimulationTests {
    @Test(arguments: UInt64(1)...3)
    func `the same seed does the same twice, and keeps every invariant`(seed: UInt64) {
        let one = Simulation.run(.drawn(seed: seed, faultTime: .seconds(15)))
        let other = Simulation.run(.drawn(seed: seed, faultTime: .seconds(15)))
        #expect(one == other)
        #expect(one.violation == nil)
    }

    @Test func `another seed does something else`() {
        let traces = (UInt64(1)...4).map { Simulation.run(.drawn(seed: $0, devices: 3, faultTime: .seconds(3))).trace }
        for (at, trace) in traces.enumerated() { #expect(!traces[..<at].contains(trace)) }
    }

    @Test func `a run whose rows are kept is the same run`() {
        let scenario = Scenario.drawn(seed: 5, devices: 3, faultTime: .seconds(5))
        var world = World(scenario, keepsTranscript: true)
        world.run()
        #expect(world.trace == Simulation.run(scenario).trace)
        #expect(world.transcript?.last.isEmpty == false)
    }

    @Test func `a copy of the world is a snapshot of it`() {
        var world = World(.drawn(seed: 3, devices: 3, faultTime: .seconds(5)))
        for _ in 0..<2000 { _ = world.advance() }
        var copy = world
        world.run()
        copy.run()
        #expect(world.trace == copy.trace)
        #expect(world.isOver && copy.isOver)
    }

    @Test func `a seed stands for one scenario, sorted by time`() {
        #expect(Scenario.drawn(seed: 9) == Scenario.drawn(seed: 9))
        let scenario = Scenario.drawn(seed: 9, devices: 4)
        #expect(scenario.devices == 4)
        #expect(zip(scenario.events, scenario.events.dropFirst()).allSatisfy { $0.at <= $1.at })
        #expect(scenario.events.allSatisfy { $0.at.nanoseconds < scenario.faultTime })
    }
}
