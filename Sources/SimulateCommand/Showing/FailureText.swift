import ScenarioFiles
import Simulation

/// A failure, with all that is needed to look into it.
struct FailureText {
    let study: Study
    let failure: Failure
    /// Runs that shrinking may take; none: it is not shrunk.
    var shrinkingRuns = 0
    var rows = 30

    func write() {
        let scenario = study.scenario(failure.seed)
        // The model alone, which is what is shown and shrunk, does not fail there.
        if isOfRealGit {
            Terminal.line("")
            for line in facts(scenario) { Terminal.line(line) }
            return
        }
        let run = Simulation.recorded(scenario, rows: rows)
        Terminal.line("")
        for line in RunTable(run).lines(last: rows) { Terminal.line(line) }
        Terminal.line("")
        for line in facts(scenario) { Terminal.line(line) }
        guard failure.violation != nil, shrinkingRuns > 0 else { return }
        let shrunk = Shrinker.shrink(scenario, most: shrinkingRuns) { Simulation.run($0) }
        guard let shrunk else { return }
        let count = shrunk.scenario.events.count + shrunk.scenario.rules.count
        Terminal.line("")
        Terminal.line(
            "shrunk to \(count) outside events and \(shrunk.scenario.devices) devices in \(shrunk.runs) runs:")
        Terminal.line("")
        for line in ShrunkFile(shrunk, name: "shrunk").text.split(separator: "\n") { Terminal.line("    \(line)") }
    }

    private var isOfRealGit: Bool { failure.violation?.check == .realGit }

    /// The check, both facts, what the seed stood for, and the commands to go on with.
    func facts(_ scenario: Scenario) -> [String] {
        var lines: [String] = []
        if let violation = failure.violation {
            lines.append(
                "VIOLATION \(failure.id) (\(failure.name)), \(study.name), seed \(failure.seed), event "
                    + "\(violation.event), at \(violation.time) s")
        } else {
            lines.append("EXPECTATION BROKEN \(study.name), seed \(failure.seed): \(failure.name)")
        }
        lines.append("  \(failure.fact),")
        lines.append("  \(failure.clash).")
        let time = TimeText.text(scenario.faultTime)
        lines.append(
            "options:  \(scenario.devices) devices, \(scenario.events.count) events from outside and "
                + "\(scenario.rules.count) rules in \(time)")
        for condition in ScenarioFormat.conditions(ScenarioFile(scenario, name: study.name)) {
            lines.append("          \(condition)")
        }
        guard !isOfRealGit else {
            let words = (["baton simulate"] + study.words).joined(separator: " ")
            return lines + ["again:    \(words) --seed \(failure.seed) --git both"]
        }
        let target = target(failure.seed)
        lines.append("replay:   baton simulate replay \(target)")
        lines.append("why:      baton simulate explain \(target)")
        lines.append("picture:  baton simulate timeline \(target) --html timeline.html")
        lines.append("smaller:  baton simulate shrink \(target) --output shrunk.sim")
        return lines
    }

    private func target(_ seed: UInt64) -> String {
        guard study.file != nil else { return (["\(seed)"] + study.words).joined(separator: " ") }
        return (study.words + ["--seed \(seed)"]).joined(separator: " ")
    }
}

/// A shrunk scenario as a file that says where it comes from.
struct ShrunkFile {
    let result: Shrinker.Result
    var name: String

    init(_ result: Shrinker.Result, name: String) {
        self.result = result
        self.name = name
    }

    var text: String {
        var file = ScenarioFile(result.scenario, name: name)
        if let violation = result.report.violation {
            file.about = ["Breaks \(violation.check.rawValue) (\(violation.check)) at \(violation.time) s:"]
            file.about.append("\(violation.fact), \(violation.clash).".words)
        }
        return ScenarioFormat.text(file)
    }
}

extension String {
    /// Without what a file would read as a comment.
    fileprivate var words: String {
        split(separator: " ").map { $0.hasPrefix("#") ? String($0.dropFirst()) : String($0) }.joined(separator: " ")
    }
}
