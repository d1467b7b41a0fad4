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
}

/// Runs seeds.
package enum Simulation {
    package static func run(_ scenario: Scenario) -> RunReport {
        var world = World(scenario)
        world.run()
        return RunReport(
            seed: scenario.seed, devices: scenario.devices, events: world.events, simulated: world.now.nanoseconds,
            trace: world.trace, marks: world.marks, violation: world.violation)
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
