import Consensus
import Locks
import Primitives
import SyncRounds

/// Everything that can happen to a device. Results carry the round that asked for them; late ones are ignored. What is
/// large and rare lies behind a reference.
package enum DeviceInput: Hashable, Sendable {
    /// `nextDeadline` has passed (or not: an early tick does nothing).
    case tick
    /// Of the epoch that its frame names.
    case received(PeerMessage, from: DeviceID, of: Epoch)
    case linkUp(DeviceID)
    case linkDown(DeviceID)
    /// A local client asks. `tag` names the question; the answer carries it.
    indirect case request(tag: UInt64, ClientRequest)
    /// The client behind the tag is gone: its locks are released, its waits end.
    case cancelled(tag: UInt64)
    /// How many files differ from the base now (0 = clean); a scan's or a watcher's result.
    case workspaceChanged(pendingFiles: UInt32)
    case writersChanged(active: UInt32, paused: UInt32)
    case gateClosed(RoundID, WriterReport)
    /// The gate opened by itself: its deadline passed or somebody forced it.
    case gateOpenedEarly(RoundID)
    indirect case captured(RoundID, Completion<CaptureReport>)
    case fetched(RoundID, Revision, Completion<Bool>)
    indirect case merged(RoundID, Completion<MergeReport>)
    case staged(RoundID, Revision, Completion<Bool>)
    /// The apply has put the files in place: writers may go on while the rest of it is done.
    case filesInPlace(RoundID)
    indirect case applied(RoundID, Completion<ApplyReport>)
    /// What the working tree rests on now, after `ground`.
    case grounded(onto: Revision?, Completion<Revision?>)
    indirect case hub(HubAnswer)
    /// The agent is asked to end: hand off, then answer `stopped`.
    case stop
}

package enum ClientRequest: Hashable, Sendable {
    /// A round now, whatever the schedule says.
    case sync
    /// A round now that takes back what an earlier one changed.
    case undo(UndoTarget)
    case handoff(to: DeviceID?)
    case acquire(LockName, ttl: Duration, waits: Bool)
    case release(LockName)
    case putDevice(DeviceRecord)
    case removeDevice(DeviceID)
    case set(Setting)
    case unset(key: String)
    indirect case hub(HubChange)
    case review(ReviewCommand)
    /// No rounds led from here and none taken part in, or the same on every device.
    indirect case stop(StopOrder, everywhere: Bool)
    case resume(everywhere: Bool)
    /// The quorum is lost for good: go on from this device alone.
    case recover(RecoveryOrder)
}

package enum ClientReply: Hashable, Sendable {
    case synced(RoundOutcome)
    case handedOff(to: DeviceID, token: FencingToken)
    case handoffRefused(HandoffRefusal)
    case granted(LockName, FencingToken)
    /// The lock was lost after it was granted: stop what runs under it.
    case lost(LockName, FencingToken)
    case lockRefused(LockRefusal)
    case done
    /// Durable: the mesh goes on in this epoch.
    case recovered(Epoch)
    case recoveryRefused(RecoveryRefusal)
    case refused(MeshRefusal)
    /// No quorum leader is known or none answered in time.
    case noQuorum
    /// No sync leader is known or none answered in time.
    case noLeader
    case failed(String)
}
