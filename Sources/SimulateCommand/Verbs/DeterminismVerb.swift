import ArgumentParser
import Simulation

/// Shows that a seed always does the same.
struct DeterminismVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-determinism",
        abstract:
            "Run each seed twice here and twice in fresh processes, with hashing seeded and not: all must be alike.",
        discussion: "scripts/check-determinism compares debug and release builds as well.")

    @OptionGroup var options: SeedOptions

    @Flag(help: "Print the trace of each run and compare nothing.")
    var list = false

    func run() throws { try CommandProblem.told(work) }

    private func work() throws {
        let studies = try options.studies()
        guard !list else {
            for line in traces(studies, .forUser(silent: true, studies: 1)) { Terminal.line(line) }
            return
        }
        let progress = Progress.forUser(silent: false, studies: 1)
        progress.say("first run")
        let first = traces(studies, progress)
        var differing: [String] = []
        func compare(_ what: String, _ others: [String]) {
            let places = first.indices.filter { !others.indices.contains($0) || others[$0] != first[$0] }
            let text = places.isEmpty && others.count == first.count ? "alike" : "\(places.count) DIFFER"
            Terminal.line("\(what): \(text)")
            for place in places.prefix(5) {
                Terminal.line("  first   \(first[place])")
                Terminal.line("  now     \(others.indices.contains(place) ? others[place] : "nothing")")
            }
            if text != "alike" { differing.append(what) }
        }
        progress.clear()
        compare("again in this process", traces(studies, progress))
        for isSeeded in [true, false] {
            let what = "in a fresh process, hashing \(isSeeded ? "seeded" : "the same each time")"
            compare(what, try FreshProcess.lines(arguments(), deterministicHashing: !isSeeded))
        }
        Terminal.line("\(first.count) runs")
        guard differing.isEmpty else {
            Terminal.line("NOT DETERMINISTIC: \(differing.joined(separator: "; "))")
            throw ExitCode(SimulateExit.nondeterminism)
        }
        Terminal.line("all runs of a seed are the same")
    }

    /// A line per run: which one, its trace, its events.
    private func traces(_ studies: [Study], _ progress: Progress) -> [String] {
        studies.flatMap { study in
            let runner = StudyRunner(
                studies: study.seeds.map { seed in
                    var one = study
                    one.seeds = seed...seed
                    return one
                }, jobs: options.jobCount, keepsGoing: true, run: { Simulation.run($0) },
                progress: Progress(style: progress.style))
            return runner.results().map {
                "\(study.name) \($0.study.seeds.lowerBound) \($0.trace) \($0.events)"
            }
        }
    }

    /// What this process was started with, and `--list`.
    private func arguments() -> [String] { Array(CommandLine.arguments.dropFirst()) + ["--list"] }
}
