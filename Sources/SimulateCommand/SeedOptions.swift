import ArgumentParser
import Primitives
import ScenarioFiles
import Simulation

/// Which scenarios and which seeds, for every verb that runs some.
struct SeedOptions: ParsableArguments {
    @Argument(help: "Scenario files, or folders of them; without any, scenarios are drawn from the seeds.")
    var paths: [String] = []

    @Option(help: "Run this seed, or begin with it.")
    var seed: UInt64?

    @Option(help: "Run these seeds, as 1..200.")
    var seeds: String?

    @Option(help: "How many seeds to run (default: those of each file; without files 100, or 1 with --seed).")
    var runs: Int?

    @Option(help: "Devices of each drawn mesh, 1 to 9; drawn from the seed if not given.")
    var devices: Int?

    @Option(help: "How long faults and writers go on in a drawn scenario, in simulated time: 500ms to 24h.")
    var duration: String?

    @Option(help: "What is drawn: smoke (short), swarm, liveness (a random core is mended), perf (five devices).")
    var profile: Profile = .swarm

    @Option(help: "Seeds that run at the same time, 1 to 64 (default: one per core).")
    var jobs: Int?

    @Option(help: ArgumentHelp("Plant a bug that the checks must find.", visibility: .hidden))
    var plant: String?

    func validate() throws {
        if let runs, !(1...Int(Limits.scenarioSeeds)).contains(runs) {
            throw ValidationError("--runs takes 1 to \(Limits.scenarioSeeds), not \(runs).")
        }
        try Self.check(devices: devices, duration: duration, plant: plant)
        if let jobs, !(1...64).contains(jobs) { throw ValidationError("--jobs takes 1 to 64, not \(jobs).") }
        if let seeds, Self.range(seeds) == nil {
            throw ValidationError(
                "--seeds takes a range of at most \(Limits.scenarioSeeds) (as 1..200), not '\(seeds)'.")
        }
        if seeds != nil, seed != nil || runs != nil {
            throw ValidationError("--seeds already says which and how many; leave --seed and --runs out.")
        }
        if !paths.isEmpty, devices != nil || duration != nil {
            throw ValidationError("--devices and --duration are for drawn scenarios; a file says both itself.")
        }
    }

    static func check(devices: Int?, duration: String?, plant: String?) throws {
        if let devices, !(1...SimulationLimits.devices).contains(devices) {
            throw ValidationError("--devices takes 1 to \(SimulationLimits.devices), not \(devices).")
        }
        if let duration, nanoseconds(duration) == nil {
            throw ValidationError("--duration takes 500ms to 24h (as 90s, 5m), not '\(duration)'.")
        }
        if let plant, PlantedBug(rawValue: plant) == nil {
            guard MutantSet.isAvailable else {
                throw ValidationError("--plant needs a build with mutants; see 'simulate mutants --help'.")
            }
            let names = PlantedBug.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--plant takes one of \(names), not '\(plant)'.")
        }
    }

    var jobCount: Int { jobs ?? min(64, Cores.count) }

    /// Seeds of this command; nil: those that each file names.
    var range: ClosedRange<UInt64>? {
        if let seeds { return Self.range(seeds) }
        guard seed != nil || runs != nil || paths.isEmpty else { return nil }
        let first = seed ?? 1
        let count = UInt64(runs ?? (seed != nil ? 1 : profile.runs))
        let (last, overflows) = first.addingReportingOverflow(count - 1)
        return first...(overflows ? UInt64.max : last)
    }

    /// What these options ask for.
    func studies() throws -> [Study] {
        guard !paths.isEmpty else {
            let length = duration.flatMap(Self.nanoseconds) ?? profile.length
            return [Study(drawn: profile, range ?? 1...100, devices: devices, length: length, plant: plant)]
        }
        return try ScenarioFinder.files(paths).map { path, file in
            Study(path: path, file: file, range ?? file.seeds, plant: plant)
        }
    }

    /// Reads `500ms`, `90s`, `5m`, `1h`; nil for anything else and beyond the bounds of a scenario.
    static func nanoseconds(_ text: String) -> Nanoseconds? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let count = Int64(digits), count <= 100_000_000 else { return nil }
        let length: Nanoseconds
        switch text.dropFirst(digits.count) {
        case "ms": length = .milliseconds(count)
        case "s": length = .seconds(count)
        case "m" where count <= 1440: length = .seconds(count * 60)
        case "h" where count <= 24: length = .hours(count)
        default: return nil
        }
        return (.milliseconds(500)...(.hours(24))).contains(length) ? length : nil
    }

    static func range(_ text: String) -> ClosedRange<UInt64>? {
        let parts = text.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[1].isEmpty, let low = UInt64(parts[0]), let high = UInt64(parts[2]), low <= high,
            high - low < Limits.scenarioSeeds
        else { return nil }
        return low...high
    }
}

/// What is drawn from a seed.
enum Profile: String, ExpressibleByArgument, CaseIterable, Sendable {
    case smoke, swarm, liveness, perf

    var runs: Int {
        switch self {
        case .smoke: 50
        case .swarm, .liveness: 100
        case .perf: 20
        }
    }

    var length: Nanoseconds {
        switch self {
        case .smoke: .seconds(20)
        case .swarm, .liveness: .seconds(60)
        case .perf: .seconds(600)
        }
    }

    func scenario(_ seed: UInt64, devices: Int?, length: Nanoseconds) -> Scenario {
        switch self {
        case .smoke, .swarm: return .drawn(seed: seed, devices: devices, faultTime: length)
        case .liveness:
            var scenario = Scenario.drawn(seed: seed, devices: devices, faultTime: length)
            let cores = HealPlan.Core.allCases
            scenario.heal.core = cores[Int(SeededGenerator.mix(seed) % UInt64(cores.count))]
            return scenario
        case .perf: return .drawn(seed: seed, devices: devices ?? 5, faultTime: length)
        }
    }
}
