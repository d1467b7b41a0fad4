// Simulation: a whole mesh in one thread from one seed: devices (the very `Device` that the agent runs), links, disks,
// clocks, workspaces, writers, faults; and checks of the invariants of protocol.md, section 8, after every event.
// Never: a clock or a random source of the system, floating point, iteration over a hashed collection, a thread.
// Start with Scenario.swift (what a seed stands for), World.swift (what happens), Oracle.swift (what must hold).

/// The result of one seed.
package struct RunReport: Hashable, Sendable {
    package var seed: UInt64
    package var devices: Int
    package var events: UInt64
    package var simulated: Nanoseconds
    package var trace: TraceHash
    package var marks: MarkCounts
    package var violation: Violation?
    /// Faults, people and members that came about, of timed events and rules.
    package var externalEvents: Int
    package var roundsPublished: UInt64
    /// The longest that any gate was closed while its machine was awake, in true time.
    package var longestPause: Nanoseconds
    /// From the end of the faults to the moment since which all devices of the core had the same tree and were at rest;
    /// nil if that never came.
    package var convergedAfter: Nanoseconds?
    /// False if what was mended was no quorum: then nothing but safety was demanded.
    package var wasRecoverable: Bool
}

/// Runs seeds.
package enum Simulation {
    /// Without `checks` nothing is found: it shows what they cost.
    package static func run(_ scenario: Scenario, checks: Bool = true) -> RunReport {
        var world = World(scenario, checks: checks)
        world.run()
        return world.report
    }

    /// The same run once more, with the rows of what happened: it is the same, since nothing but the seed decides.
    package static func transcript(_ scenario: Scenario, rows: Int, quietToo: Bool = false) -> [TranscriptRow] {
        var world = World(scenario, keepsTranscript: true)
        world.transcript?.limit = rows
        world.transcript?.quietToo = quietToo
        world.run()
        return world.transcript?.last ?? []
    }
}

extension World {
    package var report: RunReport {
        RunReport(
            seed: scenario.seed, devices: scenario.devices, events: events, simulated: now.nanoseconds, trace: trace,
            marks: marks, violation: violation, externalEvents: externalEvents, roundsPublished: oracle.chain.number,
            longestPause: longestPause, convergedAfter: isOver && violation == nil ? convergedAfter : nil,
            wasRecoverable: heal.hopeless == nil)
    }
}
