import ScenarioFiles
import Simulation

/// The table of what happened: one row per event that says something.
struct RunTable {
    static let header = [
        "EVENT", "TIME", "DEVICE", "ROLE", "TERM", "COMMIT", "TOKEN (LEASE LEFT)", "ROUND", "WRITERS", "FAULT", "WHAT",
    ]

    private let run: RecordedRun
    private let spans: [FaultSpan]

    init(_ run: RecordedRun) {
        self.run = run
        spans = FaultSpan.all(run)
    }

    /// The last `count` rows, with the header.
    func lines(last count: Int = .max) -> [String] {
        var changes = run.recording.changes[...]
        var gates = [Bool](repeating: false, count: run.scenario.devices)
        let rows = run.rows.map { row -> [String] in
            while let change = changes.first, change.time <= row.time {
                gates[change.node] = change.state.gate != nil
                changes.removeFirst()
            }
            return cells(row, gates)
        }
        return Table.lines([Self.header] + rows.suffix(count))
    }

    private func cells(_ row: TranscriptRow, _ gates: [Bool]) -> [String] {
        let faults = spans.filter { span in
            guard span.from <= row.time, row.time < span.to else { return false }
            return span.nodes.isEmpty || row.node.map(span.nodes.contains) ?? true
        }
        return [
            "\(row.event)", row.time.description, row.node.map(run.scenario.name(of:)) ?? "-", row.role, row.term,
            row.commit, row.token, row.phase, row.node.map { gates[$0] ? "paused" : "free" } ?? "-",
            faults.isEmpty ? "-" : faults.map(\.name).joined(separator: "+"),
            run.scenario.naming(row.text),
        ]
    }
}

extension Scenario {
    /// `from 2: ...` with the device's name.
    func naming(_ text: String) -> String {
        for start in ["from ", "link up: ", "link down: "] where text.hasPrefix(start) {
            let digits = text.dropFirst(start.count).prefix { $0.isNumber }
            guard let number = Int(digits), number > 0, number <= devices else { return text }
            return start + name(of: number - 1) + text.dropFirst(start.count + digits.count)
        }
        return text
    }
}

/// A fault and how long it lasted.
struct FaultSpan: Sendable {
    var from: TrueTime
    var to: TrueTime
    /// The verb: `isolate`, `clog`.
    var name: String
    /// As a file says it.
    var text: String
    /// Whom it hits; nobody in particular if it is empty.
    var nodes: [Int]
    /// A point in time rather than a length of it.
    var isMoment: Bool

    static func all(_ run: RecordedRun) -> [FaultSpan] {
        let end = run.recording.healing ?? TrueTime(run.report.simulated)
        let names = (0..<run.scenario.devices).map(run.scenario.name(of:))
        return run.recording.outside.enumerated().map { at, outside in
            let mend = run.recording.outside[(at + 1)...].first { $0.event == .mend }?.time ?? end
            var to = outside.event.length.map { min(end, outside.time + $0) } ?? outside.time
            if case .cut(_, let length) = outside.event { to = min(mend, length.map { outside.time + $0 } ?? end) }
            return FaultSpan(
                from: outside.time, to: to, name: outside.event.verb,
                text: outside.event.text(
                    devices: names, subject: outside.nodes.first.map(run.scenario.name(of:))),
                nodes: outside.nodes, isMoment: to <= outside.time)
        }
    }
}
