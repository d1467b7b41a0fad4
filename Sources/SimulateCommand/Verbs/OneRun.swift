import ArgumentParser
import ScenarioFiles
import Simulation

/// One seed of one scenario, for every verb that looks at a single run.
struct OneRun: ParsableArguments {
    @Argument(help: "A scenario file, or a seed to draw a scenario from.")
    var target: String

    @Option(help: "The seed of the file (default: the first that fails, else the first).")
    var seed: UInt64?

    @Option(help: "Devices of the drawn mesh, 1 to 9; drawn from the seed if not given.")
    var devices: Int?

    @Option(help: "How long faults and writers go on in a drawn scenario: 500ms to 24h.")
    var duration: String?

    @Option(help: "What is drawn: smoke, swarm, liveness, perf.")
    var profile: Profile = .swarm

    @Option(help: ArgumentHelp("Plant a bug that the checks must find.", visibility: .hidden))
    var plant: String?

    func validate() throws {
        try SeedOptions.check(devices: devices, duration: duration, plant: plant)
        if UInt64(target) != nil, seed != nil {
            throw ValidationError("'\(target)' is the seed; leave --seed out.")
        }
    }

    /// The study and the seed that is meant. Without one, a file's seeds are looked through for a failure.
    func choose() throws -> (study: Study, seed: UInt64) {
        if let seed = UInt64(target) {
            let length = duration.flatMap(SeedOptions.nanoseconds) ?? profile.length
            return (Study(drawn: profile, seed...seed, devices: devices, length: length, plant: plant), seed)
        }
        let file = try ScenarioFinder.parse(target)
        let study = Study(path: target, file: file, seed.map { $0...$0 } ?? file.seeds, plant: plant)
        if let seed { return (study, seed) }
        for seed in study.seeds.prefix(200) {
            let report = Simulation.run(study.scenario(seed))
            if StudyResult.failure(report, study.expectations) != nil { return (study, seed) }
        }
        return (study, study.seeds.lowerBound)
    }
}

/// Runs one seed again and shows every event of it.
struct ReplayVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Run one seed again and show what happened, as a table.")

    @OptionGroup var one: OneRun

    @Option(help: "Rows to show, from the end.")
    var rows = 60

    @Flag(help: "Show all rows.")
    var all = false

    @Flag(help: "Heartbeats and ticks too.")
    var quietToo = false

    func validate() throws {
        guard (1...10_000_000).contains(rows) else {
            throw ValidationError("--rows takes 1 to 10000000, not \(rows).")
        }
    }

    func run() throws {
        try CommandProblem.told {
            let (study, seed) = try one.choose()
            let scenario = study.scenario(seed)
            let run = Simulation.recorded(scenario, rows: all ? .max / 4 : rows, quietToo: quietToo)
            for line in RunTable(run).lines() { Terminal.line(line) }
            Terminal.line("")
            try Self.end(run, study, seed)
        }
    }

    /// The verdict of one run, and its exit code.
    static func end(_ run: RecordedRun, _ study: Study, _ seed: UInt64) throws {
        let report = run.report
        if let failure = StudyResult.failure(report, study.expectations) {
            for line in FailureText(study: study, failure: failure).facts(run.scenario) { Terminal.line(line) }
            throw ExitCode(failure.kind == .safety ? SimulateExit.safety : SimulateExit.liveness)
        }
        let after = report.convergedAfter.map { ", all agreed \(TrueTime($0)) s after the faults" } ?? ""
        Terminal.line(
            "\(study.name), seed \(seed): \(report.events) events in \(TrueTime(report.simulated)) s, "
                + "\(report.externalEvents) from outside, \(report.roundsPublished) rounds published\(after)")
        Terminal.line("trace \(report.trace)")
        Terminal.line("all invariants held")
    }
}
