import ArgumentParser

struct DemoCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "A mesh of three on this machine: a round, a kill, a handoff, a stale leader refused.",
        discussion: """
            Real agents, keys, git and writers, in a directory of their own that is removed at the end. Whatever it
            shows it checks: the exit status is 1 if something is not so. Takes about half a minute. In a checkout,
            scripts/demo builds the program first.
            """)

    @Option(
        help: ArgumentHelp(
            "Use a copy of this directory; else a clone of the checkout that this program is in.", valueName: "dir"))
    var workspace: String?
    @Flag(help: "Leave the mesh running at the end, and say how to play with it.") var keep = false

    func perform(_ console: Console) async throws -> Int32 {
        await DemoRunner(DemoOptions(workspace: workspace, keep: keep), console.thatOutlivesItsReader).run()
    }
}
