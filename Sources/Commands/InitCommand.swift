import AgentRuntime
import ArgumentParser
import ControlSocket

/// What `init` and `join` have in common.
struct SetupArguments: ParsableArguments {
    @Option(help: ArgumentHelp("This device's name; else the host's.", valueName: "name")) var name: String?
    @Option(help: ArgumentHelp("Where other devices reach this one; else all interfaces.", valueName: "host:port"))
    var listen: String?
    @Option(help: ArgumentHelp("lan or wan: how patient leases and elections are.", valueName: "profile"))
    var profile: String?
    @Flag(help: "Do not start the agent.") var noStart = false
    @Flag(help: "Also where another program keeps files in step, or on another machine's file system.")
    var anyPlace = false

    func validate() throws {
        if let profile, !["lan", "wan"].contains(profile) {
            throw ValidationError("--profile takes lan or wan, not '\(profile)'.")
        }
    }

    func options(_ directory: String?, _ global: GlobalOptions, _ console: Console) throws -> SetupOptions {
        if let directory, let workspace = global.workspace, directory != workspace {
            throw CommandFailure(
                Exit.usage, "two workspaces are named: \(directory) and \(workspace)", hint: "name one: baton init DIR")
        }
        let home = try global.homePath(console)
        if !anyPlace, !Home(home).hasMesh { try Self.check(directory ?? global.workspace ?? ".", global) }
        return SetupOptions(
            home: home, workspace: directory ?? global.workspace ?? ".", name: name,
            listen: listen,
            profile: profile)
    }
}

extension SetupArguments {
    /// Two programs that keep one folder in step tear its files apart, and on a network file system neither changes nor
    /// renames can be trusted.
    static func check(_ root: String, _ global: GlobalOptions) throws {
        let place = GlobalOptions.resolved(root)
        let why =
            OtherSync.keeper(of: place).map { "\($0) keeps its files in step too, and two of them tear files apart" }
            ?? OtherSync.network(place).map { "it is on \($0), whose changes and renames cannot be trusted" }
        guard let why else { return }
        throw CommandFailure(
            Exit.notAllowed, "\(place) is no place for a workspace: \(why)",
            hint: "choose another folder, or the same command with --any-place")
    }
}

struct InitCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Found a mesh of one with the workspace DIR, and start the agent.",
        discussion: "Makes this device's key and, where there is none, a git repository. May be repeated.")

    @Argument(help: ArgumentHelp("The workspace; else the current directory.", valueName: "dir")) var directory: String?
    @OptionGroup var global: GlobalOptions
    @OptionGroup var setup: SetupArguments

    func perform(_ console: Console) async throws -> Int32 {
        let report: SetupReport
        do throws(SetupFailure) { report = try await MeshSetup.found(try options(console)) } catch {
            return try await SetupSteps.settled(error, try options(console), console)
        }
        return try await SetupSteps(report: report, global: global).finish(start: !setup.noStart, console) { client in
            guard console.outputIsTerminal, !global.json else {
                return console.note("add a device: \(global.typed("invite"))")
            }
            try await InviteCommand.show(client, global, console)
        }
    }

    private func options(_ console: Console) throws(SetupFailure) -> SetupOptions {
        do { return try setup.options(directory, global, console) } catch { throw SetupFailure(error) }
    }
}

extension SetupFailure {
    /// A failure of ours in the words of the set-up.
    init(_ error: any Error) {
        let failure = CommandFailure(error) ?? CommandFailure(Exit.failed, "\(error)", hint: nil)
        self.init(code: failure.code, message: failure.message, hint: failure.hint ?? "see: baton --help")
    }
}

/// What a set-up did, a line a step, and the agent's start.
struct SetupSteps {
    let report: SetupReport
    let global: GlobalOptions

    private struct Outcome: Encodable {
        var schema = "baton.setup/1"
        var home: String
        var workspace: String
        var name: String
        var device: String
        var mesh: String
        var profile: String
        var branch: String
        var isNew: Bool
        var checkWords: [String]
        var inviter: String?
        var agent: LaunchedAgent?

        enum CodingKeys: String, CodingKey {
            case schema, home, workspace, name, device, mesh, profile, branch, inviter, agent
            case isNew = "is_new"
            case checkWords = "check_words"
        }
    }

    /// A refusal that is none: everything is as it was asked to be. The agent that runs says for which workspace.
    static func settled(_ failure: SetupFailure, _ options: SetupOptions, _ console: Console) async throws -> Int32 {
        guard failure.code == Exit.done else { throw failure }
        let client = try await ControlClient.connect(home: options.home)
        let root = try await client.status().workspace.root
        await client.close()
        guard GlobalOptions.resolved(options.workspace) == GlobalOptions.resolved(root) else {
            throw CommandFailure(
                Exit.failed, "this device (\(options.home)) keeps \(root) in step already, not \(options.workspace)",
                hint: "name another BATON_HOME for another workspace")
        }
        console.note("\(Escaping.shown(failure.message)); \(failure.hint)")
        return Exit.done
    }

    /// - Parameter then: what a connected command still says.
    func finish(
        start: Bool, _ console: Console, then: (ControlClient) async throws -> Void
    ) async throws -> Int32 {
        for step in report.steps { console.note(Escaping.shown(step)) }
        tellWords(console)
        var agent: LaunchedAgent?
        if start {
            agent = try await AgentLauncher(home: Home(report.home), listen: nil).launch()
            console.note("agent     running (process \(agent?.pid ?? 0), listens on \(agent?.listen ?? "nothing"))")
        }
        if global.json { console.out(try JSONText.of(outcome(agent), console)) }
        guard start else {
            console.note("start the agent: \(global.typed("up"))")
            return Exit.done
        }
        let client = try await ControlClient.connect(home: report.home)
        try await then(client)
        await client.close()
        return Exit.done
    }

    private func tellWords(_ console: Console) {
        guard !report.checkWords.isEmpty else { return }
        console.note("check     \(report.checkWords.joined(separator: " "))")
        let other = report.inviter.map(Escaping.shown) ?? "the other device"
        console.note("          \(other) must show the same four words: baton log --kind joined")
    }

    private func outcome(_ agent: LaunchedAgent?) -> Outcome {
        Outcome(
            home: report.home, workspace: report.workspace, name: report.name, device: report.deviceID,
            mesh: report.meshID, profile: report.profile, branch: report.branch, isNew: report.isNew,
            checkWords: report.checkWords, inviter: report.inviter, agent: agent)
    }
}
