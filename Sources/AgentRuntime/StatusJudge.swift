import DeviceCore
import Primitives

/// What the audit adds to a status report.
struct RecordFacts: Sendable {
    /// The last round that ended well here: unix milliseconds and what it came to.
    var lastComplete: (at: Int64, result: String)?
    var newest: PublishedFact?
    var lastFailure: String?
    var leaderlessSince: Instant?
    var roster: RememberedRoster
    var dialFailures: [DeviceID: String]
    /// The number of the round that published a revision; nil if that is not known here (any more).
    var number: @Sendable (Revision) -> UInt64?
}

/// Automatic rounds, or all of them, are stopped: shown before anything else.
package struct StopFact: Hashable, Sendable {
    /// Who stopped them, and since when; nil where that is not known.
    package var by: String?
    package var since: Duration?
    package var why: String
    /// The command that ends it.
    package var fix: String

    package init(by: String?, since: Duration?, why: String, fix: String) {
        self.by = by
        self.since = since
        self.why = why
        self.fix = fix
    }
}

/// What the first line is decided from, beside what the report has already.
struct HealthFacts: Sendable {
    var voters: Int
    var votersOnline: Int
    var stop: StopFact?
    var peersOnline = 0
    /// Devices that were recovered apart from this one.
    var rivals: [String] = []
    /// Between two automatic rounds.
    var interval: Duration = .seconds(300)
    var uptime: Duration = .zero
    /// Since the last round that ended well here; nil for none ever.
    var sinceComplete: Duration?
    var lastFailure: String?
    /// The device that leads and starts no round of its own accord, and what it spares.
    var sparingLeader: String?
    var electingFor: Duration = .zero
    var votes = 0
    /// How long some reachable device has waited for a round; nil if none waits.
    var oldestNeed: Duration?
}

/// The first line's word, and what needs the user: the first that applies of stopped, no quorum, no leader, stuck,
/// syncing, attention, degraded, healthy.
struct StatusJudge {
    let report: StatusReport
    let facts: HealthFacts
    /// Intervals without a complete round, while one is due and a peer is there, until that is called stuck (S2).
    static let missedIntervals = 3
    private static let codeWaits = "code"

    var verdict: (health: String, reasons: [StatusReport.Reason]) {
        var reasons = needs
        let (health, reason) = word
        if let reason { reasons.insert(reason, at: 0) }
        return (health, reasons)
    }

    private typealias Reason = StatusReport.Reason

    private var word: (String, StatusReport.Reason?) {
        if let stop = facts.stop { return ("stopped", stopped(stop)) }
        if report.quorum_leader == nil { return noQuorumLeader }
        if report.leader == nil {
            return ("no_leader", Reason(code: "no_lock", text: "nobody holds the sync lock yet", fix: nil))
        }
        if let reason = stuck { return ("stuck", reason) }
        if report.sync.phase != "idle" { return ("syncing", nil) }
        // What waits for approval is a choice that can stay open.
        if needs.contains(where: { $0.code != Self.codeWaits }) { return ("attention", nil) }
        if facts.votersOnline <= quorum, facts.voters > 1 {
            let text = "if one more voter goes away, syncing stops"
            return ("degraded", Reason(code: "no_slack", text: text, fix: nil))
        }
        return ("healthy", nil)
    }

    private var quorum: Int { facts.voters / 2 + 1 }

    private func stopped(_ stop: StopFact) -> StatusReport.Reason {
        var words: [String] = []
        if let by = stop.by { words.append("by \(by)") }
        if let since = stop.since { words.append(Self.span(since) + " ago") }
        let head = words.joined(separator: ", ")
        return Reason(code: "stopped", text: head.isEmpty ? stop.why : "\(head): \(stop.why)", fix: stop.fix)
    }

    private var noQuorumLeader: (String, StatusReport.Reason?) {
        if facts.votersOnline < quorum, facts.voters > 0 {
            let text = "\(facts.votersOnline) of \(quorum) needed voters reached; work is saved here and syncs later"
            return ("no_quorum", Reason(code: "no_quorum", text: text, fix: "baton doctor"))
        }
        let votes = facts.votes == 0 ? "" : ", \(facts.votes) of \(quorum) votes"
        let text = "electing since \(Self.span(facts.electingFor))\(votes)"
        return ("no_leader", Reason(code: "electing", text: text, fix: nil))
    }

    /// A round was due for three intervals, somebody could have taken part, and none was completed.
    private var stuck: StatusReport.Reason? {
        let limit = facts.interval * Self.missedIntervals
        guard facts.peersOnline > 0, let need = facts.oldestNeed, need >= limit,
            facts.sinceComplete ?? facts.uptime >= limit, facts.uptime >= limit
        else { return nil }
        let since =
            facts.sinceComplete.map { "no complete round for \(Self.span($0))" } ?? "no round was ever completed"
        if let leader = facts.sparingLeader {
            return Reason(code: "stuck", text: "\(since); \(leader)", fix: "baton sync --now")
        }
        let why = facts.lastFailure.map { "the last one was given up: \($0)" } ?? "the leader gives no reason"
        return Reason(code: "stuck", text: "\(since); \(why)", fix: "baton doctor")
    }

    private var needs: [StatusReport.Reason] {
        var reasons: [Reason] = []
        if !facts.rivals.isEmpty {
            let text =
                "\(facts.rivals.joined(separator: ", ")) was recovered apart from this device, and neither hears the "
                + "other: choose the one that goes on, and there"
            reasons.append(Reason(code: "rival_epoch", text: text, fix: "baton recover --force"))
        }
        let asked = report.deletions ?? []
        for question in asked {
            let place = question.of_round ? "by a round of \(question.name)" : "on \(question.name)"
            let text = "\(question.deleted) of \(question.files) files deleted \(place): not passed on unasked"
            reasons.append(Reason(code: "deletions", text: text, fix: "baton allow --deletions"))
        }
        let isAsked = asked.contains { $0.device == report.`self` && !$0.of_round }
        if !isAsked, let waiting = report.devices.first(where: { $0.id == report.`self` })?.sync.waiting {
            reasons.append(Reason(code: "waiting", text: "the workspace waits: \(waiting)", fix: nil))
        }
        let open = report.conflicts.open
        if open > 0 {
            let text = "\(open) conflict\(open == 1 ? "" : "s") (both versions kept)"
            reasons.append(Reason(code: "conflicts", text: text, fix: "baton conflicts"))
        }
        if let code = report.code, !code.isEmpty {
            let text = "changes to files that run code wait here: \(code.joined(separator: ", "))"
            reasons.append(Reason(code: Self.codeWaits, text: text, fix: "baton approve"))
        }
        return reasons
    }

    /// `12 s`, `4 min`, `3 h`, `2 d`.
    private static func span(_ duration: Duration) -> String {
        let seconds = max(0, duration.components.seconds)
        switch seconds {
        case ..<60: return "\(seconds) s"
        case ..<3600: return "\(seconds / 60) min"
        case ..<172_800: return "\(seconds / 3600) h"
        default: return "\(seconds / 86_400) d"
        }
    }
}
