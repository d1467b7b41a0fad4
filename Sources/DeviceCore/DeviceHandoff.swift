import Locks
import Primitives
import SyncRounds

// Passing leadership on: by a person's wish, and when the agent stops (protocol.md, section 7).

struct Handoff: Hashable, Sendable {
    var asker: ScheduleMemory.Asker?
    var target: DeviceID
    var deadline: Instant
    /// The transfer is on its way into the log.
    var isProposed = false
}

extension Device {
    mutating func receiveHandoffRequest(
        _ number: UInt64, target: DeviceID?, from peer: DeviceID, at now: Instant, into output: inout DeviceOutput
    ) {
        guard mayLead(at: now), !isStopping else {
            return send(.handoffAnswer(number: number, .notLeader), to: peer, into: &output)
        }
        let asker = ScheduleMemory.Asker(device: peer, number: number)
        guard handoff?.asker != asker else { return }
        guard handoff == nil else {
            return send(.handoffAnswer(number: number, .refused(.roundDidNotEnd)), to: peer, into: &output)
        }
        switch fitTarget(target) {
        case .failure(let refusal): send(.handoffAnswer(number: number, .refused(refusal)), to: peer, into: &output)
        case .success(let target):
            handoff = Handoff(asker: asker, target: target, deadline: now + Limits.handoffPatience)
        }
    }

    /// The wanted device if it is fit, or the first fit one; otherwise why not.
    func fitTarget(_ wanted: DeviceID?) -> Result<DeviceID, HandoffRefusal> {
        guard let wanted else {
            let others = state.devices.map(\.device).filter { $0 != device }
            let fit = others.first { unfitness(of: $0) == nil }
            return fit.map { .success($0) } ?? .failure(.nobodyElse)
        }
        return unfitness(of: wanted).map { .failure($0) } ?? .success(wanted)
    }

    func unfitness(of target: DeviceID) -> HandoffRefusal? {
        guard target != device else { return .alreadyLeader(device) }
        guard state.record(of: target) != nil else { return .notAMember(target) }
        guard links.contains(target), let view = peers.first(where: { $0.device == target }), !view.isLeaving else {
            return .unreachable(target)
        }
        if view.facts?.isStopped ?? false { return .behind(target, waiting: Self.stoppedText) }
        guard let facts = view.facts, facts.waiting == nil, facts.base == state.head.revision else {
            return .behind(target, waiting: view.facts?.waiting)
        }
        return nil
    }

    /// Lets a running round end (or aborts it when the patience is over), then transfers in one log entry.
    mutating func driveHandoff(at now: Instant, into output: inout DeviceOutput) {
        guard let current = handoff, !current.isProposed else { return }
        if roundLeader.current != nil {
            guard now >= current.deadline else { return }
            leaderStep(.abandon("the leadership is handed off"), at: now)
            drainLeader(at: now, into: &output)
            guard roundLeader.current == nil else { return }
        }
        guard let token = leaderToken, mayLead(at: now) else { return endHandoff(.refused(.leaseLost), into: &output) }
        handoff?.isProposed = true
        handoff?.deadline = now + Limits.requestPatience * 2
        // From here on the log may give the lock away at any moment: this device acts no more under its token, whatever
        // becomes of the request.
        for place in claims.indices where claims[place].name == .sync {
            if !configuration.mutants.has(.actsAfterGivingAway) { claims[place].claim.gaveUp() }
        }
        endLeadership(current: nil, at: now, into: &output)
        propose(.lock(.transfer(.sync, token: token, to: current.target)), .handoff, at: now, into: &output)
    }

    mutating func handedOff(_ outcome: MeshOutcome, at now: Instant, into output: inout DeviceOutput) {
        guard let current = handoff else { return }
        if case .lock(.granted(let grant)) = outcome, grant.holder == current.target {
            endHandoff(.done(to: grant.holder, token: grant.token), into: &output)
        } else {
            endHandoff(.refused(.leaseLost), into: &output)
        }
    }

    mutating func endHandoff(_ answer: HandoffAnswer, into output: inout DeviceOutput) {
        guard let current = handoff else { return }
        handoff = nil
        if let asker = current.asker {
            send(.handoffAnswer(number: asker.number, answer), to: asker.device, into: &output)
        }
    }

    mutating func receiveHandoffAnswer(
        _ number: UInt64, _ answer: HandoffAnswer, from peer: DeviceID, at now: Instant, into output: inout DeviceOutput
    ) {
        guard let place = waits.firstIndex(where: { $0.number == number && $0.askedOf == peer }) else { return }
        switch answer {
        case .notLeader: return waits[place].forgetQuestion(at: now + configuration.profile.heartbeat)
        case .done(let target, let token):
            output.replies.append(TaggedReply(tag: waits[place].tag, reply: .handedOff(to: target, token: token)))
        case .refused(let refusal):
            output.replies.append(TaggedReply(tag: waits[place].tag, reply: .handoffRefused(refusal)))
        }
        waits.remove(at: place)
    }
}

// MARK: - Stopping

extension Device {
    /// Before the stop, a short time for a last round, if there is something to take and the rules allow one now.
    mutating func beginExit(at now: Instant, into output: inout DeviceOutput) {
        guard !isStopping, exitDeadline == nil else { return }
        let deadline = now + Limits.exitPatience
        own.triggered(.exit, at: now)
        guard own.pendingFiles > 0, let leader = syncLeader?.device, hasLink(to: leader), !links.isEmpty,
            leader != device || mayStartRound(before: deadline, at: now)
        else { return beginStopping(at: now, into: &output) }
        exitDeadline = deadline
    }

    private func mayStartRound(before deadline: Instant, at now: Instant) -> Bool {
        switch scheduleVerdict(at: now) {
        case .go: true
        case .wait(let until, _): until.map { $0 < deadline } ?? false
        }
    }

    mutating func driveExit(at now: Instant, into output: inout DeviceOutput) {
        guard let exitDeadline else { return }
        let isDone = own.pendingFiles == 0 && roundMember.current == nil && roundLeader.current == nil
        guard isDone || now >= exitDeadline else { return }
        self.exitDeadline = nil
        beginStopping(at: now, into: &output)
    }

    mutating func beginStopping(at now: Instant, into output: inout DeviceOutput) {
        guard !isStopping else { return }
        isStopping = true
        stopDeadline = now + Limits.stopPatience
        for peer in links { send(.leaving(true), to: peer, into: &output) }
        for claim in claims where claim.name != .sync { letGo(claim.name, at: now, into: &output) }
        membershipCheck = now
    }

    /// Lock first, then the quorum's leadership, then the vote; each only as far as somebody can take it.
    mutating func driveStop(at now: Instant, into output: inout DeviceOutput) {
        guard isStopping, let stopDeadline, !output.stopped else { return }
        if now >= stopDeadline {
            output.stopped = true
            return
        }
        if announcedToken != nil || leaderToken != nil { return passLockOn(at: now, into: &output) }
        if claims.contains(where: { $0.isQueued || $0.acquire != nil }) {
            for claim in claims where claim.isQueued || claim.acquire != nil {
                letGo(claim.name, at: now, into: &output)
            }
        }
        guard pending.isEmpty || raft.leader == nil else { return }
        if raft.role == .leader, let heir = voterHeir {
            guard stopTransferAt.map({ now >= $0 }) ?? true else { return }
            stopTransferAt = now + configuration.profile.election.lowerBound
            return stepRaft(.transferLeadership(to: heir), at: now)
        }
        if raft.isVoter, raft.leader != nil, voteMoves { return }
        if roundMember.current != nil { return }
        output.stopped = true
    }

    private mutating func passLockOn(at now: Instant, into output: inout DeviceOutput) {
        guard handoff == nil else { return }
        if roundLeader.current != nil, let stopDeadline, now < stopDeadline - Limits.stopPatience / 2 { return }
        guard mayLead(at: now), case .success(let target) = fitTarget(nil) else {
            return letGo(.sync, at: now, into: &output)
        }
        handoff = Handoff(asker: nil, target: target, deadline: now)
    }
}
