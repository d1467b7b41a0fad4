import Primitives
import SyncRounds

/// How an epoch began, as the replicated state keeps it.
package struct EpochRecord: Hashable, Sendable {
    package var epoch: Epoch
    /// The one that it took the place of.
    package var parent: Epoch
    /// Who recovered the mesh.
    package var founder: DeviceID
    /// The head that it went on from: whoever was not there has rounds in common with the mesh up to here at most. Nil:
    /// nothing was published.
    package var head: Revision?

    package init(epoch: Epoch, parent: Epoch, founder: DeviceID, head: Revision?) {
        self.epoch = epoch
        self.parent = parent
        self.founder = founder
        self.head = head
    }
}

/// What a person who wants the mesh recovered has to know first.
package struct RecoveryView: Hashable, Sendable {
    /// Of the mesh as it is.
    package var epoch: Epoch
    /// The log's end here; a recovery is asked for as of this place.
    package var lastIndex: LogIndex
    /// Where the mesh would go on: the newest head that this device's log names.
    package var head: Revision?
    package var round: UInt64
    /// Who votes, and which of them this device has a link with (itself included).
    package var voters: [DeviceID]
    package var present: [DeviceID]
    /// Another member of whose link this device knows none.
    package var absent: [DeviceID]
    /// Whom this device follows as leader of the consensus, itself included.
    package var leader: DeviceID?
    package var rivals: [DeviceID]
    package var hub: HubRecord?
}

/// What is asked of the one device that goes on. The shell has looked whether `head` is whole here.
package struct RecoveryOrder: Hashable, Sendable {
    /// Drawn by the shell, one of `Epoch.draws`.
    package var draw: UInt64
    /// As `RecoveryView` had it.
    package var lastIndex: LogIndex
    /// The newest published revision whose objects are all on this device.
    package var head: Revision?
    /// Also if voters answer.
    package var isForced: Bool
    /// The new epoch's number is greater than this one, too: the hub knows of an epoch that this device does not.
    package var after: UInt64

    package init(draw: UInt64, lastIndex: LogIndex, head: Revision?, isForced: Bool = false, after: UInt64 = 0) {
        self.after = after
        self.draw = draw
        self.lastIndex = lastIndex
        self.head = head
        self.isForced = isForced
    }
}

package enum RecoveryRefusal: Hashable, Sendable {
    /// This device knows no mesh yet, or is removed from it.
    case notAMember
    /// A leader is followed here, or enough voters answer to elect one: nothing is lost.
    case quorumLives(leader: DeviceID?, answering: [DeviceID])
    /// The log went on since the person was asked.
    case logMoved
    case stopping
    /// There is no number after this epoch's.
    case noEpochLeft
}

/// Something that happened to the mesh's epoch, as this device sees it.
package enum EpochEvent: Hashable, Sendable {
    /// This device goes on alone; `lost` voted before and did not answer.
    case recovered(EpochRecord, lost: [DeviceID])
    /// `by` is of a newer epoch, and this device joins it.
    case rejoined(from: Epoch, to: Epoch, by: DeviceID)
    /// A message of another epoch was not taken.
    case unheard(DeviceID, theirs: Epoch)
    /// Two recoveries of one number; neither side hears the other.
    case rival(DeviceID, theirs: Epoch, ours: Epoch)
    /// After a rejoin: the working tree rests on the last round in common. `wasStray`: it rested on later ones before.
    case grounded(Revision?, wasStray: Bool)
    case groundingFailed(String)
}
