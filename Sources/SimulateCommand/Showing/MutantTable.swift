import Primitives
import Simulation

/// Which mutant was found by what, and how soon.
struct MutantTable {
    private let results: [MutantResult]
    private let elapsed: Stopwatch.Reading

    init(_ results: [MutantResult], elapsed: Stopwatch.Reading) {
        self.results = results
        self.elapsed = elapsed
    }

    var failed: [MutantResult] { results.filter { !$0.isPassed } }

    private static let header = ["AREA", "MUTANT", "EXPECTED", "FOUND BY", "SEEDS", "CPU", "RESULT"]

    private func cells(_ result: MutantResult) -> [String] {
        let facts = result.trial.facts
        var found: [String] = []
        for outcome in result.outcomes {
            if let check = outcome.check, !found.contains(check.rawValue) { found.append(check.rawValue) }
        }
        let seeds = result.outcomes.map { $0.killedAt == nil ? ">\($0.seeds)" : "\($0.seeds)" }
        let isNeutral = facts.expected.isEmpty
        return [
            facts.area.rawValue, facts.name, isNeutral ? "none" : facts.expected.joined(separator: " "),
            found.isEmpty ? "-" : found.joined(separator: " "), seeds.joined(separator: " / "),
            "\(result.cpuMilliseconds / 1000).\(result.cpuMilliseconds % 1000 / 100) s", word(result),
        ]
    }

    private func word(_ result: MutantResult) -> String {
        var others: [String] = []
        for check in result.outcomes.flatMap(\.others) where !others.contains(check.rawValue) {
            others.append(check.rawValue)
        }
        let also = others.isEmpty ? "" : "; also \(others.joined(separator: " "))"
        if result.trial.facts.expected.isEmpty { return result.isPassed ? "passes" : "FALSE ALARM\(also)" }
        return (result.isPassed ? "killed" : "SURVIVED") + also
    }

    var lines: [String] {
        var lines = Table.lines([Self.header] + results.map(cells))
        lines.append("")
        lines.append(summary)
        return lines
    }

    private var summary: String {
        guard !failed.isEmpty else { return "all \(results.count) mutants came out as they must" }
        return "NOT AS THEY MUST: \(failed.map(\.trial.facts.name).joined(separator: ", "))"
    }

    // MARK: Markdown

    var markdown: String {
        let budget = results.first?.trial.budget ?? 0
        let starts = (results.first?.trial.starts ?? []).map { "\($0)" }.joined(separator: ", ")
        var text = """
            # Mutants

            Written by `baton-simulate mutants --markdown docs/simulation-mutants.md`; not by hand.

            Each line is a bug that a run can switch on, the checks that are meant to find it, and how many seeds it took.
            The ranges of seeds begin with \(starts); each has \(budget) seeds at most. A kill counts only if an
            expected check fires. Neutral mutants change nothing that matters: a check that fires there is a false alarm.
            CPU seconds are those of all ranges, on one core.

            | area | mutant | what it does | expected | found by | seeds | CPU | result |
            |---|---|---|---|---|---|---|---|

            """
        for result in results {
            var cells = cells(result)
            cells.insert(result.trial.facts.about, at: 2)
            text += "| \(cells.joined(separator: " | ")) |\n"
        }
        return text + "\n\(summary).\n"
    }

    // MARK: JSON

    func json() -> String {
        var json = JSONWriter()
        json.begin()
        json.field("schema", "baton.simulate-mutants/1")
        json.array("mutants") { json in
            for result in results { json.element { write(result, &$0) } }
        }
        json.begin("timing")
        json.field("wallMilliseconds", Int(elapsed.wall))
        json.field("cpuMilliseconds", Int(elapsed.cpuMilliseconds))
        json.end()
        json.end()
        return json.text
    }

    private func write(_ result: MutantResult, _ json: inout JSONWriter) {
        json.field("name", result.trial.facts.name)
        json.field("area", result.trial.facts.area.rawValue)
        json.field("expected", result.trial.facts.expected)
        json.field("passed", result.isPassed)
        json.array("ranges") { json in
            for (start, outcome) in zip(result.trial.starts, result.outcomes) {
                json.element {
                    $0.field("firstSeed", start)
                    $0.field("seeds", outcome.seeds)
                    $0.field("events", outcome.events)
                    if let seed = outcome.killedAt { $0.field("killedAt", seed) }
                    if let check = outcome.check { $0.field("check", check.rawValue) }
                    $0.field("others", outcome.others.map(\.rawValue))
                }
            }
        }
    }
}
