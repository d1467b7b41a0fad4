import DeviceCore
import Primitives
import Testing

@testable import Simulation

/// A quorum that is lost for good, or that somebody takes for lost (`simulations/recovery` has more).
@Suite struct RecoveryTests {
    private static func mesh(_ seed: UInt64, _ events: [(Int64, ScenarioEvent)]) -> Scenario {
        var scenario = Scenario(seed: seed, devices: 3, faultTime: .seconds(50))
        scenario.settings = [
            Setting(key: "sync.settle", value: "100ms"), Setting(key: "sync.max-wait", value: "1s"),
            Setting(key: "sync.min-interval", value: "1s"),
        ]
        scenario.workload.userPause = .seconds(1)
        scenario.events = events.map { TimedEvent(at: TrueTime(.seconds($0.0)), event: $0.1) }
        return scenario
    }

    /// The third hears nobody and is recovered; the other two go on meanwhile.
    private static func apart(_ seed: UInt64) -> Scenario {
        mesh(seed, [(12, .cut(.isolate(.node(2)), .seconds(20))), (22, .recover(.node(2), isForced: false))])
    }

    /// Two recover, and do not hear each other.
    private static func rivals(_ seed: UInt64) -> Scenario {
        mesh(
            seed,
            [
                (12, .crash(.node(0), power: true, down: .seconds(30))), (12, .cut(.isolate(.node(2)), .seconds(18))),
                (20, .recover(.node(1), isForced: false)), (22, .recover(.node(2), isForced: false)),
            ])
    }

    @Test(arguments: UInt64(1)...6)
    func `what two published and the third did not hear of is merged when they meet`(seed: UInt64) {
        let report = Simulation.run(Self.apart(seed))
        #expect(report.violation == nil)
        #expect(report.marks[.meshRecovered] == 1)
        #expect(report.marks[.epochRejoined] == 2)
        #expect(report.marks[.strayGrounded] > 0)
        #expect(report.convergedAfter != nil)
    }

    @Test(arguments: UInt64(1)...4)
    func `two survivors stay apart until a person recovers one of them again`(seed: UInt64) {
        let report = Simulation.run(Self.rivals(seed))
        #expect(report.violation == nil)
        #expect(report.marks[.meshRecovered] == 3)
        #expect(report.marks[.rivalEpochs] > 0)
        #expect(report.convergedAfter != nil)
    }

    @Test func `a recovery that is not needed is refused, and one by force is done`() {
        let asked = Simulation.run(Self.mesh(1, [(12, .recover(.node(2), isForced: false))]))
        #expect(asked.violation == nil)
        #expect(asked.marks[.meshRecovered] == 0 && asked.marks[.recoveryRefused] == 1)
        let forced = Simulation.run(Self.mesh(1, [(12, .recover(.node(2), isForced: true))]))
        #expect(forced.violation == nil)
        #expect(forced.marks[.meshRecovered] == 1 && forced.convergedAfter != nil)
    }

    @Test(
        .enabled(if: MutantSet.isAvailable),
        arguments: [Mutant.oldEpochHeard, .anyEpochJoined, .rivalJoined, .strayBaseKept])
    func `a mutant of recovery is killed by the check that is meant for it`(mutant: Mutant) throws {
        let facts = try #require(mutant.facts)
        let killed = (1...20 as ClosedRange<UInt64>).contains { seed in
            var scenario = mutant == .rivalJoined ? Self.rivals(seed) : Self.apart(seed)
            scenario.mutants.insert(mutant)
            guard let violation = Simulation.run(scenario).violation else { return false }
            return facts.expected.contains(violation.check.rawValue)
        }
        #expect(killed, "\(facts.name)")
    }
}
