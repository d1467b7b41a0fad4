import Simulation

/// The chain of causes of one event, newest first, with what each of them did.
struct Explanation {
    private let run: RecordedRun
    private let chain: [UInt64]

    init(_ run: RecordedRun, from event: UInt64, steps: Int) {
        self.run = run
        chain = run.recording.causes(of: event, limit: steps)
    }

    var lines: [String] {
        var lines: [String] = []
        var alike = 0
        for (at, number) in chain.enumerated() {
            guard let step = run.recording.step(number) else { continue }
            let words = words(of: number)
            if at > 0, at + 1 < chain.count, rows(of: number).isEmpty, words == self.words(of: chain[at - 1]) {
                alike += 1
                continue
            }
            if alike > 0 { lines.append("           ... and \(alike) times the same before") }
            alike = 0
            lines.append("\(step.time) s  event \(number): \(at == 0 ? "" : "because ")\(words)")
            for row in rows(of: number) {
                lines.append(
                    "           \(row.node.map { run.scenario.name(of: $0) } ?? "all"): \(run.scenario.naming(row.text))"
                )
            }
            if let gap = gap(at) { lines.append("           ... \(gap)") }
        }
        if let oldest = chain.last, run.recording.step(oldest)?.cause == 0 {
            lines.append("0.000 s  the start of the run")
        }
        let faults = FaultSpan.all(run).filter { span in
            guard let first = chain.last.flatMap(run.recording.step), let last = chain.first.flatMap(run.recording.step)
            else { return false }
            return span.from <= last.time && max(span.to, span.from) >= first.time
        }
        if !faults.isEmpty {
            lines.append("")
            lines.append("faults meanwhile:")
            for span in faults.suffix(12) {
                lines.append("  \(span.from)\(span.isMoment ? "" : " to \(span.to)") s  \(span.text)")
            }
        }
        return lines
    }

    private func words(of event: UInt64) -> String {
        let names = (0..<run.scenario.devices).map(run.scenario.name(of:))
        if let outside = run.recording.outsideEvent(event, of: run.scenario) {
            let subject = run.recording.step(event)?.node.map { names[$0] }
            return "from outside: \(outside.text(devices: names, subject: subject))"
        }
        return run.recording.words(event) { names[$0] }
    }

    private func rows(of event: UInt64) -> [TranscriptRow] {
        var low = 0
        var high = run.rows.count
        while low < high {
            let middle = (low + high) / 2
            if run.rows[middle].event < event { low = middle + 1 } else { high = middle }
        }
        return Array(run.rows[low...].prefix { $0.event == event }.prefix(6))
    }

    /// A long wait before this event is worth a word.
    private func gap(_ at: Int) -> String? {
        guard at + 1 < chain.count, let step = run.recording.step(chain[at]),
            let cause = run.recording.step(chain[at + 1])
        else { return nil }
        let wait = step.time - cause.time
        return wait > .milliseconds(500) ? "\(TrueTime(wait)) s earlier" : nil
    }
}
