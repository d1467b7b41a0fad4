import Primitives

extension Bench {
    /// The whole process `baton hook claude` with the gate open, as the tool calls it before each write.
    func hookCommand(_ mesh: BenchMesh) async throws {
        let device = mesh.devices[1]
        var took = BenchSamples()
        let payload =
            #"{"session_id":"bench","cwd":"/","hook_event_name":"PreToolUse","tool_name":"Edit","#
            + #""tool_input":{"file_path":"\#(device.workspace)/bench.txt"}}"#
        let script = #"printf %s "$1" | "$0" hook claude --home "$2""#
        guard let program = Executable.path else { throw DemoFailure("this program does not find itself") }
        let after = payload.replacing("PreToolUse", with: "PostToolUse")
        for _ in 0..<options.runs(100, quick: 20) {
            let watch = Stopwatch()
            try await mesh.demo.tool(["sh", "-c", script, program, payload, device.home])
            took.add(watch.elapsed)
            try await mesh.demo.tool(["sh", "-c", script, program, after, device.home])
        }
        add(
            BenchFigure(
                name: "hook, open gate, whole process with its shell, p95", unit: "ms",
                samples: BenchSamples([took.percentile(95)]), goal: .atMost(aim: 20)))
    }
}

extension BenchSamples {
    /// The smallest value that so many percent of all do not exceed.
    func percentile(_ percent: Int) -> Double {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return 0 }
        return sorted[min(sorted.count - 1, max(0, (sorted.count * percent + 99) / 100 - 1))]
    }
}
