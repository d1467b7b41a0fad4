import Consensus
import Locks
import Primitives
import SyncRounds

/// Everything that one device says to another on a control link. What is large and rare lies behind a reference, so
/// that the frequent ones (consensus, renewals) are quick to move.
package enum PeerMessage: Hashable, Sendable {
    case raft(MeshRaftMessage)
    /// To the quorum leader: put this command into the log. Answered by the log itself, or by `notLeader`.
    indirect case propose(MeshCommand)
    /// The receiver is not the quorum leader; `leader` is its best guess.
    indirect case notLeader(RequestID, leader: DeviceID?)
    /// To the quorum leader: I still hold these. `number` orders the sender's renewals.
    case renew(number: UInt64, [LeaseRenewal])
    /// A quorum confirmed, after the renewal arrived, that the answerer still leads.
    case renewed(number: UInt64, [LeaseAnswer])
    indirect case round(RoundMessage)
    /// Facts for status and for the scheduler, sent when they change and when a link comes up.
    indirect case facts(DeviceFacts)
    /// To the sync leader: a person asks for a round, or for one that undoes another; `number` is the asker's.
    indirect case syncRequest(number: UInt64, undo: UndoTarget? = nil)
    /// The round that answered a `syncRequest`, or why there was none.
    indirect case syncAnswer(number: UInt64, SyncAnswer)
    /// To the sync leader: pass leadership to `target` (nil: whoever is fit).
    case handoffRequest(number: UInt64, target: DeviceID?)
    indirect case handoffAnswer(number: UInt64, HandoffAnswer)
    /// The sender stops soon; true as long as it has not said otherwise.
    case leaving(Bool)
    /// What stops the mesh, as the sender knows it: when it changes and when a link comes up.
    indirect case stop(MeshStop)
}

package struct LeaseRenewal: Hashable, Sendable {
    package var name: LockName
    package var token: FencingToken

    package init(name: LockName, token: FencingToken) {
        self.name = name
        self.token = token
    }
}

package struct LeaseAnswer: Hashable, Sendable {
    package var name: LockName
    /// The grant's present token and holder; nil if nobody holds the lock.
    package var current: LeaseHolder?

    package init(name: LockName, current: LeaseHolder?) {
        self.name = name
        self.current = current
    }
}

package struct LeaseHolder: Hashable, Sendable {
    package var device: DeviceID
    package var token: FencingToken

    package init(device: DeviceID, token: FencingToken) {
        self.device = device
        self.token = token
    }
}

/// What a device tells the others about itself. Ages are durations, never instants.
package struct DeviceFacts: Hashable, Sendable {
    package var base: Revision?
    package var pendingFiles: UInt32
    package var firstChangeAge: Duration
    package var lastChangeAge: Duration
    package var activeWriters: UInt32
    package var pausedWriters: UInt32
    /// Why the head is not in place here, in words; nil if nothing hinders.
    package var waiting: String?
    package var version: String
    /// From the sync leader: how the hub stands.
    package var hub: HubFacts?
    /// A person stopped it: it takes part in no round.
    package var isStopped: Bool
    package var power: PowerFacts
    /// It just started, woke up or is about to stop: its changes do not wait for quiet.
    package var trigger: RoundReason?

    package init(
        base: Revision? = nil, pendingFiles: UInt32 = 0, firstChangeAge: Duration = .zero,
        lastChangeAge: Duration = .zero,
        activeWriters: UInt32 = 0, pausedWriters: UInt32 = 0, waiting: String? = nil, version: String = "",
        hub: HubFacts? = nil, isStopped: Bool = false, power: PowerFacts = PowerFacts(),
        trigger: RoundReason? = nil
    ) {
        self.base = base
        self.pendingFiles = pendingFiles
        self.firstChangeAge = firstChangeAge
        self.lastChangeAge = lastChangeAge
        self.activeWriters = activeWriters
        self.pausedWriters = pausedWriters
        self.waiting = waiting
        self.version = version
        self.hub = hub
        self.isStopped = isStopped
        self.power = power
        self.trigger = trigger
    }
}

package enum SyncAnswer: Hashable, Sendable {
    case done(RoundOutcome)
    case notLeader
    case refused(String)
}

/// A finished round, as whoever asked for it is told.
package struct RoundOutcome: Hashable, Sendable {
    package var round: RoundID
    /// The number that people see: how many rounds were published up to here.
    package var number: UInt64
    package var result: RoundResult
    package var changedFiles: UInt32
    package var participants: [DeviceID]
    package var leftOut: [DeviceID]
    package var took: Duration

    package init(
        round: RoundID, number: UInt64, result: RoundResult, changedFiles: UInt32, participants: [DeviceID],
        leftOut: [DeviceID], took: Duration
    ) {
        self.round = round
        self.number = number
        self.result = result
        self.changedFiles = changedFiles
        self.participants = participants
        self.leftOut = leftOut
        self.took = took
    }
}

package enum HandoffAnswer: Hashable, Sendable {
    case done(to: DeviceID, token: FencingToken)
    case notLeader
    case refused(HandoffRefusal)
}

package enum HandoffRefusal: Error, Hashable, Sendable {
    case notAMember(DeviceID)
    case unreachable(DeviceID)
    case behind(DeviceID, waiting: String?)
    case alreadyLeader(DeviceID)
    case nobodyElse
    case leaseLost
    case roundDidNotEnd
}
