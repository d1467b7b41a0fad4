import ArgumentParser
import ScenarioFiles
import Simulation

/// Makes a failing scenario small.
struct ShrinkVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shrink",
        abstract: "Take out of a failing run whatever can go, and write the rest as a scenario file.")

    @OptionGroup var one: OneRun

    @Option(name: [.customShort("o"), .long], help: "Write the scenario here (default: standard output).")
    var output: String?

    @Option(help: "Runs that it may take.")
    var runs = 3000

    func validate() throws {
        guard (1...1_000_000).contains(runs) else {
            throw ValidationError("--runs takes 1 to 1000000, not \(runs).")
        }
    }

    func run() throws { try CommandProblem.told(work) }

    private func work() throws {
        let (study, seed) = try one.choose()
        let progress = Progress.forUser(silent: false, studies: 1)
        let result = Shrinker.shrink(
            study.scenario(seed), most: runs, run: { Simulation.run($0) },
            progress: { what, scenario, runs in
                let count = scenario.events.count + scenario.rules.count
                progress.say("\(what): \(count) outside events and \(scenario.devices) devices left, \(runs) runs")
            })
        progress.clear()
        guard let result, let violation = result.report.violation else {
            throw CommandProblem(
                "\(study.name), seed \(seed), breaks no invariant: there is nothing to shrink; name a seed that fails")
        }
        let text = ShrunkFile(result, name: "shrunk-\(violation.check.rawValue.lowercased())-seed-\(seed)").text
        let count = result.scenario.events.count + result.scenario.rules.count
        let words =
            "\(violation.check.rawValue) (\(violation.check)): \(count) outside events and "
            + "\(result.scenario.devices) devices are left, after \(result.runs) runs"
        if let output {
            try ScenarioFinder.write(text, to: output)
            Terminal.line(words)
            Terminal.line("replay: baton simulate replay \(output)")
        } else {
            Terminal.note(words)
            print(text, terminator: "")
        }
    }
}

/// Walks back from an event to what brought it about.
struct ExplainVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Walk back from the violation, or from an event, to what brought it about.")

    @OptionGroup var one: OneRun

    @Option(help: "Begin at this event instead of at the violation.")
    var event: UInt64?

    @Option(help: "Steps to walk at most.")
    var steps = 40

    func validate() throws {
        guard (1...100_000).contains(steps) else {
            throw ValidationError("--steps takes 1 to 100000, not \(steps).")
        }
    }

    func run() throws {
        try CommandProblem.told {
            let (study, seed) = try one.choose()
            let run = Simulation.recorded(study.scenario(seed), rows: .max / 4)
            let last = run.report.violation?.event ?? run.report.events
            guard let start = event ?? Optional(last), start > 0, start <= run.report.events else {
                throw CommandProblem("the run has \(run.report.events) events; --event takes one of them")
            }
            for line in Explanation(run, from: start, steps: steps).lines { Terminal.line(line) }
            Terminal.line("")
            try ReplayVerb.end(run, study, seed)
        }
    }
}
