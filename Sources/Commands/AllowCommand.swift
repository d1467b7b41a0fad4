import AgentRuntime
import ArgumentParser
import ControlSocket

struct AllowCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "allow", abstract: "Let files through that are held back on this device.",
        discussion: """
            New files over 10 MiB, what looks like a secret, and names that another device cannot hold stay here until
            somebody says otherwise; 'baton status' names them. What was let through stays so.

            When more than a quarter of the files, or more than 200, are gone at once, nothing of that is passed on
            before --deletions says, on any device, that it was meant. It answers for those very files, no others.
            """)

    @Argument(help: "Paths, as 'baton status' shows them.") var paths: [String] = []
    @Flag(help: "The many files that are gone were removed on purpose: pass that on.") var deletions = false
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if paths.isEmpty, !deletions { throw ValidationError("Name a path that is held back, or give --deletions.") }
    }

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        let report = try await client.patientCall(
            ControlCall.allow, AllowCall(paths: paths, deletions: deletions), as: AllowReport.self)
        await client.close()
        if global.json {
            console.out(try JSONText.of(report, console))
            return Exit.done
        }
        for set in report.deletions ?? [] {
            let place = set.of_round ? "that a round of \(set.name) would delete" : "that are gone on \(set.name)"
            console.out("\(set.deleted) of \(set.files) files \(Escaping.shown(place)) may go, on every device")
        }
        if !paths.isEmpty { console.out("they go with the next round: \(global.typed("sync --now"))") }
        return Exit.done
    }
}
