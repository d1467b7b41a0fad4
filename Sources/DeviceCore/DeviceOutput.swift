import Consensus
import Locks
import Primitives
import SyncRounds

/// What a step wants done, in this order: `persist` is durable before anything after it is carried out.
package struct DeviceOutput: Hashable, Sendable {
    /// Entries for followers that rest on nothing that this step makes durable: a leader writes its log while they
    /// write theirs (Ongaro's thesis, section 10.2.1).
    package var sendAhead: [PeerEnvelope] = []
    /// Of all messages of this output: their frames name it.
    package var epoch = Epoch.first
    package var persist = DeviceUpdate()
    package var send: [PeerEnvelope] = []
    package var actions: [DeviceAction] = []
    package var replies: [TaggedReply] = []
    package var events: [DeviceEvent] = []
    /// The replicated roster changed: links and pins follow it.
    package var rosterChanged = false
    /// The replicated settings changed: shells that follow some are told.
    package var settingsChanged = false
    /// Everything that a graceful stop needs is done.
    package var stopped = false

    package init() {}

    package mutating func removeAll() {
        if !sendAhead.isEmpty { sendAhead.removeAll(keepingCapacity: true) }
        persist.removeAll()
        if !send.isEmpty { send.removeAll(keepingCapacity: true) }
        if !actions.isEmpty { actions.removeAll(keepingCapacity: true) }
        if !replies.isEmpty { replies.removeAll(keepingCapacity: true) }
        if !events.isEmpty { events.removeAll(keepingCapacity: true) }
        rosterChanged = false
        settingsChanged = false
        stopped = false
    }
}

package struct PeerEnvelope: Hashable, Sendable {
    package var to: DeviceID
    package var message: PeerMessage

    package init(to: DeviceID, message: PeerMessage) {
        self.to = to
        self.message = message
    }
}

package struct TaggedReply: Hashable, Sendable {
    package var tag: UInt64
    package var reply: ClientReply

    package init(tag: UInt64, reply: ClientReply) {
        self.tag = tag
        self.reply = reply
    }
}

/// What must be on disk before the rest of the output leaves.
package struct DeviceUpdate: Hashable, Sendable {
    package var raft = PersistentUpdate<MeshCommand, MeshState>()
    /// The highest token accepted for the workspace, if this step raised it.
    package var acceptedToken: FencingGate?
    /// What stops this device, if this step changed it.
    package var stops: StopState?
    /// Whether the base may be of rounds that the mesh does not have, if this step changed it.
    package var isStray: Bool?

    package init() {}

    package var isEmpty: Bool { acceptedToken == nil && stops == nil && isStray == nil && raft.isEmpty }

    package mutating func removeAll() {
        guard !isEmpty else { return }
        raft = PersistentUpdate()
        acceptedToken = nil
        stops = nil
        isStray = nil
    }
}

/// What storage gives back at start.
package struct DevicePersistentState: Hashable, Sendable {
    package var raft: PersistentState<MeshCommand, MeshState>
    package var acceptedToken: FencingGate
    package var stops: StopState
    /// The device left an epoch, and its base is not settled in the new one yet.
    package var isStray: Bool

    package init(
        raft: PersistentState<MeshCommand, MeshState>, acceptedToken: FencingGate = FencingGate(),
        stops: StopState = StopState(), isStray: Bool = false
    ) {
        self.isStray = isStray
        self.raft = raft
        self.acceptedToken = acceptedToken
        self.stops = stops
    }
}

/// Work for the git and writer shells. Each answers with the input of the same name, also when it fails.
package enum DeviceAction: Hashable, Sendable {
    /// Close the gate; it opens by itself after `limit`, whatever happens. Answer: `gateClosed`.
    case closeGate(RoundID, limit: Duration)
    /// Moves the deadline of a closed gate to `limit` from now, within `Limits.pauseMax` of its closing.
    case extendGate(RoundID, limit: Duration)
    case openGate(RoundID)
    case capture(RoundID)
    /// Make `revision` complete here by fetching it from `from` (a no-op if it is).
    case fetch(RoundID, Revision, from: DeviceID)
    case merge(RoundID, head: Revision?, captures: [DeviceCapture], undo: UndoTarget? = nil)
    /// Fetch from the leader, verify, pin, make durable, prepare the files.
    case stage(RoundID, Revision, from: DeviceID)
    case apply(RoundID, Revision)
    /// The round is over here: prepared files may go; captures and staged objects stay pinned.
    case endRound(RoundID)
    /// The published head moved (a ref to set; no tree is touched).
    case headMoved(Revision)
    /// The device left an epoch, and the one that it joined began at this head. The newest round before the base that
    /// the head comes after, the last one in common, is the base from now on; the old base stays pinned, and what it
    /// brought is a change again. Nil: nothing is in common. `from`: who may have the head if it is not here.
    /// Answer: `grounded`.
    case ground(onto: Revision?, from: [DeviceID])
    /// Answer: `hub`, with the order's number.
    indirect case hub(HubOrder)
}

/// What happened, for the audit, the log, metrics and the simulator's checks.
package enum DeviceEvent: Hashable, Sendable {
    case consensus(RaftEvent)
    case lock(LockEvent)
    /// The sync lock's lease is confirmed here: this device leads.
    case leading(FencingToken)
    /// This device no longer acts as leader; `current` is the newer token if one is known.
    case leadershipLost(FencingToken, current: FencingToken?)
    /// Why a round starts, told just before it does; nil: why none starts although somebody needs one. A change of mind
    /// is told, not each look.
    indirect case decided(RoundID?, ScheduleDecision)
    case roundStarted(RoundID, RoundReason, members: [DeviceID])
    case roundPhase(RoundID, RoundPhase)
    case roundEnded(RoundSummary)
    case published(Publication, number: UInt64)
    case publicationRefused(Publication, PublicationRefusal)
    /// A message with a stale token was refused here (protocol.md, section 6).
    case refusedToken(presented: FencingToken, from: DeviceID, highest: FencingToken, holder: DeviceID?)
    case pauseEnded(RoundID, held: Duration, early: Bool, WriterReport)
    /// What a device says of its part in a round, by itself (`from` is this device) or as the round's leader hears it.
    case memberSaid(RoundMessage, from: DeviceID)
    case applied(RoundID, ApplyReport)
    case declined(RoundID, RoundDecline)
    case membership(Membership)
    case hub(HubEvent)
    /// A conflict was resolved, a brake was pulled, lifted or overruled.
    case review(ReviewEvent)
    case stop(StopEvent)
    indirect case epoch(EpochEvent)
    case slept(Duration)
    case dropped(String)
}
