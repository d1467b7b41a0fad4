import AgentRuntime
import ArgumentParser
import ControlSocket
import Primitives

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What every verb takes.
struct GlobalOptions: ParsableArguments {
    @Option(help: ArgumentHelp("State of this device; else BATON_HOME, else the platform's place.", valueName: "dir"))
    var home: String?

    @Option(help: ArgumentHelp("The workspace that is meant.", valueName: "dir"))
    var workspace: String?

    @Flag(help: "Print JSON.")
    var json = false

    /// Global options may stand before the verb: there they are moved behind it, in front of a `--`.
    static func moved(_ arguments: [String]) -> [String] {
        var front: [String] = []
        var rest = arguments[...]
        while let word = rest.first {
            if ["--home", "--workspace"].contains(word), rest.count > 1 {
                front += rest.prefix(2)
                rest = rest.dropFirst(2)
            } else if word == "--json" || word.hasPrefix("--home=") || word.hasPrefix("--workspace=") {
                front.append(word)
                rest = rest.dropFirst()
            } else {
                break
            }
        }
        guard !front.isEmpty, let verb = rest.first, !verb.hasPrefix("-") else { return arguments }
        let end = rest.firstIndex(of: "--") ?? rest.endIndex
        return rest[..<end] + front + rest[end...]
    }

    /// The directory that holds all state of this device.
    func homePath(_ console: Console) throws -> String { try Self.homePath(named: home, console) }

    static func homePath(named home: String?, _ console: Console) throws -> String {
        if let home { return try Self.notEmpty(home, "--home") }
        if let home = console.environment("BATON_HOME") { return try Self.notEmpty(home, "BATON_HOME") }
        return try usualHome(console)
    }

    /// Where the platform keeps such things: what holds without an option or BATON_HOME.
    static func usualHome(_ console: Console) throws -> String {
        guard let user = console.environment("HOME"), user.hasPrefix("/") else {
            throw CommandFailure(
                Exit.usage, "neither BATON_HOME nor HOME is set", hint: "name a directory: baton --home DIR")
        }
        #if os(macOS)
            return user + "/Library/Application Support/Baton"
        #else
            if let state = console.environment("XDG_STATE_HOME"), state.hasPrefix("/") { return state + "/baton" }
            return user + "/.local/state/baton"
        #endif
    }

    private static func notEmpty(_ path: String, _ what: String) throws -> String {
        guard !path.isEmpty else {
            throw CommandFailure(Exit.usage, "\(what) is empty", hint: "name a directory, or leave it out")
        }
        return path
    }

    /// A command to type that reaches the same device.
    func typed(_ command: String) -> String { home.map { "baton --home \($0) \(command)" } ?? "baton \(command)" }

    /// The home, which must have a mesh: decided before anything else (exit code 4).
    func homeWithMesh(_ console: Console) throws -> Home {
        let home = Home(try homePath(console))
        guard home.hasMesh else {
            throw CommandFailure(
                Exit.noMesh, "there is no mesh in \(home.path)",
                hint: "found one: \(typed("init DIR")), or join one: \(typed("join DIR"))")
        }
        return home
    }

    /// Connects to the agent: code 4 without a mesh, 3 without an agent.
    func connect(_ console: Console) async throws -> ControlClient {
        let home = try homeWithMesh(console)
        let client: ControlClient
        do throws(ControlFailure) { client = try await ControlClient.connect(home: home.path) } catch {
            guard error.code == Exit.agentNotRunning else { throw error }
            throw CommandFailure(error.code, "the agent is not running", hint: "start it: \(typed("up"))")
        }
        try await checkWorkspace(client)
        return client
    }

    /// One home serves one workspace: another one by name is a mistake that must not pass.
    private func checkWorkspace(_ client: ControlClient) async throws {
        guard let workspace else { return }
        let status = try await client.status()
        guard Self.resolved(workspace) != Self.resolved(status.workspace.root) else { return }
        throw CommandFailure(
            Exit.noMesh, "the agent keeps \(status.workspace.root) in step, not \(workspace)",
            hint: "name the device's own state: baton --home DIR")
    }

    static func resolved(_ path: String) -> String {
        guard let real = realpath(path, nil) else { return path }
        defer { free(real) }
        return String(cString: real)
    }
}

extension ControlClient {
    func status() async throws -> StatusReport {
        try await call(ControlCall.status, EmptyBody(), timeout: .seconds(5))
    }

    /// A call that may take as long as the agent is there.
    func patientCall<Reply: Decodable>(_ kind: String, _ request: some Encodable, as: Reply.Type) async throws -> Reply
    {
        try ControlJSON.decode(
            Reply.self, from: await call(kind, body: ControlJSON.encode(request), timeout: nil))
    }
}
