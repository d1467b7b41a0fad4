import Primitives

// SyncRounds: the leader's and the member's side of one atomic sync round, and the decision when to start one
// (protocol.md, section 5).
// Never: git, files, processes, tokens of other locks, a clock. Revisions are opaque; what must be done is an action.
// Start with RoundMessage.swift, then RoundLeader.swift and RoundMember.swift.

/// What the two sides of a round say to each other. Every message carries the round, and thereby the token.
package enum RoundMessage: Hashable, Sendable {
    /// Leader: close the gate, capture, answer. `pauseBudget` is the soft bound of the pause.
    case prepare(RoundID, pauseBudget: Duration)
    /// Member: what the capture found.
    case captured(RoundID, CaptureReport)
    /// Member: takes no part in this round.
    case declined(RoundID, RoundDecline)
    /// Leader: fetch this revision from me, verify it, pin it.
    case stage(RoundID, Revision)
    /// Member: holds the revision durably.
    case staged(RoundID, Revision)
    /// Either side: alive and at work; extends the other's patience.
    case working(RoundID)
    /// Leader: over, and there is nothing for this member to do.
    case finish(RoundID)
    /// Leader: given up before it was published; everything is as before.
    case abort(RoundID)
    /// Member: its part is over; `base` is what its working tree was really brought to.
    case applied(RoundID, ApplyReport)

    package var round: RoundID {
        switch self {
        case .prepare(let round, _), .captured(let round, _), .declined(let round, _), .stage(let round, _),
            .staged(let round, _), .working(let round), .finish(let round), .abort(let round), .applied(let round, _):
            round
        }
    }

    package var isPrepare: Bool { if case .prepare = self { true } else { false } }

    /// A member's word about what it did; a mere sign of life is none.
    package var isNews: Bool {
        switch self {
        case .captured, .declined, .staged, .applied: true
        case .prepare, .stage, .working, .finish, .abort: false
        }
    }

    /// What a member did before the commit point.
    package var isCaptureOrStage: Bool {
        switch self {
        case .captured, .staged: true
        case .prepare, .declined, .stage, .working, .finish, .abort, .applied: false
        }
    }

    /// True for what only the round's leader says: these pass the device's fencing gate.
    package var isFromLeader: Bool {
        switch self {
        case .prepare, .stage, .finish, .abort: true
        case .captured, .declined, .staged, .working, .applied: false
        }
    }
}

/// The result of one device's capture.
package struct CaptureReport: Hashable, Sendable {
    /// The revision that the working tree was last brought to; nil before the first round.
    package var base: Revision?
    /// The captured revision; nil if the tree equals the base ("clean").
    package var revision: Revision?
    package var changedFiles: UInt32
    /// Paths left out of this capture, each with a reason kept on the device.
    package var heldPaths: UInt32
    package var writers: WriterReport

    package init(
        base: Revision?, revision: Revision?, changedFiles: UInt32 = 0, heldPaths: UInt32 = 0,
        writers: WriterReport = .init()
    ) {
        self.base = base
        self.revision = revision
        self.changedFiles = changedFiles
        self.heldPaths = heldPaths
        self.writers = writers
    }
}

/// Which writers of a device answered the pause, and who wrote although no writer was to.
package struct WriterReport: Hashable, Sendable {
    package var paused: [String]
    package var unanswered: [String]
    /// Programs that take no part in the gate and wrote while it was closed.
    package var outside: [String]

    package init(paused: [String] = [], unanswered: [String] = [], outside: [String] = []) {
        self.paused = paused
        self.unanswered = unanswered
        self.outside = outside
    }
}

/// Why a device takes no part in a round.
package enum RoundDecline: Hashable, Sendable {
    /// A newer token was accepted before (protocol.md, section 6).
    case staleToken(presented: FencingToken, highest: FencingToken, holder: DeviceID?)
    /// Still at work on another round.
    case busy(RoundID)
    /// The capture failed or the pause ended before it was done.
    case failed(String)
    /// Automatic rounds are stopped on this device, or it has no workspace now.
    case stopped
}

/// How a device came out of a round.
package struct ApplyReport: Hashable, Sendable {
    package var base: Revision?
    package var appliedFiles: UInt32
    /// Paths with newer bytes of a writer: kept, and part of the next capture.
    package var lateFiles: UInt32
    /// Why the revision is not in place (the user is in a rebase, say); nil if it is.
    package var waiting: String?

    package init(base: Revision?, appliedFiles: UInt32 = 0, lateFiles: UInt32 = 0, waiting: String? = nil) {
        self.base = base
        self.appliedFiles = appliedFiles
        self.lateFiles = lateFiles
        self.waiting = waiting
    }
}

/// One device's contribution to a merge.
package struct DeviceCapture: Hashable, Sendable {
    package var device: DeviceID
    package var revision: Revision
    package var base: Revision?

    package init(device: DeviceID, revision: Revision, base: Revision?) {
        self.device = device
        self.revision = revision
        self.base = base
    }
}

/// What a merge made of the head and the captures.
package struct MergeReport: Hashable, Sendable {
    /// The merged revision; equal to the head if the captures bring nothing new.
    package var revision: Revision
    package var changedFiles: UInt32
    package var conflicts: UInt32
    /// The names of those conflicts, at most `Limits.openConflicts`.
    package var opened: [ShortID]
    /// Set if the round was to undo another.
    package var undo: UndoReport?

    package init(
        revision: Revision, changedFiles: UInt32 = 0, conflicts: UInt32 = 0, opened: [ShortID] = [],
        undo: UndoReport? = nil
    ) {
        self.opened = opened
        self.revision = revision
        self.changedFiles = changedFiles
        self.conflicts = conflicts
        self.undo = undo
    }
}

/// Why a round was started.
package enum RoundReason: String, Hashable, Sendable, CaseIterable {
    case manual, change, behind, startup, interval, hub, exit, wake
}

/// How a round ended, as its leader saw it.
package enum RoundResult: Hashable, Sendable {
    case published(MergeReport)
    /// Nothing was captured, nobody is behind: no commit, no log entry.
    case nothingToDo
    /// No new revision, but these devices were brought to the head.
    case caughtUp
    /// Given up before it was published; the text says why.
    case aborted(String)
}

package enum RoundPhase: String, Hashable, Sendable, CaseIterable {
    case prepare, collect, merge, stage, publish, apply
}

/// A round that is over, for the audit and for whoever waits.
package struct RoundSummary: Hashable, Sendable {
    package var round: RoundID
    package var reason: RoundReason
    package var result: RoundResult
    package var participants: [DeviceID]
    /// Asked, but without an answer in time, or declined.
    package var leftOut: [DeviceID]
    package var changedFiles: UInt32
    package var writers: WriterReport
    package var started: Instant
    package var ended: Instant
}
