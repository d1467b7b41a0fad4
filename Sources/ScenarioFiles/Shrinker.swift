import Primitives
import Simulation

/// Delta debugging (Zeller and Hildebrandt 2002) of a scenario that fails: whatever can go without the failure going is
/// taken out. Draws are keyed, so what stays draws what it drew before.
///
/// A value that is used up: it calls back while it works.
package struct Shrinker {
    package struct Result: Sendable {
        package var scenario: Scenario
        package var report: RunReport
        /// Runs that it took.
        package var runs: Int
    }

    private let check: CheckID
    private let run: (Scenario) -> RunReport
    private let progress: (String, Scenario, Int) -> Void
    private let most: Int
    private var best: Scenario
    private var report: RunReport
    private var runs = 1
    /// Other seeds that are tried where taking something out moves everything else.
    private var patience = 4

    /// Nil if the scenario does not fail. `progress` hears of each step with what is left and the runs so far.
    package static func shrink(
        _ scenario: Scenario, most: Int, run: @escaping (Scenario) -> RunReport,
        progress: @escaping (String, Scenario, Int) -> Void = { _, _, _ in }
    ) -> Result? {
        let report = run(scenario)
        guard let violation = report.violation else { return nil }
        var shrinker = Shrinker(
            check: violation.check, run: run, progress: progress, most: most, best: scenario, report: report)
        shrinker.shrink()
        return Result(scenario: shrinker.best, report: shrinker.report, runs: shrinker.runs)
    }

    private init(
        check: CheckID, run: @escaping (Scenario) -> RunReport,
        progress: @escaping (String, Scenario, Int) -> Void, most: Int, best: Scenario, report: RunReport
    ) {
        self.check = check
        self.run = run
        self.progress = progress
        self.most = most
        self.best = best
        self.report = report
    }

    // MARK: Trying

    /// Keeps `candidate` if it fails as before; with `seeds`, those may bring it about too.
    @discardableResult
    private mutating func attempt(_ candidate: Scenario, seeds: Int = 0) -> Bool {
        guard candidate != best else { return false }
        for number in 0...seeds {
            guard runs < most else { return false }
            var candidate = candidate
            if number > 0 { candidate.seed = UInt64(number) }
            runs += 1
            let report = run(candidate)
            guard report.violation?.check == check else { continue }
            best = candidate
            self.report = report
            return true
        }
        return false
    }

    private mutating func attempt(seeds: Int = 0, _ change: (inout Scenario) -> Void) {
        var candidate = best
        change(&candidate)
        attempt(candidate, seeds: seeds)
    }

    private mutating func shrink() {
        round()
        // What is still large is worth more tries; devices first, since each takes much along.
        for patience in [40, 250] where isLarge {
            self.patience = patience
            step("devices") { $0.takeOutDevices() }
            round()
        }
        step("what comes too late") { $0.dropWhatIsLate() }
    }

    private var isLarge: Bool { best.devices > 3 || best.events.count + best.rules.count > 12 }

    /// Until nothing more can go.
    private mutating func round() {
        var before: Scenario
        repeat {
            before = best
            step("what comes too late") { $0.dropWhatIsLate() }
            step("events") { $0.thinOut(\.events) }
            step("rules") { $0.thinOut(\.rules) }
            step("settings") { $0.thinOut(\.settings) }
            step("devices") { $0.takeOutDevices() }
            step("conditions") { $0.calm() }
            step("workload") { $0.quieten() }
            step("times") { $0.roundTimes() }
        } while best != before && runs < most
    }

    private mutating func step(_ what: String, _ work: (inout Shrinker) -> Void) {
        guard runs < most else { return }
        work(&self)
        progress(what, best, runs)
    }

    // MARK: What can go

    /// Nothing after the violation matters, unless it is that nothing happens.
    private mutating func dropWhatIsLate() {
        guard let violation = report.violation, violation.time.nanoseconds < best.faultTime else { return }
        let end = violation.time.nanoseconds / .milliseconds(100) * .milliseconds(100) + .milliseconds(100)
        attempt {
            $0.events.removeAll { $0.at.nanoseconds > end }
            $0.faultTime = min($0.faultTime, max(end, .milliseconds(500)))
        }
    }

    private mutating func thinOut<Element>(_ list: WritableKeyPath<Scenario, [Element]>) {
        var size = best[keyPath: list].count
        while size > 0, runs < most {
            var start = 0
            while start < best[keyPath: list].count, runs < most {
                var candidate = best
                let end = min(start + size, candidate[keyPath: list].count)
                candidate[keyPath: list].removeSubrange(start..<end)
                // Of few events each may be needed by chance alone.
                if !attempt(candidate, seeds: best.events.count < 24 ? patience / 2 : 0) { start = end }
            }
            size = size == 1 ? 0 : (size + 1) / 2
        }
    }

    private mutating func takeOutDevices() {
        for node in stride(from: best.devices - 1, through: 1, by: -1) {
            if let candidate = best.without(node: node) { attempt(candidate, seeds: patience) }
        }
    }

    private mutating func calm() {
        attempt { $0.network = NetworkConditions() }
        attempt { $0.network.loss = 0 }
        attempt { $0.network.duplication = 0 }
        attempt { $0.network.replay = 0 }
        attempt { $0.network.burst = nil }
        attempt { $0.network.keepsOrder = true }
        attempt { $0.network.queue = nil }
        attempt { $0.network.halfOpen = 0 }
        attempt { $0.network.connectHangs = 0 }
        attempt { $0.network.detection = NetworkConditions().detection }
        attempt { $0.network.reconnection = NetworkConditions().reconnection }
        attempt { $0.network.delay = .around($0.network.delay.typical) }
        attempt { $0.network.delay = NetworkConditions().delay }
        attempt { $0.clocks = ClockConditions() }
        attempt { $0.clocks.lateTimers = 0 }
        attempt { $0.disk = DiskConditions() }
        attempt { $0.work = WorkConditions() }
        attempt { $0.work.failures = 0 }
        attempt { $0.work.bigFiles = 0 }
        attempt { $0.compaction = Compaction() }
        attempt { $0.hub = nil }
        attempt { $0.heal = HealPlan() }
        attempt { $0.learners = 0 }
    }

    private mutating func quieten() {
        attempt { $0.workload.userPause = nil }
        attempt { $0.workload.userActions = [] }
        attempt { $0.workload.ungatedPause = nil }
        attempt { $0.workload.gatedWriters = 0 }
        attempt { $0.workload.gatedWriters = min($0.workload.gatedWriters, 1) }
        attempt { $0.workload.gatedStep = Workload().gatedStep }
    }

    /// Rounder times are easier to read; shorter ones to follow.
    private mutating func roundTimes() {
        for at in best.events.indices where runs < most {
            for unit in [Nanoseconds.seconds(1), .milliseconds(100), .milliseconds(1)] {
                var candidate = best
                let rounded = best.events[at].at.nanoseconds / unit * unit
                guard rounded != best.events[at].at.nanoseconds else { break }
                candidate.events[at].at = TrueTime(rounded)
                candidate.events.sort { $0.at < $1.at }
                if attempt(candidate) { break }
            }
            guard best.events.indices.contains(at) else { continue }
            for event in best.events[at].event.shorter {
                var candidate = best
                candidate.events[at].event = event
                if attempt(candidate) { break }
            }
        }
        if let violation = report.violation, violation.time.nanoseconds > best.faultTime {
            attempt {
                let last = $0.events.last?.at.nanoseconds ?? 0
                $0.faultTime = min($0.faultTime, last / .seconds(1) * .seconds(1) + .seconds(2))
            }
        }
    }
}

extension Scenario {
    /// The same without one device; what only concerned it is gone. Nil if nobody would be left to begin.
    fileprivate func without(node: Int) -> Scenario? {
        guard devices > 1, node > 0, learners + late.count < devices - 1 else { return nil }
        var smaller = self
        if node >= devices - learners { smaller.learners -= 1 }
        smaller.devices -= 1
        if names.indices.contains(node) { smaller.names.remove(at: node) }
        if clocks.rates.indices.contains(node) { smaller.clocks.rates.remove(at: node) }
        smaller.late = late.filter { $0 != node }.map { $0 > node ? $0 - 1 : $0 }
        smaller.events = events.compactMap { timed in
            timed.event.without(node: node, of: devices).map { TimedEvent(at: timed.at, event: $0) }
        }
        smaller.rules = rules.compactMap { rule in
            guard let event = rule.event.without(node: node, of: devices) else { return nil }
            var rule = rule
            rule.event = event
            return rule
        }
        return smaller
    }
}

extension ScenarioEvent {
    /// The same where device `node` is not; nil if it was about that device.
    fileprivate func without(node: Int, of devices: Int) -> ScenarioEvent? {
        var action = Action(self)
        func moved(_ who: Who) -> Who? {
            guard case .target(.node(let at)) = who else { return who }
            return at == node ? nil : .target(.node(at > node ? at - 1 : at))
        }
        for place in action.values.indices {
            switch action.values[place] {
            case .who(let who):
                guard let who = moved(who) else { return nil }
                action.values[place] = .who(who)
            case .route(let from, let to, let bothWays):
                guard let from = moved(from), let to = moved(to) else { return nil }
                action.values[place] = .route(from: from, to: to, bothWays: bothWays)
            case .span, .number, .choice, .setting, .yes, nil: break
            }
        }
        if action.verb == "halves", case .number(let border)? = action.values.first ?? nil, border >= devices - 1 {
            return nil
        }
        var reader = ActionReader(devices: devices - 1, draw: FileDraw(seed: 0, line: 0))
        return reader.event(action)
    }

    /// The same, over sooner or after a rounder time; the best first.
    fileprivate var shorter: [ScenarioEvent] {
        let action = Action(self)
        var all: [ScenarioEvent] = []
        for (place, value) in action.values.enumerated() {
            guard case .span(let span) = value, span.low > 0 else { continue }
            for unit in [Nanoseconds.seconds(1), .milliseconds(100), .milliseconds(10), .milliseconds(1)] {
                for length in [span.low / 2 / unit * unit, span.low / unit * unit]
                where length > 0 && length != span.low {
                    var changed = action
                    changed.values[place] = .span(Span(length))
                    var reader = ActionReader(devices: 1, draw: FileDraw(seed: 0, line: 0))
                    if let event = reader.event(changed), !all.contains(event) { all.append(event) }
                }
            }
        }
        return Array(all.prefix(4))
    }
}
