import ArgumentParser
import ControlSocket
import WriterGate

struct RunCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run a writer that stops for the moment of each round.",
        usage: "baton run [--name <name>] [--home <dir>] -- <command> ...",
        discussion: """
            The command and its children are stopped while files are captured, and go on after it. The exit status is \
            the command's. Without an agent it runs unpaused, with a warning.

            Daemons that the command leaves behind, also with a session of their own, are paused like it. Run from a \
            script or a service, this ends when the last of them has ended, and TERM goes to them once the command is \
            gone. At a terminal the prompt comes back with the end of the command; what it left runs on unpaused, and \
            is named. What another manager starts for it (systemd-run, a container) is not paused.
            """)

    @OptionGroup var global: GlobalOptions
    @Option(help: ArgumentHelp("What status calls it; else the command's name.", valueName: "name")) var name: String?
    @Argument(parsing: .postTerminator, help: "The command, after --.") var command: [String] = []

    func validate() throws { try CommandWords.check(command) }

    func perform(_ console: Console) async throws -> Int32 {
        await runWrapped(arguments: command, name: name, connect: try ControlGateLink.connector(global, console))
    }
}

struct GateCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "gate", abstract: "Run one command while no round captures, and let rounds wait for it.",
        usage: "baton gate [--wait <time> | --no-wait] [--home <dir>] -- <command> ...",
        discussion: "Exit status 75 if the gate stayed closed; else the command's.")

    @OptionGroup var global: GlobalOptions
    @Option(
        help: ArgumentHelp("Wait so long for a closed gate, e.g. 10s.", valueName: "time"),
        transform: DurationArgument.init(text:)) var wait: DurationArgument?
    @Flag(help: "Do not wait for a closed gate.") var noWait = false
    @Argument(parsing: .postTerminator, help: "The command, after --.") var command: [String] = []

    func validate() throws {
        if noWait, wait != nil { throw ValidationError("--wait and --no-wait cannot both be.") }
        try CommandWords.check(command)
    }

    func perform(_ console: Console) async throws -> Int32 {
        await runGated(
            arguments: command, wait: noWait ? .zero : wait?.duration,
            connect: try ControlGateLink.connector(global, console))
    }
}

enum CommandWords {
    static func check(_ command: [String]) throws {
        guard let first = command.first, !first.isEmpty else { throw ValidationError("No command is given after --.") }
    }
}

/// The agent as a writer's wrapper needs it.
struct ControlGateLink: GateLink {
    let client: ControlClient

    static func connector(_ global: GlobalOptions, _ console: Console) throws -> GateConnector {
        let home = try global.homePath(console)
        return { ControlGateLink(client: try await ControlClient.connect(home: home)) }
    }

    func call(_ kind: String, _ body: [UInt8]) async throws -> [UInt8] {
        do {
            return try await client.call(kind, body: body, timeout: nil)
        } catch let failure as ControlFailure {
            throw GateFailure(code: failure.code, message: failure.message, hint: failure.hint)
        }
    }

    func nextNotice() async -> (kind: String, body: [UInt8])? {
        var notices = client.notices.makeAsyncIterator()
        return await notices.next().map { ($0.kind, $0.body) }
    }

    func close() async { await client.close() }
}
