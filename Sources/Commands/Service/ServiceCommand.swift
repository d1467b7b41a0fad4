import AgentRuntime
import ArgumentParser

struct ServiceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "service", abstract: "Have the system start the agent: a user unit of systemd, or launchd.",
        subcommands: [ServiceInstallCommand.self, ServiceRemoveCommand.self, ServiceStatusCommand.self],
        defaultSubcommand: ServiceStatusCommand.self)
}

struct ServiceInstallCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "install", abstract: "Write the unit, and start the agent with it.",
        discussion: """
            The agent then starts when you log in, and again when it dies. To have it run without a login: \
            loginctl enable-linger. On a laptop the leadership is handed off before it sleeps.
            """)

    @OptionGroup var global: GlobalOptions
    @Flag(help: "Write the unit only; do not call the service manager.") var noStart = false

    func perform(_ console: Console) async throws -> Int32 {
        let home = try global.homeWithMesh(console)
        let unit = try ServiceUnit.here(home: home, console)
        let isNew = try unit.install()
        console.note(
            isNew ? "written: \(Escaping.shown(unit.path))" : "\(Escaping.shown(unit.path)) is as it should be")
        guard !noStart else {
            console.note("start it: \(unit.manager.startWords(unit))")
            return Exit.done
        }
        // The unit's agent cannot have the home while another one does.
        let wasRunning = try await stopAgent(console)
        for (tool, arguments) in unit.manager.startCalls(unit) {
            let run = await ToolRun.of(tool, arguments, path: console.environment("PATH"))
            guard run.status == 0 else {
                if wasRunning { _ = try await AgentLauncher(home: home, listen: nil).launch() }
                throw CommandFailure(
                    Exit.failed, "\(tool) \(arguments.joined(separator: " ")) failed: \(Self.why(run))",
                    hint: "the unit is written; without that service manager: \(global.typed("up"))")
            }
        }
        console.note("the agent is started by \(unit.manager.rawValue); see: \(global.typed("service status"))")
        return Exit.done
    }

    private func stopAgent(_ console: Console) async throws -> Bool {
        var quiet = console
        quiet.writeError = { _ in }
        var down = DownCommand()
        down.global = global
        do {
            let client = try await global.connect(console)
            await client.close()
        } catch let failure as CommandFailure where failure.code == Exit.agentNotRunning {
            return false
        }
        return try await down.perform(quiet) == Exit.done
    }

    static func why(_ run: ToolRun) -> String {
        if run.status == 127 { return "it is not installed here" }
        let line = run.output.firstLine
        return line.isEmpty ? "exit status \(run.status)" : line
    }
}

struct ServiceRemoveCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Stop the agent that the system started, and take the unit away.")

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        let unit = try ServiceUnit.here(home: try global.homeWithMesh(console), console)
        guard unit.isInstalled else {
            console.note("there is no unit at \(Escaping.shown(unit.path))")
            return Exit.done
        }
        for (tool, arguments) in unit.manager.stopCalls(unit) {
            let run = await ToolRun.of(tool, arguments, path: console.environment("PATH"))
            if run.status != 0 {
                console.note("\(tool) \(arguments.joined(separator: " ")): \(ServiceInstallCommand.why(run))")
            }
        }
        try unit.remove()
        console.note("removed: \(Escaping.shown(unit.path)); start the agent by hand: \(global.typed("up"))")
        return Exit.done
    }
}

struct ServiceStatusCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Whether the unit is there, current and running.")

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        let unit = try ServiceUnit.here(home: try global.homeWithMesh(console), console)
        let report = await ServiceReport.of(unit, path: console.environment("PATH"))
        if global.json {
            console.out(try JSONText.of(report, console))
            return Exit.done
        }
        var line = "\(report.manager): \(report.unit) " + (report.installed ? "installed" : "not installed")
        if report.installed, !report.current { line += ", not as this version writes it" }
        if let state = report.state { line += ", \(state)" }
        console.out(Escaping.shown(line))
        if !report.installed { console.note("install it: \(global.typed("service install"))") }
        if report.installed, !report.current { console.note("renew it: \(global.typed("service install"))") }
        return Exit.done
    }
}

/// `service status --json`, schema `baton.service/1`.
struct ServiceReport: Encodable {
    var schema = "baton.service/1"
    var manager: String
    var unit: String
    var path: String
    var installed: Bool
    /// As this version would write it.
    var current: Bool
    /// As the manager names it; nil where there is no manager to ask.
    var state: String?

    static func of(_ unit: ServiceUnit, path: String?) async -> ServiceReport {
        var report = ServiceReport(
            manager: unit.manager.rawValue, unit: unit.name, path: unit.path, installed: unit.isInstalled,
            current: unit.isCurrent)
        guard report.installed, let (tool, arguments) = unit.manager.stateCall(unit) else { return report }
        let run = await ToolRun.of(tool, arguments, path: path)
        let line = run.output.firstLine
        if run.status != 127, !line.isEmpty, line.count < 40 { report.state = line }
        return report
    }
}

/// Whether the system keeps the agent running.
enum DoctorService {
    static let check: DoctorCheck = { scene in
        guard scene.home.hasMesh, let unit = try? ServiceUnit.here(home: scene.home, scene.console) else { return [] }
        let report = await ServiceReport.of(unit, path: scene.searchPath)
        guard report.installed else {
            // Offered only where the manager answers: elsewhere it would not apply.
            guard await unit.manager.answers(path: scene.searchPath) else {
                return [.ok("Service", "no service manager here; the agent runs until this machine stops")]
            }
            return [
                .note(
                    "Service", "the agent does not start by itself after a restart",
                    remedy: scene.typed("service install"))
            ]
        }
        guard report.current else {
            return [
                .note(
                    "Service", "\(report.unit) is not as this version writes it", remedy: scene.typed("service install")
                )
            ]
        }
        return [.ok("Service", "\(report.unit)" + (report.state.map { ", \($0)" } ?? ""))]
    }
}
