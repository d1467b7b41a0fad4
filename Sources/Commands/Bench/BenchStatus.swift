import Primitives

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension Bench {
    /// The whole process `baton status`, from its start to its end; beside it `git status` in the same workspace.
    func statusCommand(_ mesh: BenchMesh) async throws {
        let device = mesh.devices[1]
        var (took, git) = (BenchSamples(), BenchSamples())
        for _ in 0..<options.runs(20, quick: 8) {
            let watch = Stopwatch()
            try await mesh.demo.baton(["status"], on: device)
            took.add(watch.elapsed)
            let beside = Stopwatch()
            try await mesh.demo.tool(["git", "-C", device.workspace, "status"])
            git.add(beside.elapsed)
        }
        add(
            BenchFigure(
                name: "baton status, whole process", unit: "ms", samples: took,
                beside: .init(what: "git status", samples: git), goal: .atMost(aim: 100)))
    }

    /// Simulated seconds per second of CPU.
    func simulator() async throws {
        guard let program = Executable.path else { throw DemoFailure("this program does not find itself") }
        let own = program.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/baton-simulate"
        let isThere = FileManager.default.isExecutableFile(atPath: own)
        let command =
            (isThere ? [own] : [program, "simulate"]) + ["--json", "--runs", "\(options.runs(40, quick: 10))"]
        var samples = BenchSamples()
        for _ in 0..<options.runs(3, quick: 1) {
            let child = try DemoChild.start(command, environment: [:], words: root + "/simulate")
            let ended = try await child.end(within: .seconds(300))
            guard ended.status == 0 else { throw DemoFailure("the simulator ended with \(ended.status)") }
            let report = try JSONDecoder().decode(SimulatorReport.self, from: Data(ended.output.utf8))
            samples.add(Double(report.simulatedMilliseconds) / Double(max(1, report.timing.cpuMilliseconds)))
        }
        add(
            BenchFigure(
                name: "simulator, simulated seconds per CPU second", unit: "s/s", samples: samples,
                goal: .atLeast(aim: 2000, must: 500)))
    }
}

private struct SimulatorReport: Decodable {
    struct Timing: Decodable { var cpuMilliseconds: UInt64 }
    var simulatedMilliseconds: UInt64
    var timing: Timing
}
