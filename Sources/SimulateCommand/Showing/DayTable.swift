import Simulation

/// A simulated day: hour by hour, then what the scheduler decided, then how long changes waited.
struct DayTable {
    private let report: DayReport
    private let names: [String]

    init(_ report: DayReport, names: [String]) {
        self.report = report
        self.names = names
    }

    func lines(rounds: Bool) -> [String] {
        var lines = Table.lines(hourCells, numbers: Array(1...(names.count + 5)))
        lines.append("")
        lines += Table.lines(decisionCells, numbers: [1, 2, 3])
        if rounds {
            lines.append("")
            lines += Table.lines(roundCells, numbers: [4])
        }
        lines.append("")
        return lines + verdict
    }

    // MARK: Text

    private var hourCells: [[String]] {
        let header = ["HOUR"] + names.map { "ON \($0.uppercased())" }
        var cells = [header + ["ROUNDS", "PUBLISHED", "GIVEN UP", "FILES", "LONGEST WAIT", "LEADER", "BECAUSE OF"]]
        for (number, hour) in report.hours.enumerated() {
            let because = hour.reasons.sorted { $0.count > $1.count }.map { "\($0.count) \($0.word)" }
            cells.append(
                ["\(number):00"] + hour.edits.map { $0 == 0 ? "-" : "\($0)" } + [
                    "\(hour.rounds)", "\(hour.published)", "\(hour.aborted)", "\(hour.changedFiles)",
                    hour.longestWait == 0 ? "-" : Self.words(hour.longestWait),
                    hour.leader.map { names[$0] } ?? "-", because.joined(separator: ", "),
                ])
        }
        return cells
    }

    private var decisionCells: [[String]] {
        let all = max(report.journal.decisions.reduce(0) { $0 &+ $1.lasted }, 1)
        let rows = report.journal.decisions.sorted { $0.lasted > $1.lasted }.map { decision in
            let thousandths = decision.lasted / (all / 1000 + 1)
            return [
                decision.rule, "\(decision.times)", Self.words(decision.lasted),
                "\(thousandths / 10).\(thousandths % 10)%",
            ]
        }
        return [["WHAT DECIDED", "TIMES", "LASTED", "OF ALL"]] + rows
    }

    private var roundCells: [[String]] {
        let rows = report.journal.rounds.map { round in
            let took = round.ended.map { ($0 - round.began) / .milliseconds(1) }
            return [
                Self.clock(round.began), names[round.leader], round.because,
                round.members.map { names[$0] }.joined(separator: "+"), "\(round.changedFiles)",
                took.map { "\($0) ms" } ?? "-", round.cameTo,
            ]
        }
        return [["AT", "LEADER", "BECAUSE OF", "WITH", "FILES", "TOOK", "CAME TO"]] + rows
    }

    private var verdict: [String] {
        let waits = report.journal.waits.map(\.waited).sorted()
        var lines: [String] = []
        if let longest = waits.last {
            let middle = Self.words(waits[waits.count / 2])
            let most = Self.words(waits[waits.count * 99 / 100])
            lines.append(
                "\(waits.count) changes were published; they waited \(middle) (half of them), \(most) (99 of 100), "
                    + "\(Self.words(longest)) (the longest), \(Self.words(DayReport.patience)) being allowed")
        }
        if let violation = report.violation { lines.append("\(violation.check.rawValue): \(violation.fact)") }
        lines.append(
            "starved changes: \(report.starved.count); rounds too soon: \(report.hasty.count); rounds for nothing: "
                + "\(report.idle.count); unpublished at the end: \(report.journal.waiting)")
        lines.append(report.isOrderly ? "no starvation, no storm" : "NOT as it must be")
        return lines
    }

    private static func words(_ time: Nanoseconds) -> String {
        let seconds = time / .seconds(1)
        if seconds < 1 { return "\(time / .milliseconds(1)) ms" }
        if seconds < 600 { return "\(seconds) s" }
        return seconds < 36_000 ? "\(seconds / 60) min" : "\(seconds / 3600) h"
    }

    private static func clock(_ time: TrueTime) -> String {
        let seconds = time.nanoseconds / .seconds(1)
        let parts = [seconds / 3600, seconds / 60 % 60, seconds % 60]
        return parts.map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":")
    }

    // MARK: JSON

    func json(seed: UInt64) -> String {
        var json = JSONWriter()
        json.begin()
        json.field("schema", "baton.simulate-day/1")
        json.field("seed", seed)
        json.array("hours") { json in
            for hour in report.hours {
                json.element {
                    $0.field("edits", hour.edits.reduce(0, +))
                    $0.field("rounds", hour.rounds)
                    $0.field("published", hour.published)
                    $0.field("givenUp", hour.aborted)
                    $0.field("longestWaitMilliseconds", UInt64(hour.longestWait / .milliseconds(1)))
                }
            }
        }
        json.array("decisions") { json in
            for decision in report.journal.decisions {
                json.element {
                    $0.field("rule", decision.rule)
                    $0.field("times", decision.times)
                    $0.field("milliseconds", UInt64(decision.lasted / .milliseconds(1)))
                }
            }
        }
        json.field("starved", report.starved.count)
        json.field("hasty", report.hasty.count)
        json.field("idle", report.idle.count)
        json.end()
        return json.text
    }
}
