import ScenarioFiles
import Simulation

/// What a whole command came to.
struct RunSummary {
    let results: [StudyResult]
    let elapsed: Stopwatch.Reading
    /// So many runs of drawn scenarios must have hit each mark.
    static let vacuousAfter = 1000
    static let rareAfter = 20_000
    /// Runs that a failure may take to be shrunk before it is shown.
    var shrinkingRuns = 400

    var failed: [StudyResult] { results.filter { !$0.failures.isEmpty } }

    /// Marks that were to be seen and were not. Fewer seeds than the file names need not see them.
    func missing(_ result: StudyResult) -> [Mark] {
        if let file = result.study.file { return result.runs < file.seeds.count ? [] : result.neverSeen }
        guard result.runs >= Self.vacuousAfter, result.study.words.isEmpty else { return [] }
        return Mark.allCases.filter { $0.isRequired(in: result.runs) && result.marks[$0] == 0 }
    }

    var exitCode: Int32 {
        let failures = results.flatMap(\.failures)
        if failures.contains(where: { $0.kind == .safety }) { return SimulateExit.safety }
        if !failures.isEmpty { return SimulateExit.liveness }
        return results.contains { !missing($0).isEmpty } ? SimulateExit.vacuous : SimulateExit.passed
    }

    private var events: UInt64 { results.reduce(0) { $0 &+ $1.events } }
    private var runs: Int { results.reduce(0) { $0 + $1.runs } }
    private var simulated: Nanoseconds { results.reduce(0) { $0 &+ $1.simulated } }

    private var trace: TraceHash {
        var trace = TraceHash()
        for result in results { trace.mix(result.trace.value) }
        return trace
    }

    // MARK: Text

    func write() {
        if results.contains(where: { $0.study.file != nil }) { table() } else { marks() }
        if let worst = failed.first, let failure = worst.failures.first {
            FailureText(study: worst.study, failure: failure, shrinkingRuns: shrinkingRuns).write()
        }
        let others = failed.flatMap { result in result.failures.map { (result.study.name, $0) } }.dropFirst()
        if !others.isEmpty {
            Terminal.line("")
            for (name, failure) in others {
                Terminal.line("also \(failure.id) in \(name), seed \(failure.seed): \(failure.fact), \(failure.clash)")
            }
        }
        Terminal.line("")
        let seconds = simulated / .seconds(1)
        let rate = elapsed.cpuMilliseconds > 0 ? simulated / .milliseconds(1) / elapsed.cpuMilliseconds : 0
        let scenarios = results.count == 1 ? "" : "\(results.count) scenarios, "
        Terminal.line(
            "\(scenarios)\(runs) runs, \(events) events, \(seconds) simulated seconds in \(elapsed.wall / 1000)."
                + "\(elapsed.wall % 1000 / 100) s: \(rate) per CPU second")
        Terminal.line("trace \(trace)")
        Terminal.line(verdict)
    }

    private var verdict: String {
        let vacuous = results.filter { !missing($0).isEmpty }
        if !failed.isEmpty { return "FAILED: \(failed.map(\.study.name).joined(separator: ", "))" }
        guard vacuous.isEmpty else {
            let what = vacuous.map { "\($0.study.name) never saw \(missing($0).map(\.word).joined(separator: ", "))" }
            return "VACUOUS: \(what.joined(separator: "; "))"
        }
        return "all invariants held"
    }

    private func table() {
        let signs = Terminal.isUTF8 ? ("✓", "✗", "○") : ("+", "x", "o")
        var cells = [[" ", "SCENARIO", "SEEDS", "SIMULATED", "FAULTS", "RESULT"]]
        for result in results {
            let missing = missing(result)
            let failure = result.failures.first
            let text =
                failure.map { "\($0.id) in seed \($0.seed): \($0.fact), \($0.clash)" }
                ?? (missing.isEmpty ? "ok" : "vacuous: never saw \(missing.map(\.word).joined(separator: ", "))")
            cells.append([
                failure != nil ? signs.1 : missing.isEmpty ? signs.0 : signs.2, result.study.shortName,
                "\(result.runs)", "\(result.simulated / .seconds(1)) s", "\(result.externalEvents)", text,
            ])
        }
        for line in Table.lines(cells, numbers: [2, 3, 4]) { Terminal.line(line) }
    }

    private func marks() {
        guard let result = results.first, runs > 1 else { return }
        let cells = Mark.allCases.filter { result.marks[$0] > 0 }.map {
            [$0.word, "\(result.seedsWithMark[$0.rawValue])", "\(result.marks[$0])"]
        }
        for line in Table.lines([["SEEN", "SEEDS", "TIMES"]] + cells, numbers: [1, 2]) { Terminal.line(line) }
    }

    // MARK: JSON

    func json() -> String {
        var json = JSONWriter()
        json.begin()
        json.field("schema", "baton.simulate/1")
        json.field("runs", runs)
        json.field("events", events)
        json.field("simulatedMilliseconds", UInt64(simulated / .milliseconds(1)))
        json.field("trace", trace.description)
        json.array("scenarios") { json in
            for result in results { json.element { write(result, &$0) } }
        }
        json.field("exitCode", Int(exitCode))
        json.begin("timing")
        json.field("wallMilliseconds", Int(elapsed.wall))
        json.field("cpuMilliseconds", Int(elapsed.cpuMilliseconds))
        json.end()
        json.end()
        return json.text
    }

    private func write(_ result: StudyResult, _ json: inout JSONWriter) {
        json.field("name", result.study.name)
        if result.study.file != nil { json.field("file", result.study.words.first ?? "") }
        json.field("firstSeed", result.study.seeds.lowerBound)
        json.field("runs", result.runs)
        json.field("events", result.events)
        json.field("externalEvents", result.externalEvents)
        json.field("simulatedMilliseconds", UInt64(result.simulated / .milliseconds(1)))
        json.field("trace", result.trace.description)
        json.begin("marks")
        for mark in Mark.allCases where result.marks[mark] > 0 { json.field(mark.word, result.marks[mark]) }
        json.end()
        json.field("neverSeen", missing(result).map(\.word))
        json.array("failures") { json in
            for failure in result.failures {
                json.element {
                    $0.field("kind", failure.kind == .safety ? "safety" : "liveness")
                    $0.field("id", failure.id)
                    $0.field("name", failure.name)
                    $0.field("seed", failure.seed)
                    if let violation = failure.violation {
                        $0.field("event", violation.event)
                        $0.field("at", violation.time.description)
                    }
                    $0.field("fact", failure.fact)
                    $0.field("clash", failure.clash)
                }
            }
        }
    }
}

extension Study {
    /// The last folder and the name.
    var shortName: String {
        guard file != nil, let path = words.first else { return name }
        let parts = path.split(separator: "/")
        return parts.count > 1 ? "\(parts[parts.count - 2])/\(name)" : name
    }
}

extension Mark {
    /// Whether so many drawn seeds must see it: of the rare ones some thousands see one.
    func isRequired(in runs: Int) -> Bool {
        // A history that is too long to search is nothing to wish for.
        guard self != .historyUndecided else { return false }
        return runs >= RunSummary.rareAfter || ![.stalePublishRefused, .headLeftWithRemoved].contains(self)
    }
}
