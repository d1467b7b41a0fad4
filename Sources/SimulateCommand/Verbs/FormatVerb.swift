import ArgumentParser
import Primitives
import ScenarioFiles

/// Brings scenario files into their canonical form.
struct FormatVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fmt", abstract: "Bring scenario files into their canonical form, or check that they are.")

    @Argument(help: "Scenario files, or folders of them.")
    var paths: [String]

    @Flag(help: "Change nothing; exit status 1 if a file is not in its canonical form.")
    var check = false

    func run() throws {
        try CommandProblem.told {
            var changed = 0
            for (path, file) in try ScenarioFinder.files(paths) {
                let text = ScenarioFormat.text(file)
                guard Array(text.utf8) != (try ScenarioFinder.read(path)) else { continue }
                changed += 1
                Terminal.line(check ? "not in canonical form: \(path)" : "written: \(path)")
                if !check { try ScenarioFinder.write(text, to: path) }
            }
            if check, changed > 0 {
                Terminal.note(
                    "simulate: \(changed) files differ; write them with: baton simulate fmt \(paths.joined(separator: " "))"
                )
                throw ExitCode(SimulateExit.safety)
            }
        }
    }
}
