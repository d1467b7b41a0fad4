import ArgumentParser
import Primitives
import Simulation

/// A simulated day of three devices: what the scheduler did, and why.
struct DayVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "day",
        abstract: "Run a day of a laptop that sleeps, a desktop and a server, and show what the scheduler did and why.",
        discussion: """
            Twenty-four hours with the mesh's own settings, without faults but those of a day: sleep, a low battery, a \
            costly link, other addresses. Exit status 6 if a change waited for longer than it may while its machine \
            was awake, or if rounds came faster than they may.
            """)

    @Option(help: "The seed that draws when people and programs write.")
    var seed: UInt64 = 1

    @Flag(help: "List every round.")
    var rounds = false

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        let report = DayReport(Day.run(seed: seed))
        let table = DayTable(report, names: Day.scenario(seed: seed).names)
        if json {
            Terminal.line(table.json(seed: seed))
        } else {
            for line in table.lines(rounds: rounds) { Terminal.line(line) }
        }
        if report.violation != nil { throw ExitCode(SimulateExit.safety) }
        guard report.isOrderly else { throw ExitCode(SimulateExit.liveness) }
    }
}
