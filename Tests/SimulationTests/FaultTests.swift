import DeviceCore
import Primitives
import Testing

@testable import Simulation

/// One fault at a time, in a calm and busy mesh.
@Suite struct FaultTests {
    private static func busy(_ seed: UInt64, devices: Int = 3, _ events: [(Nanoseconds, ScenarioEvent)] = [])
        -> Scenario
    {
        var scenario = Scenario(seed: seed, devices: devices, faultTime: .seconds(30))
        scenario.settings = [
            Setting(key: "sync.settle", value: "100ms"), Setting(key: "sync.max-wait", value: "1s"),
            Setting(key: "sync.min-interval", value: "1s"),
        ]
        scenario.events = events.map { TimedEvent(at: TrueTime($0.0), event: $0.1) }
        return scenario
    }

    @Test(arguments: DiskFault.allCases)
    func `a disk that refuses ends the agent, and the mesh goes on`(fault: DiskFault) {
        let report = Simulation.run(
            Self.busy(1, [(.seconds(8), .diskFault(.node(1), fault, down: .seconds(2)))]))
        #expect(report.violation == nil)
        #expect(report.marks[.diskRefused] == 1)
        #expect(report.marks[.deviceReplaced] == (fault == .rot ? 1 : 0))
        #expect(report.convergedAfter != nil)
    }

    @Test func `a device whose disk is gone is replaced by a new one, which gets everything`() {
        var world = World(Self.busy(2, [(.seconds(8), .wipe(.node(2), by: .node(0)))]))
        world.run()
        #expect(world.violation == nil && world.isOver)
        #expect(world.nodes[2].id.number == 3 + Node.generationStep)
        #expect(world.oracle.voters.map(\.number) == [1, 2, 3 + Node.generationStep])
        #expect(world.nodes[2].workspace.tree == world.nodes[0].workspace.tree)
    }

    @Test func `a disk that goes back in time leaves nothing but the safety of effects to demand`() {
        let report = Simulation.run(Self.busy(3, [(.seconds(15), .rollback(.node(1), age: .seconds(10)))]))
        #expect(report.violation == nil)
        #expect(report.marks[.diskWentBack] == 1)
        #expect(report.convergedAfter == nil)
    }

    @Test func `a disk that lies is found out by a power cut alone`() {
        let lie = (Nanoseconds.seconds(8), ScenarioEvent.syncLies(.node(1), .seconds(10)))
        let cut = (Nanoseconds.seconds(12), ScenarioEvent.crash(.node(1), power: true, down: .seconds(1)))
        #expect(Simulation.run(Self.busy(4, [lie])).marks[.diskWentBack] == 0)
        #expect(Simulation.run(Self.busy(4, [lie, cut])).marks[.diskWentBack] == 1)
    }

    @Test func `an apply waits for a rebase, and comes after it`() {
        let report = Simulation.run(
            Self.busy(5, (0..<8).map { (.seconds(4 + 3 * Int64($0)), .user(.node(1), .rebase)) }))
        #expect(report.violation == nil)
        #expect(report.marks[.applyWaited] > 0)
        #expect(report.convergedAfter != nil)
    }

    @Test func `a writer that ignores the pause loses nothing`() {
        var scenario = Self.busy(6, [(.seconds(3), .writers(.every, .ignoresPause, .seconds(25)))])
        scenario.workload.gatedPause = .milliseconds(40)
        let report = Simulation.run(scenario)
        #expect(report.violation == nil)
        #expect(report.marks[.writerMisbehaved] > 0)
        #expect(report.marks[.writerUnanswered] > 0)
    }

    @Test func `half open links are given up after their silence, and made again`() {
        let report = Simulation.run(
            Self.busy(7, [(.seconds(5), .halfOpen(Route(from: .node(0), to: .every), .seconds(20)))]))
        #expect(report.violation == nil)
        #expect(report.marks[.halfOpenLink] == 1)
    }

    @Test(arguments: [HealPlan.Core.majority, .exactMajority])
    func `a majority is enough, while the rest stays broken for ever`(core: HealPlan.Core) {
        for seed in UInt64(1)...4 {
            var scenario = Self.busy(seed, devices: 5)
            scenario.heal = HealPlan(core: core, delay: .milliseconds(5))
            var world = World(scenario)
            world.run()
            #expect(world.violation == nil && world.report.convergedAfter != nil)
            let mended = world.heal.isCore.count { $0 }
            #expect(core == .exactMajority ? mended == 3 : (3...5).contains(mended))
        }
    }

    @Test func `a core that is no quorum is said to be none`() {
        let reports = (UInt64(1)...12).map { seed in
            var scenario = Self.busy(seed, devices: 3)
            scenario.faultTime = .seconds(10)
            scenario.heal.core = .random
            return Simulation.run(scenario)
        }
        #expect(reports.allSatisfy { $0.violation == nil })
        #expect(reports.allSatisfy { $0.wasRecoverable == ($0.convergedAfter != nil) })
        #expect(Set(reports.map(\.wasRecoverable)).count == 2)
    }
}
