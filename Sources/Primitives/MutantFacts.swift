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
                row("configuration-on-commit", .raft, "uses a membership only when it is committed", "R6")
            case .snapshotResetsVote: row("snapshot-resets-vote", .raft, "an installed snapshot resets the vote", "R8")
            case .tornTailTrusted: row("torn-tail-trusted", .raft, "trusts a torn entry at the end of the log", "R3")
            case .corruptStartsFresh:
                row("corrupt-starts-fresh", .raft, "starts afresh when its state cannot be read", "R18")
            case .leaderCountsEarly:
                row("leader-counts-early", .raft, "a leader counts itself before its entry is durable", "R6")
            case .fsyncErrorSwallowed: row("fsync-error-swallowed", .raft, "goes on when the disk refused", "R6", "R10")
            case .leaseByWallClock: row("lease-by-wall-clock", .lease, "times the lease by the wall clock", "L2")
            case .leaseByStoppingClock:
                row("lease-by-stopping-clock", .lease, "times the lease by the clock that stops in sleep", "L2")
            case .leaseFromReply:
                row("lease-from-reply", .lease, "counts the lease from the receipt of the reply", "L2")
            case .noMargin: row("no-margin", .lease, "the holder uses the whole lease", "L2")
            case .grantWithoutWaiting:
                row("grant-without-waiting", .lease, "a new quorum leader lets no lease run out", "L2")
            case .renewalAfterExpiry:
                row("renewal-after-expiry", .lease, "renews a lease whose expiry is proposed", "L2", "L6")
            case .tokenIsTerm: row("token-is-term", .lease, "the token is the term", "L1")
            case .delayedRelease: row("delayed-release", .lease, "a late release frees the next holder's lock", "L4")
            case .noRecheckAfterWait:
                row("no-recheck-after-wait", .lease, "a round goes on without another look at the lease", "L5")
            case .lateExpiry: row("late-expiry", .lease, "an expiry of a deposed leader takes effect", "L2")
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
            case .likeResetHard: row("like-reset-hard", .apply, "replaces files without a look at them", "D2")
            case .changedByStat: row("changed-by-stat", .apply, "takes equal size and time for equal bytes", "D2")
            case .checkedOnce: row("checked-once", .apply, "looks at all files first and replaces them later", "D2")
            case .untrackedRemoved: row("untracked-removed", .apply, "removes files that it does not know", "D2")
            case .deleteBeatsEdit: row("delete-beats-edit", .apply, "a deletion wins over an edit", "D4")
            case .journalDoneEarly: row("journal-done-early", .apply, "says that it is done before it is", "D5")
            case .removedAccepted: row("removed-accepted", .identity, "a removed device is still heard", "X1")
            case .noFencing: row("no-fencing", .control, "no token is checked anywhere", "S1", "D1", "D3")
            case .heartbeatHalved: row("heartbeat-halved", .neutral, "twice as many heartbeats")
            case .otherJitter: row("other-jitter", .neutral, "other delays")
            case .fifoLinks: row("fifo-links", .neutral, "no message overtakes another")
            }
        }
    }
#endif
