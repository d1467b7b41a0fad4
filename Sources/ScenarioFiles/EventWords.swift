import Simulation

extension ScenarioEvent {
    /// What the language calls it: `isolate`, `suspend`.
    package var verb: String { Action(self).verb }

    /// As a file says it.
    package func text(devices: [String], subject: String? = nil) -> String {
        SlotParser(devices: devices, subject: subject).text(Action(self))
    }

    /// Everything that the language can do, by its word.
    package static var verbs: [String] { Verb.all.map(\.name) }
}
