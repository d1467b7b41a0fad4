import DeviceCore
import SyncRounds

// Events that a state sets off.

/// How often each rule was set off.
struct RuleStates: Hashable, Sendable {
    private(set) var hits: [Int]
    let isEmpty: Bool
    /// Somebody wants to know of marks: they are hit often.
    let followMarks: Bool
    /// Somebody wants to know of publications before they leave.
    let followStaged: Bool

    init(_ rules: [Rule]) {
        hits = [Int](repeating: 0, count: rules.count)
        isEmpty = rules.isEmpty
        followMarks = rules.contains { if case .mark = $0.trigger { true } else { false } }
        followStaged = rules.contains { $0.trigger == .round(.staged) }
    }

    /// True if the rule is to happen this time.
    mutating func takes(_ number: Int, _ rule: Rule) -> Bool {
        hits[number] += 1
        return hits[number] > rule.skipping && hits[number] - rule.skipping <= rule.times
    }
}

extension World {
    /// Something came to pass at `node`: the rules that wait for it happen, each after its delay.
    mutating func fire(_ trigger: Trigger, at node: Int) {
        guard !rules.isEmpty, !isHealing else { return }
        for (number, rule) in scenario.rules.enumerated() where rule.trigger == trigger {
            if rules.takes(number, rule) { queue.push(.rule(number, subject: node), at: now + max(rule.delay, 0)) }
        }
    }

    mutating func happen(rule number: Int, subject node: Int) {
        guard !isHealing else { return }
        subject = node
        happen(scenario.rules[number].event)
        subject = 0
    }

    mutating func startRules() {
        for (number, rule) in scenario.rules.enumerated() {
            guard case .every(let pause) = rule.trigger else { continue }
            queue.push(.ruleTime(number), at: now + max(pause, SimulationLimits.ruleInterval))
        }
    }

    mutating func ruleTime(_ number: Int) {
        let rule = scenario.rules[number]
        guard !isHealing, case .every(let pause) = rule.trigger else { return }
        if rules.takes(number, rule) { queue.push(.rule(number, subject: actedOn), at: now + max(rule.delay, 0)) }
        queue.push(.ruleTime(number), at: now + max(pause, SimulationLimits.ruleInterval))
    }

    /// True if this output holds a publication: what it sends waits for a moment, in which a rule may stop the device.
    mutating func noteStaged(_ node: Int) -> Bool {
        let publishes = output.events.contains { event in
            if case .roundPhase(_, .publish) = event { true } else { false }
        }
        if publishes { fire(.round(.staged), at: node) }
        return publishes
    }
}

extension RoundPoint {
    init?(_ phase: RoundPhase) {
        switch phase {
        case .prepare: self = .prepare
        case .collect: self = .collect
        case .merge: self = .merge
        case .stage: self = .stage
        case .publish: self = .publish
        case .apply: self = .apply
        }
    }
}
