import Primitives
import Testing

@testable import ScenarioFiles
@testable import Simulation

/// Against a run that is made up: it fails if two certain events come one after the other.
@Suite struct ShrinkerTests {
    private static func fails(_ scenario: Scenario) -> Bool {
        var sleeps = false
        for timed in scenario.events {
            if case .suspend(.node(1), _) = timed.event { sleeps = true }
            if sleeps, case .wallJump(.leader, let distance) = timed.event, distance > .seconds(10) { return true }
        }
        return false
    }

    private static func report(_ scenario: Scenario) -> RunReport {
        var report = Simulation.run(Scenario(seed: scenario.seed, devices: 1, faultTime: .milliseconds(500)))
        report.violation =
            fails(scenario)
            ? Violation(check: .fence, event: 1, time: TrueTime(.seconds(59)), fact: "one", clash: "other") : nil
        return report
    }

    private static func large(_ seed: UInt64) -> Scenario {
        var scenario = Scenario.drawn(seed: seed, devices: 5)
        let planted: [(Nanoseconds, ScenarioEvent)] = [
            (.milliseconds(20_123), .suspend(.node(1), .milliseconds(7_321))),
            (.milliseconds(41_999), .wallJump(.leader, .milliseconds(55_555))),
        ]
        scenario.events += planted.map { TimedEvent(at: TrueTime($0.0), event: $0.1) }
        scenario.events.sort { $0.at < $1.at }
        return scenario
    }

    @Test func `what is left is what it takes`() throws {
        for seed in UInt64(1)...5 {
            let result = try #require(Shrinker.shrink(Self.large(seed), most: 3000, run: Self.report))
            #expect(result.scenario.events.count == 2, "seed \(seed): \(result.scenario.events)")
            #expect(result.scenario.devices == 2)
            #expect(result.scenario.network == NetworkConditions())
            #expect(result.scenario.workload.gatedWriters == 0)
            #expect(result.report.violation?.check == .fence)
            #expect(result.scenario.events.allSatisfy { $0.at.nanoseconds % .seconds(1) == 0 })
        }
    }

    @Test func `its file comes to the same scenario`() throws {
        let result = try #require(Shrinker.shrink(Self.large(3), most: 3000, run: Self.report))
        let text = ScenarioFormat.text(ScenarioFile(result.scenario, name: "shrunk"))
        let file = try ScenarioParser.parse(path: "x.sim", bytes: Array(text.utf8))
        var named = result.scenario
        named.names = (0..<named.devices).map(named.name(of:))
        #expect(file.compile(seed: file.seeds.lowerBound) == named)
    }

    @Test func `it keeps to its budget, and a passing run has nothing to shrink`() throws {
        let result = try #require(Shrinker.shrink(Self.large(2), most: 10, run: Self.report))
        #expect(result.runs <= 10)
        #expect(Shrinker.shrink(Scenario.drawn(seed: 2), most: 10, run: Self.report) == nil)
    }
}
