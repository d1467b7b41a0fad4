import DeviceCore
import Primitives
import Simulation

/// A file and a seed -> what the engine runs.
extension ScenarioFile {
    package func compile(seed: UInt64) -> Scenario {
        var scenario =
            drawsFaults
            ? Scenario.drawn(seed: seed, devices: devices.count, faultTime: chaos)
            : Scenario(seed: seed, devices: devices.count, faultTime: chaos)
        scenario.names = devices
        apply(learners, where: \.learners, to: &scenario)
        apply(late, where: \.late, to: &scenario)
        apply(config.timing, where: \.timing, to: &scenario)
        apply(config.compaction, where: \.compaction, to: &scenario)
        if !drawsFaults || config.settings != nil {
            scenario.settings = (config.settings ?? ConfigSetting.quick).map { Setting(key: $0.key, value: $0.value) }
        }
        apply(network, where: \.network, to: &scenario)
        apply(disk, where: \.disk, to: &scenario)
        apply(work, where: \.work, to: &scenario)
        apply(workload, where: \.workload, to: &scenario)
        apply(clocks, where: \.clocks, to: &scenario)
        if clocks.rates.isEmpty, !drawsFaults || config.drift > 0 { scenario.clocks.rates = driftedRates(seed) }
        apply(hub, where: \.hub, to: &scenario)
        apply(heal.plan, where: \.heal, to: &scenario)
        apply(heal.quiet, where: \.quietTime, to: &scenario)
        scenario.plant = plant.flatMap(PlantedBug.init)
        add(lines, to: &scenario)
        return scenario
    }

    /// What the file leaves open is the seed's.
    private func apply<Block: Hashable>(
        _ block: Block, where path: WritableKeyPath<Scenario, Block>, to scenario: inout Scenario
    ) {
        let standard = Scenario(seed: 0, devices: 1, faultTime: 1)[keyPath: path]
        if !drawsFaults || block != standard { scenario[keyPath: path] = block }
    }

    private func driftedRates(_ seed: UInt64) -> [Int64] {
        guard config.drift > 0 else { return [] }
        return devices.indices.map { node in
            var draw = FileDraw(seed: seed, line: -1 - node)
            return 1_000_000 + draw.between(Span(-config.drift, config.drift))
        }
    }

    private func add(_ lines: [ChaosLine], to scenario: inout Scenario) {
        var events = scenario.events
        for (number, line) in lines.enumerated() {
            var reader = ActionReader(devices: devices.count, draw: FileDraw(seed: scenario.seed, line: number))
            switch line.moment {
            case .at(let span):
                let at = reader.draw.between(span)
                if let event = reader.event(line.action) { events.append(TimedEvent(at: TrueTime(at), event: event)) }
            case .every(let span): events += repeated(line.action, every: span, &reader)
            case .when(let condition):
                if let pause = condition.repetition, line.action.isDrawn {
                    events += repeated(line.action, every: Span(pause), &reader)
                } else if let event = reader.event(line.action) {
                    scenario.rules.append(condition.rule(event, &reader))
                }
            }
        }
        // Sorted by time; equal times in the order of the file.
        scenario.events = events.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }
            .map(\.element)
    }

    private func repeated(_ action: Action, every span: Span, _ reader: inout ActionReader) -> [TimedEvent] {
        var events: [TimedEvent] = []
        var at = reader.draw.between(span)
        while at < chaos, events.count < SimulationLimits.events {
            if let event = reader.event(action) { events.append(TimedEvent(at: TrueTime(at), event: event)) }
            at += max(reader.draw.between(span), Limits.scenarioInterval.wholeNanoseconds)
        }
        return events
    }
}

extension Condition {
    /// Nil unless it is a plain `every`.
    fileprivate var repetition: Nanoseconds? {
        guard case .every(let pause) = trigger, delay == Span(0), skipping == 0, times == nil else { return nil }
        return pause
    }

    fileprivate func rule(_ event: ScenarioEvent, _ reader: inout ActionReader) -> Rule {
        Rule(
            on: trigger, event, delay: reader.draw.between(delay), skipping: skipping,
            times: times ?? SimulationLimits.ruleTimes)
    }
}

extension Action {
    /// Each time is different.
    fileprivate var isDrawn: Bool {
        values.contains { value in
            switch value {
            case .who(let who): who == .any
            case .route(let from, let to, _): from == .any || to == .any
            case .span(let span): !span.isExact
            case .number, .choice, .setting, .yes, nil: false
            }
        }
    }
}
