import Consensus
import Locks
import Primitives
import SyncRounds

// How a device leads rounds and takes part in them.

/// What the scheduler remembers between rounds.
struct ScheduleMemory: Hashable, Sendable {
    var sequence: UInt64 = 0
    var lastStart: Instant?
    var failures: UInt64 = 0
    /// Rounds in a row in which too few voters took part.
    var lonely = 0
    var notBefore: Instant?
    var jitter = SeededGenerator(seed: 0)
    /// By which rule no round starts now, and when each rule was told; at most one of each.
    private var skippedBy: RoundSchedule.Rule?
    private var skips: [Skip] = []
    /// Who asked for the next round, and who for the one under way.
    var asked: [Asker] = []
    var answering: [Asker] = []
    /// Whom rounds did not bring to the head.
    var stragglers: [Straggler] = []
    /// How often this leader, while it is to be spared, handed off in vain, and when it may do so again.
    var waysMade: UInt64 = 0
    var makesWayFrom: Instant?

    struct Asker: Hashable, Sendable {
        var device: DeviceID
        var number: UInt64
        var undo: UndoTarget?
    }

    struct Skip: Hashable, Sendable {
        var rule: RoundSchedule.Rule
        var at: Instant
    }

    /// True if this decision against a round is news: another rule than before, and not one that comes and goes.
    mutating func skips(by rule: RoundSchedule.Rule?, at now: Instant) -> Bool {
        defer { skippedBy = rule }
        guard let rule, rule != skippedBy else { return false }
        let last = skips.first { $0.rule == rule }
        if let last, now < last.at + Limits.decisionAgain { return false }
        skips.removeAll { $0.rule == rule }
        skips.append(Skip(rule: rule, at: now))
        return true
    }

    /// Takes whom the next round answers: it undoes one round at most, whoever wants another waits for the next.
    mutating func takeAsked() -> UndoTarget? {
        let undo = asked.compactMap(\.undo).first
        answering = asked.filter { $0.undo == nil || $0.undo == undo }
        asked = asked.filter { $0.undo != nil && $0.undo != undo }
        return undo
    }

    /// The pause after one more failure in a row: doubled each time, and longer by chance, so that devices that failed
    /// together do not try again together.
    mutating func failed() -> Duration {
        failures = min(failures + 1, Limits.backOffDoublings)
        let pause = Limits.roundBackOff * (1 << Int(failures))
        return pause + jitter.duration(in: .zero...pause / Limits.backOffJitter)
    }

    mutating func newLeadership() {
        lastStart = nil
        failures = 0
        lonely = 0
        notBefore = nil
        stragglers = []
    }
}

extension Device {
    /// The holder's rule: a round goes on only while the lease allows it; otherwise it is given up. What the log says
    /// of a publication is heard in any case: that is decided already.
    mutating func leaderStep(_ input: RoundLeader.Input, at now: Instant) {
        roundLeader.votersAre(raft.membership.voters)
        let goesOn = mayLead(at: now) || configuration.mutants.has(.noRecheckAfterWait)
        guard let current = roundLeader.current, !goesOn else {
            return roundLeader.step(input, at: now, into: &leaderActions)
        }
        switch input {
        case .published, .abandon: roundLeader.step(input, at: now, into: &leaderActions)
        case .start, .received, .away, .fetched, .merged, .tick:
            guard current.phase != .publish else { return }
            roundLeader.step(.abandon("the lease is not confirmed"), at: now, into: &leaderActions)
        }
    }

    mutating func memberStep(_ input: RoundMember.Input, at now: Instant) {
        roundMember.step(input, at: now, into: &memberActions)
    }

    mutating func captured(_ round: RoundID, _ result: Completion<CaptureReport>, at now: Instant) {
        if case .done(let report) = result { own.captured(report, at: now) }
        memberStep(.captured(round, result), at: now)
    }

    mutating func applied(_ round: RoundID, _ result: Completion<ApplyReport>, at now: Instant) {
        if case .done(let report) = result { own.applied(report, at: now) }
        memberStep(.applied(round, result), at: now)
    }

    /// What the working tree was brought to before this start, as the workspace shell found it.
    package mutating func restoreBase(_ revision: Revision?) {
        own.base = revision
        roundMember.baseIs(revision)
        reconsiderDeadline()
    }
}

// MARK: - Leading

extension Device {
    var scheduleDeadline: Instant? {
        guard announcedToken != nil, roundLeader.current == nil, handoff == nil else { return nil }
        let facts = roundSchedule(at: lastStep)
        if case .wait(let until, let rule) = facts.decide(at: lastStep) {
            return rule == own.power.spares ? makesWayAt(facts) : until
        }
        return mayLead(at: lastStep) ? hubMirror.holdEnds(at: lastStep) ?? lastStep : nil
    }

    package func scheduleVerdict(at now: Instant) -> RoundSchedule.Verdict { roundSchedule(at: now).decide(at: now) }

    private func roundSchedule(at now: Instant) -> RoundSchedule {
        var facts = [own.schedule(head: state.head.revision)]
        facts[0].behindFrom = chasedFrom(device)
        for peer in peers where links.contains(peer.device) && state.record(of: peer.device) != nil {
            var told = peer.schedule(head: state.head.revision)
            told.behindFrom = chasedFrom(peer.device)
            facts.append(told)
        }
        return RoundSchedule(
            isStopped: isStopped, settings: state.syncSettings, manual: !schedule.asked.isEmpty,
            lastStart: schedule.lastStart,
            notBefore: schedule.notBefore, devices: facts, hubNews: hubMirror.wantsRound(at: now))
    }

    /// The decision as this device sees it, rule by rule, with names. It is the mesh's where this device leads.
    package func scheduleTable(at now: Instant) -> ScheduleTable { decision(at: now).table }

    private func decision(at now: Instant) -> ScheduleDecision {
        var schedule = roundSchedule(at: now)
        let voters = raft.membership.voters
        schedule.isLeading = mayLead(at: now)
        schedule.leaderName = syncLeader.map { state.record(of: $0.device)?.name ?? $0.device.short }
        schedule.leaderSpares = schedule.isLeading ? nil : syncLeader.flatMap { power(of: $0.device)?.spares }
        schedule.quorum = RoundSchedule.Quorum(
            reachable: voters.count { hasLink(to: $0) }, needed: voters.count / 2 + 1)
        schedule.openConflicts = UInt32(clamping: state.conflicts.list.count) &+ state.conflicts.unlisted
        let linked = peers.filter { links.contains($0.device) && state.record(of: $0.device) != nil }
        describe(&schedule.devices[0], device, self.facts(at: now))
        for (place, peer) in linked.enumerated() {
            describe(&schedule.devices[place + 1], peer.device, peer.facts)
        }
        return ScheduleDecision(schedule: schedule, at: now)
    }

    private func describe(_ facts: inout RoundSchedule.Facts, _ device: DeviceID, _ told: DeviceFacts?) {
        facts.name = state.record(of: device)?.name ?? device.short
        guard let told else { return }
        facts.pendingFiles = told.pendingFiles
        facts.activeWriters = told.activeWriters
        facts.pausedWriters = told.pausedWriters
        facts.waiting = told.waiting
    }

    /// Starts a round if this device may lead and the schedule says so.
    mutating func startRoundIfDue(at now: Instant, into output: inout DeviceOutput) {
        guard mayLead(at: now), let token = leaderToken, announcedToken == token, roundLeader.current == nil,
            handoff == nil, !isStopping
        else { return }
        forgetStragglers()
        let facts = roundSchedule(at: now)
        switch facts.decide(at: now) {
        case .wait(_, let rule):
            if rule == own.power.spares, case .go = facts.decideElsewhere(at: now) { return makeWayToRest(at: now) }
            guard schedule.skips(by: facts.isNeeded ? rule : nil, at: now) else { return }
            output.events.append(.decided(nil, decision(at: now)))
        case .go(let reason):
            guard !hubMirror.holdsRound(schedule.sequence + 1, isManual: reason == .manual, at: now) else { return }
            start(reason, token, at: now, into: &output)
        }
    }

    private mutating func start(
        _ reason: RoundReason, _ token: FencingToken, at now: Instant, into output: inout DeviceOutput
    ) {
        let decision = decision(at: now)
        _ = schedule.skips(by: nil, at: now)
        schedule.sequence += 1
        schedule.lastStart = now
        let undo = schedule.takeAsked()
        let round = RoundID(token: token, sequence: incarnation << Limits.sequenceBits | schedule.sequence)
        let members = state.devices.map(\.device).filter { mayTakePart($0) }
        let hub = hubMirror.news(at: now)
        hubMirror.roundStarted(with: hub)
        output.events.append(.decided(round, decision))
        output.events.append(.roundStarted(round, reason, members: members))
        leaderStep(
            .start(
                RoundPlan(
                    round: round, reason: reason, leader: device, members: members, voters: raft.membership.voters,
                    head: headToMergeOnto, pauseBudget: state.syncSettings.pauseBudget, undo: undo, hub: hub)),
            at: now)
    }

    /// Linked, and not stopped by a person.
    private func mayTakePart(_ member: DeviceID) -> Bool {
        guard member != device else { return true }
        return hasLink(to: member) && !(peers.first { $0.device == member }?.facts?.isStopped ?? false)
    }

    /// A mutant merges onto what its own tree was brought to.
    private var headToMergeOnto: Revision? {
        configuration.mutants.has(.forcedHead) ? own.base ?? state.head.revision : state.head.revision
    }

    mutating func drainLeader(at now: Instant, into output: inout DeviceOutput) {
        while !leaderActions.isEmpty {
            let actions = leaderActions
            leaderActions.removeAll(keepingCapacity: true)
            for action in actions { carryOut(action, at: now, into: &output) }
        }
    }

    private mutating func carryOut(_ action: RoundLeader.Action, at now: Instant, into output: inout DeviceOutput) {
        switch action {
        case .send(let message, let peer): send(.round(message), to: peer, into: &output)
        case .fetch(let round, let revision, let peer):
            output.actions.append(.fetch(round, revision, from: peer))
        case .merge(let round, let head, let captures, let undo):
            output.actions.append(.merge(round, head: head, captures: captures, undo: undo))
        case .publish(let round, let old, let report, let holders):
            let publication = Publication(
                round: round, old: old, new: report.revision, changedFiles: report.changedFiles,
                conflicts: report.conflicts, opened: report.opened, holders: holders, undoes: report.undo?.number)
            propose(.publish(publication), .publish(round), within: Limits.roundTimeout, at: now, into: &output)
        case .phase(let round, let phase): output.events.append(.roundPhase(round, phase))
        case .ended(let summary): roundEnded(summary, at: now, into: &output)
        }
    }

    private mutating func roundEnded(_ summary: RoundSummary, at now: Instant, into output: inout DeviceOutput) {
        output.events.append(.roundEnded(summary))
        let outcome = RoundOutcome(
            round: summary.round, number: state.head.number, result: summary.result, changedFiles: summary.changedFiles,
            participants: summary.participants, leftOut: summary.leftOut, took: summary.ended - summary.started)
        lastRound = outcome
        switch summary.result {
        case .aborted:
            let pause = schedule.failed()
            schedule.notBefore = configuration.mutants.has(.noBackOff) ? nil : now + pause
        case .caughtUp:
            schedule.failures = 0
            schedule.notBefore = now + Limits.roundBackOff
        case .published, .nothingToDo:
            schedule.failures = 0
            schedule.notBefore = summary.reason == .behind ? now + Limits.roundBackOff : nil
        }
        noteStragglers(summary, at: now)
        hubMirror.roundEnded(isPublished: summary.result.isPublished, at: now)
        makeWayIfLonely(summary, at: now)
        for asker in schedule.answering {
            var answer = SyncAnswer.done(outcome)
            if case .aborted = summary.result, isAskedElsewhere(asker) { answer = .notLeader }
            send(.syncAnswer(number: asker.number, answer), to: asker.device, into: &output)
        }
        schedule.answering = []
    }
}

// MARK: - Making way

extension Device {
    func power(of member: DeviceID) -> PowerFacts? {
        member == device ? own.power : peers.first { $0.device == member }?.facts?.power
    }

    /// What it was told it runs on and who leads, if that is why no round starts (behaviour P6).
    package var sparingLeader: (device: DeviceID, power: PowerFacts, rule: RoundSchedule.Rule)? {
        guard let leader = syncLeader?.device, let power = power(of: leader), let rule = power.spares else {
            return nil
        }
        return (leader, power, rule)
    }

    private func makesWayAt(_ facts: RoundSchedule) -> Instant? {
        guard mayLead(at: lastStep), !isStopping, restedHeir != nil else { return nil }
        let due: Instant? =
            switch facts.decideElsewhere(at: lastStep) {
            case .go: lastStep
            case .wait(let until, _): until
            }
        return due.map { max($0, schedule.makesWayFrom ?? $0) }
    }

    /// The first fit device that need not be spared.
    private var restedHeir: DeviceID? {
        state.devices.map(\.device).first { unfitness(of: $0) == nil && power(of: $0)?.spares == nil }
    }

    /// This leader is to be spared and others wait for a round: one of them leads it.
    private mutating func makeWayToRest(at now: Instant) {
        guard schedule.makesWayFrom.map({ now >= $0 }) ?? true, let heir = restedHeir else { return }
        // What may be refused is not tried again and again.
        schedule.waysMade = min(schedule.waysMade + 1, Limits.backOffDoublings)
        let pause = Limits.roundBackOff * (1 << Int(schedule.waysMade))
        schedule.makesWayFrom = now + pause + schedule.jitter.duration(in: .zero...pause / Limits.backOffJitter)
        handoff = Handoff(asker: nil, target: heir, deadline: now + Limits.handoffPatience)
    }

    /// A leader whose rounds no quorum of voters can take part in publishes nothing, yet its lease is renewed as long
    /// as it reaches the quorum leader, which a quorum follows: that one can do better.
    private mutating func makeWayIfLonely(_ summary: RoundSummary, at now: Instant) {
        let voters = raft.membership.voters
        let present = voters.count { summary.participants.contains($0) }
        guard case .aborted = summary.result, present <= voters.count / 2, links.count < voters.count else {
            return schedule.lonely = 0
        }
        schedule.lonely += 1
        guard schedule.lonely >= Limits.lonelyRounds, handoff == nil, !isStopping, let heir = raft.leader,
            heir != device, unfitness(of: heir) == nil
        else { return }
        schedule.lonely = 0
        handoff = Handoff(asker: nil, target: heir, deadline: now + Limits.handoffPatience)
    }
}

// MARK: - Taking part

extension Device {
    /// A round message. What a leader says must carry a token that this device's gate accepts (protocol.md, section 6);
    /// a raised gate is persisted before anything that follows from the message.
    mutating func receiveRound(
        _ message: RoundMessage, from peer: DeviceID, at now: Instant, into output: inout DeviceOutput
    ) {
        guard message.isFromLeader else {
            if peer != device { noteBase(message, of: peer, at: now) }
            if message.round == roundLeader.current?.round {
                if peer != device, message.isNews { output.events.append(.memberSaid(message, from: peer)) }
                leaderStep(.received(message, from: peer), at: now)
            }
            if case .working(let round) = message, roundMember.current?.round == round {
                memberStep(.received(message, from: peer), at: now)
            }
            return
        }
        if configuration.mutants.has(.gateAtStartOnly), !message.isPrepare {
            return memberStep(.received(message, from: peer), at: now)
        }
        switch acceptedToken.accept(message.round.token, from: peer, mutants: configuration.mutants) {
        case .accepted(let changed):
            if changed { output.persist.acceptedToken = acceptedToken }
            if isStray, message.isPrepare {
                let why = RoundDecline.failed("it looks for the last round in common with a recovered mesh")
                output.events.append(.declined(message.round, why))
                return send(.round(.declined(message.round, why)), to: peer, into: &output)
            }
            if isStopped, message.isPrepare, !configuration.mutants.has(.stoppedTakesPart) {
                output.events.append(.declined(message.round, .stopped))
                return send(.round(.declined(message.round, .stopped)), to: peer, into: &output)
            }
            roundMember.pauseMax = state.syncSettings.pauseMax
            memberStep(.received(message, from: peer), at: now)
        case .refused(let presented, let highest, let holder):
            output.events.append(
                .refusedToken(presented: presented, from: peer, highest: highest, holder: holder))
            let decline = RoundDecline.staleToken(presented: presented, highest: highest, holder: holder)
            send(.round(.declined(message.round, decline)), to: peer, into: &output)
        }
    }

    /// What a member says in a round is newer than the facts it last told: without it a round that just ended would
    /// look as if it had left everybody behind.
    private mutating func noteBase(_ message: RoundMessage, of peer: DeviceID, at now: Instant) {
        switch message {
        case .captured(_, let report):
            view(of: peer) {
                $0.facts?.base = report.base
                // Facts that overtook each other would have a clean device captured again and again.
                if report.revision == nil { $0.facts?.pendingFiles = 0 }
            }
        case .applied(_, let report):
            view(of: peer) {
                $0.facts?.base = report.base
                $0.facts?.pendingFiles = report.lateFiles
                $0.facts?.waiting = report.waiting
                $0.heard = now
            }
        case .declined(_, .failed(let why)): view(of: peer) { $0.trouble = why }
        case .staged: view(of: peer) { $0.trouble = nil }
        case .prepare, .declined, .stage, .working, .finish, .abort: break
        }
    }

    mutating func drainMember(at now: Instant, into output: inout DeviceOutput) {
        while !memberActions.isEmpty {
            let actions = memberActions
            memberActions.removeAll(keepingCapacity: true)
            for action in actions { carryOut(action, at: now, into: &output) }
        }
    }

    private mutating func carryOut(_ action: RoundMember.Action, at now: Instant, into output: inout DeviceOutput) {
        switch action {
        case .send(let message, let peer):
            if message.isCaptureOrStage { output.events.append(.memberSaid(message, from: device)) }
            send(.round(message), to: peer, into: &output)
        case .closeGate(let round, let limit): output.actions.append(.closeGate(round, limit: limit))
        case .extendGate(let round, let limit): output.actions.append(.extendGate(round, limit: limit))
        case .openGate(let round): output.actions.append(.openGate(round))
        case .capture(let round): output.actions.append(.capture(round))
        case .stage(let round, let revision, let peer):
            output.actions.append(.stage(round, revision, from: peer))
        case .apply(let round, let revision): output.actions.append(.apply(round, revision))
        case .endRound(let round): output.actions.append(.endRound(round))
        case .pauseEnded(let round, let held, let early, let writers):
            output.events.append(.pauseEnded(round, held: held, early: early, writers))
        case .applied(let round, let report): output.events.append(.applied(round, report))
        case .declined(let round, let reason): output.events.append(.declined(round, reason))
        }
    }
}
