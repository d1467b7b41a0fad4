import Simulation

/// How fast a loop of events alone is on this machine, beside the whole simulator, and what the checks cost: ratios
/// mean the same anywhere.
enum BareLoop {
    /// Events in a second of CPU time: five nodes that send one another messages and answers.
    static func rate(events: UInt64 = 20_000_000) -> Int64 {
        var counts = [UInt64](repeating: 0, count: 5)
        let watch = Stopwatch()
        let check = Simulation.bareLoop(events: events, &counts)
        let spent = max(1, watch.read().cpuMilliseconds)
        return check == 0 ? 0 : Int64(events) * 1000 / spent
    }

    /// Of runs that took `elapsed`; runs them once more without checks, one after the other.
    static func write(_ results: [StudyResult], _ elapsed: Stopwatch.Reading) {
        let events = Int64(results.reduce(0) { $0 &+ $1.events })
        let own = rate(events, elapsed)
        let bare = rate()
        Terminal.line(
            "bare loop of five nodes: \(bare) events per CPU second; the simulator: \(own), 1 : \(bare / max(1, own))")
        let watch = Stopwatch()
        var unchecked: Int64 = 0
        for result in results {
            for seed in result.study.seeds.prefix(result.runs) {
                unchecked += Int64(Simulation.run(result.study.scenario(seed), checks: false).events)
            }
        }
        let without = rate(unchecked, watch.read())
        let tenths = without * 10 / max(1, own)
        Terminal.line(
            "without checks: \(without) events per CPU second; checks on : off, \(tenths / 10).\(tenths % 10)")
    }

    private static func rate(_ events: Int64, _ elapsed: Stopwatch.Reading) -> Int64 {
        events * 1000 / max(1, elapsed.cpuMilliseconds)
    }
}
