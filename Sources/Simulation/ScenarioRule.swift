/// An event that a state sets off: `when round.phase=staged as L suspend L 45s`.
package struct Rule: Hashable, Sendable {
    package var trigger: Trigger
    package var event: ScenarioEvent
    package var delay: Nanoseconds
    /// So many hits pass first.
    package var skipping: Int
    /// It happens so often at most.
    package var times: Int

    package init(
        on trigger: Trigger, _ event: ScenarioEvent, delay: Nanoseconds = 0, skipping: Int = 0,
        times: Int = SimulationLimits.ruleTimes
    ) {
        self.trigger = trigger
        self.event = event
        self.delay = delay
        self.skipping = skipping
        self.times = times
    }
}

/// What sets a rule off. `Target.subject` is the device at which it came to pass.
package enum Trigger: Hashable, Sendable {
    /// At the sync leader.
    case round(RoundPoint)
    /// A device begins to act as sync leader.
    case leaderChange
    /// A device begins to lead the consensus.
    case quorumLeaderChange
    /// A local client is told that it holds a lock.
    case lockGranted
    /// A gate begins to close.
    case gateClosing
    /// A gate is closed, and whoever was inside has left or had time to.
    case gateClosed
    /// A membership is committed; the subject is the first device that knows.
    case membershipChange
    case captureTaken
    /// An apply is about to look at its next path.
    case applyStep
    case crash
    case restart
    /// Something that must be seen now and then was seen.
    case mark(Mark)
    case every(Nanoseconds)
}

/// Where a round is, as its leader sees it.
package enum RoundPoint: String, Hashable, Sendable, CaseIterable {
    case prepare, collect, merge, stage
    /// The leader has checked its lease and that a quorum holds the revision, and nothing of the publication has left.
    case staged
    /// The publication was proposed.
    case publish
    /// It is committed; the subject is the round's leader.
    case published
    case apply
}

/// Bounds of everything that a scenario may ask for, so that none runs for ever or eats the memory.
package enum SimulationLimits {
    package static let devices = 9
    package static let deviceNameBytes = 32
    /// Timed events.
    package static let events = 20_000
    package static let rules = 64
    /// Times that one rule may happen.
    package static let ruleTimes = 100_000
    /// The least pause between two of `every`.
    package static let ruleInterval = Nanoseconds.milliseconds(1)
    package static let faultTime: ClosedRange<Nanoseconds> = .milliseconds(1)...(.hours(24))
    /// Any other duration of a scenario.
    package static let duration = Nanoseconds.hours(24 * 366)
    package static let clockRate: ClosedRange<Int64> = 10_000...100_000_000
    package static let writersPerDevice = 8
    package static let settings = 16
    package static let userLocks = 64
    package static let seeds: UInt64 = 10_000_000
    package static let perMillion = 1_000_000
    package static let restarts = 1000
    /// Of all devices together; nine at work with all their writers stay below a tenth of it.
    package static let eventsPerSecond: UInt64 = 100_000
}
