import Consensus
import Locks
import Primitives
import SyncRounds

// DeviceCore: one whole device as one value: consensus, the replicated state, leases, rounds, requests.
// The agent and the simulator drive this very type.
// Never: I/O, a clock, randomness of the system, logging. Shells carry out `DeviceOutput` in its order.
// Start with DeviceInput.swift and DeviceOutput.swift, then Device.swift.

/// One command of the replicated log. A command whose request was answered before is not applied again.
package struct MeshCommand: Hashable, Sendable {
    package var request: RequestID
    package var operation: MeshOperation

    package init(request: RequestID, operation: MeshOperation) {
        self.request = request
        self.operation = operation
    }
}

package enum MeshOperation: Hashable, Sendable {
    case lock(LockCommand)
    case publish(Publication)
    /// A new device, or new addresses or another name of a known one.
    case putDevice(DeviceRecord)
    /// Leaves a tombstone: the key can never come back.
    case removeDevice(DeviceID)
    /// Keys and values are checked before they are proposed and again when they are read.
    case set(Setting)
    /// Back to the default.
    case unset(key: String)
    case hub(HubChange)
    /// What people are asked, and what they answer.
    case review(ReviewCommand)
}

/// What becomes of the mesh's hub.
package enum HubChange: Hashable, Sendable {
    case put(HubRecord)
    case remove
    /// A person's word about what stands there now.
    case accept(HubAcceptance)
}

/// The commit point of a round: accepted only with the sync lock's current token, a sequence above the last published
/// one of that token, `old` equal to the head, and if `holders` are a quorum of those who vote as of its entry: the
/// leader counted under the membership that it knew, and that may be another by then.
package struct Publication: Hashable, Sendable {
    package var round: RoundID
    package var old: Revision?
    package var new: Revision
    package var changedFiles: UInt32
    package var conflicts: UInt32
    /// The names of those conflicts, at most `Limits.openConflicts`.
    package var opened: [ShortID]
    /// The devices that have `new` on disk, sorted.
    package var holders: [DeviceID]
    /// The number of the round that this one undoes.
    package var undoes: UInt64?

    package init(
        round: RoundID, old: Revision?, new: Revision, changedFiles: UInt32 = 0, conflicts: UInt32 = 0,
        opened: [ShortID] = [], holders: [DeviceID], undoes: UInt64? = nil
    ) {
        self.opened = opened
        self.round = round
        self.old = old
        self.new = new
        self.changedFiles = changedFiles
        self.conflicts = conflicts
        self.holders = holders
        self.undoes = undoes
    }
}

/// A member as every device knows it.
package struct DeviceRecord: Hashable, Sendable {
    package var device: DeviceID
    package var name: String
    /// `host:port`, in the order in which they are tried.
    package var addresses: [String]

    package init(device: DeviceID, name: String, addresses: [String]) {
        self.device = device
        self.name = name
        self.addresses = addresses
    }
}

package enum MeshOutcome: Hashable, Sendable {
    case lock(LockOutcome)
    case published(number: UInt64)
    case publicationRefused(PublicationRefusal)
    case done
    case refused(MeshRefusal)
}

package enum PublicationRefusal: Hashable, Sendable {
    case staleToken(presented: FencingToken, current: FencingToken?)
    case staleSequence(presented: UInt64, last: UInt64)
    case headMoved(expected: Revision?, head: Revision?)
    /// So many of so many voters hold it.
    case notHeld(holders: UInt32, voters: UInt32)
}

package enum MeshRefusal: Hashable, Sendable {
    case removedDevice
    /// Devices, removed devices or settings: there is a limit of each.
    case limitReached
    case nameTaken
    case noHub
    /// The conflict was resolved before, or never was; nobody asks about these deletions.
    case notOpen
}

package typealias MeshRaft = Raft<MeshCommand, MeshState>
package typealias MeshEntry = Entry<MeshCommand>
package typealias MeshRaftMessage = RaftMessage<MeshCommand, MeshState>
