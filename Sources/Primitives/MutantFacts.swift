/// What a mutant is for, and what must come of it.
public struct MutantFacts: Hashable, Sendable {
    public enum Area: String, Hashable, Sendable, CaseIterable {
        case raft, lease, fence, writers, round, apply, identity
        /// It must lose updates, whichever check says so.
        case control
        /// It changes nothing that matters: whatever a check says of it is a false alarm.
        case neutral
    }

    /// For command lines and tables: `vote-by-length-only`.
    public var name: String
    public var area: Area
    public var about: String
    /// The ids of the checks of which one must fire. None for a neutral one.
    public var expected: [String]
}

extension Mutant {
    /// Nil in a build without mutants.
    public var facts: MutantFacts? {
        #if MUTANTS
            table
        #else
            nil
        #endif
    }

    /// Nil for an unknown name, and in a build without mutants.
    public init?(name: some StringProtocol) {
        guard let mutant = Mutant.allCases.first(where: { $0.facts?.name == String(name) }) else { return nil }
        self = mutant
    }
}

#if MUTANTS
    extension Mutant {
        private func row(
            _ name: String, _ area: MutantFacts.Area, _ about: String, _ expected: String...
        ) -> MutantFacts {
            MutantFacts(name: name, area: area, about: about, expected: expected)
        }

        private var table: MutantFacts {
            switch self {
            case .voteBeforeDurable:
                row("vote-before-durable", .raft, "a vote leaves before it is durable", "R8", "R10")
            case .termNotPersisted:
                row("term-not-persisted", .raft, "a newer term that was seen is not persisted", "R10")
            case .voteWithoutLogCheck:
                row("vote-without-log-check", .raft, "votes whatever the candidate's log holds", "R5")
            case .voteByLengthOnly: row("vote-by-length-only", .raft, "compares logs by length and not by term", "R5")
            case .voteNotReloaded: row("vote-not-reloaded", .raft, "forgets at a restart whom it voted for", "R8")
            case .oldTermCommitted:
                row("old-term-committed", .raft, "commits an entry of an older term by counting (figure 8)", "R11")
            case .noNoop: row("no-noop", .raft, "begins a term without a no-op", "R12")
            case .quorumTooSmall: row("quorum-too-small", .raft, "half of the voters are a quorum", "R1", "R6")
            case .learnerCounted: row("learner-counted", .raft, "what learners hold counts for the commitment", "R6")
            case .ackBeforeFsync:
                row("ack-before-fsync", .raft, "acknowledges entries before they are durable", "R6", "R10")
            case .truncateOnAnyAppend:
                row("truncate-on-any-append", .raft, "any append cuts off what lies beyond it", "R6", "R17")
            case .commitWithoutMin:
                row("commit-without-min", .raft, "commits up to the leader's index beyond what was compared", "R4")
            case .oldTermResponses: row("old-term-responses", .raft, "counts answers of older terms", "R1", "R6", "R13")
            case .matchBeyondAck: row("match-beyond-ack", .raft, "takes an answer for one to everything sent", "R6")
            case .noPreVote: row("no-pre-vote", .raft, "enters a new term without a pre-vote", "R13")
            case .noCheckQuorum: row("no-check-quorum", .raft, "leads on without being heard by a quorum", "R14")
            case .fixedElectionTimeout:
                row("fixed-election-timeout", .raft, "waits the same time before each election", "R15")
            case .changeTooEarly:
                row("change-too-early", .raft, "changes voters while a change is not committed", "R16")
            case .configurationOnCommit:
                row("configuration-on-commit", .raft, "uses a membership only when it is committed", "R6", "R22")
            case .snapshotResetsVote: row("snapshot-resets-vote", .raft, "an installed snapshot resets the vote", "R8")
            case .tornTailTrusted: row("torn-tail-trusted", .raft, "trusts a torn entry at the end of the log", "R3")
            case .corruptStartsFresh:
                row("corrupt-starts-fresh", .raft, "starts afresh when its state cannot be read", "R18")
            case .leaderCountsEarly:
                row("leader-counts-early", .raft, "a leader counts itself before its entry is durable", "R6")
            case .fsyncErrorSwallowed: row("fsync-error-swallowed", .raft, "goes on when the disk refused", "R6", "R10")
            case .voteDespiteLeader:
                row("vote-despite-leader", .raft, "a live leader is no reason against a vote", "R20")
            case .agreedIndexBack: row("agreed-index-back", .raft, "a late conflict takes agreement back", "R21")
            case .snapshotSentOnce: row("snapshot-sent-once", .raft, "a snapshot that was lost is not sent again", "V1")
            case .membershipsKeptOverTruncation:
                row("memberships-kept", .raft, "a log that is cut at its end keeps its memberships", "R22")
            case .voteKeepsTimer: row("vote-keeps-timer", .raft, "a vote does not reset the election timer", "R23")
            case .readWithoutQuorum:
                row("read-without-quorum", .raft, "leadership is confirmed without a quorum's word", "L8")
            case .readWithoutAsking: row("read-without-asking", .raft, "an older word of the quorum confirms it", "L8")
            case .changeInOldTerm:
                row("change-in-old-term", .raft, "changes voters before an entry of its term is committed", "R25")
            case .handoverNeverEnds:
                row("handover-never-ends", .raft, "waits for ever for a handover that failed", "R26", "V1")
            case .tailKeptBehindSnapshot:
                row("tail-kept", .raft, "keeps what follows a snapshot, whatever it follows", "R27", "R3")
            case .leaseByWallClock: row("lease-by-wall-clock", .lease, "times the lease by the wall clock", "L2")
            case .leaseByStoppingClock:
                row("lease-by-stopping-clock", .lease, "times the lease by the clock that stops in sleep", "L2")
            case .leaseFromReply:
                row("lease-from-reply", .lease, "counts the lease from the receipt of the reply", "L2")
            case .noMargin: row("no-margin", .lease, "the holder uses the whole lease", "L2")
            case .grantWithoutWaiting:
                row("grant-without-waiting", .lease, "a new quorum leader lets no lease run out", "L14", "L2")
            case .renewalAfterExpiry:
                row("renewal-after-expiry", .lease, "renews a lease whose expiry is proposed", "L2", "L6")
            case .tokenIsTerm: row("token-is-term", .lease, "the token is the term", "L1")
            case .delayedRelease: row("delayed-release", .lease, "a late release frees the next holder's lock", "L4")
            case .noRecheckAfterWait:
                row("no-recheck-after-wait", .lease, "a round goes on without another look at the lease", "L5")
            case .lateExpiry: row("late-expiry", .lease, "an expiry of a deposed leader takes effect", "L2")
            case .grantOnOldTime:
                row("grant-on-old-time", .lease, "a new grant runs on the old one's time", "V1", "L2", "L14")
            case .transferKeepsWaiter:
                row("transfer-keeps-waiter", .lease, "whom a lock is handed to stays in its queue", "L9")
            case .lastWaiterFirst: row("last-waiter-first", .lease, "who asked last gets a lock first", "L10")
            case .newerGrantIsNoLoss: row("newer-grant-no-loss", .lease, "another's newer grant ends no claim", "L11")
            case .answerFromBeforeSleep:
                row(
                    "answer-from-before-sleep", .lease, "an answer to what was asked before a sleep counts", "L12", "L2"
                )
            case .actsAfterGivingAway:
                row("acts-after-giving-away", .lease, "a leader acts on after it gave its lock away", "L2", "F5", "S5")
            case .renewalUnconfirmed:
                row("renewal-unconfirmed", .lease, "a renewal is answered without asking a quorum", "L8", "L6")
            case .restartedHolderResumes:
                row(
                    "restarted-holder-resumes", .lease, "a restarted holder takes its old grant for its own", "F5", "L2"
                )
            case .acquireRenewsNothing:
                row("acquire-renews-nothing", .lease, "a holder that asks again gets no new time", "L14", "L2")
            case .goneClientKeepsLock:
                row("gone-client-keeps-lock", .lease, "a client that is gone keeps its lock", "L15")
            case .removedKeepsWaiting: row("removed-keeps-waiting", .lease, "a removed device stays in queues", "L13")
            case .gateAcceptsAll: row("gate-accepts-all", .fence, "a device takes any token", "F1", "F3", "F4")
            case .gateForgotten: row("gate-forgotten", .fence, "the highest token is not kept over a crash", "F1", "F4")
            case .gateAtStartOnly:
                row("gate-at-start-only", .fence, "the token is checked at the beginning of a round only", "F3")
            case .ackBeforeQuiet:
                row("ack-before-quiet", .writers, "says that writers are quiet while they write", "S4")
            case .captureBeforeQuiet:
                row("capture-before-quiet", .writers, "captures before the writers are quiet", "S4")
            case .lateResume:
                row("late-resume", .writers, "a late resume of one round opens the gate of the next", "W2")
            case .pauseNeverExpires: row("pause-never-expires", .writers, "a pause has no deadline", "W1")
            case .budgetIgnored: row("budget-ignored", .writers, "the soft budget of a pause opens no gate", "W4")
            case .expiryDuringApply:
                row("expiry-during-apply", .writers, "a pause runs out while files are replaced", "W5")
            case .stopForgotten: row("stop-forgotten", .writers, "a restart forgets that a person stopped it", "W8")
            case .stopNotTold: row("stop-not-told", .writers, "a stop of all is told once, and to nobody later", "W9")
            case .stopToldAlways: row("stop-told-always", .writers, "a stop of all is told at every step", "V3")
            case .stoppedTakesPart:
                row("stopped-takes-part", .writers, "a stopped device takes part in rounds", "W7")
            case .stopKeepsWriters: row("stop-keeps-writers", .writers, "a stop leaves the gate as it is", "W10")
            case .endInterruptsApply:
                row("end-interrupts-apply", .writers, "the end of a round interrupts the replacing of files", "W6")
            case .captureOutlivesPause:
                row("capture-outlives-pause", .writers, "a capture counts though its pause ended before", "W11", "S4")
            case .majorityForAll:
                row("majority-for-all", .round, "a majority's answers are taken for everybody's", "S2")
            case .publishedTooSoon:
                row("published-too-soon", .round, "publishes before a quorum holds the objects", "S2")
            case .forcedHead:
                row("forced-head", .round, "merges onto its own base and publishes over whatever the head is", "S1")
            case .olderAfterNewer:
                row("older-after-newer", .round, "a round of an older token is published after a newer", "S5")
            case .requestsForgotten:
                row("requests-forgotten", .round, "gives new requests the ids of those before its restart", "S6")
            case .olderRoundInterrupts:
                row("older-round-interrupts", .round, "a late message of an older round interrupts a newer", "S8")
            case .incompleteFetchTaken:
                row("incomplete-fetch-taken", .round, "merges a capture that was fetched in part", "S9")
            case .failedStageTaken:
                row("failed-stage-taken", .round, "says that it holds what could not be staged", "S2")
            case .noBackOff: row("no-back-off", .round, "tries again at once after a round that was given up", "S10")
            case .stagedToldOff:
                row("staged-told-off", .round, "whoever is left out late is told that the round is off", "S11")
            case .holdersNotCounted:
                row("holders-not-counted", .round, "the log takes a publication whoever holds it", "S2")
            case .newestAnswerForgotten:
                row("newest-answer-forgotten", .round, "of too many answers the newest is forgotten", "S12")
            case .likeResetHard: row("like-reset-hard", .apply, "replaces files without a look at them", "D2")
            case .changedByStat: row("changed-by-stat", .apply, "takes equal size and time for equal bytes", "D2")
            case .checkedOnce: row("checked-once", .apply, "looks at all files first and replaces them later", "D2")
            case .untrackedRemoved: row("untracked-removed", .apply, "removes files that it does not know", "D2")
            case .deleteBeatsEdit: row("delete-beats-edit", .apply, "a deletion wins over an edit", "D4")
            case .journalDoneEarly: row("journal-done-early", .apply, "says that it is done before it is", "D5")
            case .conflictNameBySecond:
                row("conflict-name-by-second", .apply, "names what lost in a conflict by the second", "D6")
            case .ownersLockRemoved:
                row("owners-lock-removed", .apply, "removes a lock of the repository while its owner lives", "D7")
            case .hubFenceKept:
                row("hub-fence-kept", .fence, "a push to the hub moves the branch and leaves the fence", "H1")
            case .hubRetriesBlindly:
                row("hub-retries-blindly", .round, "pushes again what may have been done", "H5")
            case .hubNotAtomic:
                row("hub-not-atomic", .round, "the hub's refs are moved one by one", "H6")
            case .hubForced:
                row("hub-forced", .round, "pushes to the hub's branch whatever stands there", "H2", "H3")
            case .oldEpochHeard:
                row("old-epoch-heard", .identity, "takes messages of an epoch that a recovery ended", "X7")
            case .rivalJoined:
                row("rival-joined", .identity, "joins another recovery of its own epoch's number", "X7")
            case .anyEpochJoined: row("any-epoch-joined", .identity, "joins whatever other epoch it hears of", "X7")
            case .strayBaseKept:
                row(
                    "stray-base-kept", .apply, "takes rounds that a recovery left out for a base in common", "X8",
                    "D3")
            case .removedReadmitted: row("removed-readmitted", .identity, "a removed key may be added again", "X2")
            case .lastHolderRemoved:
                row("last-holder-removed", .identity, "removes the last device that holds the head", "X4")
            case .removalInOldTerm:
                row(
                    "removal-in-old-term", .identity, "removes before it knows what is committed", "X6", "X4")
            case .cloneAccepted:
                row("clone-accepted", .identity, "two machines with one key are both linked to a device", "X5")
            case .checkersOff: row("checkers-off", .control, "no fencing, and nobody looks")
            case .removedAccepted: row("removed-accepted", .identity, "a removed device is still heard", "X1")
            case .noFencing: row("no-fencing", .control, "no token is checked anywhere", "S1", "D1", "D3")
            case .heartbeatHalved: row("heartbeat-halved", .neutral, "twice as many heartbeats")
            case .otherJitter: row("other-jitter", .neutral, "other delays")
            case .fifoLinks: row("fifo-links", .neutral, "no message overtakes another")
            }
        }
    }
#endif
