import Simulation

/// What the page draws, as JSON. Times are microseconds; a device is its place.
struct TimelineData {
    private struct Bar {
        var node: Int
        var from: TrueTime
        var to: TrueTime
        var text: String
        var more = ""
    }

    /// Signs of life are left out where there are more messages than this.
    static let messageLimit = 40_000
    static let textLength = 300

    private let run: RecordedRun
    private let failure: Failure?
    private let view: ClosedRange<Nanoseconds>?
    private let end: TrueTime
    private var states: [Bar] = []
    private var roles: [Bar] = []
    private var leases: [Bar] = []
    private var gates: [Bar] = []
    private var phases: [Bar] = []

    init(_ run: RecordedRun, failure: Failure?, view: ClosedRange<Nanoseconds>?) {
        self.run = run
        self.failure = failure
        self.view = view
        end = TrueTime(max(run.report.simulated, 1))
        for node in 0..<run.scenario.devices { addBars(node) }
    }

    /// From changes to stretches of time.
    private mutating func addBars(_ node: Int) {
        let changes = run.recording.changes.filter { $0.node == node }
        func bars<Value: Equatable>(
            _ value: (Recording.State) -> Value?, _ text: (Value) -> (String, String)
        ) -> [Bar] {
            var bars: [Bar] = []
            var open: (value: Value, since: TrueTime)?
            func close(_ time: TrueTime) {
                guard let known = open, known.since < time else { return }
                let (words, more) = text(known.value)
                bars.append(Bar(node: node, from: known.since, to: time, text: words, more: more))
            }
            for change in changes {
                let now = value(change.state)
                guard now != open?.value else { continue }
                close(change.time)
                open = now.map { ($0, change.time) }
            }
            close(end)
            return bars
        }
        states += bars({ $0.power == .running ? nil : $0.power }, { ($0.rawValue, "") })
        roles += bars(\.leadsIn, { ("\($0)", "") })
        leases += bars(\.token, { ("\($0)", "") })
        gates += bars(\.gate, { ("\($0)", "") })
        phases += bars({ state in state.phase.map { [$0, state.token.map { "\($0)" } ?? ""] } }, { ($0[0], $0[1]) })
    }

    // MARK: JSON

    func json() -> String {
        var json = JSONWriter()
        json.begin()
        json.field("names", (0..<run.scenario.devices).map(run.scenario.name(of:)))
        json.field("end", Self.micro(end))
        json.field("heal", run.recording.healing.map(Self.micro) ?? -1)
        json.field("bad", failure?.violation.map { Self.micro($0.time) } ?? -1)
        if let window {
            json.array("view") {
                $0.raw("\(window.lowerBound / 1000)")
                $0.raw("\(window.upperBound / 1000)")
            }
        }
        write(states, "states", &json)
        write(roles, "roles", &json)
        write(leases, "leases", &json)
        write(gates, "gates", &json)
        write(phases, "phases", &json)
        faults(&json)
        marks(&json)
        messages(&json)
        rows(&json)
        json.end()
        // Inside a script element, nothing may look like its end.
        return json.text.split(separator: "</", omittingEmptySubsequences: false).joined(separator: "<\\/")
    }

    private var window: ClosedRange<Nanoseconds>? {
        if let view { return max(0, view.lowerBound)...min(end.nanoseconds, view.upperBound) }
        guard let time = failure?.violation?.time.nanoseconds else { return nil }
        return max(0, time - .seconds(4))...min(end.nanoseconds, max(time + .seconds(1), .seconds(1)))
    }

    private static func micro(_ time: TrueTime) -> Int { Int(time.nanoseconds / 1000) }

    private func write(_ bars: [Bar], _ name: String, _ json: inout JSONWriter) {
        json.array(name) { json in
            for bar in bars {
                let more = bar.more.isEmpty ? "" : ",\(JSONWriter.quoted(bar.more))"
                json.raw(
                    "[\(bar.node),\(Self.micro(bar.from)),\(Self.micro(bar.to)),\(JSONWriter.quoted(bar.text))\(more)]")
            }
        }
    }

    private func faults(_ json: inout JSONWriter) {
        json.array("faults") { json in
            for span in FaultSpan.all(run) where !span.isMoment {
                let nodes = span.nodes.count == run.scenario.devices ? [] : span.nodes
                json.raw(
                    "[\(Self.micro(span.from)),\(Self.micro(span.to)),\(JSONWriter.quoted(span.text)),\(nodes)]")
            }
        }
    }

    /// Moments: what the rows say, and what came from outside.
    private func marks(_ json: inout JSONWriter) {
        json.array("marks") { json in
            func mark(_ node: Int, _ time: TrueTime, _ kind: String, _ text: String) {
                json.raw("[\(node),\(Self.micro(time)),\(JSONWriter.quoted(kind)),\(JSONWriter.quoted(text))]")
            }
            for span in FaultSpan.all(run) where span.isMoment {
                for node in span.nodes { mark(node, span.from, "fault", span.text) }
            }
            for row in run.rows {
                guard let node = row.node, let kind = Self.kind(row.text) else { continue }
                mark(node, row.time, kind, row.text)
            }
            if let violation = failure?.violation {
                let node = run.recording.step(violation.event)?.node ?? 0
                mark(node, violation.time, "bad", "\(violation.check.rawValue): \(violation.fact), \(violation.clash)")
            }
        }
    }

    private static func kind(_ text: String) -> String? {
        let kinds = [
            ("starts, incarnation", "start"), ("leads the consensus", "elected"), ("leads under", "leads"),
            ("leads no more", "lost"), ("crashes", "crash"), ("stopped in order", "crash"), ("dies again", "crash"),
            ("suspended", "sleep"), ("wakes", "wake"), ("the log refused", "refused"), ("refuses token", "refused"),
        ]
        if text.hasSuffix(" published") { return "published" }
        return kinds.first { text.hasPrefix($0.0) }?.1
    }

    private func messages(_ json: inout JSONWriter) {
        let isCrowded = run.recording.messages.count > Self.messageLimit
        var texts: [String] = []
        var places: [Int] = []
        let kept = run.recording.messages.filter { !isCrowded || $0.message.subject != .life }.suffix(Self.messageLimit)
        for message in kept {
            let text =
                message.message.subject == .life ? "heartbeat" : String(message.message.words.prefix(Self.textLength))
            if texts.last == text {
                places.append(texts.count - 1)
            } else if let known = texts.suffix(40).lastIndex(of: text) {
                places.append(known)
            } else {
                texts.append(text)
                places.append(texts.count - 1)
            }
        }
        json.field("texts", texts)
        json.array("messages") { json in
            for (message, place) in zip(kept, places) {
                let arrived = message.arrived.map(Self.micro) ?? -1
                json.raw(
                    "[\(message.from),\(message.to),\(Self.micro(message.sent)),\(arrived),"
                        + "\(message.message.subject.rawValue),\(place)]")
            }
        }
    }

    private func rows(_ json: inout JSONWriter) {
        json.array("rows") { json in
            for row in run.rows {
                let words = [
                    row.role, row.term, row.commit, row.token, row.phase,
                    String(run.scenario.naming(row.text).prefix(Self.textLength)),
                ]
                let cells = words.map(JSONWriter.quoted).joined(separator: ",")
                json.raw("[\(Self.micro(row.time)),\(row.node ?? -1),\(cells)]")
            }
            if let violation = failure?.violation {
                let text = JSONWriter.quoted("\(violation.check.rawValue): \(violation.fact), \(violation.clash)")
                json.raw("[\(Self.micro(violation.time)),-1,\"\",\"\",\"\",\"\",\"\",\(text),1]")
            }
        }
    }
}
