import DeviceCore
import Primitives
import SyncRounds

/// Everything about a run that is decided before it starts, as plain data. A seed expands to one, a file holds one;
/// shrinking takes parts out of it.
package struct Scenario: Hashable, Sendable {
    package var seed: UInt64
    /// With the learners and the late ones.
    package var devices: Int
    /// Names for people; `device-1` and so on where there is none.
    package var names: [String] = []
    /// So many of the last devices join only when the others vote, and are thereby the standbys of the core's own rule.
    package var learners = 0
    /// Devices that are no members until an `addDevice`, ascending; never the first.
    package var late: [Int] = []
    package var timing = TimingProfile.lan
    /// When each device cuts its log.
    package var compaction = Compaction()
    /// Replicated settings, put in at the start.
    package var settings: [Setting] = []
    /// Faults and work go on for so long; then the core is mended, and it must converge.
    package var faultTime: Nanoseconds
    /// How long nothing may happen after it converged.
    package var quietTime: Nanoseconds = .seconds(10)
    package var network = NetworkConditions()
    package var clocks = ClockConditions()
    package var disk = DiskConditions()
    package var work = WorkConditions()
    package var workload = Workload()
    package var hub: HubConditions?
    /// Sorted by time.
    package var events: [TimedEvent] = []
    package var rules: [Rule] = []
    package var heal = HealPlan()
    /// Deliberate bugs of the core or of the model, to show that the checks find them.
    package var mutants = MutantSet()

    package init(seed: UInt64, devices: Int, faultTime: Nanoseconds) {
        self.seed = seed
        self.devices = devices
        self.faultTime = faultTime
    }

    package func name(of node: Int) -> String { node < names.count ? names[node] : "device-\(node + 1)" }

    /// How long it may take to converge after that: the longest back-off after failed rounds, the mesh's own patience
    /// with changes, a lease that runs out, an election whose votes split a few times, and a few rounds; all on the
    /// slowest clock.
    package var healBound: Nanoseconds {
        let longest = Limits.roundBackOff * (1 << Int(Limits.backOffDoublings))
        let backOff = longest + longest / Limits.backOffJitter
        let lease = timing.leaseTTL * 2 + timing.election.upperBound * 8
        let patience = max(syncSettings.minInterval, syncSettings.settle) + syncSettings.maxWait
        var bound = (backOff + lease + patience + Limits.requestPatience * 2).wholeNanoseconds
        if hub != nil { bound &+= hubBound.wholeNanoseconds }
        let slowest = min(clocks.rates.min() ?? NodeClock.nominal, NodeClock.nominal)
        return bound / slowest * NodeClock.nominal + .seconds(60)
    }

    /// The hub adds its own longest back-off, a look that was just missed, a person who accepts what stands there.
    private var hubBound: Duration {
        Limits.hubBackOff * (1 << Int(Limits.backOffDoublings)) + Limits.hubPoll * 2 + .seconds(60)
    }

    /// The settings of rounds as this scenario makes them.
    var syncSettings: SyncSettings {
        var all = settings
        for timed in events {
            if case .client(_, .setting(let key, let value)) = timed.event {
                all.append(Setting(key: key, value: value))
            }
        }
        // Of two values of a key the first is read.
        return SyncSettings(all.reversed())
    }

    /// With a place for a second machine of one identity, if there is one ever.
    var machines: Int {
        let all = events.map(\.event) + rules.map(\.event)
        return devices + (all.contains { if case .clone = $0 { true } else { false } } ? 1 : 0)
    }

    /// Some disk goes back to an image.
    var goesBack: Bool {
        let all = events.map(\.event) + rules.map(\.event)
        return all.contains { if case .rollback = $0 { true } else { false } }
    }

    /// False if clocks run beyond the bound that leases rest on: then only effect safety is demanded.
    var leasesAreSafe: Bool { clocks.rates.allSatisfy(ClockConditions.bound.contains) }
}
