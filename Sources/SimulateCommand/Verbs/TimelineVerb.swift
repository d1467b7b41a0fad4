import ArgumentParser
import Simulation

/// One run as a picture.
struct TimelineVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "timeline", abstract: "Show one run as a table, or as a picture in one HTML file.")

    @OptionGroup var one: OneRun

    @Option(help: "Write a page that needs nothing else: lanes, messages, leases, pauses, faults.")
    var html: String?

    @Option(help: "What the page shows first, as 12s..20s (default: around the violation, else all of it).")
    var view: String?

    @Option(help: "Rows of the table, from the end.")
    var rows = 200

    func validate() throws {
        guard (1...10_000_000).contains(rows) else {
            throw ValidationError("--rows takes 1 to 10000000, not \(rows).")
        }
        if let view, Self.window(view) == nil { throw ValidationError("--view takes 12s..20s, not '\(view)'.") }
    }

    func run() throws {
        try CommandProblem.told {
            let (study, seed) = try one.choose()
            let run = Simulation.recorded(study.scenario(seed), rows: html == nil ? rows : 60_000)
            guard let html else {
                for line in RunTable(run).lines() { Terminal.line(line) }
                return
            }
            let failure = StudyResult.failure(run.report, study.expectations)
            let page = TimelinePage(
                run, title: study.name, about: study.file?.about.joined(separator: " ") ?? "", seed: seed,
                failure: failure, view: view.flatMap(Self.window))
            try ScenarioFinder.write(page.text, to: html)
            Terminal.line("written: \(html) (\(page.text.utf8.count >> 10) KiB); open it in a browser")
        }
    }

    private static func window(_ text: String) -> ClosedRange<Nanoseconds>? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: true)
        guard parts.count == 2, text.contains(".."), let low = time(parts[0]), let high = time(parts[1]), low < high
        else { return nil }
        return low...high
    }

    private static func time(_ text: Substring) -> Nanoseconds? {
        text == "0s" ? 0 : SeedOptions.nanoseconds(String(text))
    }
}
