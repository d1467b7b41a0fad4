import ArgumentParser

/// Measures this program on this machine. Hidden: scripts/bench builds what it needs and runs it.
struct BenchCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure rounds, locks, failover, handoff and idle cost of a mesh of three.",
        discussion: """
            Real agents on loopback, in directories that are removed at the end. Where etcd, curl and openssl
            are installed, three members of etcd run beside them. Figures are medians (smallest-largest).
            """,
        shouldDisplay: false)

    @Flag(help: "Fewer runs: less than a minute, and figures to match.") var quick = false
    @Option(help: ArgumentHelp("Only this figure; may be given several times.", valueName: "name"))
    var only: [BenchTopic] = []
    @Option(help: "Files in the workspace.") var files = 1000
    @Flag(help: "Print the table as Markdown.") var markdown = false

    func validate() throws {
        guard (100...1_000_000).contains(files) else {
            throw ValidationError("--files takes 100 to 1000000, not \(files).")
        }
    }

    func perform(_ console: Console) async throws -> Int32 {
        let options = BenchOptions(
            topics: only.isEmpty ? BenchTopic.allCases : only, isQuick: quick, files: files, isMarkdown: markdown)
        return await BenchRunner(options, console.thatOutlivesItsReader).run()
    }
}

/// What can be measured, in the order in which it is.
enum BenchTopic: String, CaseIterable, ExpressibleByArgument, Sendable {
    case round, status, hook, idle, lock, handoff, failover, simulator

    /// Whether a mesh of agents is needed for it.
    var needsMesh: Bool { self != .simulator }
    /// Whether etcd has something to show beside it.
    var isComparable: Bool { [.idle, .lock, .handoff, .failover].contains(self) }
}

struct BenchOptions: Hashable, Sendable {
    var topics: [BenchTopic]
    var isQuick: Bool
    var files: Int
    var isMarkdown: Bool

    func runs(_ many: Int, quick few: Int) -> Int { isQuick ? few : many }
}
