import ArgumentParser

// SimulateCommand: `baton simulate` and the small program `baton-simulate`: arguments, files, progress, results.
// Never: a rule of the protocol, a check, a draw. Start with SimulateCommand.swift, then Verbs/RunVerb.swift and
// Running/StudyRunner.swift; what is printed is in Showing.

/// Runs whole meshes, each from one seed, under faults, and checks the protocol's invariants after every event.
public struct SimulateCommand: ParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Run whole meshes in one process under partitions, crashes, sleep and wild clocks.",
        discussion: """
            With files or folders, runs the scenarios that they hold; without, scenarios drawn from seeds. The same \
            seed always does the same. 'simulate run --help' lists the options; docs/testing.md tells how to write a \
            scenario.

            Exit status: 0 all runs passed, 1 an invariant was broken, 3 two runs of one seed differed, 4 something \
            that must be seen was never seen, 5 a mutant survived, 6 a mesh did not recover, 64 wrong arguments or a \
            scenario file that cannot be read.
            """,
        subcommands: subcommands, defaultSubcommand: RunVerb.self)

    public static let subcommands: [any ParsableCommand.Type] = [
        RunVerb.self, ReplayVerb.self, ShrinkVerb.self, TimelineVerb.self, ExplainVerb.self, CoverageVerb.self,
        MutantsVerb.self, DeterminismVerb.self, DayVerb.self, FormatVerb.self,
    ]
    public static let defaultSubcommand: any ParsableCommand.Type = RunVerb.self

    public init() {}
}

/// Exit codes; see docs/decisions.
enum SimulateExit {
    static let passed: Int32 = 0
    static let safety: Int32 = 1
    static let nondeterminism: Int32 = 3
    static let vacuous: Int32 = 4
    static let mutantSurvived: Int32 = 5
    static let liveness: Int32 = 6
    static let usage: Int32 = 64
}
