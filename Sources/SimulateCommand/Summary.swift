import Primitives
import Simulation

/// What all runs came to.
struct Summary {
    let plan: RunPlan
    let reports: [RunReport]
    let elapsed: Stopwatch.Reading
    let marks: MarkCounts
    let trace: TraceHash
    let events: UInt64
    let simulated: Nanoseconds

    /// So many runs must have hit each required mark.
    static let vacuousAfter = 1000

    init(plan: RunPlan, reports: [RunReport], elapsed: Stopwatch.Reading) {
        self.plan = plan
        self.reports = reports
        self.elapsed = elapsed
        var marks = MarkCounts()
        var trace = TraceHash()
        var events: UInt64 = 0
        var simulated: Nanoseconds = 0
        for report in reports {
            marks.add(report.marks)
            trace.mix(report.trace.value)
            events &+= report.events
            simulated &+= report.simulated
        }
        self.marks = marks
        self.trace = trace
        self.events = events
        self.simulated = simulated
    }

    var failure: RunReport? { reports.first { $0.violation != nil } }

    /// Marks that had to be seen and were not.
    var missing: [Mark] {
        guard reports.count >= Self.vacuousAfter, plan.plant == nil, plan.devices == nil else { return [] }
        return Mark.allCases.filter { marks[$0] == 0 }
    }

    var exitCode: Int32 {
        if failure != nil { return 1 }
        return missing.isEmpty ? 0 : 4
    }

    // MARK: Text

    func write(commandLine: String) {
        for mark in Mark.allCases {
            let name = mark.name + String(repeating: " ", count: max(1, 34 - mark.name.count))
            Terminal.line("  \(name)\(marks[mark])")
        }
        let rate = elapsed.cpuMilliseconds > 0 ? simulated / 1_000_000 / elapsed.cpuMilliseconds : 0
        Terminal.line(
            "\(reports.count) runs, \(events) events, \(simulated / 1_000_000_000) simulated seconds, "
                + "\(elapsed.cpuMilliseconds) ms CPU: \(rate) simulated seconds per CPU second")
        Terminal.line("trace \(trace)")
        if plan.keepsGoing {
            for report in reports {
                guard let violation = report.violation else { continue }
                Terminal.line("\(violation.check.rawValue) seed \(report.seed): \(violation.fact), \(violation.clash)")
            }
        }
        if let failure { write(failure, commandLine) }
        if !missing.isEmpty {
            Terminal.line(
                "vacuous: never seen in \(reports.count) runs: \(missing.map(\.name).joined(separator: ", "))")
        } else if failure == nil {
            Terminal.line("all invariants held")
        }
    }

    private func write(_ report: RunReport, _ commandLine: String) {
        guard let violation = report.violation else { return }
        let scenario = plan.scenario(report.seed)
        Table.write(Simulation.transcript(scenario, rows: 40))
        Terminal.line(
            "VIOLATION \(violation.check.rawValue) (\(violation.check)), seed \(report.seed), event \(violation.event), "
                + "at \(violation.time) s")
        Terminal.line("  \(violation.fact),")
        Terminal.line("  \(violation.clash).")
        Terminal.line("scenario: \(scenario.summary)")
        Terminal.line("replay: \(commandLine) --seed \(report.seed) --trace")
    }

    // MARK: JSON

    func writeJSON() {
        var json = JSONWriter()
        json.begin()
        json.field("runs", UInt64(reports.count))
        json.field("firstSeed", plan.firstSeed)
        json.field("events", events)
        json.field("simulatedMilliseconds", UInt64(simulated / 1_000_000))
        json.field("trace", trace.description)
        json.begin("marks")
        for mark in Mark.allCases { json.field(mark.name, marks[mark]) }
        json.end()
        json.field("neverSeen", missing.map(\.name))
        if let failure, let violation = failure.violation {
            json.begin("violation")
            json.field("check", violation.check.rawValue)
            json.field("name", "\(violation.check)")
            json.field("seed", failure.seed)
            json.field("event", violation.event)
            json.field("at", violation.time.description)
            json.field("fact", violation.fact)
            json.field("clash", violation.clash)
            json.end()
        }
        json.field("exitCode", UInt64(exitCode))
        json.begin("timing")
        json.field("wallMilliseconds", UInt64(elapsed.wall))
        json.field("cpuMilliseconds", UInt64(elapsed.cpuMilliseconds))
        json.end()
        json.end()
        Terminal.line(json.text)
    }
}
