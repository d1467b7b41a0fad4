/// Deliberate bugs, chosen at run time: the simulator must find each by the check that was made for it, or its silence
/// about the true code proves nothing. In the agent's release build `MutantSet` is empty, `has` is the constant false,
/// and whatever it guards is folded away (compile condition `MUTANTS`; trait `Mutants` of the package).
public enum Mutant: UInt8, Hashable, Sendable, CaseIterable {
    case voteBeforeDurable, termNotPersisted, voteWithoutLogCheck, voteByLengthOnly, voteNotReloaded,
        oldTermCommitted, noNoop, quorumTooSmall, learnerCounted, ackBeforeFsync, truncateOnAnyAppend, commitWithoutMin,
        oldTermResponses, matchBeyondAck, noPreVote, noCheckQuorum, fixedElectionTimeout, changeTooEarly,
        configurationOnCommit, snapshotResetsVote, tornTailTrusted, corruptStartsFresh, leaderCountsEarly,
        fsyncErrorSwallowed, voteDespiteLeader, agreedIndexBack, snapshotSentOnce, membershipsKeptOverTruncation,
        voteKeepsTimer, readWithoutQuorum, readWithoutAsking, changeInOldTerm, handoverNeverEnds, tailKeptBehindSnapshot
    case leaseByWallClock, leaseByStoppingClock, leaseFromReply, noMargin, grantWithoutWaiting, renewalAfterExpiry,
        tokenIsTerm, delayedRelease, noRecheckAfterWait, lateExpiry, grantOnOldTime, transferKeepsWaiter,
        lastWaiterFirst, newerGrantIsNoLoss, answerFromBeforeSleep, actsAfterGivingAway, renewalUnconfirmed,
        restartedHolderResumes, acquireRenewsNothing, removedKeepsWaiting, goneClientKeepsLock
    case gateAcceptsAll, gateForgotten, gateAtStartOnly
    case ackBeforeQuiet, captureBeforeQuiet, lateResume, pauseNeverExpires, budgetIgnored, expiryDuringApply,
        stopForgotten, stopNotTold, stopToldAlways, stoppedTakesPart, stopKeepsWriters, endInterruptsApply,
        captureOutlivesPause
    case majorityForAll, publishedTooSoon, forcedHead, olderAfterNewer, requestsForgotten, olderRoundInterrupts,
        incompleteFetchTaken, failedStageTaken, noBackOff, stagedToldOff, holdersNotCounted, newestAnswerForgotten
    case likeResetHard, changedByStat, checkedOnce, untrackedRemoved, deleteBeatsEdit, journalDoneEarly,
        conflictNameBySecond, ownersLockRemoved
    case hubFenceKept, hubRetriesBlindly, hubNotAtomic, hubForced
    case removedAccepted, removedReadmitted, lastHolderRemoved, removalInOldTerm, cloneAccepted
    case oldEpochHeard, rivalJoined, anyEpochJoined, strayBaseKept
    case noFencing, checkersOff
    case heartbeatHalved, otherJitter, fifoLinks
}

/// The mutants of one run.
public struct MutantSet: Hashable, Sendable {
    #if MUTANTS
        @usableFromInline var bits: UInt128 = 0
    #endif

    public init() {}
    public static let none = MutantSet()

    /// Whether this build has mutants at all.
    public static var isAvailable: Bool {
        #if MUTANTS
            true
        #else
            false
        #endif
    }

    @inlinable public func has(_ mutant: Mutant) -> Bool {
        #if MUTANTS
            bits >> UInt128(mutant.rawValue) & 1 == 1
        #else
            false
        #endif
    }

    /// In a build without mutants nothing is put in.
    public mutating func insert(_ mutant: Mutant) {
        #if MUTANTS
            bits |= 1 << UInt128(mutant.rawValue)
        #endif
    }

    public var isEmpty: Bool { self == .none }
}
