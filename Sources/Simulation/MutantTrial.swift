import Primitives

/// Whether the checks find one mutant: seeds of several disjoint ranges, each until the expected check fires.
package struct MutantTrial: Hashable, Sendable {
    /// What became of one range of seeds.
    package struct Outcome: Hashable, Sendable {
        /// The seed at which an expected check fired; nil if none did.
        package var killedAt: UInt64?
        package var check: CheckID?
        /// Seeds that were run, and their events.
        package var seeds = 0
        package var events: UInt64 = 0
        /// Other checks that fired first: the bug was seen, but not as what it is.
        package var others: [CheckID] = []
    }

    package let mutant: Mutant
    package let facts: MutantFacts
    /// The first seed of each range.
    package let starts: [UInt64]
    /// How many seeds of each range are run at most.
    package let budget: Int
    package var devices: Int?
    package var faultTime: Nanoseconds

    /// Nil in a build without mutants.
    package init?(
        _ mutant: Mutant, starts: [UInt64] = [1, 100_001, 200_001], budget: Int = 2000, devices: Int? = nil,
        faultTime: Nanoseconds = .seconds(60)
    ) {
        guard let facts = mutant.facts else { return nil }
        self.mutant = mutant
        self.facts = facts
        self.starts = starts
        self.budget = budget
        self.devices = devices
        self.faultTime = faultTime
    }

    package func scenario(_ seed: UInt64) -> Scenario {
        var scenario = Scenario.drawn(seed: seed, devices: devices, faultTime: faultTime)
        scenario.mutants.insert(mutant)
        // What is lost without fencing is lost, and nobody says so.
        if mutant == .checkersOff { scenario.mutants.insert(.noFencing) }
        return scenario
    }

    /// Runs one range; neutral mutants and those that nothing kills run to the end of the budget.
    package func run(from start: UInt64) -> Outcome {
        var outcome = Outcome()
        for seed in start..<(start &+ UInt64(budget)) {
            let report = Simulation.run(scenario(seed))
            outcome.seeds += 1
            outcome.events &+= report.events
            guard let violation = report.violation else { continue }
            guard facts.expected.contains(violation.check.rawValue) else {
                outcome.others.append(violation.check)
                continue
            }
            outcome.killedAt = seed
            outcome.check = violation.check
            return outcome
        }
        return outcome
    }

    /// A mutant must be killed in every range; a neutral one must pass, without any violation.
    package func isPassed(_ outcomes: [Outcome]) -> Bool {
        if facts.expected.isEmpty { return outcomes.allSatisfy { $0.killedAt == nil && $0.others.isEmpty } }
        return outcomes.allSatisfy { $0.killedAt != nil }
    }
}
