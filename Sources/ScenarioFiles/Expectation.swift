import Primitives
import Simulation

/// What a run of a scenario must show.
package enum Expectation: Hashable, Sendable {
    /// These checks hold after every event; none named: all of them.
    case always([CheckID])
    /// After the faults are over, all devices have the same tree within this.
    case within(Nanoseconds)
    /// At least one seed sees it; otherwise the scenario shows nothing.
    case sometimes(Mark)
    /// No seed sees it.
    case never(Mark)
    /// No gate stays closed for longer than this.
    case pauseAtMost(Nanoseconds)
}

extension Expectation {
    /// As a file says it, without `expect`.
    package var text: String { ExpectationText.text(self) }
}

extension Mark {
    /// `roundPublished` -> `round-published`.
    package var word: String { name.kebab }
}

/// `expect ...` <-> value.
enum ExpectationText {
    static let kinds = ["always", "within", "sometimes", "never"]

    static func parse(_ reader: inout WordReader) throws(ScenarioProblem) -> Expectation {
        switch try reader.choice("a kind of expectation", kinds.map { ($0, $0) }) {
        case "always": return .always(try checks(&reader))
        case "within":
            let length = try reader.duration("a time", in: .seconds(1)...Limits.scenarioTime.wholeNanoseconds)
            _ = try reader.choice("an end", [("converge", ())])
            return .within(length)
        case "sometimes": return .sometimes(try mark(&reader))
        default:
            guard reader.takes("writers.paused") else { return .never(try mark(&reader)) }
            _ = try reader.choice("a comparison", [(">", ())])
            return .pauseAtMost(try reader.duration("a time", in: 0...Limits.scenarioTime.wholeNanoseconds))
        }
    }

    private static func mark(_ reader: inout WordReader) throws(ScenarioProblem) -> Mark {
        try reader.choice("a mark", Mark.allCases.map { ($0.word, $0) })
    }

    private static func checks(_ reader: inout WordReader) throws(ScenarioProblem) -> [CheckID] {
        if reader.takes("all") { return [] }
        var found: [CheckID] = []
        repeat {
            found.append(try reader.choice("a check", CheckID.allCases.map { ($0.rawValue, $0) }))
        } while !reader.isAtEnd
        return found
    }

    static func text(_ expectation: Expectation) -> String {
        switch expectation {
        case .always(let checks): "always " + (checks.isEmpty ? "all" : checks.map(\.rawValue).joined(separator: " "))
        case .within(let length): "within \(Quantity.text(duration: length)) converge"
        case .sometimes(let mark): "sometimes \(mark.word)"
        case .never(let mark): "never \(mark.word)"
        case .pauseAtMost(let length): "never writers.paused > \(Quantity.text(duration: length))"
        }
    }
}
