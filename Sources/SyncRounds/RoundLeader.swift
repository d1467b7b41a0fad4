import Primitives

/// The sync leader's side of one round: prepare, collect, merge, stage, publish, apply (protocol.md, section 5).
///
/// It decides nothing about tokens and leases: whoever drives it stops it (`abandon`) when the device may no longer
/// act.
package struct RoundLeader: Hashable, Sendable {
    package enum Input: Hashable, Sendable {
        case start(RoundPlan)
        case received(RoundMessage, from: DeviceID)
        case away(DeviceID)
        case fetched(RoundID, Revision, Bool)
        case merged(RoundID, Completion<MergeReport>)
        /// The log's answer to `publish`.
        case published(RoundID, Bool, why: String)
        case tick
        /// Give the round up: before it is handed to the log everybody is told; after, only the log decides.
        case abandon(String)
    }

    package enum Action: Hashable, Sendable {
        case send(RoundMessage, to: DeviceID)
        case fetch(RoundID, Revision, from: DeviceID)
        /// `undo`: a published round whose changes are taken back on top of what is merged.
        case merge(RoundID, head: Revision?, captures: [DeviceCapture], undo: UndoTarget? = nil)
        /// `holders`: the devices that have the revision on disk, sorted.
        case publish(RoundID, old: Revision?, MergeReport, holders: [DeviceID])
        case phase(RoundID, RoundPhase)
        case ended(RoundSummary)
    }

    private(set) var running: RunningRound?

    private let mutants: MutantSet

    package init(mutants: MutantSet = .none) { self.mutants = mutants }

    /// The round under way and where it is.
    package var current: (round: RoundID, phase: RoundPhase)? { running.map { ($0.plan.round, $0.phaseName) } }

    /// Known after each step: it is asked much more often than anything changes.
    package private(set) var nextDeadline: Instant?

    /// Who votes now: a majority of them must hold what a round publishes.
    package mutating func votersAre(_ voters: [DeviceID]) {
        if running != nil, running?.voters != voters { running?.voters = voters }
    }

    package mutating func step(_ input: Input, at now: Instant, into actions: inout [Action]) {
        if case .start(let plan) = input {
            guard running == nil else { return }
            running = RunningRound(plan: plan, now: now, mutants: mutants)
            running?.begin(at: now, into: &actions)
            nextDeadline = running?.nextDeadline
            return
        }
        guard var round = running else { return }
        round.handle(input, at: now, into: &actions)
        if let result = round.result {
            actions.append(.ended(round.summary(result, at: now)))
            running = nil
        } else {
            running = round
        }
        nextDeadline = running?.nextDeadline
    }
}

/// What a round starts from.
package struct RoundPlan: Hashable, Sendable {
    package var round: RoundID
    package var reason: RoundReason
    package var leader: DeviceID
    /// Every reachable device, the leader included, sorted.
    package var members: [DeviceID]
    package var voters: [DeviceID]
    package var head: Revision?
    package var pauseBudget: Duration
    package var undo: UndoTarget?
    /// What somebody pushed to the hub: one more participant. It is in the leader's store already.
    package var hub: DeviceCapture?

    package init(
        round: RoundID, reason: RoundReason, leader: DeviceID, members: [DeviceID], voters: [DeviceID], head: Revision?,
        pauseBudget: Duration, undo: UndoTarget? = nil, hub: DeviceCapture? = nil
    ) {
        self.round = round
        self.reason = reason
        self.leader = leader
        self.members = members
        self.voters = voters
        self.head = head
        self.pauseBudget = pauseBudget
        self.undo = undo
        self.hub = hub
    }
}

/// An action's result, or in words why there is none.
package enum Completion<Value: Hashable & Sendable>: Hashable, Sendable {
    case done(Value)
    case failed(String)
}
