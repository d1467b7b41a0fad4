import Consensus
import DeviceCore
import Dispatch
import Locks
import Logging
import Primitives
import Storage
import SyncRounds
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Turns events of the device into audit rows and log lines, in one place. Rows are written behind the loop's back, in
/// their order: the audit tells what happened, it decides nothing.
final class AuditTrail: Sendable {
    private let store: DeviceStore
    private let logger: Logger
    private let queue = DispatchQueue(label: "baton.audit")
    private let state: Mutex<State>

    private struct State {
        var names: [DeviceID: String]
        var waiting: [AuditRow] = []
        var isScheduled = false
        var refusedTokens: UInt64 = 0
        var lastOK: (at: Int64, result: String)?
    }

    init(store: DeviceStore, logger: Logger) {
        self.store = store
        self.logger = logger
        state = Mutex(State(names: [:]))
    }

    func rosterChanged(_ devices: [DeviceRecord]) {
        state.withLock { state in
            for record in devices { state.names[record.device] = record.name }
        }
    }

    func name(of device: DeviceID) -> String { state.withLock { $0.names[device] ?? device.short } }
    var refusedTokens: UInt64 { state.withLock { $0.refusedTokens } }
    /// The last round that ended well here: unix milliseconds and what it came to.
    var lastComplete: (at: Int64, result: String)? { state.withLock { $0.lastOK } }

    static var unixMilliseconds: Int64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
    }

    func note(_ events: [DeviceEvent]) {
        for event in events { note(event) }
    }

    /// A row that the runtime itself adds (a device joined here, a connection was refused).
    func add(
        _ kind: String, _ summary: String, round: RoundID? = nil, token: FencingToken? = nil,
        details: [String: String] = [:]
    ) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let json = (try? encoder.encode(details)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
        let row = AuditRow(
            at: Self.unixMilliseconds, kind: kind, device: store.device, round: round, token: token, summary: summary,
            details: json)
        logger.info("\(summary)", metadata: ["kind": "\(kind)"])
        let isNew = state.withLock { state -> Bool in
            guard state.waiting.count < Limits.auditRowsWaiting else { return false }
            state.waiting.append(row)
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        if isNew { queue.async { [self] in flush() } }
    }

    /// Writes what waits. Also called last, when the agent ends.
    func flush() {
        let rows = state.withLock { state in
            defer {
                state.waiting = []
                state.isScheduled = false
            }
            return state.waiting
        }
        guard !rows.isEmpty else { return }
        do {
            try store.appendAudit(rows)
        } catch {
            logger.error("the audit could not be written", metadata: ["reason": "\(error)", "rows": "\(rows.count)"])
        }
    }

    private func note(_ event: DeviceEvent) {
        switch event {
        case .consensus(let event): note(event)
        case .lock(let event): note(event)
        case .leading(let token): add("leading", "\(name(of: store.device)) leads", token: token)
        case .leadershipLost(let token, let current):
            add(
                "leadership-lost", "\(name(of: store.device)) no longer leads under \(token)", token: token,
                details: current.map { ["current": "\($0)"] } ?? [:])
        case .roundStarted(let round, let reason, let members):
            add(
                "round-started", "round started (\(reason.rawValue)) with \(members.count) devices", round: round,
                token: round.token, details: ["members": members.map(name(of:)).joined(separator: " ")])
        case .roundPhase(let round, let phase):
            logger.debug("round phase", metadata: ["round": "\(round)", "phase": "\(phase.rawValue)"])
        case .roundEnded(let summary): note(summary)
        case .published(let publication, let number): note(publication, number)
        case .publicationRefused(let publication, let refusal):
            add(
                "publication-refused", "a publication was refused: \(refusal)", round: publication.round,
                token: publication.round.token)
        case .refusedToken(let presented, let from, let highest, let holder):
            state.withLock { $0.refusedTokens += 1 }
            add(
                "token-refused",
                "refused \(name(of: from)): its token \(presented) is older than \(highest)"
                    + (holder.map { " of \(name(of: $0))" } ?? ""),
                token: highest,
                details: ["presented": "\(presented)", "highest": "\(highest)", "from": from.description])
        case .pauseEnded(let round, let held, let early, let writers):
            add(
                "pause", "writers paused for \(held.wholeMilliseconds) ms" + (early ? " (ended early)" : ""),
                round: round, token: round.token,
                details: [
                    "held_ms": "\(held.wholeMilliseconds)", "early": "\(early)",
                    "paused": writers.paused.joined(separator: " "),
                    "unanswered": writers.unanswered.joined(separator: " "),
                ])
        case .applied(let round, let report): note(report, round)
        case .declined(let round, let reason):
            add("declined", "took no part: \(words(reason))", round: round, token: round.token)
        case .membership(let membership):
            let voters = membership.voters.map(name(of:)).joined(separator: " ")
            add(
                "membership", "voters: \(voters)",
                details: ["voters": voters, "learners": membership.learners.map(name(of:)).joined(separator: " ")])
        case .hub(let event): note(event)
        case .slept(let time): add("slept", "this device slept for \(time.wholeMilliseconds) ms")
        case .dropped(let why): logger.notice("dropped", metadata: ["why": "\(why)"])
        }
    }

    private func note(_ event: RaftEvent) {
        switch event {
        case .safetyRefusal(let why): add("safety-refusal", "refused by the log: \(why)")
        case .becameLeader(let term): add("quorum-leader", "\(name(of: store.device)) is quorum leader in term \(term)")
        case .becameFollower, .becamePreCandidate, .becameCandidate, .lostQuorum, .transferGivenUp, .snapshotInstalled,
            .snapshotTaken, .dropped:
            logger.debug("consensus", metadata: ["event": "\(event)"])
        }
    }

    private func note(_ event: LockEvent) {
        switch event {
        case .granted(let name, let grant, let from):
            let holder = self.name(of: grant.holder)
            let before = from.map { " from \(self.name(of: $0))" } ?? ""
            add("lock-granted", "\(name) granted to \(holder)\(before)", token: grant.token)
        case .expired(let name, let grant):
            add("lock-expired", "\(name) of \(self.name(of: grant.holder)) ran out", token: grant.token)
        case .released(let name, let grant):
            add("lock-released", "\(name) released by \(self.name(of: grant.holder))", token: grant.token)
        case .transferred(let name, let grant, let to):
            add(
                "handoff", "\(name): handoff \(self.name(of: grant.holder)) -> \(self.name(of: to))", token: grant.token
            )
        case .queued, .stoppedWaiting, .orphaned: logger.debug("lock", metadata: ["event": "\(event)"])
        }
    }

    private func note(_ publication: Publication, _ number: UInt64) {
        noteComplete("published")
        let conflicts = publication.conflicts == 0 ? "" : ", \(publication.conflicts) conflicts"
        let what = publication.undoes.map { "undo of round \($0), " } ?? ""
        var details = ["from": publication.old?.hex ?? "", "to": publication.new.hex, "number": "\(number)"]
        details["undoes"] = publication.undoes.map { "\($0)" }
        add(
            "published", "round \(number): \(what)\(publication.changedFiles) files\(conflicts)",
            round: publication.round, token: publication.round.token, details: details)
    }

    private func note(_ summary: RoundSummary) {
        let took = (summary.ended - summary.started).wholeMilliseconds
        var details = [
            "took_ms": "\(took)", "reason": summary.reason.rawValue,
            "participants": summary.participants.map(name(of:)).joined(separator: " "),
            "left_out": summary.leftOut.map(name(of:)).joined(separator: " "),
        ]
        let what: String
        switch summary.result {
        case .published: what = "published"
        case .nothingToDo: what = "nothing to do"
        case .caughtUp: what = "brought devices to the head"
        case .aborted(let why):
            what = "given up: \(why)"
            details["why"] = why
        }
        if case .aborted = summary.result {} else { noteComplete(what) }
        add("round", "round \(what), \(took) ms", round: summary.round, token: summary.round.token, details: details)
    }

    private func note(_ report: ApplyReport, _ round: RoundID) {
        if report.waiting == nil { noteComplete("applied") }
        let late = report.lateFiles == 0 ? "" : ", \(report.lateFiles) late"
        add(
            "applied", report.waiting.map { "not applied: \($0)" } ?? "applied \(report.appliedFiles) files\(late)",
            round: round, token: round.token, details: ["base": report.base?.hex ?? ""])
    }

    private func noteComplete(_ result: String) {
        state.withLock { $0.lastOK = (Self.unixMilliseconds, result) }
    }

    private func words(_ reason: RoundDecline) -> String {
        switch reason {
        case .staleToken(let presented, let highest, let holder):
            "token \(presented) is older than \(highest)" + (holder.map { " of \(name(of: $0))" } ?? "")
        case .busy(let round): "busy with round \(round)"
        case .failed(let why): why
        case .stopped: "stopped"
        }
    }
}
