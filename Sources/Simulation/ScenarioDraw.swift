import Primitives

/// Swarm testing (Groce and others 2012): each class of faults is there or not, by the toss of a coin; then its rate is
/// drawn.
extension Scenario {
    /// The scenario that a seed stands for. `devices` nil: drawn, one to five.
    package static func drawn(seed: UInt64, devices: Int? = nil, faultTime: Nanoseconds = .seconds(60)) -> Scenario {
        var plan = KeyedStream(seed: seed, .plan)
        let count = devices ?? plan.pick([1, 2, 2, 3, 3, 3, 3, 4, 5, 5])
        var scenario = Scenario(seed: seed, devices: count, faultTime: faultTime)
        scenario.drawConditions()
        let makers: [(inout Scenario, inout KeyedStream) -> Void] = [
            drawCuts, drawCrashes, drawBoundaryCrashes, drawSuspends, drawPauses, drawWallJumps, drawClients,
            drawRemoval, drawStops, drawClogs, drawElections,
        ]
        for (number, make) in makers.enumerated() {
            var toss = KeyedStream(seed: seed, .planEvents, entity: number)
            if toss.below(2) == 0 { make(&scenario, &toss) }
        }
        var settings = KeyedStream(seed: seed, .planEvents, entity: 1000)
        scenario.drawSettings(&settings)
        scenario.events.sort { $0.at < $1.at }
        return scenario
    }

    private mutating func drawConditions() {
        var draw = KeyedStream(seed: seed, .plan, entity: 1)
        let hasLongTail = draw.below(2) == 0
        let delay = draw.pick([Nanoseconds.microseconds(200), .milliseconds(1), .milliseconds(5), .milliseconds(15)])
        network.delay = hasLongTail ? .longTail(delay) : .around(delay)
        if draw.below(2) == 0 { network.loss = draw.pick([1_000, 10_000, 50_000, 150_000]) }
        if draw.below(2) == 0 { network.duplication = draw.pick([1_000, 20_000, 100_000]) }
        if draw.below(2) == 0 { network.replay = draw.pick([50_000, 500_000]) }
        if draw.below(2) == 0 { network.keepsOrder = false }
        if draw.below(2) == 0 { network.detection = .milliseconds(20)...(.seconds(8)) }
        if draw.below(2) == 0 { network.reconnection = .milliseconds(5)...(.seconds(5)) }
        var time = KeyedStream(seed: seed, .plan, entity: 2)
        let range: ClosedRange<Int64> =
            switch time.below(8) {
            case 0: 300_000...3_000_000
            case 1, 2, 3: ClockConditions.bound
            default: 999_900...1_000_100
            }
        clocks.rates = (0..<devices).map { _ in time.between(range.lowerBound, range.upperBound) }
        if time.below(2) == 0 { clocks.lateTimers = time.pick([.milliseconds(30), .milliseconds(400), .seconds(3)]) }
        var shell = KeyedStream(seed: seed, .plan, entity: 3)
        let isDiskUneven = shell.below(2) == 0
        let write = shell.pick([Nanoseconds.microseconds(200), .milliseconds(1), .milliseconds(8)])
        disk.delay = isDiskUneven ? .longTail(write) : .around(write)
        let action = shell.pick([Nanoseconds.milliseconds(2), .milliseconds(20), .milliseconds(60)])
        work.delay = shell.below(2) == 0 ? .longTail(action) : .around(action)
        if shell.below(2) == 0 { work.failures = shell.pick([5_000, 50_000, 200_000]) }
        var load = KeyedStream(seed: seed, .plan, entity: 4)
        workload.gatedWriters = load.below(3)
        workload.gatedPause = load.pick([.milliseconds(300), .milliseconds(1500), .seconds(6)])
        workload.gatedStep = load.pick([.milliseconds(3), .milliseconds(60)])
        if load.below(2) == 0 { workload.ungatedPause = load.pick([.milliseconds(150), .seconds(1), .seconds(8)]) }
        if load.below(2) == 0 { workload.userPause = load.pick([.milliseconds(400), .seconds(2), .seconds(10)]) }
    }

    private mutating func add(_ at: Nanoseconds, _ event: ScenarioEvent) {
        guard at < faultTime else { return }
        events.append(TimedEvent(at: TrueTime(at), event: event))
    }

    /// Calls `make` at drawn times until the faults end.
    private mutating func repeated(
        _ draw: inout KeyedStream, mean: Nanoseconds, _ make: (inout Scenario, inout KeyedStream, Nanoseconds) -> Void
    ) {
        var at = Nanoseconds.seconds(2) + draw.between(0, mean)
        while at < faultTime {
            make(&self, &draw, at)
            at += max(draw.interval(mean), .milliseconds(1))
        }
    }

    private static func target(_ draw: inout KeyedStream, _ count: Int) -> Target {
        switch draw.below(4) {
        case 0: .leader
        case 1: .quorumLeader
        default: .node(draw.below(count))
        }
    }
}

// MARK: - Classes of events

extension Scenario {
    private static func drawCuts(_ scenario: inout Scenario, _ draw: inout KeyedStream) {
        let count = scenario.devices
        guard count > 1 else { return }
        let mean = draw.pick([Nanoseconds.seconds(4), .seconds(10), .seconds(25)])
        let length = draw.pick([Nanoseconds.milliseconds(800), .seconds(4), .seconds(15)])
        scenario.repeated(&draw, mean: mean) { scenario, draw, at in
            let cut: Cut =
                switch draw.below(9) {
                case 0, 1: .isolate(target(&draw, count))
                case 2, 3: .halves(1 + draw.below(count - 1))
                case 4: .deaf(target(&draw, count))
                case 5: .mute(target(&draw, count))
                case 6: .ring
                case 7: .bridge(draw.below(count))
                default: draw.below(2) == 0 ? .chain : .link(0, 1 + draw.below(count - 1))
                }
            scenario.add(at, .cut(cut, nil))
            scenario.add(at + draw.interval(length), .mend)
        }
    }

    private static func drawCrashes(_ scenario: inout Scenario, _ draw: inout KeyedStream) {
        let count = scenario.devices
        let mean = draw.pick([Nanoseconds.seconds(3), .seconds(10), .seconds(30)])
        let down = draw.pick([Nanoseconds.milliseconds(50), .seconds(2), .seconds(10)])
        scenario.repeated(&draw, mean: mean) { scenario, draw, at in
            let power = draw.below(2) == 0
            // At times the whole site loses power at once.
            let all = draw.below(12) == 0
            for node in all ? Array(0..<count) : [draw.below(count)] {
                let hit: Target = all || draw.below(2) == 0 ? .node(node) : target(&draw, count)
                scenario.add(at, .crash(hit, power: power || all, down: nil))
                let back = at + draw.interval(down)
                for node in 0..<count { scenario.add(back, .restart(.node(node))) }
            }
        }
    }

    private static func drawBoundaryCrashes(_ scenario: inout Scenario, _ draw: inout KeyedStream) {
        let count = scenario.devices
        let mean = draw.pick([Nanoseconds.seconds(2), .seconds(8), .seconds(20)])
        scenario.repeated(&draw, mean: mean) { scenario, draw, at in
            let boundary = draw.pick(Boundary.allCases)
            let power = draw.below(2) == 0
            let down = draw.below(2) == 0 ? draw.interval(.milliseconds(40)) : draw.interval(.seconds(3))
            scenario.add(
                at, .crashAt(target(&draw, count), boundary, skipping: draw.below(20), power: power, down: down))
        }
    }

    /// The quorum leader is cut off, and those who vote for the next one die of it and are back at once.
    private static func drawElections(_ scenario: inout Scenario, _ draw: inout KeyedStream) {
        let count = scenario.devices
        scenario.repeated(&draw, mean: draw.pick([.seconds(4), .seconds(12)])) { scenario, draw, at in
            scenario.add(at, .cut(.isolate(.quorumLeader), nil))
            for node in 0..<count where draw.below(2) == 0 {
                let down = draw.between(.milliseconds(1), .milliseconds(60))
                scenario.add(
                    at, .crashAt(.node(node), .afterVote, skipping: 0, power: draw.below(2) == 0, down: down))
            }
            scenario.add(at + draw.interval(.seconds(3)), .mend)
        }
    }

    private static func drawClogs(_ scenario: inout Scenario, _ draw: inout KeyedStream) {
        let count = scenario.devices
        scenario.repeated(&draw, mean: draw.pick([.seconds(6), .seconds(15)])) { scenario, draw, at in
            scenario.add(at, .clog(.all(of: target(&draw, count)), draw.interval(.seconds(3))))
        }
    }

    private static func drawSuspends(_ scenario: inout Scenario, _ draw: inout KeyedStream) {
        let count = scenario.devices
        scenario.repeated(&draw, mean: draw.pick([.seconds(8), .seconds(20)])) { scenario, draw, at in
            // Hours would make the run mostly sleep; they are drawn rarely, and the others go on meanwhile.
            let length: Nanoseconds =
                switch draw.below(12) {
                case 0: draw.between(.seconds(60), .hours(12))
                case 1...4: draw.between(.milliseconds(500), .seconds(5))
                default: draw.between(.seconds(5), .seconds(20))
                }
            scenario.add(at, .suspend(target(&draw, count), length))
        }
    }

    private static func drawPauses(_ scenario: inout Scenario, _ draw: inout KeyedStream) {
        let count = scenario.devices
        scenario.repeated(&draw, mean: draw.pick([.seconds(5), .seconds(15)])) { scenario, draw, at in
            scenario.add(at, .pause(target(&draw, count), draw.longTail(.milliseconds(700))))
        }
    }

    private static func drawWallJumps(_ scenario: inout Scenario, _ draw: inout KeyedStream) {
        let count = scenario.devices
        let rates = scenario.clocks.rates
        scenario.repeated(&draw, mean: .seconds(10)) { scenario, draw, at in
            let node = draw.below(count)
            scenario.add(at, .wallJump(.node(node), draw.between(.hours(-24), .hours(24))))
            scenario.add(at, .rate(.node(node), draw.pick(rates)))
        }
    }

    private static func drawClients(_ scenario: inout Scenario, _ draw: inout KeyedStream) {
        let count = scenario.devices
        scenario.repeated(&draw, mean: draw.pick([.seconds(1), .seconds(4), .seconds(12)])) { scenario, draw, at in
            let node = draw.below(count)
            let plan: ClientPlan =
                switch draw.below(10) {
                case 0...2: .sync
                case 3, 4: .handoff(to: draw.below(2) == 0 ? nil : draw.below(count))
                case 5: .sync
                default:
                    .lock(
                        draw.below(2), ttl: draw.between(.seconds(1), .seconds(6)),
                        hold: draw.interval(.seconds(2)), waits: draw.below(2) == 0)
                }
            scenario.add(at, .client(.node(node), plan))
        }
    }

    private static func drawRemoval(_ scenario: inout Scenario, _ draw: inout KeyedStream) {
        guard scenario.devices > 2, draw.below(2) == 0 else { return }
        let gone = draw.below(scenario.devices)
        let by = (gone + 1 + draw.below(scenario.devices - 1)) % scenario.devices
        scenario.add(draw.between(.seconds(8), scenario.faultTime), .removeDevice(.node(gone), by: .node(by)))
    }

    private static func drawStops(_ scenario: inout Scenario, _ draw: inout KeyedStream) {
        let count = scenario.devices
        scenario.repeated(&draw, mean: .seconds(15)) { scenario, draw, at in
            scenario.add(at, .stop(target(&draw, count)))
            for node in 0..<count { scenario.add(at + draw.interval(.seconds(5)), .restart(.node(node))) }
        }
    }

    private mutating func drawSettings(_ draw: inout KeyedStream) {
        let settle = draw.pick(["100ms", "500ms", "2s"])
        let most = draw.pick(["2s", "10s"])
        let interval = draw.pick(["1s", "1s", "3s"])
        for (at, setting) in [("sync.settle", settle), ("sync.max-wait", most), ("sync.min-interval", interval)]
            .enumerated()
        {
            add(.milliseconds(100 * Int64(at) + 700), .client(.node(0), .setting(setting.0, setting.1)))
        }
    }
}

extension Scenario {
    /// What the seed expanded to, in a line.
    package var summary: String {
        var parts = ["\(devices) devices", "delay \(network.delay)"]
        if network.loss > 0 { parts.append("loss \(network.loss) ppm") }
        if network.duplication > 0 { parts.append("duplication \(network.duplication) ppm") }
        if network.replay > 0 { parts.append("replay \(network.replay) ppm") }
        if !network.keepsOrder { parts.append("reorder") }
        parts.append("clock rates \(clocks.rates)")
        if clocks.lateTimers > 0 { parts.append("timers up to \(clocks.lateTimers / 1_000_000) ms late") }
        if work.failures > 0 { parts.append("failures \(work.failures) ppm") }
        parts.append("\(workload.gatedWriters) gated writers each")
        if workload.ungatedPause != nil { parts.append("ungated writers") }
        if workload.userPause != nil { parts.append("users") }
        parts.append("\(events.count) outside events, \(rules.count) rules")
        return parts.joined(separator: ", ")
    }
}
