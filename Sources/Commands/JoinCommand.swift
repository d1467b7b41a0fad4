import AgentRuntime
import ArgumentParser
import Primitives

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

struct JoinCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "join", abstract: "Join a mesh with an invite, put DIR in step with it, and start the agent.",
        discussion: """
            The invite is a secret, so it is no argument: others can read those. It is taken from --invite-file, else \
            from BATON_INVITE, else asked for on the terminal.
            """)

    @Argument(help: ArgumentHelp("The workspace; else the current directory.", valueName: "dir")) var directory: String?
    @OptionGroup var global: GlobalOptions
    @OptionGroup var setup: SetupArguments
    @Option(help: ArgumentHelp("Read the invite from this file, or from stdin (-).", valueName: "file"))
    var inviteFile: String?

    func validate() throws {
        if let directory, InviteSource.isInvite(directory) {
            throw ValidationError("An invite is a secret and no argument: BATON_INVITE=... baton join DIR.")
        }
    }

    func perform(_ console: Console) async throws -> Int32 {
        let options = try setup.options(directory, global, console)
        let invite = try InviteSource(file: inviteFile).read(console)
        let report: SetupReport
        do throws(SetupFailure) { report = try await MeshSetup.join(options, invite: invite) } catch {
            return try await SetupSteps.settled(error, options, console)
        }
        return try await SetupSteps(report: report, global: global).finish(start: !setup.noStart, console) { _ in
            console.note("see how it goes: \(global.typed("status"))")
        }
    }
}

/// Where an invite comes from: never from the arguments.
struct InviteSource {
    var file: String?

    static func isInvite(_ text: String) -> Bool {
        text.lowercased().hasPrefix("baton1-") || text.hasPrefix("BATON_INVITE=")
    }

    func read(_ console: Console) throws -> String {
        if let file { return try Self.cleaned(file == "-" ? text(console) : text(of: file)) }
        if let invite = console.environment("BATON_INVITE"), !invite.isEmpty { return try Self.cleaned(invite) }
        guard console.inputIsTerminal else {
            throw CommandFailure(
                Exit.usage, "there is no invite, and nobody to ask for it",
                hint: "give it as BATON_INVITE=... baton join DIR, or --invite-file FILE (- is stdin)")
        }
        guard let invite = console.readSecret("Invite (from: baton invite; it is not shown): ") else {
            throw CommandFailure(Exit.usage, "no invite was given", hint: "make one there: baton invite")
        }
        return try Self.cleaned(invite)
    }

    /// Also the whole line that `baton invite` shows may be pasted.
    private static func cleaned(_ text: String) throws -> String {
        let words = text.split(whereSeparator: \.isWhitespace)
        let named = words.first { $0.hasPrefix("BATON_INVITE=") }.map { String($0.dropFirst(13)) }
        let invite = named ?? words.joined()
        guard !invite.isEmpty else {
            throw CommandFailure(Exit.usage, "the invite is empty", hint: "make one there: baton invite")
        }
        return invite
    }

    private func text(_ console: Console) -> String {
        String(decoding: console.readInput(Limits.inviteTextBytes), as: UTF8.self)
    }

    private func text(of path: String) throws -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw CommandFailure(
                Exit.failed, "cannot read the invite from \(path): \(String(cString: strerror(errno)))",
                hint: "name the file that holds it: --invite-file FILE")
        }
        defer { close(descriptor) }
        return String(decoding: SystemStreams.read(descriptor, atMost: Limits.inviteTextBytes), as: UTF8.self)
    }
}
