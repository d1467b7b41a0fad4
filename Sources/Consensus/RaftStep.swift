import Primitives

package struct RaftConfiguration: Hashable, Sendable {
    package var profile: TimingProfile
    package var mutants: MutantSet
    package var compaction: Compaction

    package init(profile: TimingProfile, mutants: MutantSet = .none, compaction: Compaction = Compaction()) {
        self.profile = profile
        self.mutants = mutants
        self.compaction = compaction
    }
}

package enum RaftInput<Command: Hashable & Sendable, Image: Hashable & Sendable>: Hashable, Sendable {
    /// `nextDeadline` has passed; an early tick does nothing.
    case tick
    case received(RaftMessage<Command, Image>, from: DeviceID)
    case propose(Command)
    /// Must differ from the present membership by one device.
    case changeMembership(Membership)
    /// ReadIndex: answered in `confirmed` when a quorum, after this, took us for the leader.
    case confirmLeadership(UInt64)
    case transferLeadership(to: DeviceID)
    /// The state machine at `upTo` (applied already) is `image`: older entries may go.
    case compact(upTo: LogIndex, image: Image)
    case linkUp(DeviceID)
    /// The device slept: what it measured before proves nothing.
    case slept
    /// The quorum is lost for good: this device alone votes from now on, in a new group whose first state is the image.
    /// Nobody of the old group may be heard any more (the caller sees to that: every message carries its group).
    case refound(Image)
    /// Another device refounded: this one leaves its group with all that it logged there, and joins the new one.
    case rejoin(Image)
}

/// What a step wants done. `persist` is durable before `send` leaves and before `committed` has any effect outside.
package struct RaftOutput<Command: Hashable & Sendable, Image: Hashable & Sendable>: Hashable, Sendable {
    package var persist = PersistentUpdate<Command, Image>()
    package var send: [RaftEnvelope<Command, Image>] = []
    /// Replaces the state machine before `committed` is applied.
    package var install: Snapshot<Image>?
    package var committed: [Entry<Command>] = []
    package var confirmed: [LeadershipConfirmation] = []
    package var refused: [RaftRefusal<Command>] = []
    package var events: [RaftEvent] = []

    package init() {}

    package mutating func removeAll() {
        if !persist.isEmpty { persist = PersistentUpdate() }
        if !send.isEmpty { send.removeAll(keepingCapacity: true) }
        install = nil
        if !committed.isEmpty { committed.removeAll(keepingCapacity: true) }
        if !confirmed.isEmpty { confirmed.removeAll(keepingCapacity: true) }
        if !refused.isEmpty { refused.removeAll(keepingCapacity: true) }
        if !events.isEmpty { events.removeAll(keepingCapacity: true) }
    }
}

package struct RaftEnvelope<Command: Hashable & Sendable, Image: Hashable & Sendable>: Hashable, Sendable {
    package var to: DeviceID
    package var message: RaftMessage<Command, Image>
}

package struct LeadershipConfirmation: Hashable, Sendable {
    package var id: UInt64
    /// The state applied up to here answers the read linearizably.
    package var index: LogIndex
}

package enum RaftRefusal<Command: Hashable & Sendable>: Hashable, Sendable {
    case proposal(Command)
    case confirmation(UInt64)
    case membership(Membership, Why)
    case transfer(DeviceID, Why)

    package enum Why: Hashable, Sendable {
        case notLeader
        case notAVoter
        case notByOne
        /// The previous change is not committed (thesis, section 4.1).
        case changeUnderWay
        /// No entry of this term is committed yet (the correction of 2015).
        case termNotCommitted
        case transferUnderWay
    }
}

package enum RaftEvent: Hashable, Sendable {
    case becameFollower(Term, leader: DeviceID?)
    case becamePreCandidate(Term)
    case becameCandidate(Term)
    case becameLeader(Term)
    /// A leader that a quorum did not answer for an election timeout (thesis, section 6.2).
    case lostQuorum(Term)
    case transferGivenUp(to: DeviceID)
    case snapshotInstalled(LogIndex)
    case snapshotTaken(LogIndex)
    /// A new group of one begins behind this place of the old log.
    case refounded(LogIndex)
    /// The old group is left, and nothing of the new one is here yet.
    case rejoined
    /// A message that no correct member sends; it was dropped.
    case dropped(String)
    /// A message that would have undone a committed entry; it was dropped.
    case safetyRefusal(String)
}

package enum Role: Hashable, Sendable {
    case follower, preCandidate, candidate, leader
}
