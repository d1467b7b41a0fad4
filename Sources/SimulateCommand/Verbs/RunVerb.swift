import ArgumentParser
import ScenarioFiles
import Simulation

/// Runs scenarios: those of files, or drawn ones.
struct RunVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run scenario files, or scenarios drawn from seeds (what is done without a verb)."
    )

    @OptionGroup var options: SeedOptions

    @Option(name: .customLong("for"), help: "Draw new seeds for this long: 30s to 24h.")
    var length: String?

    @Option(
        help: """
            The git of the devices: model; real: the same is done with real repositories beside it (slow), which must \
            not object; both: and is compared with the model after each event of git. 'baton simulate' alone has them.
            """)
    var git: GitTier = .model

    @Flag(help: "Run all seeds, also after one has failed, and list every failure.")
    var keepGoing = false

    @Flag(help: "Show the failure as it is, without making it smaller.")
    var noShrink = false

    @Flag(help: "Print one JSON object; times are in its 'timing' alone.")
    var json = false

    func validate() throws {
        guard let length else { return }
        guard SeedOptions.nanoseconds(length) != nil else {
            throw ValidationError("--for takes 500ms to 24h (as 10m), not '\(length)'.")
        }
        if options.seeds != nil || options.runs != nil {
            throw ValidationError("--for goes on until the time is over; leave --seeds and --runs out.")
        }
    }

    func run() throws { try CommandProblem.told(work) }

    private func work() throws {
        var studies = try options.studies()
        let limit = length.flatMap(SeedOptions.nanoseconds).map { $0 / .milliseconds(1) }
        if limit != nil {
            for at in studies.indices {
                let first = options.seed ?? studies[at].seeds.lowerBound
                studies[at].seeds = first...(first.addingReportingOverflow(9_999_999).partialValue)
            }
            // Files take turns: each of them alone would use the time up.
            if studies.count > 1 {
                throw CommandProblem("--for takes one scenario, not \(studies.count); name one file, or none")
            }
        }
        let watch = Stopwatch()
        let runner = StudyRunner(
            studies: studies, jobs: options.jobCount, keepsGoing: keepGoing, timeLimit: limit,
            run: try RealGit.run(git), progress: .forUser(silent: json, studies: studies.count))
        let results = runner.results()
        let summary = RunSummary(results: results, elapsed: watch.read(), shrinkingRuns: noShrink ? 0 : 400)
        if json { Terminal.line(summary.json()) } else { summary.write() }
        if !json, options.profile == .perf, options.paths.isEmpty { BareLoop.write(results, watch.read()) }
        guard summary.exitCode == 0 else { throw ExitCode(summary.exitCode) }
    }
}

extension GitTier: ExpressibleByArgument {}
