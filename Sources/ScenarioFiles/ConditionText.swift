import Simulation

/// `when round.phase=staged as L after 2s skip 3 times 1` <-> value.
enum ConditionText {
    private static let plain: [(String, Trigger)] = [
        ("leader-change", .leaderChange), ("quorum-leader-change", .quorumLeaderChange),
        ("lock-granted", .lockGranted), ("gate-closing", .gateClosing), ("gate-closed", .gateClosed),
        ("membership-change", .membershipChange), ("capture-taken", .captureTaken), ("apply-step", .applyStep),
        ("crash", .crash), ("restart", .restart),
    ]
    private static let phase = "round.phase"
    private static let mark = "mark"

    // MARK: Text -> value

    static func parse(_ reader: inout WordReader, _ devices: [String]) throws(ScenarioProblem) -> Condition {
        var condition = Condition(try trigger(&reader))
        if reader.takes("as") {
            let word = try reader.word("a name", hint: "as L")
            let isFine = word.text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) }
            guard isFine, word.text.count <= SimulationLimits.deviceNameBytes else {
                throw reader.problem(word, "'\(word.text)' is no name", hint: "letters and digits")
            }
            guard !devices.contains(word.text), !SlotParser.roles.contains(where: { $0.name == word.text }) else {
                throw reader.problem(word, "'\(word.text)' is somebody else", hint: "choose another name, as L")
            }
            condition.subject = word.text
        }
        try modifiers(&reader, &condition)
        return condition
    }

    static func modifiers(_ reader: inout WordReader, _ condition: inout Condition) throws(ScenarioProblem) {
        if reader.takes("after") {
            condition.delay = try SlotParser(devices: []).span("a time", 0...SimulationLimits.duration, &reader)
        }
        if reader.takes("skip") { condition.skipping = try reader.count("a count", in: 1...1_000_000) }
        if reader.takes("times") {
            condition.times = try reader.count("a count", in: 1...(SimulationLimits.ruleTimes - 1))
        }
    }

    private static func trigger(_ reader: inout WordReader) throws(ScenarioProblem) -> Trigger {
        let names = plain.map(\.0) + ["\(phase)=...", "\(mark)=..."]
        guard let word = reader.peek else {
            throw reader.problem(nil, "here a condition is missing", hint: "known: \(names.joined(separator: ", "))")
        }
        let (key, value) = try reader.setting()
        guard var value else {
            guard let found = plain.first(where: { $0.0 == key.text }) else {
                throw reader.problem(
                    word, "'\(word.text)' is nothing that can be waited for",
                    hint: Spelling.hint(word.text, plain.map(\.0) + [phase, mark]))
            }
            return found.1
        }
        switch key.text {
        case phase:
            return .round(try value.choice("a phase of a round", RoundPoint.allCases.map { ($0.rawValue, $0) }))
        case mark: return .mark(try value.choice("a mark", Mark.allCases.map { ($0.word, $0) }))
        default:
            throw reader.problem(
                key, "'\(key.text)' is nothing that can be waited for", hint: Spelling.hint(key.text, [phase, mark]))
        }
    }

    // MARK: Value -> text

    static func text(_ condition: Condition) -> String {
        var words: [String]
        switch condition.trigger {
        case .every(let pause): words = ["every", Quantity.text(duration: pause)]
        case .round(let point): words = ["when", "\(phase)=\(point.rawValue)"]
        case .mark(let which): words = ["on", "\(mark)=\(which.word)"]
        case .leaderChange, .quorumLeaderChange, .lockGranted, .gateClosing, .gateClosed, .membershipChange,
            .captureTaken, .applyStep, .crash, .restart:
            words = ["on", plain.first { $0.1 == condition.trigger }?.0 ?? ""]
        }
        if let subject = condition.subject { words += ["as", subject] }
        if condition.delay != Span(0) { words += ["after", SlotParser.text(condition.delay)] }
        if condition.skipping > 0 { words += ["skip", "\(condition.skipping)"] }
        if let times = condition.times { words += ["times", "\(times)"] }
        return words.joined(separator: " ")
    }
}
