import DeviceCore
import Primitives
import Simulation

extension ScenarioFile {
    /// The file that says exactly this scenario: `ScenarioFile(scenario).compile(seed: scenario.seed) == scenario`, but
    /// for devices that had no names.
    package init(_ scenario: Scenario, name: String) {
        self.init(name: name, devices: (0..<scenario.devices).map(scenario.name(of:)))
        learners = scenario.learners
        late = scenario.late
        config.timing = scenario.timing
        config.compaction = scenario.compaction
        config.settings = scenario.settings.map { ConfigSetting(key: $0.key, value: $0.value) }
        if config.settings == ConfigSetting.quick { config.settings = nil }
        workload = scenario.workload
        network = scenario.network
        clocks = scenario.clocks
        disk = scenario.disk
        work = scenario.work
        hub = scenario.hub
        plant = scenario.plant?.rawValue
        chaos = scenario.faultTime
        lines = scenario.events.map { ChaosLine(.at(Span($0.at.nanoseconds)), Action($0.event)) }
        lines += scenario.rules.map { rule in
            let action = Action(rule.event)
            let condition = Condition(
                rule.trigger, as: action.namesSubject ? SlotParser.usualSubject : nil, delay: Span(rule.delay),
                skipping: rule.skipping, times: rule.times == SimulationLimits.ruleTimes ? nil : rule.times)
            return ChaosLine(.when(condition), action)
        }
        heal = HealBlock(plan: scenario.heal, quiet: scenario.quietTime)
        seeds = scenario.seed...scenario.seed
    }
}

extension Action {
    fileprivate var namesSubject: Bool {
        values.contains { value in
            switch value {
            case .who(let who): who == .target(.subject)
            case .route(let from, let to, _): from == .target(.subject) || to == .target(.subject)
            case .span, .number, .choice, .setting, .yes, nil: false
            }
        }
    }
}
