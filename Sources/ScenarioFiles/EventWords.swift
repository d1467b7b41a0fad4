import Simulation

extension ScenarioEvent {
    /// What the language calls it: `isolate`, `suspend`.
    package var verb: String { Action(self).verb }

    /// As a file says it, but for times that are rounded to be read.
    package func text(devices: [String], subject: String? = nil) -> String {
        var action = Action(self)
        for case (let place, .span(let span)?) in action.values.enumerated() {
            action.values[place] = .span(Span(span.low.rounded, span.high.rounded))
        }
        return SlotParser(devices: devices, subject: subject).text(action)
    }

    /// Everything that the language can do, by its word.
    package static var verbs: [String] { Verb.all.map(\.name) }
}

extension Nanoseconds {
    /// With three digits or four.
    fileprivate var rounded: Nanoseconds {
        var unit: Nanoseconds = 1
        while magnitude / UInt64(unit) >= 10_000, unit < .seconds(1) { unit *= 10 }
        return self / unit * unit
    }
}
