import Primitives

/// A decision of the scheduler, rule by rule, for whoever asks why.
package struct ScheduleTable: Hashable, Sendable {
    package var verdict: RoundSchedule.Verdict
    /// The rule that decided.
    package var deciding: RoundSchedule.Rule
    package var rows: [Row]

    package struct Row: Hashable, Sendable {
        package var rule: RoundSchedule.Rule
        package var value: String
        package var limit: String
        package var says: Says
    }

    package enum Says: String, Hashable, Sendable, CaseIterable {
        /// Nothing against a round.
        case go
        /// Not yet, or no reason for one.
        case wait
        /// Rounds come later or reach fewer than usual.
        case slower
        /// No round of its own accord until this changes.
        case blocks
    }
}

/// What the scheduler decided, and from which facts; its table is made for whoever reads it.
package struct ScheduleDecision: Hashable, Sendable {
    package var schedule: RoundSchedule
    package var at: Instant

    package init(schedule: RoundSchedule, at: Instant) {
        self.schedule = schedule
        self.at = at
    }

    package var table: ScheduleTable { schedule.table(at: at) }
}

extension RoundSchedule.Rule {
    /// What a device does by this rule, for people.
    package var sparing: String { self == .metered ? "which spares its metered link" : "which spares its battery" }

    /// What people read.
    package var title: String {
        switch self {
        case .stopped: "stop"
        case .lease: "leader"
        case .quorum, .battery, .behind, .hub, .writers, .conflicts: rawValue
        case .asked: "asked for"
        case .automaticOff: "automatic"
        case .metered: "metered link"
        case .nothingChanged: "changes"
        case .settling: "oldest change"
        case .busy: "user busy"
        case .minInterval: "interval"
        case .backOff: "back-off"
        }
    }
}

extension RoundSchedule {
    /// The verdict of `decide`, and what each rule says.
    package func table(at now: Instant) -> ScheduleTable {
        let verdict = decide(at: now)
        let rows = Rule.allCases.map { row($0, at: now) }
        return ScheduleTable(verdict: verdict, deciding: verdict.rule, rows: rows)
    }

    private func row(_ rule: Rule, at now: Instant) -> ScheduleTable.Row {
        let (value, limit, says) = cells(rule, at: now)
        return ScheduleTable.Row(rule: rule, value: value, limit: limit, says: says)
    }

    private typealias Cells = (value: String, limit: String, says: ScheduleTable.Says)

    private func cells(_ rule: Rule, at now: Instant) -> Cells {
        switch rule {
        case .stopped: (isStopped ? "stopped" : "no", "-", isStopped ? .blocks : .go)
        case .lease: leaseCells
        case .quorum: quorumCells
        case .asked: (manual ? "now" : "no", "-", .go)
        case .automaticOff: (settings.automatic ? "on" : "off", "on", settings.automatic ? .go : .blocks)
        case .battery: batteryCells
        case .metered: meteredCells
        case .behind: (names { $0.behind }, "-", .go)
        case .hub: (hubNews ? "somebody pushed" : "no news", "-", .go)
        case .nothingChanged: changesCells
        case .settling: ageCells(at: now)
        case .writers: writersCells
        case .conflicts: ("\(openConflicts) open", "-", .go)
        case .busy: busyCells
        case .minInterval: pause(lastStart.map { now - $0 }, settings.minInterval)
        case .backOff: backOffCells(at: now)
        }
    }

    private func names(_ isMeant: (Facts) -> Bool) -> String {
        let names = devices.filter(isMeant).map(\.name)
        return names.isEmpty ? "none" : names.joined(separator: ", ")
    }

    private var leaseCells: Cells {
        if isLeading { return ("this device", "-", .go) }
        return ((leaderName ?? "none") + (leaderSpares.map { ", \($0.sparing)" } ?? ""), "-", .blocks)
    }

    private var quorumCells: Cells {
        guard let quorum else { return ("unknown", "-", .go) }
        return ("\(quorum.reachable)", "\(quorum.needed)", quorum.reachable < quorum.needed ? .slower : .go)
    }

    private var batteryCells: Cells {
        let told = devices.compactMap { device in
            device.power.battery.map { "\(device.name) \($0) %\(device.power.isCharging ? ", charging" : "")" }
        }
        return (told.isEmpty ? "none" : told.joined(separator: ", "), "\(Limits.lowBattery) %", says(.battery))
    }

    private var meteredCells: Cells { (names { $0.power.isMetered }, "-", says(.metered)) }

    private func says(_ rule: Rule) -> ScheduleTable.Says {
        if (isLeading ? devices.first?.power.spares : leaderSpares) == rule { return .blocks }
        return devices.contains { $0.power.spares == rule } ? .slower : .go
    }

    private var changesCells: Cells {
        let dirty = devices.filter { $0.firstChange != nil }
        let told = dirty.map { "\($0.pendingFiles) \($0.pendingFiles == 1 ? "file" : "files") on \($0.name)" }
        return (told.isEmpty ? "none" : told.joined(separator: ", "), "-", dirty.isEmpty ? .wait : .go)
    }

    private func ageCells(at now: Instant) -> Cells {
        let limit = Self.words(settings.maxWait)
        guard let first = devices.compactMap(\.firstChange).min() else { return ("none", limit, .wait) }
        let isDue = devices.contains { $0.changesDue(settings).map { $0 <= now } ?? false }
        return (Self.words(now - first), limit, isDue ? .go : .wait)
    }

    private var writersCells: Cells {
        let active = devices.reduce(0) { $0 + $1.activeWriters }
        let paused = devices.reduce(0) { $0 + $1.pausedWriters }
        return ("\(active) active, \(paused) paused", "-", .go)
    }

    /// Who cannot be brought to the head takes part with its captures alone.
    private var busyCells: Cells {
        let told = devices.compactMap { device in device.waiting.map { "\(device.name): \($0)" } }
        return (told.isEmpty ? "no" : told.joined(separator: ", "), "-", told.isEmpty ? .go : .slower)
    }

    private func pause(_ since: Duration?, _ limit: Duration) -> Cells {
        guard let since else { return ("no round yet", Self.words(limit), .go) }
        return ("last round \(Self.words(since)) ago", Self.words(limit), since < limit ? .wait : .go)
    }

    private func backOffCells(at now: Instant) -> Cells {
        if let notBefore, now < notBefore { return ("\(Self.words(notBefore - now)) left", "-", .wait) }
        let chased = devices.filter { $0.behind && $0.behindFrom ?? now > now }
        guard let next = chased.compactMap(\.behindFrom).min() else { return ("none", "-", .go) }
        let names = chased.map(\.name).joined(separator: ", ")
        return ("\(Self.words(next - now)) left for \(names)", "-", .wait)
    }

    private static func words(_ time: Duration) -> String {
        let seconds = time.wholeMilliseconds / 1000
        return seconds < 600 ? "\(seconds) s" : "\(seconds / 60) min"
    }
}

extension RoundSchedule.Verdict {
    /// The rule behind it: what to look at to understand it.
    package var rule: RoundSchedule.Rule {
        switch self {
        case .wait(_, let rule): rule
        case .go(.manual): .asked
        case .go(.behind): .behind
        case .go(.hub): .hub
        case .go(.interval): .minInterval
        case .go(.change), .go(.startup), .go(.exit), .go(.wake): .settling
        }
    }
}
