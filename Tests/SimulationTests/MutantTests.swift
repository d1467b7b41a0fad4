import Primitives
import Testing

@testable import Simulation

/// Deliberate bugs: the checks find each by its own id, and nothing else is held against the true code. The whole table
/// with all its seeds is `baton simulate mutants`, in a release build.
@Suite(.enabled(if: MutantSet.isAvailable)) struct MutantTests {
    @Test func `every mutant has a name of its own and checks that exist`() throws {
        let facts = Mutant.allCases.compactMap(\.facts)
        #expect(facts.count == Mutant.allCases.count)
        #expect(Set(facts.map(\.name)).count == facts.count)
        for mutant in Mutant.allCases {
            let fact = try #require(mutant.facts)
            #expect(fact.expected.allSatisfy { CheckID(rawValue: $0) != nil }, "\(fact.name)")
            #expect(fact.expected.isEmpty == (fact.area == .neutral || mutant == .checkersOff), "\(fact.name)")
            #expect(Mutant(name: fact.name)?.facts == fact)
        }
        #expect(Mutant.allCases.count <= 128)
    }

    /// Those that a few seeds bring out.
    @Test(arguments: [
        Mutant.voteBeforeDurable, .termNotPersisted, .voteByLengthOnly, .noNoop, .quorumTooSmall, .ackBeforeFsync,
        .truncateOnAnyAppend, .matchBeyondAck, .noPreVote, .noCheckQuorum, .fixedElectionTimeout, .leaderCountsEarly,
        .grantWithoutWaiting, .tokenIsTerm, .delayedRelease, .lateResume, .publishedTooSoon, .likeResetHard,
    ])
    func `a mutant is killed by the check that is meant for it`(mutant: Mutant) throws {
        let trial = try #require(MutantTrial(mutant, starts: [1], budget: 40))
        let outcome = trial.run(from: 1)
        #expect(trial.isPassed([outcome]), "\(trial.facts.name): \(outcome)")
    }

    @Test(arguments: [Mutant.heartbeatHalved, .otherJitter, .fifoLinks])
    func `a neutral mutant is no violation`(mutant: Mutant) throws {
        let trial = try #require(MutantTrial(mutant, starts: [1], budget: 4))
        let outcome = trial.run(from: 1)
        #expect(trial.isPassed([outcome]), "\(trial.facts.name): \(outcome)")
    }

    @Test func `without the checks nothing is found`() throws {
        let trial = try #require(MutantTrial(.likeResetHard, starts: [1], budget: 40))
        let seed = try #require(trial.run(from: 1).killedAt)
        let report = Simulation.run(trial.scenario(seed), checks: false)
        #expect(report.violation == nil)
    }
}
