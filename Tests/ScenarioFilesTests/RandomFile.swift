import Primitives
import Simulation

@testable import ScenarioFiles

/// Scenario files of every shape, drawn from a seed.
struct RandomFile {
    var draw: SeededGenerator

    init(seed: UInt64) { draw = SeededGenerator(seed: seed) }

    mutating func below(_ bound: Int) -> Int { Int(draw.below(UInt64(bound))) }
    mutating func toss() -> Bool { below(2) == 0 }
    mutating func pick<Element>(_ all: [Element]) -> Element { all[below(all.count)] }

    mutating func length() -> Nanoseconds {
        pick([1, 999, .microseconds(250), .milliseconds(1500), .seconds(3), .seconds(90), .hours(1)])
    }

    mutating func delay() -> Delay {
        pick([
            .around(length() % .seconds(50)), .longTail(.milliseconds(3)), .between(.milliseconds(1), .milliseconds(9)),
            .exponential(mean: .milliseconds(8), least: .milliseconds(1)), .exponential(mean: .seconds(1), least: 0),
        ])
    }

    mutating func span() -> Span {
        let low = length()
        return toss() ? Span(low) : Span(low, low + length())
    }

    mutating func share() -> Int { pick([0, 1, 50, 10_000, 123_456, 1_000_000]) }

    mutating func file() -> ScenarioFile {
        let names = ["laptop", "desktop", "nas", "phone", "tablet"]
        var file = ScenarioFile(name: "drawn-\(below(1000))", devices: Array(names.prefix(1 + below(5))))
        if toss() { file.about = ["What it shows.", "And more: the 1st of two."] }
        if file.devices.count > 2 {
            file.learners = below(2)
            if toss() { file.late = [1] }
        }
        if toss() { file.config.timing = .wan }
        file.config.drift = Int64(share())
        if toss() { file.config.settings = toss() ? [] : ConfigSetting.quick.reversed() }
        blocks(&file)
        file.chaos = .hours(3)
        file.drawsFaults = toss()
        for _ in 0..<below(12) { file.lines.append(line(file)) }
        for mark in [Mark.roundPublished, .suspended] where toss() { file.expectations.append(.sometimes(mark)) }
        if toss() { file.expectations += [.always([.fence, .oneHolder]), .within(.seconds(115))] }
        if toss() { file.expectations += [.never(.powerCut), .pauseAtMost(.seconds(20))] }
        let first = UInt64(below(1000))
        file.seeds = first...(first + UInt64(below(50)))
        if toss() { file.notes.append(Note(anchor: .scenario, above: ["head", "", "more"], after: "behind")) }
        if toss(), !file.lines.isEmpty { file.notes.append(Note(anchor: .line(0), above: ["why"], after: nil)) }
        if toss() { file.notes.append(Note(anchor: .end, above: ["the end"], after: nil)) }
        return file
    }

    private mutating func blocks(_ file: inout ScenarioFile) {
        if toss() {
            file.network.delay = delay()
            file.network.loss = share()
            file.network.keepsOrder = toss()
            file.network.burst = toss() ? .init(begins: share(), length: 1 + length()) : nil
            file.network.queue = toss() ? 7 : nil
            file.network.replayDelay = toss() ? length() : nil
            file.network.detection = length()...(.hours(3))
        }
        if toss() {
            file.disk.delay = delay()
            file.disk.stalls = share()
            file.work.failures = share()
            file.clocks.lateTimers = length()
        }
        if toss() { file.clocks.rates = file.devices.map { _ in Int64(900_000 + below(300_000)) } }
        if toss() {
            file.workload.gatedWriters = below(4)
            file.workload.gatedPause = pick([.milliseconds(250), .seconds(7), .milliseconds(333)])
            file.workload.ungatedPause = toss() ? .milliseconds(40) : nil
            file.workload.userActions = toss() ? [.edit, .caseRename] : []
        }
        if toss() {
            file.hub = HubConditions()
            file.hub?.isAtomic = toss()
            file.hub?.refusals = share()
        }
        if toss() {
            file.heal = HealBlock(plan: HealPlan(core: .exactMajority, delay: .milliseconds(200)), quiet: length())
        }
        if toss() { file.plant = PlantedBug.allCases.first?.rawValue }
    }

    private mutating func line(_ file: ScenarioFile) -> ChaosLine {
        let moment: Moment
        var subject: String?
        switch below(4) {
        case 0: moment = .at(span())
        case 1: moment = .every(Span(.seconds(30), .seconds(90)))
        case 2: moment = .when(Condition(.every(.seconds(50)), delay: toss() ? span() : Span(0)))
        default:
            subject = toss() ? "L" : nil
            let trigger = pick([
                Trigger.round(.staged), .leaderChange, .gateClosed, .mark(.roundPublished), .applyStep, .crash,
            ])
            moment = .when(
                Condition(
                    trigger, as: subject, delay: toss() ? span() : Span(0), skipping: below(3),
                    times: toss() ? 4 : nil))
        }
        let verb = pick(Verb.all)
        return ChaosLine(moment, Action(verb.name, verb.slots.map { value($0, file, subject) }))
    }

    private mutating func value(_ slot: Slot, _ file: ScenarioFile, _ subject: String?) -> SlotValue? {
        if slot.isOptional, toss() { return nil }
        switch slot.kind {
        case .who: return .who(who(file, subject))
        case .device: return .who(toss() ? .any : .target(.node(below(file.devices.count))))
        case .route: return .route(from: who(file, subject), to: who(file, subject), bothWays: toss())
        case .span(_, let range, let signed):
            let (a, b) = (length(), length())
            guard !range.contains(a + b) else { return .span(Span(signed ? -a : a, signed ? b : a + b)) }
            return .span(Span(range.lowerBound))
        case .number(_, let range): return .number(range.lowerBound)
        case .share: return .number(Int64(share()))
        case .speed: return .number(1_100_000)
        case .choice(_, let names): return .choice(pick(names))
        case .setting: return .setting(ConfigSetting(key: "sync.settle", value: "500ms"))
        case .flag: return .yes
        }
    }

    private mutating func who(_ file: ScenarioFile, _ subject: String?) -> Who {
        if subject != nil, toss() { return .target(.subject) }
        return pick([
            .any, .target(.leader), .target(.quorumLeader), .target(.every), .target(.others),
            .target(.node(below(file.devices.count))),
        ])
    }
}
