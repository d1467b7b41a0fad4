/// Every limit of a queue, message, wait or retry has its name here, so that none is unbounded and each is tested.
public enum Limits {
    // Names
    public static let lockNameBytes = 128
    public static let deviceNameBytes = 63

    // Mesh
    public static let devices = 9
    public static let voters = 5

    // Frames on a control link
    public static let frameBytes = 1 << 20
    /// Log bytes that one append message may carry; the rest goes with the next.
    public static let appendBytes = 256 << 10
    public static let appendEntries = 128
    /// Append messages to one peer that are not yet answered.
    public static let appendsInFlight = 16
    /// Frames waiting to be written to one peer; the oldest protocol messages are dropped beyond (they are retried).
    public static let outboundFrames = 1024
    /// Inputs waiting for the device's one step loop.
    public static let inboundInputs = 4096

    // Log
    /// Entries after which the state machine is compacted into a snapshot.
    public static let snapshotAfterEntries: UInt64 = 1024
    /// Entries kept behind a snapshot, for a peer that is nearly caught up.
    public static let entriesKeptBehindSnapshot: UInt64 = 128
    public static let proposalsInFlight = 256
    /// Terms and log indexes of a message are below this: no mesh gets there by working, and adding cannot overflow.
    public static let largestNumber: UInt64 = 1 << 62
    public static let readsInFlight = 256

    // Epochs
    /// A device of another epoch is told of this one at most so often.
    public static let epochWord: Duration = .seconds(1)
    /// The workspace is asked again for the last round in common so long after it failed to say, or did not answer.
    public static let groundingRetry: Duration = .seconds(5)
    public static let groundingPatience: Duration = .seconds(600)

    // Requests
    /// Outcomes remembered per device, so that a retry is answered and not applied again.
    public static let rememberedRequests = 64
    public static let lockWaiters = 64
    public static let locks = 256
    /// How long a lease may last without a renewal.
    public static let lockTTL: ClosedRange<Duration> = .milliseconds(10)...(.seconds(3600))
    /// Acquires and renewals of one lock that a holder remembers as unanswered.
    public static let unansweredRenewals = 16

    // Rounds
    /// A gate is closed no longer than this without a word from the round's leader.
    public static let leaderSilence: Duration = .seconds(8)
    /// The hard bound of one pause, whatever happens.
    public static let pauseMax: Duration = .seconds(300)
    /// A writer that does not answer within this is counted as not paused.
    public static let quiesceGrace: Duration = .milliseconds(500)
    public static let roundTimeout: Duration = .seconds(120)
    /// Both sides of a round say at least this often that they are at work.
    public static let roundWord: Duration = .seconds(1)
    /// A member that says nothing for this long is left out of the round.
    public static let memberSilence: Duration = .seconds(3)

    // Children
    public static let gitDeadline: Duration = .seconds(120)
    public static let killGrace: Duration = .seconds(2)
    /// Bytes of standard output that one git process may give us (a listing of a very large tree).
    public static let gitOutputBytes = 512 << 20
    public static let gitErrorBytes = 64 << 10

    /// A scan looks everywhere at least this often, whatever a watcher says.
    public static let wholeScan: Duration = .seconds(600)

    /// A capture during which the user's git checked out other files is made anew so often, then kept to the device.
    public static let captureTries = 3
    /// How often, and how long apart, a capture looks whether the user's git command has ended.
    public static let lockLooks = 20
    public static let lockLook: Duration = .milliseconds(10)
    /// Of the user's reflog: how far back a capture looks for a checkout.
    public static let reflogLines = 64
    /// Seconds after which an `index.lock` is rather one that a killed git left.
    public static let freshLock = 10

    /// New files that one capture takes without a question: more are rather a build or a download than somebody's work.
    public static let newFilesAtOnce = 20_000
    /// Captures in a row that hold a file back because it keeps changing; then it is captured as it is.
    public static let hotRounds = 5
    /// A store with more packs than this, or more loose objects, is repacked between rounds.
    public static let storePacks = 60
    public static let storeLooseObjects = 2000
    /// The store's age is looked at this often, and what was let go is swept so much later.
    public static let retentionLook: Duration = .seconds(6 * 3600)
    public static let retentionPause: Duration = .seconds(600)
    public static let maintenanceDeadline: Duration = .seconds(600)

    // Control socket
    public static let controlMessageBytes = 1 << 20
    public static let controlConnections = 64
    /// Calls of one connection that are not yet answered.
    public static let controlCallsInFlight = 32
    /// A message that was begun is whole within this.
    public static let controlHalfMessage: Duration = .seconds(5)
    /// Bytes that wait for a client that does not read.
    public static let controlOutboundBytes = 4 << 20
    /// Notices, and items of one stream, that wait in a client for their reader.
    public static let controlItems = 1024

    // Invites
    public static let inviteLifetime: Duration = .seconds(600)
    public static let inviteAttempts = 5
    public static let openInvites = 8
    /// Used, burned and expired invites remembered, so that a late joiner is told what happened to its invite.
    public static let closedInvites = 32
    public static let inviteAddresses = 16
    public static let inviteAddressBytes = 255
    /// Characters of an invite's text that are looked at.
    public static let inviteTextBytes = 8 << 10
    /// A key file or a certificate beyond this is not one of ours.
    public static let keyFileBytes = 64 << 10
    public static let certificateBytes = 16 << 10

    // Values in messages and in the database
    /// A sentence for people (why a device waits, why a round was given up).
    public static let messageTextBytes = 2048
    public static let versionBytes = 64
    public static let writerNamesInMessage = 64
    public static let writerNameBytes = 128
    public static let deviceAddresses = 16
    public static let addressBytes = 264
    /// All addresses of one device together: so that `appendEntries` of the largest entries still fit into one frame.
    public static let deviceAddressesBytes = 2 << 10
    public static let settingKeyBytes = 64
    public static let settingValueBytes = 4 << 10
    public static let settings = 64
    /// Keys and values of all settings together: so that a snapshot of everything else fits beside them.
    public static let settingsBytes = 32 << 10
    /// The file of one device's own settings.
    public static let settingsFileBytes = 256 << 10
    public static let workspaceNameBytes = 128
    public static let branchBytes = 255
    /// A snapshot is one message, and leaves room in its frame for the rest of it.
    public static let snapshotBytes = (1 << 20) - (4 << 10)
    /// Tombstones of removed devices that a mesh can carry.
    public static let removedDevices = 1024

    // Storage
    /// Audit rows kept; the oldest go first.
    public static let auditRowsKept = 100_000
    public static let auditTextBytes = 4096
    public static let auditDetailsBytes = 64 << 10
    /// Rows that one read of a walk along the audit's chain takes.
    public static let auditVerifyBatch = 500
    public static let storedValueBytes = 1 << 20
    /// Rounds whose phases the journal remembers.
    public static let journalRounds = 64

    // Links
    public static let handshakeTimeout: Duration = .seconds(5)
    public static let reconnectFloor: Duration = .milliseconds(100)
    public static let reconnectCeiling: Duration = .seconds(10)
    public static let unauthenticatedLinks = 32
    public static let streamsPerPeer = 8
    public static let streamHeaderBytes = 8 << 10
    /// Bytes waiting to be written to one peer.
    public static let outboundBytes = 16 << 20
    /// A link with no traffic for this long is asked whether it lives, and closed after `linkSilence`.
    public static let keepalive: Duration = .seconds(5)
    public static let linkSilence: Duration = .seconds(15)
    /// An unfinished frame must grow by this much within `handshakeTimeout`.
    public static let stalledFrameBytes = 64 << 10
    /// A stream on which no byte moves either way for this long is closed.
    public static let streamSilence: Duration = .seconds(120)
    public static let streamChunkBytes = 64 << 10
    public static let joinRequestBytes = 8 << 10
    public static let joinReplyBytes = 1 << 20
    public static let joinTimeout: Duration = .seconds(10)
    /// Join requests that may be under way at once, and that may come at once after a quiet time (then one a second).
    public static let joinsInFlight = 4
    public static let joinBurst = 16
    public static let auditRowsShown = 10_000
}

// The device's own bookkeeping.
extension Limits {
    /// Messages of a device to itself within one step.
    public static let turnsPerStep = 10_000
    /// How long a command may look for a quorum leader that takes it.
    public static let requestPatience: Duration = .seconds(10)
    /// A round's sequence is the agent's incarnation shifted by this, plus a count: it grows over restarts too.
    public static let sequenceBits: UInt64 = 20
    /// After the first failed round; doubled by each failure in a row.
    public static let roundBackOff: Duration = .seconds(1)
    public static let backOffDoublings: UInt64 = 8
    /// A pause after a failed round is longer by up to a sixth, at random: with all doublings still below 5 minutes.
    public static let backOffJitter: Int = 6
    /// A device that stays behind although it takes part waits twice as long after each round that comes to nothing, up
    /// to an hour and a quarter.
    public static let stragglerDoublings: UInt64 = 12
    /// Below so many percent a battery that is not charged is spared.
    public static let lowBattery: UInt8 = 20
    /// How long changes are told as those of a start or of a waking up, and do not wait for quiet.
    public static let triggerLasts: Duration = .seconds(60)
    /// A stop waits so long for a round that takes this device's last changes.
    public static let exitPatience: Duration = .seconds(2)
    /// Rounds in a row with too few voters after which a sync leader hands off to the quorum leader.
    public static let lonelyRounds = 3
    /// A round under way may end by itself before a handoff or a stop aborts it.
    public static let handoffPatience: Duration = .seconds(5)
    public static let stopPatience: Duration = .seconds(8)
    /// Local clients that wait for the sync leader or for a lock of this device.
    public static let clientWaits = 64
    public static let lockWait: Duration = .seconds(86_400)
    /// The quorum leader looks at the membership at least this often.
    public static let membershipInterval: Duration = .seconds(1)
    /// A learner this close to the end of the log may vote.
    public static let promotionLag: UInt64 = 64
    /// Facts of one device are told at most this often.
    public static let factsInterval: Duration = .milliseconds(200)
    /// A device that needs a round says so again after this, in case the last word of it was lost.
    public static let factsReminder: Duration = .seconds(5)

    // Writers
    /// Entries that wait for a closed gate to open.
    public static let gateWaiters = 256
    /// Open sections of one writer.
    public static let gateSections = 64
    /// A section that is neither left nor renewed ends by itself.
    public static let gateSectionLifetime: Duration = .seconds(60)
    public static let gateSectionLifetimeMax: Duration = .seconds(3600)
    public static let writerNameCharacters = 128
    /// A wrapped writer with a file open for writing runs this long before it is stopped again; doubled each time.
    public static let thawBetweenTries: ClosedRange<Duration> = .milliseconds(2)...(.milliseconds(50))
    /// A stopped group that is not seen to be still for this long runs on and is stopped again; doubled each time.
    public static let stillWithin: ClosedRange<Duration> = .milliseconds(10)...(.milliseconds(80))
    /// A wrapper gives up here, so that its answer cannot come after `quiesceGrace`.
    public static let freezeAttempts: Duration = .milliseconds(400)
    /// Processes of one wrapped command that left its group; with more it is not stopped but named.
    public static let strayProcesses = 256
    /// Control groups within each other that a command may make, and that are looked into.
    public static let cgroupDepth = 8
    /// Tries to remove the cgroup of a command that ended, 10 ms apart.
    public static let cgroupRemovals = 8
    /// How often a wrapper buries orphans of its command that ended.
    public static let orphanPause: Duration = .seconds(5)
    /// How often a wrapper whose command ended looks whether what it left has ended, too.
    public static let leftoverPause: Duration = .milliseconds(200)
}

// The agent's shells.
extension Limits {
    /// Revisions that a fetch names as present.
    public static let streamHaves = 16
    /// The workspace is scanned at least this often, whatever the watcher says.
    public static let regularScan: Duration = .seconds(30)
    /// While something of the user's own git is under way.
    public static let busyScan: Duration = .seconds(3)
    /// Between a wake-up and its scan: a burst of changes is one.
    public static let scanPause: Duration = .milliseconds(100)
    /// Writers named in one round's report.
    public static let writersNamed = 32
    public static let auditRowsWaiting = 4096
    /// A watcher of `status.watch` gets at most ten reports a second.
    public static let statusPause: Duration = .milliseconds(100)
}

// Watching a workspace.
extension Limits {
    /// How often a workspace that cannot be watched is looked at.
    public static let watchPoll: Duration = .seconds(3)
}

// Streams to devices that have just joined.
extension Limits {
    /// How long a stream waits for the log to name its peer's address.
    public static let addressPatience: Duration = .seconds(2)
}

// Merging.
extension Limits {
    /// Conflicts that wait for a person, in the replicated state; what is beyond is counted, and kept in the history.
    public static let openConflicts = 4096
    /// How long both versions of a conflict are kept after it was resolved.
    public static let conflictsKept: Duration = .seconds(30 * 86_400)
    /// Bytes of a difference between two versions that are shown.
    public static let differenceBytes = 256 << 10
    /// A version that a person gives to resolve a conflict with.
    public static let resolutionBytes = 64 << 20
    /// Paths of conflicts that a status report carries.
    public static let conflictPathsShown = 64
    /// Published rounds in which a device's own earlier capture is looked for.
    public static let roundsLookedBack = 64
}

// Looking back.
extension Limits {
    /// Paths that an undo names as left in its revision.
    public static let undoPathsNamed = 1000
    /// Paths that filters leave out, named in a status report; all are counted.
    public static let leftOutShown = 100
    /// Changes of one path that are shown.
    public static let pathChangesShown = 1000
    /// Paths that one reply of the control socket lists; it counts all.
    public static let pathsInReply = 2000
    /// Paths that one audit row names.
    public static let auditPathsNamed = 200
}

// The user's own repository.
extension Limits {
    /// Tries to add a pack while commands of the user clean up beside it.
    public static let packTries = 8
    /// Looks, a millisecond apart, at a file of ours that seems to be open for writing.
    public static let busyLooks = 50
}

// The hub.
extension Limits {
    public static let hubURLBytes = 1024
    /// A longer name in a URL is rather a token.
    public static let hubUserBytes = 32
    /// The leader looks at the hub at least this often.
    public static let hubPoll: Duration = .seconds(30)
    /// What was heard of the hub less than this ago need not be asked again before an automatic round.
    public static let hubFresh: Duration = .seconds(5)
    /// A round that is due waits this long for a look at the hub; nobody is paused meanwhile.
    public static let hubPatience: Duration = .milliseconds(1500)
    /// After the first failure; doubled by each failure in a row, `backOffDoublings` times.
    public static let hubBackOff: Duration = .seconds(1)
    /// Pushes in a row that found something else there, before that is a failure.
    public static let hubRaces: UInt64 = 3
    /// A look of git's is killed after this.
    public static let hubDeadline: Duration = .seconds(60)
    /// A push: the first one carries the whole history.
    public static let hubPushDeadline: Duration = .seconds(600)
    /// What git was asked and did not answer for this long counts as failed.
    public static let hubAnswer: Duration = .seconds(900)
    /// Commits of a hub's branch in which the newest token is looked for.
    public static let hubCommitsLookedBack = 64
}

// The record.
extension Limits {
    /// Audit rows read at a start: what the log tells again is noted already, and when a round last ended well.
    public static let auditRowsRemembered = 4096
    /// Published revisions whose numbers are at hand, for how many rounds a device is behind.
    public static let roundNumbersKnown = 4096
    public static let tokenHoldersKnown = 64
    /// Rounds whose phases are timed at once.
    public static let roundsFollowed = 8
    /// Held paths named in one row of the audit.
    public static let heldPathsInRow = 32
    /// A background agent's log grows up to this, then begins anew; so many old ones are kept.
    public static let agentLogBytes = 8 << 20
    public static let agentLogsKept = 3
    /// Lines of a tool that runs beside the agent: how many wait, and how much of one is kept.
    public static let toolLinesWaiting = 64
    public static let toolLineBytes = 4096
    /// The request of somebody who scrapes metrics, and how many do so at once.
    public static let metricsRequestBytes = 8 << 10
    public static let metricsConnections = 16
    public static let metricsRequestTime: Duration = .seconds(5)
    /// Rounds may be set to follow each other in no time; three missed ones of so long each are a fault.
    public static let shortestStuckInterval: Duration = .seconds(20)
}

// Hooks of AI coding agents.
extension Limits {
    /// One payload on stdin, and one settings file: what is larger passes unseen, or is refused.
    public static let hookPayloadBytes = 1 << 20
    public static let hookJSONDepth = 64
    public static let hookSessionBytes = 256
    public static let hookPathBytes = 4096
    /// Paths of one call that are looked at.
    public static let hookPaths = 64
    /// A closed gate is waited for this long, then the tool is told to try again.
    public static let hookWait: Duration = .seconds(25)
    /// The agent must have said its first word by then, or the tool goes on without it.
    public static let hookFirstWord: Duration = .seconds(2)
    /// A write whose end is not told ends by itself after this: it may wait for the user's own yes.
    public static let hookWriteLifetime: Duration = .seconds(15)
    /// Writes that have begun and not ended.
    public static let hookWrites = 64
    /// Writes that ended by themselves and may yet be told to have ended.
    public static let hookWritesOver = 256
    public static let hookSessions = 64
    public static let hookSessionLifetime: Duration = .seconds(12 * 3600)
    /// Files remembered as seen by one session, and as changed by rounds; the older half is forgotten.
    public static let hookSeenPaths = 4096
    public static let hookChanges = 16_384
    /// Doctor's look at a gate that is closed for it alone.
    public static let hookProbeWait: Duration = .milliseconds(50)
}

// Stops.
extension Limits {
    /// A timed stop lasts so long at most; a longer one is one without an end.
    public static let longestStop: Duration = .seconds(86_000)
    /// How often what is left of a timed stop is written down: a restart makes it longer by no more than this.
    public static let stopCheckpoint: Duration = .seconds(60)
    /// How often a device that is stopped with all others says so again.
    public static let stopReminder: Duration = .seconds(5)
    /// A peer that tells of a stop so many versions ahead makes it up.
    public static let stopVersionsAhead: UInt64 = 1 << 20
}

// Loops.
extension Limits {
    /// So many rounds within the window that change the same paths and no others are a loop.
    public static let loopRounds = 5
    public static let loopWindow: Duration = .seconds(120)
    /// A round that changes more files than this is work.
    public static let loopPaths = 64
    /// Rounds that are remembered for that.
    public static let loopChanges = 64
    /// Paths that one device sets aside.
    public static let loopSetAside = 256
    /// A path that is set aside goes on when nobody changed it for this long; doubled with each time up to the maximum.
    public static let loopQuiet: Duration = .seconds(10)
    public static let loopQuietMax: Duration = .seconds(300)
    /// One that never becomes quiet goes with a round so often.
    public static let loopRest: Duration = .seconds(60)
    /// Who may have written it: names that are told.
    public static let loopNames = 3
}

// Decisions of the scheduler.
extension Limits {
    /// How long a call waits for the round of a start or an exit.
    public static let hurriedSync: Duration = .seconds(10)
    /// A decision against a round is written down again by the same rule after this at the earliest.
    public static let decisionAgain: Duration = .seconds(60)
}

// Writes while the gate is closed.
extension Limits {
    /// Files that a scan remembers as written, for whoever asks when.
    public static let writesRemembered = 1024
    /// Processes that were seen to write while the gate was closed.
    public static let outsideWriters = 64
    /// How long status and doctor tell of one.
    public static let outsideRemembered: Duration = .seconds(86_400)
    /// Open files that are looked at of all processes, in one look.
    public static let openFilesLookedAt = 65_536
}

// Power.
extension Limits {
    /// How often a device looks what it runs on.
    public static let powerLook: Duration = .seconds(60)
    /// Supplies that are looked at.
    public static let powerSupplies = 16
}
