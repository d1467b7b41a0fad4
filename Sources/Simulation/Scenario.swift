import Primitives

/// Everything about a run that is decided before it starts. A seed expands to one; shrinking takes parts out of it.
package struct Scenario: Hashable, Sendable {
    package var seed: UInt64
    package var devices: Int
    /// Faults and work go on for so long; then everything is mended and the mesh must converge.
    package var faultTime: Nanoseconds
    /// How long nothing may happen after it converged.
    package var quietTime: Nanoseconds = .seconds(10)
    package var network = NetworkConditions()
    package var clocks = ClockConditions()
    package var work = WorkConditions()
    package var workload = Workload()
    /// Sorted by time.
    package var events: [TimedEvent] = []
    package var plant: PlantedBug?

    package init(seed: UInt64, devices: Int, faultTime: Nanoseconds) {
        self.seed = seed
        self.devices = devices
        self.faultTime = faultTime
    }

    /// How long it may take to converge after that: the longest back-off after failed rounds, on the slowest clock, and
    /// time for elections, leases and a few rounds.
    package var healBound: Nanoseconds {
        let backOff = (Limits.roundBackOff * (1 << Int(Limits.backOffDoublings))).wholeNanoseconds
        let slowest = clocks.rates.min() ?? NodeClock.nominal
        return backOff / slowest * NodeClock.nominal + .seconds(120)
    }

    /// False if clocks run beyond the bound that leases rest on: then only effect safety is demanded.
    var leasesAreSafe: Bool { clocks.rates.allSatisfy(ClockConditions.bound.contains) }
}

package struct ClockConditions: Hashable, Sendable {
    /// The fastest is less than 1.5 times as fast as the slowest.
    static let bound: ClosedRange<Int64> = 830_000...1_200_000

    /// Parts per million, by device.
    package var rates: [Int64] = []
    /// Timers come so much too late at times.
    package var lateTimers: Nanoseconds = 0
}

/// How the disk and the shells behave.
package struct WorkConditions: Hashable, Sendable {
    /// One durable write.
    package var diskDelay: Nanoseconds = .microseconds(400)
    package var diskHasLongTail = false
    /// Capture, fetch, merge, stage, one applied file.
    package var actionDelay: Nanoseconds = .milliseconds(20)
    package var actionsHaveLongTail = false
    /// Per million actions.
    package var actionFailures = 0
}

/// Who changes files.
package struct Workload: Hashable, Sendable {
    package static let groupSize = 3
    package static let sharedPaths = 10

    /// Writers of each device that respect the gate; each changes its own group of files.
    package var gatedWriters = 1
    package var gatedPause: Nanoseconds = .milliseconds(1500)
    /// Between two writes of one section.
    package var gatedStep: Nanoseconds = .milliseconds(3)
    /// Writers that ignore the gate, on shared files.
    package var ungatedPause: Nanoseconds?
    /// A person who edits and deletes shared files.
    package var userPause: Nanoseconds?

    func paths(devices: Int) -> Int { Self.sharedPaths + devices * gatedWriters * Self.groupSize }

    /// The files of one writer's group.
    func group(of node: Int, writer: Int) -> Range<Int> {
        let first = Self.sharedPaths + (node * gatedWriters + writer) * Self.groupSize
        return first..<(first + Self.groupSize)
    }
}

package struct TimedEvent: Hashable, Sendable {
    package var at: TrueTime
    package var event: ScenarioEvent
}

/// What comes from outside: faults, people, members.
package enum ScenarioEvent: Hashable, Sendable {
    case cut(Cut)
    case mend
    /// `power`: the machine stops and what was not synced is gone; otherwise only the process dies.
    case crash(Target, power: Bool)
    /// All that goes to or comes from it waits for so long and arrives in one burst.
    case clog(Target, Nanoseconds)
    /// The next boundary of this kind, after `skipping` others, is the process's last; it starts again after `down`.
    case crashAt(Target, Boundary, skipping: Int, power: Bool, down: Nanoseconds)
    case restart(Int)
    /// One clock stops, links die, nothing runs; wakes after the time given.
    case suspend(Target, Nanoseconds)
    /// The process is stopped; clocks run, messages wait.
    case pause(Target, Nanoseconds)
    case rate(Int, Int64)
    case wallJump(Int, Nanoseconds)
    case client(Int, ClientPlan)
    case removeDevice(Int, by: Int)
    case stop(Target)
}

/// Between which two effects a device can die.
package enum Boundary: Int, Hashable, Sendable, CaseIterable {
    case beforePersist, afterPersist, betweenSends, betweenActions, midApply
    /// The output in which it votes for another has left.
    case afterVote
}

package enum ClientPlan: Hashable, Sendable {
    case sync
    case handoff(to: Int?)
    /// Holds the user lock of that number for so long, then releases it.
    case lock(Int, ttl: Nanoseconds, hold: Nanoseconds, waits: Bool)
    case setting(String, String)
}

/// Bugs that the simulation makes in its use of the core, to show that the checks find them.
package enum PlantedBug: String, Hashable, Sendable, CaseIterable {
    case voteNotPersisted = "vote-not-persisted"
    case tokenNotChecked = "token-not-checked-on-apply"
    case leaseFromReply = "lease-from-reply"
}
