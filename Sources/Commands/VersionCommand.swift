import AgentRuntime
import ArgumentParser

struct VersionCommand: Verb {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Show the version.")

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        console.out(
            global.json ? try JSONText.of(["version": BatonVersion.text], console) : "baton \(BatonVersion.text)")
        return Exit.done
    }
}
