import DeviceCore
import Primitives

/// What comes from outside at a known time.
package struct TimedEvent: Hashable, Sendable {
    package var at: TrueTime
    package var event: ScenarioEvent

    package init(at: TrueTime, event: ScenarioEvent) {
        self.at = at
        self.event = event
    }
}

/// What comes from outside: faults, people, members. A duration that is nil lasts until something ends it.
package enum ScenarioEvent: Hashable, Sendable {
    // Network
    case cut(Cut, Nanoseconds?)
    /// All cuts end.
    case mend
    /// What goes that way waits for so long and arrives in one burst.
    case clog(Route, Nanoseconds)
    case lossBurst(Route, perMillion: Int, Nanoseconds)
    /// What goes that way is lost for so long, and nobody is told that the link is dead.
    case halfOpen(Route, Nanoseconds)
    /// Connections to and from it, and their handshakes, hang for so long.
    case connectHang(Target, Nanoseconds)
    /// Its links break at once; it is found at its new address after so long.
    case addressChange(Target, Nanoseconds)

    // Process
    /// `power`: the machine stops and what was not synced is gone; otherwise only the process dies. It starts again
    /// after `down`, or when a `restart` comes.
    case crash(Target, power: Bool, down: Nanoseconds?)
    /// The next boundary of this kind, after `skipping` others, is the process's last; it starts again after `down`.
    case crashAt(Target, Boundary, skipping: Int, power: Bool, down: Nanoseconds)
    case restart(Target)
    /// It dies and starts so often, so far apart.
    case restartStorm(Target, times: Int, every: Nanoseconds)
    /// One clock stops, links die, nothing runs; wakes after the time given.
    case suspend(Target, Nanoseconds)
    /// The process is stopped; clocks run, messages wait.
    case freeze(Target, Nanoseconds)
    /// Each input takes it that much longer, for so long.
    case slow(Target, perInput: Nanoseconds, Nanoseconds)
    /// Asked to end in order.
    case stop(Target)

    // Clocks
    /// Parts per million of true time.
    case rate(Target, Int64)
    case wallJump(Target, Nanoseconds)

    // Disk
    /// No write ends for so long.
    case diskStall(Target, Nanoseconds)
    /// The next write meets it; the agent ends, and is started again after `down`.
    case diskFault(Target, DiskFault, down: Nanoseconds)
    /// The disk is as it was so long ago (restored from an image). Beyond the model.
    case rollback(Target, age: Nanoseconds)
    /// Everything on the disk is gone: the device comes back as a new one, added by `by`; the old one is removed.
    case wipe(Target, by: Target)
    /// For so long writes are said to be durable that a power cut takes back. Beyond the model.
    case syncLies(Target, Nanoseconds)
    /// A second agent runs with the same identity and a copy of the disk, for so long. Beyond the model.
    case clone(Target, Nanoseconds)

    // Members
    /// A device of `Scenario.late` asks to join.
    case addDevice(Int)
    case removeDevice(Target, by: Target)
    /// A person gives up whoever is away, and goes on from there; by force also if nothing is lost.
    case recover(Target, isForced: Bool)

    case hub(HubFault)

    // People and writers
    case client(Target, ClientPlan)
    case user(Target, UserAction)
    case writers(Target, WriterFault, Nanoseconds)
    /// It has little power, or its link costs, for so long.
    case supply(Target, Supply, Nanoseconds)
}

/// Between which two effects a device can die.
package enum Boundary: Int, Hashable, Sendable, CaseIterable {
    case beforePersist, afterPersist, betweenSends, betweenActions, midApply
    /// The output in which it votes for another has left.
    case afterVote

    package var name: String { "\(self)" }
}

package enum ClientPlan: Hashable, Sendable {
    case sync
    case handoff(to: Int?)
    /// Holds the user lock of that number for so long, then releases it.
    case lock(Int, ttl: Nanoseconds, hold: Nanoseconds, waits: Bool)
    case setting(String, String)
    /// Syncing stops there, or everywhere; for so long, or until somebody resumes it.
    case stop(StopOrder.Kind, everywhere: Bool, Nanoseconds?)
    case resume(everywhere: Bool)
}

/// What a disk can do to a write. The agent ends in each case: it never goes on with what it could not write.
package enum DiskFault: String, Hashable, Sendable, CaseIterable {
    /// The write is there or not; the sync failed.
    case syncFails = "sync-fails"
    /// ENOSPC: nothing of it is there.
    case full
    /// EIO.
    case unwritable
    /// Power fails in the middle of it; the storage's own checks undo what is half there.
    case torn
    /// A stored block is not what was written. The checksum tells: at its next start the agent refuses to run on it.
    case rot
}

/// What a git hub, or a person at it, can do.
package enum HubFault: Hashable, Sendable {
    /// Every push is refused for so long.
    case refuses(Nanoseconds)
    /// The next so many pushes are carried out, and their answers are lost.
    case losesReplies(Int)
    /// No push or fetch ends for so long.
    case hangs(Nanoseconds)
    /// Somebody without an agent pushes a change of his own.
    case foreignPush
    /// Somebody pushes an old state with force.
    case forcedPush
    /// Somebody deletes the fence.
    case fenceDeleted
}

/// What a person does to the workspace, at once.
package enum UserAction: String, Hashable, Sendable, CaseIterable {
    case edit, create, delete, rename
    /// Only the case of the name changes.
    case caseRename = "case-rename"
    /// Other bytes, with the size and the time of the old ones.
    case sameSizeEdit = "same-size-edit"
    /// Many edits at once.
    case burst
    /// A rebase is under way for a while: nothing may be applied meanwhile.
    case rebase
    /// A stale lock of git's index lies there for a while.
    case indexLock = "index-lock"
}

/// How writers misbehave, for a time.
package enum WriterFault: String, Hashable, Sendable, CaseIterable {
    /// They write on, whatever the gate says.
    case ignoresPause = "ignores-pause"
    /// They answered that they paused, and a child of theirs writes on.
    case childWrites = "child-writes"
    /// All that they could not write is written as soon as the gate opens.
    case burstOnResume = "burst-on-resume"
}
