import ScenarioFiles
import Simulation

/// One scenario and the seeds that it is run with.
struct Study: Sendable {
    var name: String
    /// The words after `simulate replay` that stand for it; the seed follows.
    var words: [String]
    var seeds: ClosedRange<UInt64>
    /// What every run, and all of them together, must show.
    var expectations: [Expectation]
    /// The file, if it is one.
    var file: ScenarioFile?
    private let make: @Sendable (UInt64) -> Scenario

    func scenario(_ seed: UInt64) -> Scenario { make(seed) }

    init(drawn profile: Profile, _ seeds: ClosedRange<UInt64>, devices: Int?, length: Nanoseconds, plant: String?) {
        name = profile.rawValue
        self.seeds = seeds
        expectations = [.always([])]
        words = profile == .swarm ? [] : ["--profile", profile.rawValue]
        if let devices { words += ["--devices", "\(devices)"] }
        if length != profile.length { words += ["--duration", "\(length / 1_000_000)ms"] }
        if let plant { words += ["--plant", plant] }
        let bug = plant.flatMap(PlantedBug.init)
        make = { seed in
            var scenario = profile.scenario(seed, devices: devices, length: length)
            scenario.plant = bug
            return scenario
        }
    }

    init(path: String, file: ScenarioFile, _ seeds: ClosedRange<UInt64>, plant: String? = nil) {
        name = file.name
        words = [path]
        if let plant { words += ["--plant", plant] }
        self.seeds = seeds
        self.file = file
        expectations = file.expectations
        let bug = plant.flatMap(PlantedBug.init)
        make = { seed in
            var scenario = file.compile(seed: seed)
            if let bug { scenario.plant = bug }
            return scenario
        }
    }
}
