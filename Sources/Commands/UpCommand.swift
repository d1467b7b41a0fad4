import AgentRuntime
import ArgumentParser
import ControlSocket

struct UpCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "up", abstract: "Start the agent of this device.",
        discussion: "In the background, with its log in BATON_HOME/agent.log. If it runs already, nothing is done.")

    @OptionGroup var global: GlobalOptions
    @Option(help: ArgumentHelp("Listen here instead of where it was set up to.", valueName: "host:port"))
    var listen: String?
    @Flag(help: "Stay in the foreground and log to stderr, for service managers.") var foreground = false
    @Option(help: "How a foreground agent logs: text (key=value) or json; else BATON_LOG_FORMAT.")
    var logFormat: LogFormat?
    @Option(help: ArgumentHelp("Where a background agent logs.", visibility: .private)) var logTo: String?

    enum LogFormat: String, ExpressibleByArgument, CaseIterable, Sendable { case text, json }

    func perform(_ console: Console) async throws -> Int32 {
        let home = try global.homeWithMesh(console)
        if foreground {
            if let logTo { try Detached.enter(log: logTo) }
            let logger = AgentLog.logger(
                file: logTo, format: logFormat.flatMap { AgentLog.Format(rawValue: $0.rawValue) })
            let suspends = Task {
                await SuspendWatch(home: home.path, logger: logger, searchPath: console.environment("PATH")).run()
            }
            defer { suspends.cancel() }
            let metered = MeteredLink(searchPath: console.environment("PATH"))
            return try await AgentProcess.run(
                home: home.path, listen: listen, logger: logger, isMetered: { await metered.answer() })
        }
        let launched = try await AgentLauncher(home: home, listen: listen).launch()
        try launched.tell(global, console)
        return Exit.done
    }
}

/// An agent that answers.
struct LaunchedAgent: Encodable {
    var running = true
    var started: Bool
    var pid: Int32
    var listen: String

    func tell(_ global: GlobalOptions, _ console: Console) throws {
        if global.json { return console.out(try JSONText.of(self, console)) }
        console.note(
            started
                ? "the agent is running (process \(pid), listens on \(Escaping.shown(listen)))"
                : "the agent is running already (process \(pid))")
    }
}
