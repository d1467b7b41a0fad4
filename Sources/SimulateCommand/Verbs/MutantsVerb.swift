import ArgumentParser
import Primitives
import Simulation

/// Shows that the checks find bugs: each mutant must be found by the check that is meant for it.
struct MutantsVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mutants",
        abstract: "Plant one bug after the other and see which check finds it, and how soon.",
        discussion: """
            A mutant is killed if one of its expected checks fires in each of three disjoint ranges of seeds. A \
            neutral one must pass: whatever a check says of it is a false alarm. Exit status 5 if a mutant survived or \
            a neutral one did not pass. Mutants are in debug builds, and in release builds with the trait Mutants:

            swift build -c release --traits Mutants --scratch-path .build/mutants --product baton-simulate
            """)

    @Argument(help: "Mutants by name; all of them if none is named.")
    var names: [String] = []

    @Option(help: "Seeds of each range at most.")
    var budget = 2000

    @Option(help: "Ranges of seeds, 1 to 10.")
    var ranges = 3

    @Option(help: "Ranges that run at the same time, 1 to 64 (default: one per core).")
    var jobs: Int?

    @Option(help: "How long faults and writers go on: 500ms to 24h.")
    var duration = "60s"

    @Option(help: "Write the table here, as Markdown.")
    var markdown: String?

    @Flag(help: "Print one JSON object; times are in its 'timing' alone.")
    var json = false

    func validate() throws {
        guard (1...1_000_000).contains(budget) else {
            throw ValidationError("--budget takes 1 to 1000000, not \(budget).")
        }
        guard (1...10).contains(ranges) else { throw ValidationError("--ranges takes 1 to 10, not \(ranges).") }
        if let jobs, !(1...64).contains(jobs) { throw ValidationError("--jobs takes 1 to 64, not \(jobs).") }
        guard SeedOptions.nanoseconds(duration) != nil else {
            throw ValidationError("--duration takes 500ms to 24h (as 90s, 5m), not '\(duration)'.")
        }
    }

    func run() throws { try CommandProblem.told(work) }

    private func work() throws {
        guard MutantSet.isAvailable else {
            throw CommandProblem(
                "mutants are not in this build; build one with: swift build -c release --traits Mutants "
                    + "--scratch-path .build/mutants --product baton-simulate")
        }
        let starts = (0..<UInt64(ranges)).map { $0 * 100_000 + 1 }
        let trials = try wanted().compactMap {
            MutantTrial(
                $0, starts: starts, budget: budget,
                faultTime: SeedOptions.nanoseconds(duration) ?? .seconds(60))
        }
        let watch = Stopwatch()
        let runner = MutantRunner(trials: trials, jobs: jobs ?? Cores.count)
        let table = MutantTable(runner.results(.forUser(silent: json, studies: 2)), elapsed: watch.read())
        if json { Terminal.line(table.json()) } else { for line in table.lines { Terminal.line(line) } }
        if let markdown { try ScenarioFinder.write(table.markdown, to: markdown) }
        guard table.failed.isEmpty else { throw ExitCode(SimulateExit.mutantSurvived) }
    }

    private func wanted() throws -> [Mutant] {
        guard !names.isEmpty else { return Mutant.allCases }
        return try names.map { name in
            guard let mutant = Mutant(name: name) else {
                let known = Mutant.allCases.compactMap { $0.facts?.name }.joined(separator: ", ")
                throw CommandProblem("no mutant is called '\(name)'; known: \(known)")
            }
            return mutant
        }
    }
}
