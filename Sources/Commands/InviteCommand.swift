import AgentRuntime
import ArgumentParser
import ControlSocket
import Primitives

struct InviteCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "invite", abstract: "Make an invite for one more device; it works once.",
        discussion: "In a pipe the invite alone is printed. It is a secret: hand it over where others do not read.")

    @OptionGroup var global: GlobalOptions
    @Option(
        help: ArgumentHelp("How long it may be used, 1s to 10m (10m).", valueName: "time"),
        transform: DurationArgument.init(text:))
    var `for`: DurationArgument?

    func validate() throws {
        if let lifetime = `for`?.duration, !(.seconds(1)...Limits.inviteLifetime).contains(lifetime) {
            throw ValidationError("--for takes 1s to 10m.")
        }
    }

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        try await Self.show(client, for: `for`?.duration, global, console)
        await client.close()
        return Exit.done
    }

    static func show(
        _ client: ControlClient, for lifetime: Duration? = nil, _ global: GlobalOptions, _ console: Console
    ) async throws {
        let call = InviteCall(for_s: lifetime?.secondsWithFraction)
        let report: InviteReport = try await client.call(ControlCall.invite, call)
        if global.json {
            console.out(try JSONText.of(report, console))
        } else if console.outputIsTerminal {
            console.out(text(report))
        } else {
            console.out(report.invite)
            console.note("works once, for \(Words.coarse(report.expires_s)); use it there: baton join DIR")
        }
    }

    private static func text(_ report: InviteReport) -> String {
        """
        On the other device, within \(Words.coarse(report.expires_s)); the invite works once and is a secret:

          BATON_INVITE=\(report.invite) baton join ~/\(Escaping.shown(report.workspace_name))

        Then compare the four check words there with those here: baton log --kind joined
        """
    }
}
