import Primitives
import Simulation
import SyncRounds

/// Reads and writes what stands behind a verb, by its slots.
struct SlotParser {
    let devices: [String]
    /// What this line calls the device that set it off.
    var subject: String?

    static let roles: [(name: String, who: Who)] = [
        ("leader", .target(.leader)), ("quorum-leader", .target(.quorumLeader)), ("any", .any),
        ("*", .target(.every)), ("others", .target(.others)),
    ]
    static let usualSubject = "it"

    // MARK: Text -> value

    func action(_ reader: inout WordReader) throws(ScenarioProblem) -> Action {
        let word = try reader.word("what is done", hint: "known: \(Verb.all.map(\.name).joined(separator: ", "))")
        guard let verb = Verb.named(word.text) else {
            throw reader.problem(
                word, "'\(word.text)' is nothing that can be done", hint: Spelling.hint(word.text, Verb.all.map(\.name))
            )
        }
        var action = Action(verb.name)
        for slot in verb.slots { action.values.append(try value(slot, of: verb, &reader)) }
        return action
    }

    private func value(_ slot: Slot, of verb: Verb, _ reader: inout WordReader) throws(ScenarioProblem) -> SlotValue? {
        if case .flag = slot.kind { return reader.takes(slot.keyword ?? "") ? .yes : nil }
        if let keyword = slot.keyword {
            guard reader.takes(keyword) else {
                guard !slot.isOptional else { return nil }
                throw reader.problem(
                    reader.peek, "'\(verb.name)' lacks '\(keyword)'", hint: "write: \(SlotParser.usage(verb))")
            }
        } else if reader.isAtEnd {
            throw reader.problem(nil, "'\(verb.name)' lacks something", hint: "write: \(SlotParser.usage(verb))")
        }
        switch slot.kind {
        case .who: return .who(try who(&reader))
        case .device: return .who(try device(&reader))
        case .route: return try route(&reader)
        case .span(let what, let range, let signed): return .span(try span(what, range, signed: signed, &reader))
        case .number(let what, let range): return .number(try reader.number(what, in: range))
        case .share: return .number(Int64(try reader.share("a share")))
        case .speed: return .number(try reader.speed())
        case .choice(let what, let names): return .choice(try reader.choice(what, names.map { ($0, $0) }))
        case .setting: return .setting(try reader.configSetting())
        case .flag: return nil
        }
    }

    func who(_ reader: inout WordReader) throws(ScenarioProblem) -> Who {
        let word = try reader.word("a device", hint: "known: \(names.joined(separator: ", "))")
        if let subject, subject == word.text { return .target(.subject) }
        if let role = Self.roles.first(where: { $0.name == word.text }) { return role.who }
        if let at = devices.firstIndex(of: word.text) { return .target(.node(at)) }
        throw reader.problem(word, "no device is called '\(word.text)'", hint: Spelling.hint(word.text, names))
    }

    /// A device that no state decides on.
    private func device(_ reader: inout WordReader) throws(ScenarioProblem) -> Who {
        let word = reader.peek
        let who = try who(&reader)
        switch who {
        case .target(.node), .any: return who
        case .target:
            throw reader.problem(
                word, "'\(word?.text ?? "")' is no device by its name",
                hint: "known: \((devices + ["any"]).joined(separator: ", "))")
        }
    }

    private func route(_ reader: inout WordReader) throws(ScenarioProblem) -> SlotValue {
        let word = reader.peek
        guard let text = word?.text, let arrow = text.firstArrow else {
            return .route(from: try who(&reader), to: .target(.every), bothWays: true)
        }
        var (from, to) = try reader.parts(around: arrow)
        return .route(from: try who(&from), to: try who(&to), bothWays: arrow == "<->")
    }

    private var names: [String] { devices + (subject.map { [$0] } ?? []) + Self.roles.map(\.name) }

    func span(
        _ what: String, _ range: ClosedRange<Nanoseconds>, signed: Bool = false, _ reader: inout WordReader
    ) throws(ScenarioProblem) -> Span {
        let start = reader.peek
        var (low, high) = try reader.parts(around: "..")
        let from = try low.duration(what, in: range, signed: signed)
        let to = try high.duration(what, in: range, signed: signed)
        guard from <= to else {
            throw reader.problem(start, "the range \(start?.text ?? "") runs backwards", hint: "put the smaller first")
        }
        return Span(from, to)
    }

    // MARK: Value -> text

    func text(_ action: Action) -> String {
        guard let verb = Verb.named(action.verb) else { return action.verb }
        var words = [verb.name]
        for (slot, value) in zip(verb.slots, action.values) {
            guard let value else { continue }
            if let keyword = slot.keyword { words.append(keyword) }
            if let word = text(value, slot) { words.append(word) }
        }
        return words.joined(separator: " ")
    }

    private func text(_ value: SlotValue, _ slot: Slot) -> String? {
        switch value {
        case .who(let who): return text(who)
        case .route(let from, .target(.every), true): return text(from)
        case .route(let from, let to, let bothWays): return text(from) + (bothWays ? "<->" : "->") + text(to)
        case .span(let span):
            if case .span(_, _, let signed) = slot.kind { return Self.text(span, signed: signed) }
            return Self.text(span)
        case .number(let number):
            switch slot.kind {
            case .speed, .share: return Quantity.text(share: number)
            case .who, .device, .route, .span, .number, .choice, .setting, .flag: return "\(number)"
            }
        case .choice(let name): return name
        case .setting(let setting): return "\(setting.key)=\(setting.value)"
        case .yes: return nil
        }
    }

    func text(_ who: Who) -> String {
        switch who {
        case .target(.node(let at)): devices.indices.contains(at) ? devices[at] : "device-\(at + 1)"
        case .target(.subject): subject ?? Self.usualSubject
        case .target, .any: Self.roles.first { $0.who == who }?.name ?? "any"
        }
    }

    static func text(_ span: Span, signed: Bool = false) -> String {
        func one(_ value: Nanoseconds) -> String {
            let text = Quantity.text(duration: value.magnitude > Int64.max ? .max : Int64(value.magnitude))
            return value < 0 ? "-\(text)" : signed ? "+\(text)" : text
        }
        return span.isExact ? one(span.low) : "\(one(span.low))..\(one(span.high))"
    }

    /// How a verb is written.
    static func usage(_ verb: Verb) -> String {
        let slots = verb.slots.map { slot in
            let word =
                switch slot.kind {
                case .who, .device: "DEVICE"
                case .route: "DEVICE->DEVICE"
                case .span: "TIME"
                case .number: "N"
                case .share: "5%"
                case .speed: "110%"
                case .choice(_, let names): names.joined(separator: "|")
                case .setting: "KEY=VALUE"
                case .flag: ""
                }
            let text = [slot.keyword ?? "", word].filter { !$0.isEmpty }.joined(separator: " ")
            return slot.isOptional ? "[\(text)]" : text
        }
        return ([verb.name] + slots).joined(separator: " ")
    }
}

extension String {
    /// The arrow of a route.
    fileprivate var firstArrow: String? {
        if contains("<->") { return "<->" }
        return contains("->") ? "->" : nil
    }
}

extension WordReader {
    /// The speed of a clock in parts per million of true time.
    mutating func speed() throws(ScenarioProblem) -> Int64 {
        let form = "write 110% for a tenth too fast"
        let word = try self.word("a speed", hint: form)
        guard word.text.hasSuffix("%"), case .value(let value) = Quantity.share(word.text) else {
            throw problem(word, "'\(word.text)' is no speed", hint: form)
        }
        let range = SimulationLimits.clockRate
        guard range.contains(value) else {
            throw problem(
                word, "a clock's speed of \(word.text) is impossible",
                hint: "between \(Quantity.text(share: range.lowerBound)) and \(Quantity.text(share: range.upperBound))")
        }
        return value
    }

    /// `key=value` of a setting that devices agree on.
    mutating func configSetting() throws(ScenarioProblem) -> ConfigSetting {
        let (key, value) = try setting()
        guard var value, !key.text.isEmpty else {
            throw problem(key, "'\(key.text)' sets nothing", hint: "write key=value, as sync.settle=500ms")
        }
        guard let known = SyncSettings.key(named: key.text) else {
            let keys = SyncSettings.keys.map(\.name)
            throw problem(key, "'\(key.text)' is no setting", hint: Spelling.hint(key.text, keys))
        }
        return ConfigSetting(key: key.text, value: try value.settingValue(known))
    }

    mutating func settingValue(_ key: SettingKey) throws(ScenarioProblem) -> String {
        let word = try self.word("a value")
        guard key.kind.read(word.text) != nil else {
            throw problem(word, "'\(word.text)' is impossible for \(key.name)", hint: key.kind.allowed)
        }
        return word.text
    }
}
