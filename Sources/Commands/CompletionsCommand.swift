import ArgumentParser

struct CompletionsCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "completions", abstract: "Print what makes a shell complete baton's words.",
        discussion: """
            bash  baton completions bash > ~/.local/share/bash-completion/completions/baton
            zsh   baton completions zsh > "${fpath[1]}/_baton"
            fish  baton completions fish > ~/.config/fish/completions/baton.fish
            """)

    enum Shell: String, ExpressibleByArgument, CaseIterable, Sendable { case bash, zsh, fish }

    @Argument(help: "The shell: bash, zsh or fish.") var shell: Shell

    func perform(_ console: Console) async throws -> Int32 {
        switch shell {
        case .bash: console.out(BatonCommand.completionScript(for: .bash))
        case .zsh: console.out(BatonCommand.completionScript(for: .zsh))
        case .fish: console.out(BatonCommand.completionScript(for: .fish))
        }
        return Exit.done
    }
}
