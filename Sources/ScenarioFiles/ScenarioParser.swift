import Primitives
import Simulation
import SyncRounds

/// Text -> value. Every statement stands on a line of its own; the order is free, but a device must be named by
/// `cluster` before it is spoken of.
package struct ScenarioParser {
    private let path: String
    private var file: ScenarioFile
    private var seen: [(word: String, line: Int)] = []
    private var above: [String] = []
    private var inChaos = false

    /// Reads the bytes of the file at `path`, which only names it.
    package static func parse(path: String, bytes: [UInt8]) throws(ScenarioProblem) -> ScenarioFile {
        let source = try SourceLines(file: path, bytes: bytes)
        var parser = ScenarioParser(path: path)
        for line in source.lines { try parser.take(line) }
        return try parser.finish(source.lines.last?.number ?? 1)
    }

    private init(path: String) {
        self.path = path
        file = ScenarioFile(name: "", devices: [])
    }

    // MARK: Lines

    private mutating func take(_ line: SourceLine) throws(ScenarioProblem) {
        guard !line.words.isEmpty else {
            above.append(line.comment ?? "")
            return
        }
        var reader = WordReader(file: path, line)
        let anchor = try statement(&reader)
        try reader.finish()
        guard !above.isEmpty || line.comment != nil else { return }
        file.notes.append(Note(anchor: anchor, above: above, after: line.comment))
        above = []
    }

    private static let statements = [
        "scenario", "about", "cluster", "learner", "late", "config", "workload", "net", "clocks", "disk", "work", "hub",
        "plant", "chaos", "at", "every", "when", "on", "heal", "expect", "seeds",
    ]
    private static let repeated = ["about", "at", "every", "when", "on", "expect"]

    private mutating func statement(_ reader: inout WordReader) throws(ScenarioProblem) -> Anchor {
        let word = try reader.word("a statement")
        guard Self.statements.contains(word.text) else {
            throw reader.problem(
                word, "'\(word.text)' begins no line of a scenario", hint: Spelling.hint(word.text, Self.statements))
        }
        if !Self.repeated.contains(word.text) {
            if let first = seen.first(where: { $0.word == word.text }) {
                throw reader.problem(
                    word, "'\(word.text)' stands here twice, first in line \(first.line)", hint: "leave one of them out"
                )
            }
            seen.append((word.text, reader.line))
        }
        switch word.text {
        case "scenario": return try scenario(&reader)
        case "about": return try about(&reader, word)
        case "cluster": return try cluster(&reader)
        case "learner": return try learner(&reader, word)
        case "late": return try late(&reader, word)
        case "config": return try config(&reader)
        case "workload": return try block(&reader, Field.all, \.workload, .workload)
        case "net": return try block(&reader, Field.all, \.network, .network)
        case "clocks": return try block(&reader, Field.all, \.clocks, .clocks)
        case "disk": return try block(&reader, Field.all, \.disk, .disk)
        case "work": return try block(&reader, Field.all, \.work, .work)
        case "heal": return try block(&reader, Field.all, \.heal, .heal)
        case "hub":
            var hub = HubConditions()
            try Block.parse(&reader, Field.all, into: &hub)
            file.hub = hub
            return .hub
        case "plant": return try plant(&reader)
        case "chaos": return try chaos(&reader)
        case "expect": return try expect(&reader, word)
        case "seeds": return try seeds(&reader)
        default: return try line(&reader, word)
        }
    }

    private mutating func block<Root>(
        _ reader: inout WordReader, _ fields: [Field<Root>], _ path: WritableKeyPath<ScenarioFile, Root>,
        _ anchor: Anchor
    ) throws(ScenarioProblem) -> Anchor {
        try Block.parse(&reader, fields, into: &file[keyPath: path])
        return anchor
    }

    // MARK: The head

    private mutating func scenario(_ reader: inout WordReader) throws(ScenarioProblem) -> Anchor {
        let word = try reader.word("a name", hint: "as scenario leader-sleeps")
        try checkName(word, reader, "a scenario's name")
        file.name = word.text
        return .scenario
    }

    private func checkName(_ word: Word, _ reader: WordReader, _ what: String) throws(ScenarioProblem) {
        let isFine = word.text.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "-") }
        guard isFine, word.text.first?.isLetter == true, word.text.count <= Limits.deviceNameBytes else {
            throw reader.problem(
                word, "'\(word.text)' is not \(what)",
                hint: "lower-case letters, digits and dashes, \(Limits.deviceNameBytes) at most")
        }
    }

    private mutating func about(_ reader: inout WordReader, _ word: Word) throws(ScenarioProblem) -> Anchor {
        let text = reader.takeRest().map(\.text).joined(separator: " ")
        guard !text.isEmpty else { throw reader.problem(nil, "here a sentence is missing", hint: "say what it shows") }
        guard file.about.count < Limits.scenarioAboutLines else {
            throw reader.problem(word, "'about' has \(Limits.scenarioAboutLines) lines at most")
        }
        file.about.append(text)
        return .about(file.about.count - 1)
    }

    private mutating func cluster(_ reader: inout WordReader) throws(ScenarioProblem) -> Anchor {
        try devices(&reader)
        return .cluster
    }

    private mutating func learner(_ reader: inout WordReader, _ word: Word) throws(ScenarioProblem) -> Anchor {
        guard !file.devices.isEmpty else {
            throw reader.problem(word, "a mesh begins with a voter", hint: "put the line 'cluster ...' before it")
        }
        let before = file.devices.count
        try devices(&reader)
        file.learners = file.devices.count - before
        return .learner
    }

    private mutating func devices(_ reader: inout WordReader) throws(ScenarioProblem) {
        repeat {
            let word = try reader.word("a device's name", hint: "as cluster laptop desktop nas")
            try checkName(word, reader, "a device's name")
            guard !SlotParser.roles.contains(where: { $0.name == word.text }) else {
                throw reader.problem(word, "'\(word.text)' is a role, not a device", hint: "choose another name")
            }
            guard !file.devices.contains(word.text) else {
                throw reader.problem(word, "a device '\(word.text)' is there already", hint: "choose another name")
            }
            file.devices.append(word.text)
            guard file.devices.count <= SimulationLimits.devices else {
                throw reader.problem(
                    word, "a mesh has \(SimulationLimits.devices) devices at most", hint: "leave some out")
            }
        } while !reader.isAtEnd
    }

    private mutating func late(_ reader: inout WordReader, _ word: Word) throws(ScenarioProblem) -> Anchor {
        repeat {
            let word = try reader.word("a device's name", hint: "as late tablet")
            guard let at = file.devices.firstIndex(of: word.text) else {
                throw reader.problem(
                    word, "no device is called '\(word.text)'", hint: Spelling.hint(word.text, file.devices))
            }
            guard at > 0, !file.late.contains(at) else {
                throw reader.problem(
                    word, "'\(word.text)' cannot be late", hint: "the first device founds the mesh; name each once")
            }
            file.late.append(at)
        } while !reader.isAtEnd
        file.late.sort()
        return .late
    }

    private mutating func config(_ reader: inout WordReader) throws(ScenarioProblem) -> Anchor {
        let isDefault = reader.takes("defaults")
        try Block.parse(&reader, Field.all, into: &file.config)
        if isDefault { file.config.settings = file.config.settings ?? [] }
        return .config
    }

    private mutating func plant(_ reader: inout WordReader) throws(ScenarioProblem) -> Anchor {
        guard MutantSet.isAvailable else {
            throw reader.problem(
                reader.peek, "this build has no planted bugs", hint: "build with --traits Mutants, or in debug")
        }
        file.plant = try reader.choice("a planted bug", PlantedBug.allCases.map { ($0.rawValue, $0.rawValue) })
        return .plant
    }

    // MARK: Chaos

    private mutating func chaos(_ reader: inout WordReader) throws(ScenarioProblem) -> Anchor {
        file.chaos = try reader.duration("a time", in: .milliseconds(500)...Limits.scenarioTime.wholeNanoseconds)
        file.drawsFaults = reader.takes("drawn")
        return .chaos
    }

    private mutating func line(_ reader: inout WordReader, _ word: Word) throws(ScenarioProblem) -> Anchor {
        guard !file.devices.isEmpty else {
            throw reader.problem(word, "no device is known yet", hint: "put the line 'cluster ...' before it")
        }
        guard file.lines.count < Limits.scenarioRules else {
            throw reader.problem(
                word, "the chaos has \(Limits.scenarioRules) lines at most", hint: "use 'every' or 'when'")
        }
        let moment = try moment(&reader, word.text)
        var subject: String?
        if case .when(let condition) = moment { subject = condition.subject }
        let parser = SlotParser(devices: file.devices, subject: subject)
        file.lines.append(ChaosLine(moment, try parser.action(&reader)))
        return .line(file.lines.count - 1)
    }

    private mutating func moment(_ reader: inout WordReader, _ keyword: String) throws(ScenarioProblem) -> Moment {
        let start = reader.peek
        let parser = SlotParser(devices: file.devices)
        let most = Limits.scenarioTime.wholeNanoseconds
        switch keyword {
        case "at":
            let span = try parser.span("a time", 0...most, &reader)
            if span.high > latest.time { latest = (span.high, reader.line, start?.column ?? 1) }
            return .at(span)
        case "every":
            let span = try parser.span("a time", Limits.scenarioInterval.wholeNanoseconds...most, &reader)
            guard span.isExact else {
                intervals.append((span.low, reader.line, start?.column ?? 1))
                return .every(span)
            }
            var condition = Condition(.every(span.low))
            try ConditionText.modifiers(&reader, &condition)
            intervals.append((span.low, reader.line, start?.column ?? 1))
            return .when(condition)
        default: return .when(try ConditionText.parse(&reader, file.devices))
        }
    }

    private typealias Place = (time: Nanoseconds, line: Int, column: Int)
    private var latest: Place = (-1, 1, 1)
    private var intervals: [Place] = []

    // MARK: The end

    private mutating func expect(_ reader: inout WordReader, _ word: Word) throws(ScenarioProblem) -> Anchor {
        guard file.expectations.count < Limits.scenarioExpectations else {
            throw reader.problem(word, "a scenario expects \(Limits.scenarioExpectations) things at most")
        }
        let expectation = try ExpectationText.parse(&reader)
        guard !file.expectations.contains(expectation) else {
            throw reader.problem(word, "this is expected already", hint: "leave the line out")
        }
        file.expectations.append(expectation)
        return .expect(file.expectations.count - 1)
    }

    private mutating func seeds(_ reader: inout WordReader) throws(ScenarioProblem) -> Anchor {
        let word = reader.peek
        var (low, high) = try reader.parts(around: "..")
        guard let from = UInt64(try low.word("a seed").text), let to = UInt64(try high.word("a seed").text) else {
            throw reader.problem(word, "'\(word?.text ?? "")' is no range of seeds", hint: "write seeds 1..200")
        }
        guard from <= to else {
            throw reader.problem(word, "the range \(from)..\(to) runs backwards", hint: "put the smaller first")
        }
        guard to - from < Limits.scenarioSeeds else {
            throw reader.problem(
                word, "\(from)..\(to) are more than \(Limits.scenarioSeeds) seeds", hint: "use a smaller range")
        }
        file.seeds = from...to
        return .seeds
    }

    private mutating func finish(_ last: Int) throws(ScenarioProblem) -> ScenarioFile {
        func lacks(_ what: String, _ hint: String) -> ScenarioProblem {
            ScenarioProblem(file: path, line: last, column: 1, what, hint: hint)
        }
        guard !file.name.isEmpty else { throw lacks("the scenario has no name", "add the line 'scenario NAME'") }
        guard !file.devices.isEmpty else {
            throw lacks("the scenario has no devices", "add the line 'cluster laptop desktop nas'")
        }
        guard file.late.count + file.learners < file.devices.count else {
            throw lacks("no device votes from the start", "let the first ones be neither learners nor late")
        }
        guard file.clocks.rates.isEmpty || file.clocks.rates.count == file.devices.count else {
            throw lacks(
                "\(file.clocks.rates.count) clock rates for \(file.devices.count) devices", "give one rate per device")
        }
        try checkTimes()
        if !above.isEmpty { file.notes.append(Note(anchor: .end, above: above)) }
        return file
    }

    private func checkTimes() throws(ScenarioProblem) {
        let end = Quantity.text(duration: file.chaos)
        guard latest.time < file.chaos else {
            throw ScenarioProblem(
                file: path, line: latest.line, column: latest.column, "this is after the end of chaos at \(end)",
                hint: "make the chaos longer, or the time earlier")
        }
        try checkWrites(end)
        var events: Int64 = 0
        for place in intervals {
            events += file.chaos / place.time
            guard events <= SimulationLimits.events else {
                throw ScenarioProblem(
                    file: path, line: place.line, column: place.column,
                    "this comes to more than \(SimulationLimits.events) events in \(end)", hint: "make it rarer")
            }
        }
    }

    /// Each write is remembered for the checks.
    private func checkWrites(_ end: String) throws(ScenarioProblem) {
        let load = file.workload
        var each = file.chaos / load.gatedPause * Int64(load.gatedWriters * Workload.groupSize)
        for pause in [load.ungatedPause, load.userPause] { each += pause.map { file.chaos / $0 } ?? 0 }
        guard each * Int64(file.devices.count) <= Limits.scenarioWrites else {
            throw ScenarioProblem(
                file: path, line: seen.first { $0.word == "workload" }?.line ?? 1, column: 1,
                "this comes to more than \(Limits.scenarioWrites) writes in \(end)",
                hint: "write less often, or make the chaos shorter")
        }
    }
}
