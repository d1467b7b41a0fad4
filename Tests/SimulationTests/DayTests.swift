import Primitives
import SyncRounds
import Testing

@testable import Simulation

/// A day of a laptop that sleeps, a desktop and a server, with the mesh's own settings and the real scheduler.
@Suite struct DayTests {
    /// Until after lunch: the night, a morning with a program at work, a low battery, two sleeps.
    private static let report = DayReport(Day.run(seed: 1, hours: 13))

    @Test func `P4 in a day no change starves and rounds keep their distance`() {
        let report = Self.report
        #expect(report.violation == nil)
        #expect(report.starved.isEmpty, "\(report.starved.prefix(3))")
        #expect(report.hasty.isEmpty, "\(report.hasty.prefix(3))")
        #expect(report.journal.waiting == 0)
        #expect(report.journal.waits.count > 200)
        // Twelve intervals fit into an hour; whoever was away is caught up besides.
        #expect(report.hours.allSatisfy { $0.rounds <= 20 })
        #expect(report.journal.rounds.count < 100)
    }

    @Test func `P4 an hour without a change has no round but for whoever comes back`() {
        for (number, hour) in Self.report.hours.enumerated() where hour.edits.allSatisfy({ $0 == 0 }) {
            let others = hour.reasons.filter { $0.word != RoundReason.behind.rawValue }
            #expect(others.isEmpty, "\(number):00 has \(others)")
        }
        let rules = Self.report.journal.decisions.map(\.rule)
        #expect(rules.contains(RoundSchedule.Rule.minInterval.title))
        #expect(rules.contains(RoundSchedule.Rule.nothingChanged.title))
    }

    @Test func `P6 the laptop's changes wait while its battery is low, and are published with the others'`() {
        let low = Day.low
        let waits = Self.report.journal.waits.filter { $0.node == Day.laptop && low.contains($0.edited.nanoseconds) }
        #expect(!waits.isEmpty)
        let led = Self.report.journal.rounds.filter { $0.leader == Day.laptop && low.contains($0.began.nanoseconds) }
        #expect(led.isEmpty, "\(led.prefix(3))")
    }

    @Test func `P6 a laptop that leads while its battery is low lets the others sync`() {
        let report = DayReport(Day.run(Day.lowLeader(seed: 1)))
        #expect(report.violation == nil)
        let rounds = report.journal.rounds
        let before = rounds.filter { (Day.ledFrom..<Day.low.lowerBound).contains($0.began.nanoseconds) }
        #expect(before.last?.leader == Day.laptop)
        let low = rounds.filter { Day.low.contains($0.began.nanoseconds) }
        #expect(low.allSatisfy { $0.leader != Day.laptop })
        #expect(low.count { $0.cameTo.starts(with: "published") } >= 5)
        #expect(report.starved.isEmpty, "\(report.starved.prefix(3))")
        #expect(report.journal.waiting == 0)
    }
}
