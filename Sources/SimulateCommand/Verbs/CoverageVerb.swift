import ArgumentParser
import ScenarioFiles
import Simulation

/// What the seeds really saw.
struct CoverageVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "coverage",
        abstract: "Count what the seeds saw: marks, and faults by class. What must be seen and was not is flagged.")

    @OptionGroup var options: SeedOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        try CommandProblem.told {
            let studies = try options.studies()
            let runner = StudyRunner(
                studies: studies, jobs: options.jobCount, keepsGoing: true, run: { Simulation.run($0) },
                progress: .forUser(silent: json, studies: studies.count))
            let coverage = CoverageTable(runner.results())
            if json { Terminal.line(coverage.json()) } else { for line in coverage.lines { Terminal.line(line) } }
            guard coverage.neverSeen.isEmpty else { throw ExitCode(SimulateExit.vacuous) }
        }
    }
}

/// Marks and faults over all runs.
struct CoverageTable {
    private var seeds = [Int](repeating: 0, count: Mark.allCases.count)
    private var marks = MarkCounts()
    private var runs = 0
    private var faults: [(verb: String, seeds: Int, events: Int)]
    private let required: [Mark]

    init(_ results: [StudyResult]) {
        let verbs = ScenarioEvent.verbs
        faults = verbs.map { ($0, 0, 0) }
        let all = results.reduce(0) { $0 + $1.runs }
        required =
            results.allSatisfy { $0.study.file == nil }
            ? Mark.allCases.filter { $0.isRequired(in: all) } : results.flatMap(\.study.wantedMarks)
        for result in results {
            runs += result.runs
            marks.add(result.marks)
            for at in seeds.indices { seeds[at] += result.seedsWithMark[at] }
            for seed in result.study.seeds.prefix(result.runs) {
                let scenario = result.study.scenario(seed)
                let events = scenario.events.map(\.event.verb) + scenario.rules.map(\.event.verb)
                for at in verbs.indices {
                    let count = events.count { $0 == verbs[at] }
                    faults[at].events += count
                    faults[at].seeds += count > 0 ? 1 : 0
                }
            }
        }
    }

    var neverSeen: [Mark] { Mark.allCases.filter { required.contains($0) && marks[$0] == 0 } }

    var lines: [String] {
        var cells = [["MARK", "SEEDS", "OF ALL", "TIMES", ""]]
        for mark in Mark.allCases {
            let count = seeds[mark.rawValue]
            let isMissing = neverSeen.contains(mark)
            cells.append([
                mark.word, "\(count)", share(count), "\(marks[mark])",
                isMissing ? "NEVER SEEN, must be" : marks[mark] == 0 ? "not seen" : "",
            ])
        }
        var lines = Table.lines(cells, numbers: [1, 2, 3])
        lines.append("")
        let known = faults.map { [$0.verb, "\($0.seeds)", share($0.seeds), "\($0.events)"] }
        lines += Table.lines([["OUTSIDE EVENT", "SEEDS", "OF ALL", "TIMES"]] + known, numbers: [1, 2, 3])
        lines.append("")
        let unseen = neverSeen.count
        lines.append(
            "\(runs) runs; \(unseen == 0 ? "everything that must be seen was seen" : "\(unseen) marks NEVER SEEN")")
        return lines
    }

    private func share(_ count: Int) -> String {
        guard runs > 0 else { return "-" }
        let tenths = count * 1000 / runs
        return "\(tenths / 10).\(tenths % 10)%"
    }

    func json() -> String {
        var json = JSONWriter()
        json.begin()
        json.field("schema", "baton.simulate-coverage/1")
        json.field("runs", runs)
        json.array("marks") { json in
            for mark in Mark.allCases {
                json.element {
                    $0.field("mark", mark.word)
                    $0.field("seeds", seeds[mark.rawValue])
                    $0.field("times", marks[mark])
                    $0.field("required", required.contains(mark))
                }
            }
        }
        json.array("events") { json in
            for fault in faults {
                json.element {
                    $0.field("event", fault.verb)
                    $0.field("seeds", fault.seeds)
                    $0.field("times", fault.events)
                }
            }
        }
        json.end()
        return json.text
    }
}

extension Study {
    /// Marks that the file says are seen sometimes.
    var wantedMarks: [Mark] {
        expectations.compactMap { if case .sometimes(let mark) = $0 { mark } else { nil } }
    }
}
