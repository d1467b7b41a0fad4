import Simulation

/// How fast a loop of events alone is on this machine, beside the whole simulator: the ratio means the same anywhere.
enum BareLoop {
    /// Events in a second of CPU time: five devices that hand a message on.
    static func rate(events: UInt64 = 20_000_000) -> Int64 {
        var counts = [UInt64](repeating: 0, count: 5)
        let watch = Stopwatch()
        let check = Simulation.bareLoop(events: events, &counts)
        let spent = max(1, watch.read().cpuMilliseconds)
        return check == 0 ? 0 : Int64(events) * 1000 / spent
    }

    static func write(_ results: [StudyResult], _ elapsed: Stopwatch.Reading) {
        let events = Int64(results.reduce(0) { $0 &+ $1.events })
        let own = events * 1000 / max(1, elapsed.cpuMilliseconds)
        let bare = rate()
        Terminal.line(
            "bare loop of five devices: \(bare) events per CPU second; the simulator: \(own), 1 : \(bare / max(1, own))"
        )
    }
}
