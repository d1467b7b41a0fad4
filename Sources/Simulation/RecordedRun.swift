/// A run with all that is needed to tell what happened.
package struct RecordedRun: Sendable {
    package var scenario: Scenario
    package var report: RunReport
    /// The last rows of the table, newest last.
    package var rows: [TranscriptRow]
    package var recording: Recording
}

extension Simulation {
    /// The same run once more, with everything written down.
    package static func recorded(_ scenario: Scenario, rows: Int, quietToo: Bool = false) -> RecordedRun {
        var world = World(scenario, keepsTranscript: true)
        world.transcript?.limit = rows
        world.transcript?.quietToo = quietToo
        world.record()
        world.run()
        return RecordedRun(
            scenario: scenario, report: world.report, rows: world.transcript?.last ?? [],
            recording: world.recording ?? Recording(nodes: scenario.devices))
    }
}
