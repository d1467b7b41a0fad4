import Primitives

/// A member's side of a round: gate, capture, stage, apply. Every device is a member, the leader included.
///
/// Whoever drives it has checked the token of each leader's message before. Its own deadlines end a pause: nothing here
/// depends on another message arriving.
package struct RoundMember: Hashable, Sendable {
    package enum Input: Hashable, Sendable {
        case received(RoundMessage, from: DeviceID)
        case gateClosed(RoundID, WriterReport)
        case gateOpenedEarly(RoundID)
        case captured(RoundID, Completion<CaptureReport>)
        case staged(RoundID, Revision, Completion<Bool>)
        /// The apply has put the files in place: what is left of it needs no pause.
        case filesInPlace(RoundID)
        case applied(RoundID, Completion<ApplyReport>)
        /// The published head, as the replicated state has it now.
        case head(Revision?)
        /// Syncing stops here: writers go on at once.
        case stop
        /// The mesh that the round is of is left; what is being put in place is finished.
        case epochLeft
        case tick
    }

    package enum Action: Hashable, Sendable {
        case send(RoundMessage, to: DeviceID)
        case closeGate(RoundID, limit: Duration)
        case extendGate(RoundID, limit: Duration)
        case openGate(RoundID)
        case capture(RoundID)
        case stage(RoundID, Revision, from: DeviceID)
        case apply(RoundID, Revision)
        case endRound(RoundID)
        case pauseEnded(RoundID, held: Duration, early: Bool, WriterReport)
        case applied(RoundID, ApplyReport)
        case declined(RoundID, RoundDecline)
    }

    /// What the working tree was really brought to; nil until it is known.
    package private(set) var base: Revision?
    private(set) var head: Revision?
    private(set) var part: MemberPart?
    /// The newest round that this device took part in since it started.
    private var newest: RoundID?

    /// The hard bound of one pause (`pause.max`); of rounds that begin from now on.
    package var pauseMax = Limits.pauseMax

    private let mutants: MutantSet

    package init(mutants: MutantSet = .none) { self.mutants = mutants }

    package var current: (round: RoundID, leader: DeviceID)? { part.map { ($0.round, $0.leader) } }
    /// True from the moment that the gate is asked to close until it is open again.
    package var pausesWriters: Bool { part?.gate.isClosing ?? false }
    /// Known after each step: it is asked much more often than anything changes.
    package private(set) var nextDeadline: Instant?

    package mutating func step(_ input: Input, at now: Instant, into actions: inout [Action]) {
        switch input {
        case .received(let message, let leader): receive(message, from: leader, at: now, into: &actions)
        case .head(let revision):
            head = revision
            applyIfDecided(at: now, into: &actions)
        case .stop: part?.stop(at: now, into: &actions)
        case .epochLeft: part?.epochLeft(at: now, into: &actions)
        case .gateClosed, .gateOpenedEarly, .captured, .staged, .filesInPlace, .applied, .tick:
            part?.handle(input, at: now, into: &actions)
            applyIfDecided(at: now, into: &actions)
        }
        finishIfOver()
        nextDeadline = part?.nextDeadline
    }

    private mutating func receive(
        _ message: RoundMessage, from leader: DeviceID, at now: Instant, into actions: inout [Action]
    ) {
        switch message {
        case .prepare(let round, let budget): prepare(round, leader, budget, at: now, into: &actions)
        case .stage, .working, .finish, .abort:
            guard part?.round == message.round, part?.leader == leader else { return }
            part?.hear(message, at: now, into: &actions)
            applyIfDecided(at: now, into: &actions)
        case .captured, .declined, .staged, .applied: break
        }
    }

    private mutating func prepare(
        _ round: RoundID, _ leader: DeviceID, _ budget: Duration, at now: Instant, into actions: inout [Action]
    ) {
        // A round that was over once is over: a message that comes late closes no gate for it.
        guard newest.map({ round > $0 }) ?? true || mutants.has(.olderRoundInterrupts) else { return }
        if let part {
            guard !part.isApplying else {
                actions.append(.send(.declined(round, .busy(part.round)), to: leader))
                return
            }
            self.part?.giveUp(nil, at: now, into: &actions)
        }
        newest = round
        part = MemberPart(
            round: round, leader: leader, budget: budget, pauseMax: pauseMax, mutants: mutants, now: now)
        actions.append(.closeGate(round, limit: Limits.leaderSilence))
        if mutants.has(.captureBeforeQuiet) { part?.gateIsTakenForClosed(into: &actions) }
    }

    /// The commit point has passed: the staged revision is the head of the replicated state.
    private mutating func applyIfDecided(at now: Instant, into actions: inout [Action]) {
        guard let head else { return }
        part?.headIs(head, at: now, into: &actions)
    }

    private mutating func finishIfOver() {
        guard part?.isOver == true, let part else { return }
        if let report = part.report, report.waiting == nil { base = report.base }
        self.part = nil
    }
}

extension RoundMember {
    /// What storage or the working tree says at start.
    package mutating func baseIs(_ revision: Revision?) { base = revision }
}
