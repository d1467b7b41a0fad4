// ScenarioFiles: scenarios as text: a file -> a value -> the engine's `Scenario` of each seed, and back; and making a
// failing scenario small. Never: a file's bytes from disk, a clock, a rule of the protocol, a run of its own accord.
// Start with ScenarioFile.swift (the value), ScenarioParser.swift (the language), ScenarioCompiler.swift,
// Shrinker.swift.

import Primitives
import Simulation

/// What a scenario file says. `parse(format(file)) == file`, comments included.
package struct ScenarioFile: Hashable, Sendable {
    package var name: String
    /// What it shows, for people; a line each.
    package var about: [String] = []
    /// All devices, learners last; the first of them founds the mesh, the others join.
    package var devices: [String]
    package var learners = 0
    /// Those who join only by an `add`, ascending.
    package var late: [Int] = []
    package var config = ConfigBlock()
    package var workload = Workload()
    package var network = NetworkConditions()
    package var clocks = ClockConditions()
    package var disk = DiskConditions()
    package var work = WorkConditions()
    package var hub: HubConditions?
    /// A bug that is planted, by name.
    package var plant: String?
    package var chaos: Nanoseconds = .seconds(60)
    /// Faults of the seed's own are added to those that are written (swarm testing).
    package var drawsFaults = false
    package var lines: [ChaosLine] = []
    package var heal = HealBlock()
    package var expectations: [Expectation] = []
    package var seeds: ClosedRange<UInt64> = 1...20
    package var notes: [Note] = []

    package init(name: String, devices: [String]) {
        self.name = name
        self.devices = devices
    }
}

/// A comment: lines above a statement, and what stands behind it.
package struct Note: Hashable, Sendable {
    package var anchor: Anchor
    package var above: [String] = []
    package var after: String?
}

/// A statement of a file, in the order of the canonical form.
package enum Anchor: Hashable, Sendable {
    case scenario
    case about(Int)
    case cluster, learner, late, config, workload, network, clocks, disk, work, hub, plant, chaos
    case line(Int)
    case heal
    case expect(Int)
    case seeds
    case end
}

/// How the mesh is set up.
package struct ConfigBlock: Hashable, Sendable {
    package var timing = TimingProfile.lan
    package var compaction = Compaction()
    /// Each seed draws each device's clock within 1 +- this, in parts per million; not used where rates are written.
    package var drift: Int64 = 0
    /// Settings as of `baton config set`, in the order of the file; nil: rounds come quickly.
    package var settings: [ConfigSetting]?
}

package struct ConfigSetting: Hashable, Sendable {
    package var key: String
    package var value: String
}

/// What comes after the chaos.
package struct HealBlock: Hashable, Sendable {
    package var plan = HealPlan()
    /// How long nothing may happen after all have converged.
    package var quiet: Nanoseconds = .seconds(10)
}
