import ArgumentParser

/// Shows that the checks find bugs: each mutant must be found by the check that is meant for it.
struct MutantsVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mutants", abstract: "Plant one bug after the other and see which check finds it, and how soon.")

    func run() throws {
        try CommandProblem.told {
            throw CommandProblem("mutants are not in this build")
        }
    }
}
