import Consensus
import DeviceCore
import Locks
import Primitives
import SyncRounds

// What an event of the device becomes in the audit and in the log: one place for all of them.

extension AuditTrail {
    func note(_ event: DeviceEvent) {
        switch event {
        case .consensus(let event): note(event)
        case .lock(let event): note(event)
        case .leading(let token): add("leading", "\(name(of: store.device)) leads", token: token)
        case .leadershipLost(let token, let current):
            add(
                "leadership-lost", "\(name(of: store.device)) no longer leads under \(token)", token: token,
                details: ["current": current?.description ?? ""])
        case .decided(let round, let decision): note(decision, round)
        case .roundStarted(let round, let reason, let members): started(round, reason, members)
        case .roundPhase(let round, let phase):
            memory.withLock { $0.phase(phase, of: round, at: DeviceLoop.now) }
            logger.debug("round phase", metadata: ["round": "\(round)", "phase": "\(phase.rawValue)"])
        case .roundEnded(let summary): note(summary)
        case .published(let publication, let number): note(publication, number)
        case .publicationRefused(let publication, let refusal): note(publication, refusal)
        case .refusedToken(let presented, let from, let highest, let holder):
            refusedToken(presented, from, highest, holder)
        case .pauseEnded(let round, let held, let early, let writers): pauseEnded(round, held, early, writers)
        case .memberSaid(let message, let device): note(message, device)
        case .applied(let round, let report): applied(report, round, store.device)
        case .declined(let round, let reason): declined(reason, round, store.device)
        case .membership(let membership): note(membership)
        case .hub(let event): note(event)
        case .review(let event): note(event)
        case .stop(let event): note(event)
        case .epoch(let event): note(event)
        case .slept(let time): add("slept", "this device slept for \(time.wholeMilliseconds) ms")
        case .dropped(let why): logger.notice("dropped", metadata: ["why": "\(why)"])
        }
    }

    private func note(_ event: RaftEvent) {
        memory.withLock { $0.hear(event, at: DeviceLoop.now) }
        switch event {
        case .safetyRefusal(let why): add("safety-refusal", "refused by the log: \(why)")
        case .becameLeader(let term): add("quorum-leader", "\(name(of: store.device)) is quorum leader in term \(term)")
        case .becameFollower, .becamePreCandidate, .becameCandidate, .lostQuorum, .transferGivenUp, .snapshotInstalled,
            .snapshotTaken, .dropped, .refounded, .rejoined:
            logger.debug("consensus", metadata: ["event": "\(event)"])
        }
    }

    private func note(_ membership: Membership) {
        let voters = membership.voters.map(name(of:)).joined(separator: " ")
        let ids = membership.voters.map(\.description).joined(separator: " ")
        guard !memory.withLock({ $0.wasNoted("membership", voters: ids) }) else { return }
        add(
            "membership", "voters: \(voters)",
            details: ["voters": ids, "learners": membership.learners.map(name(of:)).joined(separator: " ")])
    }
}

// MARK: - Locks and tokens

extension AuditTrail {
    private func note(_ event: LockEvent) {
        switch event {
        case .granted(let name, let grant, let from):
            if name == .sync { memory.withLock { $0.granted(grant.token, to: grant.holder) } }
            let before = from.map { " from \(self.name(of: $0))" } ?? ""
            lockRow("lock-granted", "\(name) granted to \(self.name(of: grant.holder))\(before)", grant)
        case .expired(let name, let grant):
            lockRow("lock-expired", "\(name) of \(self.name(of: grant.holder)) ran out", grant)
        case .released(let name, let grant):
            lockRow("lock-released", "\(name) released by \(self.name(of: grant.holder))", grant)
        case .transferred(let name, let grant, let to):
            lockRow("handoff", "\(name): handoff \(self.name(of: grant.holder)) -> \(self.name(of: to))", grant)
        case .queued, .stoppedWaiting, .orphaned: logger.debug("lock", metadata: ["event": "\(event)"])
        }
    }

    private func lockRow(_ kind: String, _ summary: String, _ grant: Grant) {
        guard !memory.withLock({ $0.wasNoted(kind, token: grant.token) }) else { return }
        add(kind, summary, about: grant.holder, token: grant.token)
    }

    private func refusedToken(
        _ presented: FencingToken, _ from: DeviceID, _ highest: FencingToken, _ holder: DeviceID?
    ) {
        memory.withLock { $0.refusedTokens += 1 }
        add(
            "token-refused",
            "refused \(name(of: from)): its token \(presented) is older than \(highest)"
                + (holder.map { " of \(name(of: $0))" } ?? ""),
            token: highest,
            details: ["presented": "\(presented)", "highest": "\(highest)", "from": from.description])
    }
}

// MARK: - Rounds

extension AuditTrail {
    /// What every row of a round tells beside its own: who leads it, why it was started, and how long it runs here.
    private func common(_ round: RoundID) -> [String: String] {
        let now = DeviceLoop.now
        let (clock, leader) = memory.withLock { memory -> (AuditMemory.RoundClock?, String?) in
            memory.follow(round, at: now)
            return (memory.clock(of: round), memory.holder(of: round.token).map { memory.name(of: $0) })
        }
        var details = ["leader": leader ?? "", "reason": clock?.reason?.rawValue ?? ""]
        if let clock { details["after_ms"] = "\((now - clock.began).wholeMilliseconds)" }
        return details
    }

    private func started(_ round: RoundID, _ reason: RoundReason, _ members: [DeviceID]) {
        memory.withLock { memory in
            memory.granted(round.token, to: store.device)
            memory.follow(round, at: DeviceLoop.now) { $0.reason = reason }
        }
        var details = common(round)
        details["members"] = members.map(name(of:)).joined(separator: " ")
        let table = memory.withLock { $0.clock(of: round)?.decision }
        details.merge(table.map { words($0) } ?? [:]) { $1 }
        add(
            "round-started", "round started (\(reason.rawValue)) with \(members.count) devices", round: round,
            token: round.token, details: details)
    }

    /// Kept for the row of the round that starts now; a decision against one has a row of its own.
    private func note(_ decision: ScheduleDecision, _ round: RoundID?) {
        let table = decision.table
        if let round { return memory.withLock { $0.follow(round, at: decision.at) { $0.decision = table } } }
        var details = words(table)
        if case .wait(let until?, _) = table.verdict {
            details["for_ms"] = "\((until - decision.at).wholeMilliseconds)"
        }
        add("no-round", "no round yet: \(details["decided"] ?? table.deciding.title)", details: details)
    }

    /// The rule that decided with its figures, and all that say anything of a round, a line each.
    private func words(_ table: ScheduleTable) -> [String: String] {
        let line = { (row: ScheduleTable.Row) in
            row.rule.title + ": " + row.value + (row.limit == "-" ? "" : " (limit \(row.limit))")
        }
        let deciding = table.rows.first { $0.rule == table.deciding }
        return [
            "rule": table.deciding.rawValue, "decided": deciding.map(line) ?? "",
            "rules": table.rows.map { "\(line($0)), \($0.says.rawValue)" }.joined(separator: "\n"),
        ]
    }

    private func pauseEnded(_ round: RoundID, _ held: Duration, _ early: Bool, _ writers: WriterReport) {
        var details = common(round)
        details["held_ms"] = "\(held.wholeMilliseconds)"
        details["early"] = "\(early)"
        add(
            "pause", "writers paused for \(held.wholeMilliseconds) ms" + (early ? " (ended early)" : ""), round: round,
            token: round.token, details: details.merging(words(writers)) { $1 })
    }

    private func words(_ writers: WriterReport) -> [String: String] {
        [
            "paused": writers.paused.joined(separator: ", "), "unanswered": writers.unanswered.joined(separator: ", "),
            "outside": writers.outside.joined(separator: ", "),
        ]
    }

    private func note(_ message: RoundMessage, _ device: DeviceID) {
        switch message {
        case .captured(let round, let report): captured(report, round, device)
        case .declined(let round, let reason): declined(reason, round, device)
        case .staged(let round, let revision):
            var details = common(round)
            details["to"] = revision.hex
            add(
                "staged", "holds \(revision.hex.prefix(10))", about: device, round: round, token: round.token,
                details: details)
        case .applied(let round, let report): applied(report, round, device)
        case .prepare, .stage, .working, .finish, .abort: break
        }
    }

    private func captured(_ report: CaptureReport, _ round: RoundID, _ device: DeviceID) {
        var details = common(round).merging(words(report.writers)) { $1 }
        details["from"] = report.base?.hex ?? ""
        details["to"] = report.revision?.hex ?? ""
        details["files"] = "\(report.changedFiles)"
        details["held"] = "\(report.heldPaths)"
        if device == store.device, report.heldPaths > 0 {
            details["held_paths"] = heldNow.prefix(Limits.heldPathsInRow).joined(separator: "\n")
        }
        let held = report.heldPaths == 0 ? "" : ", \(report.heldPaths) held back"
        let files = report.changedFiles == 1 ? "1 file" : "\(report.changedFiles) files"
        add(
            "captured", (report.revision == nil ? "nothing changed" : "captured \(files)") + held, about: device,
            round: round, token: round.token, details: details)
    }

    private func declined(_ reason: RoundDecline, _ round: RoundID, _ device: DeviceID) {
        var details = common(round)
        details["why"] = words(reason)
        add(
            "declined", "took no part: \(words(reason))", about: device, round: round, token: round.token,
            details: details)
    }

    private func applied(_ report: ApplyReport, _ round: RoundID, _ device: DeviceID) {
        if device == store.device, report.waiting == nil { noteComplete("applied") }
        var details = common(round)
        details["to"] = report.base?.hex ?? ""
        details["files"] = "\(report.appliedFiles)"
        details["late"] = "\(report.lateFiles)"
        details["waiting"] = report.waiting ?? ""
        let late = report.lateFiles == 0 ? "" : ", \(report.lateFiles) late"
        let files = report.appliedFiles == 1 ? "1 file" : "\(report.appliedFiles) files"
        add(
            "applied", report.waiting.map { "not applied: \($0)" } ?? "applied \(files)\(late)", about: device,
            round: round, token: round.token, details: details)
    }

    private func note(_ publication: Publication, _ number: UInt64) {
        let isKnown = memory.withLock { memory in
            memory.published(PublishedFact(publication.new, number, conflicts: publication.conflicts))
            return memory.wasNoted("published", round: publication.round, token: publication.round.token)
        }
        guard !isKnown else { return }
        noteComplete("published")
        let files = publication.changedFiles == 1 ? "1 file" : "\(publication.changedFiles) files"
        let conflicts = publication.conflicts == 1 ? "1 conflict" : "\(publication.conflicts) conflicts"
        let undo = publication.undoes.map { "undo of round \($0), " } ?? ""
        var details = common(publication.round)
        details["from"] = publication.old?.hex ?? ""
        details["to"] = publication.new.hex
        details["number"] = "\(number)"
        details["files"] = "\(publication.changedFiles)"
        details["conflicts"] = "\(publication.conflicts)"
        details["undoes"] = publication.undoes.map { "\($0)" } ?? ""
        details["holders"] = publication.holders.map(name(of:)).joined(separator: " ")
        add(
            "published", "round \(number): \(undo)\(files)" + (publication.conflicts == 0 ? "" : ", \(conflicts)"),
            round: publication.round, token: publication.round.token, details: details)
    }

    private func note(_ publication: Publication, _ refusal: PublicationRefusal) {
        let round = publication.round
        guard !memory.withLock({ $0.wasNoted("publication-refused", round: round, token: round.token) }) else { return }
        var details = common(round)
        details["why"] = "\(refusal)"
        add(
            "publication-refused", "a publication was refused: \(refusal)", round: round, token: round.token,
            details: details)
    }

    private func note(_ summary: RoundSummary) {
        let took = (summary.ended - summary.started).wholeMilliseconds
        memory.withLock { $0.phase(nil, of: summary.round, at: DeviceLoop.now) }
        var details = common(summary.round).merging(words(summary.writers)) { $1 }
        details["took_ms"] = "\(took)"
        details["reason"] = summary.reason.rawValue
        details["files"] = "\(summary.changedFiles)"
        details["participants"] = summary.participants.map(name(of:)).joined(separator: " ")
        details["left_out"] = summary.leftOut.map(name(of:)).joined(separator: " ")
        for phase in memory.withLock({ $0.clock(of: summary.round)?.phases }) ?? [] {
            details["\(phase.name)_ms"] = "\(phase.milliseconds)"
        }
        let what: String
        switch summary.result {
        case .published: what = "published"
        case .nothingToDo: what = "nothing to do"
        case .caughtUp: what = "brought devices to the head"
        case .aborted(let why):
            what = "given up: \(why)"
            memory.withLock { $0.lastFailure = why }
            details["why"] = why
        }
        details["result"] = summary.result.word
        if case .aborted = summary.result {} else { noteComplete(summary.result.word) }
        add("round", "round \(what), \(took) ms", round: summary.round, token: summary.round.token, details: details)
    }

    private func noteComplete(_ result: String) {
        memory.withLock { memory in
            memory.lastOK = (Self.unixMilliseconds, result)
            memory.lastFailure = nil
        }
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

extension RoundResult {
    /// As `--json`, the audit and metrics name it.
    var word: String {
        switch self {
        case .published: "published"
        case .nothingToDo: "nothing_to_do"
        case .caughtUp: "caught_up"
        case .aborted: "aborted"
        }
    }
}
