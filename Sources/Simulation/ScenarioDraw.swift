import DeviceCore
import Primitives

/// Swarm testing (Groce and others 2012): each class of faults is there or not, by the toss of a coin; then its rate,
/// its scope and the least calm between two of its kind are drawn.
extension Scenario {
    /// The scenario that a seed stands for. `devices` nil: drawn, one to five.
    package static func drawn(seed: UInt64, devices: Int? = nil, faultTime: Nanoseconds = .seconds(60)) -> Scenario {
        var plan = KeyedStream(seed: seed, .plan)
        let count = devices ?? plan.pick([1, 2, 2, 3, 3, 3, 3, 4, 5, 5])
        var scenario = Scenario(seed: seed, devices: count, faultTime: faultTime)
        scenario.drawNetwork()
        scenario.drawMachines()
        scenario.drawWorkload()
        scenario.drawEnd()
        let classes: [(inout Scenario, inout FaultDraw) -> Void] = [
            drawCuts, drawCrashes, drawBoundaryCrashes, drawSuspends, drawPauses, drawWallJumps, drawClients,
            drawRemoval, drawStops, drawClogs, drawElections, drawLinkTroubles, drawStorms, drawSlowness, drawDisks,
            drawReplacement, drawLateDevice, drawUsers, drawMisbehaviour, drawRules, drawBeyond, drawLateAnswers,
            drawLonelyHead, drawHub, drawSyncStops, drawDivergingTails,
            drawVoteMoves, drawChatter, drawEarlyRemovals, drawSupplies, drawRecovery,
        ]
        for (number, make) in classes.enumerated() {
            var draw = FaultDraw(seed: seed, number: number, devices: count)
            if draw.isPresent { make(&scenario, &draw) }
        }
        scenario.drawSettings()
        scenario.events.sort { $0.at < $1.at }
        return scenario
    }

    private mutating func drawNetwork() {
        var draw = KeyedStream(seed: seed, .plan, entity: 1)
        let delay = draw.pick([Nanoseconds.microseconds(200), .milliseconds(1), .milliseconds(5), .milliseconds(15)])
        network.delay = draw.pick([
            .around(delay), .longTail(delay), .longTail(delay), .exponential(mean: delay, least: delay / 8),
        ])
        if draw.below(2) == 0 { network.loss = draw.pick([1_000, 10_000, 50_000, 150_000]) }
        if draw.below(2) == 0 { network.duplication = draw.pick([1_000, 20_000, 100_000]) }
        if draw.below(2) == 0 { network.replay = draw.pick([50_000, 500_000]) }
        if draw.below(2) == 0 { network.replayDelay = draw.pick([.seconds(1), .seconds(10), .seconds(60)]) }
        if draw.below(2) == 0 { network.keepsOrder = false }
        if draw.below(2) == 0 { network.detection = .milliseconds(20)...(.seconds(8)) }
        if draw.below(2) == 0 { network.reconnection = .milliseconds(5)...(.seconds(5)) }
        if draw.below(2) == 0 {
            network.burst = .init(
                begins: draw.pick([200, 2_000]), length: draw.pick([.milliseconds(80), .seconds(1)]))
        }
        if draw.below(2) == 0 { network.connectHangs = draw.pick([20_000, 200_000]) }
        if draw.below(2) == 0 { network.halfOpen = draw.pick([50_000, 300_000]) }
        if draw.below(4) == 0 { network.queue = draw.pick([8, 64]) }
    }

    private mutating func drawMachines() {
        var time = KeyedStream(seed: seed, .plan, entity: 2)
        let range: ClosedRange<Int64> =
            switch time.below(12) {
            case 0: 300_000...3_000_000
            case 1...5: ClockConditions.bound
            default: 999_900...1_000_100
            }
        clocks.rates = (0..<devices).map { _ in time.between(range.lowerBound, range.upperBound) }
        if time.below(2) == 0 { clocks.lateTimers = time.pick([.milliseconds(30), .milliseconds(400), .seconds(3)]) }
        var shell = KeyedStream(seed: seed, .plan, entity: 3)
        let write = shell.pick([Nanoseconds.microseconds(200), .milliseconds(1), .milliseconds(8)])
        disk.delay = shell.below(2) == 0 ? .longTail(write) : .around(write)
        if shell.below(2) == 0 {
            disk.stalls = shell.pick([100, 2_000])
            disk.stall = shell.pick([.seconds(1), .seconds(8), .seconds(120)])
        }
        let action = shell.pick([Nanoseconds.milliseconds(2), .milliseconds(20), .milliseconds(60)])
        work.delay = shell.below(2) == 0 ? .longTail(action) : .around(action)
        if shell.below(2) == 0 { work.failures = shell.pick([5_000, 50_000, 200_000]) }
        if shell.below(4) == 0 {
            work.bigFiles = shell.pick([10_000, 100_000])
            work.bigFile = shell.pick([.seconds(2), .seconds(12)])
        }
    }

    private mutating func drawWorkload() {
        var load = KeyedStream(seed: seed, .plan, entity: 4)
        workload.gatedWriters = load.below(3)
        workload.gatedPause = load.pick([.milliseconds(300), .milliseconds(1500), .seconds(6)])
        workload.gatedStep = load.pick([.milliseconds(3), .milliseconds(60)])
        if load.below(2) == 0 { workload.ungatedPause = load.pick([.milliseconds(150), .seconds(1), .seconds(8)]) }
        if load.below(2) == 0 { workload.userPause = load.pick([.milliseconds(400), .seconds(2), .seconds(10)]) }
        if load.below(2) == 0 { workload.userActions = [.edit, .create, .delete, .rename, .caseRename, .sameSizeEdit] }
    }

    private mutating func drawEnd() {
        var draw = KeyedStream(seed: seed, .plan, entity: 5)
        heal.core = draw.pick([.all, .all, .majority, .majority, .exactMajority, .exactMajority, .random])
        heal.delay = draw.pick([.microseconds(200), .milliseconds(2), .milliseconds(20)])
        timing = draw.below(6) == 0 ? .wan : .lan
        if draw.below(2) == 0 { compaction.after = draw.pick([16, 48, 160]) }
        if draw.below(2) == 0 { compaction.keeping = draw.pick([0, 1, 8, 40]) }
    }

    private mutating func drawSettings() {
        var draw = KeyedStream(seed: seed, .planEvents, entity: 1000)
        settings = [
            Setting(key: "sync.settle", value: draw.pick(["100ms", "500ms", "2s"])),
            Setting(key: "sync.max-wait", value: draw.pick(["2s", "10s"])),
            Setting(key: "sync.min-interval", value: draw.pick(["1s", "1s", "3s"])),
        ]
        if draw.below(4) == 0 { settings.append(Setting(key: "pause.budget", value: draw.pick(["50ms", "10s"]))) }
    }

    mutating func add(_ at: Nanoseconds, _ event: ScenarioEvent) {
        guard at < faultTime else { return }
        events.append(TimedEvent(at: TrueTime(at), event: event))
    }

    /// Calls `make` at drawn times until the faults end.
    mutating func repeated(
        _ draw: inout FaultDraw, mean: Nanoseconds, _ make: (inout Scenario, inout FaultDraw, Nanoseconds) -> Void
    ) {
        var at = Nanoseconds.seconds(2) + draw.between(0, mean)
        while at < faultTime {
            make(&self, &draw, at)
            at += max(draw.interval(mean), draw.calm, .milliseconds(1))
        }
    }
}

/// The draws of one class of faults.
struct FaultDraw {
    private var stream: KeyedStream
    let isPresent: Bool
    /// The least time between two of its kind.
    let calm: Nanoseconds
    /// Whom it may hit: everybody and every role, or these devices alone.
    private let scope: [Int]?
    let devices: Int

    init(seed: UInt64, number: Int, devices: Int) {
        stream = KeyedStream(seed: seed, .planEvents, entity: number)
        self.devices = devices
        isPresent = stream.below(2) == 0
        calm = stream.pick([0, 0, .milliseconds(300), .seconds(1), .seconds(4)])
        scope =
            switch stream.below(6) {
            case 0: stream.sample(Array(0..<devices), 1)
            case 1: stream.sample(Array(0..<devices), max((devices - 1) / 2, 1))
            default: nil
            }
    }

    mutating func below(_ bound: Int) -> Int { stream.below(bound) }
    mutating func between(_ low: Nanoseconds, _ high: Nanoseconds) -> Nanoseconds { stream.between(low, high) }
    mutating func interval(_ mean: Nanoseconds) -> Nanoseconds { stream.interval(mean) }
    mutating func longTail(_ typical: Nanoseconds) -> Nanoseconds { stream.longTail(typical) }
    mutating func pick<Element>(_ choices: [Element]) -> Element { stream.pick(choices) }

    /// A device in the scope.
    mutating func node() -> Int { scope.map { stream.pick($0) } ?? stream.below(devices) }

    /// A device or a role in the scope.
    mutating func target() -> Target {
        guard scope == nil else { return .node(node()) }
        return switch stream.below(4) {
        case 0: .leader
        case 1: .quorumLeader
        default: .node(stream.below(devices))
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
