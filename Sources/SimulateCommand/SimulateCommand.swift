import ArgumentParser
import Dispatch
import Primitives
import Simulation

// SimulateCommand: `baton simulate` and the small program `baton-simulate`: arguments, progress, summary, failure.
// Never: a rule of the protocol, a check. Start with SimulateCommand below, then Summary.swift.

/// Runs whole meshes, each from one seed, under faults, and checks the protocol's invariants after every event.
public struct SimulateCommand: ParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Run whole meshes in one process under partitions, crashes, sleep and wild clocks.",
        discussion: """
            Each seed stands for one scenario: how many devices, which faults, which writers. The same seed always does the
            same. Exit status: 0 all runs passed, 1 an invariant was broken, 4 something that must be seen was never seen,
            64 wrong arguments.
            """)

    @Option(help: "Run this seed, or begin with it.")
    public var seed: UInt64?

    @Option(help: "How many seeds to run (default 100; 1 with --seed).")
    public var runs: Int?

    @Option(help: "Devices of each mesh, 1 to 9; drawn from the seed if not given.")
    public var devices: Int?

    @Option(help: "How long faults and writers go on, in simulated time: 500ms to 1h.")
    public var duration: String = "60s"

    @Option(help: "Seeds that run at the same time, 1 to 64.")
    public var jobs: Int = 1

    @Flag(help: "Print one JSON object; times are in `timing` alone.")
    public var json = false

    @Flag(help: "Print every event of one seed as a row of a table.")
    public var trace = false

    @Flag(help: "Run all seeds, also after one has failed, and list every failure.")
    public var keepGoing = false

    @Option(help: ArgumentHelp("Plant a bug that the checks must find.", visibility: .hidden))
    public var plant: String?

    public init() {}

    public func validate() throws {
        if let runs, !(1...10_000_000).contains(runs) {
            throw ValidationError("--runs takes 1 to 10000000, not \(runs).")
        }
        if let devices, !(1...Limits.devices).contains(devices) {
            throw ValidationError("--devices takes 1 to \(Limits.devices), not \(devices).")
        }
        guard (1...64).contains(jobs) else { throw ValidationError("--jobs takes 1 to 64, not \(jobs).") }
        guard let length = Self.nanoseconds(duration), (500_000_000...3_600_000_000_000).contains(length) else {
            throw ValidationError("--duration takes 500ms to 1h (as 90s, 5m), not '\(duration)'.")
        }
        if trace, runs ?? 1 != 1 { throw ValidationError("--trace shows one run; leave --runs out.") }
        if let plant, PlantedBug(rawValue: plant) == nil {
            let names = PlantedBug.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--plant takes one of \(names), not '\(plant)'.")
        }
    }

    public func run() throws {
        let plan = RunPlan(
            firstSeed: seed ?? 1, runs: runs ?? (seed != nil || trace ? 1 : 100), devices: devices,
            duration: Self.nanoseconds(duration) ?? 60_000_000_000, jobs: jobs, plant: plant.flatMap(PlantedBug.init),
            keepsGoing: keepGoing)
        if trace {
            Table.write(Simulation.transcript(plan.scenario(plan.firstSeed), rows: .max / 4, quietToo: true))
        }
        let began = Stopwatch()
        let reports = SeedRunner(plan: plan, showsProgress: !json).run()
        let summary = Summary(plan: plan, reports: reports, elapsed: began.read())
        if json { summary.writeJSON() } else { summary.write(commandLine: replay(plan)) }
        guard summary.exitCode == 0 else { throw ExitCode(summary.exitCode) }
    }

    /// The command for one seed of this run; the seed is added by whoever prints it.
    private func replay(_ plan: RunPlan) -> String {
        var words = ["baton simulate"]
        if let devices { words.append("--devices \(devices)") }
        if duration != "60s" { words.append("--duration \(duration)") }
        if let plant { words.append("--plant \(plant)") }
        return words.joined(separator: " ")
    }

    /// Reads `500ms`, `90s`, `5m`, `1h`.
    static func nanoseconds(_ text: String) -> Int64? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let count = Int64(digits), count <= 1_000_000_000 else { return nil }
        switch text.dropFirst(digits.count) {
        case "ms": return count * 1_000_000
        case "s": return count * 1_000_000_000
        case "m": return count > 60_000 ? nil : count * 60_000_000_000
        case "h": return count > 1000 ? nil : count * 3_600_000_000_000
        default: return nil
        }
    }
}
