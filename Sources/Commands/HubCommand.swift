import AgentRuntime
import ArgumentParser
import ControlSocket

struct HubCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hub", abstract: "A git remote that the mesh keeps up to date, and takes pushes from.",
        discussion: """
            The sync leader pushes each round there, behind a fence that no stale leader passes, and merges what people
            push. Keys and passwords are git's own: what 'git ls-remote URL' can use without a question on each device.
            """,
        subcommands: [
            HubAddCommand.self, HubShowCommand.self, HubProbeCommand.self, HubAcceptCommand.self,
            HubRemoveCommand.self,
        ], defaultSubcommand: HubShowCommand.self)
}

struct HubAddCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Try a hub out and make it the mesh's.")

    @Argument(help: "https://, ssh://, USER@HOST:PATH, git:// or an absolute path; without a password.") var url: String
    @Option(help: "The branch there; else the workspace's own.") var branch: String?
    @Flag(help: "Merge a branch that has nothing in common with this mesh.") var merge = false
    @Flag(help: "Take a branch that another mesh kept.") var takeOver = false
    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        let reply = try await client.patientCall(
            ControlCall.hubAdd, HubAddCall(url: url, branch: branch, merge: merge, take_over: takeOver),
            as: HubReply.self)
        await client.close()
        return try HubText(reply).show(global, console, title: "the hub is added")
    }
}

struct HubShowCommand: Verb {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "The hub, and how it stands.")

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        let reply: HubReply = try await client.call(ControlCall.hubShow, EmptyBody())
        await client.close()
        return try HubText(reply).show(global, console, title: nil)
    }
}

struct HubProbeCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "probe", abstract: "Try out from this device what the hub can do.")

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        let reply = try await client.patientCall(ControlCall.hubProbe, EmptyBody(), as: HubReply.self)
        await client.close()
        return try HubText(reply).show(global, console, title: nil)
    }
}

struct HubAcceptCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "accept", abstract: "Go on from what stands on the hub, after somebody rewrote it.",
        discussion: """
            What stands on the hub is merged with the next round; nothing of the mesh is undone. With --replace the \
            hub's branch is made what the mesh has instead.
            """)

    @Flag(help: "Make the hub's branch what the mesh has.") var replace = false
    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        let reply = try await client.patientCall(
            ControlCall.hubAccept, HubAcceptCall(replace: replace), as: HubReply.self)
        await client.close()
        if global.json {
            console.out(try JSONText.of(reply, console))
        } else {
            console.out(
                replace
                    ? "the leader makes the hub's branch what the mesh has" : "the next round merges what stands there")
        }
        return Exit.done
    }
}

struct HubRemoveCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Stop mirroring; what is on the hub stays there.")

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        let _: EmptyBody = try await client.patientCall(ControlCall.hubRemove, EmptyBody(), as: EmptyBody.self)
        await client.close()
        if !global.json { console.out("the mesh has no hub now; what is there stays there") }
        return Exit.done
    }
}
