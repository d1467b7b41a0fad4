/// Things that must be seen now and then, lest a run pass vacuously.
package enum Mark: Int, Hashable, Sendable, CaseIterable {
    case roundPublished, roundAborted, memberLeftOut, nothingToDo, caughtUp, captureMergedLater, conflictKept
    case stalePublishRefused, tokenRefusedAtDevice
    case leaseEndedWhileHolderSuspended, leadershipLost, sleepNoticed
    case electionUnderPartition, snapshotInstalled, votersChanged, deviceRemoved
    case crashBeforePersist, crashAfterPersist, crashBetweenSends, crashBetweenActions, crashMidApply, crashAfterVote
    case unsyncedWriteLost, powerCut, suspended, pausedProcess, replayedMessage, clogged
    case gateOpenedEarly, writerUnanswered, lateEditKept, editDuringApply, editDuringPause
    case halfOpenLink, connectionHung, addressChanged, restartStorm
    case diskStalled, diskRefused, rotFound, deviceReplaced, diskWentBack, userBusy, applyWaited, writerMisbehaved
    case coreHopeless, headLeftWithRemoved, historyUndecided
    case handoffDone, handoffRefused, userLockGranted, userLockLost, actionFailed, snapshotTaken, readmissionRefused
    case incompleteFetch, bigFileApplied, cloneRan, removalRefused
    case hubMirrored, hubTookOver, hubReplyLost, hubReadBack, hubPushCameLate, hubStaleRefused
    case hubForeignPush, hubForcedPush, hubFenceDeleted, hubNewsMerged, hubRewritten, hubFenceGone, hubAccepted
    case hubAway, roundWithoutHub
    case syncStopped, syncResumed, stopHeard, stopOverRestart, stopTimeOver, stopDeclined, stopInRound, stopFileTaken
    case supplyLow
    case meshRecovered, recoveryRefused, epochRejoined, rivalEpochs, strayGrounded

    package var name: String { "\(self)" }
}

/// How often each mark was hit.
package struct MarkCounts: Hashable, Sendable {
    private var counts = [UInt64](repeating: 0, count: Mark.allCases.count)

    package init() {}

    package subscript(_ mark: Mark) -> UInt64 { counts[mark.rawValue] }

    mutating func hit(_ mark: Mark) { counts[mark.rawValue] &+= 1 }

    package mutating func add(_ other: MarkCounts) {
        for at in counts.indices { counts[at] &+= other.counts[at] }
    }
}
