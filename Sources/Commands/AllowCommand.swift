import AgentRuntime
import ArgumentParser
import ControlSocket

struct AllowCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "allow", abstract: "Let files through that are held back on this device.",
        discussion: """
            New files over 10 MiB, what looks like a secret, and names that another device cannot hold stay here until
            somebody says otherwise; 'baton status' names them. What was let through stays so.
            """)

    @Argument(help: "Paths, as 'baton status' shows them.") var paths: [String] = []
    @Flag(help: "Every file of the workspace was removed on purpose: pass that on, once.") var empty = false
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if paths.isEmpty, !empty { throw ValidationError("Name a path that is held back, or give --empty.") }
    }

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        let _: EmptyBody = try await client.call(ControlCall.allow, AllowCall(paths: paths, empty: empty))
        await client.close()
        if !global.json { console.out("they go with the next round: baton sync --now") }
        return Exit.done
    }
}
