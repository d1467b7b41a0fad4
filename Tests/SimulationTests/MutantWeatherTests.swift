import Primitives
import Testing

@testable import Simulation

/// The checks must be able to fail: each mutant is found by its own check, in the weather that brings it out. A few
/// seeds are tried, since any change of the core moves what happens in one of them.
@Suite(.enabled(if: MutantSet.isAvailable)) struct MutantWeatherTests {
    /// A calm mesh, in which `event` happens every few seconds.
    private static func weather(
        _ seed: UInt64, devices: Int, every pause: Nanoseconds,
        _ event: (_ draw: inout KeyedStream) -> [(Nanoseconds, ScenarioEvent)]
    ) -> Scenario {
        var scenario = Scenario(seed: seed, devices: devices, faultTime: .seconds(60))
        scenario.workload.ungatedPause = .milliseconds(300)
        var draw = KeyedStream(seed: seed, .planEvents)
        let settings = [("sync.settle", "100ms"), ("sync.max-wait", "1s"), ("sync.min-interval", "1s")]
        scenario.events = settings.map { setting in
            TimedEvent(at: TrueTime(.seconds(1)), event: .client(.node(0), .setting(setting.0, setting.1)))
        }
        var at = Nanoseconds.seconds(5)
        while at < scenario.faultTime {
            for (later, happening) in event(&draw) {
                scenario.events.append(TimedEvent(at: TrueTime(at + later), event: happening))
            }
            at += draw.between(pause / 2, pause * 2)
        }
        scenario.events.sort { $0.at < $1.at }
        return scenario
    }

    /// The quorum leader is cut off; who votes for the next one dies of it and is back at once.
    private static func elections(_ seed: UInt64) -> Scenario {
        var scenario = weather(seed, devices: 5, every: .seconds(2)) { draw in
            let deaths = (0..<5).map { node in
                ScenarioEvent.crashAt(
                    .node(node), .afterVote, skipping: 0, power: false, down: draw.between(1, .milliseconds(40)))
            }
            let all: [ScenarioEvent] = [.cut(.isolate(.quorumLeader), nil)] + deaths
            return all.map { (0, $0) } + [(draw.between(.seconds(1), .seconds(2)), .mend)]
        }
        scenario.network.delay = .longTail(.milliseconds(15))
        scenario.network.loss = 100_000
        return scenario
    }

    /// What the sync leader sends waits for longer than its lease, and arrives after a round of the next leader.
    private static func lateRounds(_ seed: UInt64) -> Scenario {
        var scenario = weather(seed, devices: 3, every: .seconds(15)) { draw in
            let asked = (0..<3).map { (Nanoseconds.milliseconds(100), ScenarioEvent.client(.node($0), .sync)) }
            return [(0, .clog(.all(of: .leader), draw.between(.seconds(8), .seconds(10))))] + asked
        }
        scenario.workload.ungatedPause = nil
        scenario.workload.gatedWriters = 0
        return scenario
    }

    /// The quorum leader's answers to renewals wait for longer than the lease.
    private static func lateAnswers(_ seed: UInt64) -> Scenario {
        var scenario = weather(seed, devices: 2, every: .seconds(10)) { draw in
            let later = Nanoseconds.seconds(1) + draw.between(0, .milliseconds(500))
            return [
                (0, .client(.node(0), .handoff(to: 1))),
                (later, .clog(.all(of: .quorumLeader), draw.between(.milliseconds(3100), .milliseconds(4800)))),
            ]
        }
        scenario.network.delay = .around(.milliseconds(100))
        return scenario
    }

    private static func found(_ mutant: Mutant, _ scenario: (UInt64) -> Scenario) -> [(seed: UInt64, check: CheckID)] {
        for seed in UInt64(1)...12 {
            var planted = scenario(seed)
            planted.mutants.insert(mutant)
            if let violation = Simulation.run(planted).violation { return [(seed, violation.check)] }
        }
        return []
    }

    @Test func `a vote that a restart forgets is found`() throws {
        let found = try #require(Self.found(.voteNotReloaded, Self.elections).first)
        #expect(found.check == .oneVote || found.check == .electionSafety)
        #expect(Simulation.run(Self.elections(found.seed)).violation == nil)
    }

    @Test func `a token that is not checked is found`() throws {
        let found = try #require(Self.found(.gateAcceptsAll, Self.lateRounds).first)
        #expect(found.check == .fence || found.check == .tokenDurableFirst)
        #expect(Simulation.run(Self.lateRounds(found.seed)).violation == nil)
    }

    @Test func `a lease that is counted from the reply is found`() throws {
        let found = try #require(Self.found(.leaseFromReply, Self.lateAnswers).first)
        #expect(found.check == .oneHolder)
        #expect(Simulation.run(Self.lateAnswers(found.seed)).violation == nil)
    }
}
