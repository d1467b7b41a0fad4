/// The checks by id: R Raft, L locks and leases, F fence, S rounds, W writers, D data, G real git beside the model, X
/// identity, H the hub, V liveness after the heal.
package enum CheckID: String, Hashable, Sendable, CaseIterable {
    /// At most one leader per term.
    case electionSafety = "R1"
    /// A leader never changes or removes entries of its log.
    case leaderAppendOnly = "R2"
    /// Two entries with the same index and term are the same, and so are all before them.
    case logMatching = "R3"
    /// No two devices have different committed entries at one index.
    case stateMachineSafety = "R4"
    /// The log of a leader holds every entry that was committed before its term.
    case leaderCompleteness = "R5"
    /// A committed entry is durable on a majority of voters when it is first seen as committed.
    case committedIsDurable = "R6"
    /// A commit index never goes back while its device runs.
    case commitNeverBack = "R7"
    /// A device votes for one candidate per term.
    case oneVote = "R8"
    /// The same applied index, the same replicated state.
    case sameState = "R9"
    /// Term, vote and acknowledged entries are on the disk before a message says so.
    case durableBeforeSaid = "R10"
    /// A leader commits by counting only entries of its own term (figure 8 of the Raft paper).
    case commitsOwnTerm = "R11"
    /// The first entry of a term is a no-op.
    case noopFirst = "R12"
    /// Whoever runs for leader was granted pre-votes by a majority, or was asked to by the leader.
    case preVoteFirst = "R13"
    /// A leader that a majority does not answer for an election timeout leads no more.
    case leadsWithQuorum = "R14"
    /// Election timeouts are drawn.
    case timeoutsAreDrawn = "R15"
    /// A leader begins no change of voters while the one before is not committed.
    case oneChangeAtATime = "R16"
    /// No entry is taken back in the term in which it was written.
    case nothingTakenBack = "R17"
    /// What was durable once is durable after a restart.
    case diskNeverBack = "R18"
    /// Every majority of the voters before a change meets every majority of those after.
    case votersMeet = "R19"
    /// A device that heard from a live leader votes for nobody, unless the leader itself asks for it.
    case noVoteBesideLeader = "R20"
    /// A leader asks nobody for entries again that it was told are there.
    case agreementNeverBack = "R21"
    /// A device votes by the newest membership of its own log.
    case votersOfLog = "R22"
    /// Nobody campaigns before a whole timeout has passed since it voted for another, or heard from a leader.
    case timeoutAnew = "R23"
    /// The observer sees each entry when it is committed; else no check would mean anything.
    case observerSawAll = "R24"
    /// A leader begins no change of voters before an entry of its own term is committed.
    case changesInOwnTerm = "R25"
    /// A leader that hands over takes proposals again when the time for that is over.
    case handoverEnds = "R26"
    /// What a device keeps behind a snapshot follows the snapshot's last entry.
    case tailFollowsSnapshot = "R27"
    /// Tokens strictly increase along the log.
    case tokenOrder = "L1"
    /// No two devices act as holder of one lock at the same true time, while clock rates obey the bound.
    case oneHolder = "L2"
    /// A client is told of a grant that the log has, to its own device.
    case trueGrant = "L3"
    /// A release, an expiry or a transfer ends only the grant of its own token.
    case staleTokenEndsNothing = "L4"
    /// A lease whose expiry is in the quorum leader's log is not renewed by it.
    case expiringIsNotRenewed = "L6"
    /// A leader asks for a step of a round only while its lease runs.
    case actsWithinLease = "L5"
    /// What clients of a user lock saw is what a fenced mutex does.
    case lockHistory = "L7"
    /// A renewal is answered only when a majority has followed the answerer since it came.
    case confirmedByQuorum = "L8"
    /// Who holds a lock does not wait for it.
    case waitersAreOthers = "L9"
    /// A lock that becomes free goes to whoever has waited longest.
    case longestWaiterFirst = "L10"
    /// A device whose own log says that another was granted a lock since does not claim it.
    case logEndsClaim = "L11"
    /// An answer to what was asked before a sleep lets nobody act.
    case sleepVoidsAnswers = "L12"
    /// Nobody who was removed waits for a lock.
    case removedWaitsForNothing = "L13"
    /// A lease runs for its whole time from when its leader last heard of the holder, or began to lead.
    case leasesRunOut = "L14"
    /// In the end no lock is held for a client that is gone or gave it back.
    case noLockOfNobody = "L15"
    /// No device carries out an effect with a lower token than one before.
    case fence = "F1"
    /// Who leads under a token holds that token.
    case leaderHoldsToken = "F2"
    /// A leader's message under a lower token than the accepted one is refused.
    case staleIsRefused = "F3"
    /// A token is on the device's disk before an effect under it is carried out there.
    case tokenDurableFirst = "F4"
    /// What a device accepted under the sync lock's tokens is what a resource behind a fenced mutex does.
    case fenceHistory = "F5"
    /// Each head's predecessor is the head before.
    case publishedChain = "S1"
    /// A majority of voters holds a head's objects when it is published.
    case publishedIsHeld = "S2"
    /// Only revisions of the published chain are applied.
    case appliedIsPublished = "S3"
    /// No half of a group that was changed within one gate section is published.
    case noTornGroup = "S4"
    /// A publication is accepted only under the token that the sync lock is held under at that place of the log.
    case publishedUnderToken = "S5"
    /// Two commands of one request are the same command.
    case oneRequestOneCommand = "S6"
    /// A device applies the heads in their order.
    case appliesForward = "S7"
    /// While an agent runs it closes its gate for no round that is older than one before.
    case roundsForward = "S8"
    /// A leader merges what it has.
    case mergesWhatIsThere = "S9"
    /// After a round that was given up, the next one of its own accord waits, longer after each.
    case backsOff = "S10"
    /// Who staged a round that is published was not told by its leader that it is off.
    case stagedIsNotCalledOff = "S11"
    /// A request is carried out once, however often it comes.
    case requestsOnce = "S12"
    /// A leader with little power or a costly link starts a round only when somebody asks for one.
    case sparesItself = "S13"
    /// A gate stays closed no longer than its bound, and not without a word from the round's leader.
    case pauseBound = "W1"
    /// A gate that is closed for one round is not opened by another's end.
    case onlyOwnResume = "W2"
    /// No writer that answered a pause writes before it is let go on.
    case pausedWriterWrites = "W3"
    /// A gate whose capture is done opens when the soft budget is spent, unless files are being replaced.
    case budgetReopens = "W4"
    /// A device that is awake keeps its gate closed while it replaces files behind it.
    case closedWhileReplacing = "W5"
    /// No agent opens its gate while it replaces files behind it, unless somebody stopped it.
    case appliesToTheEnd = "W6"
    /// A device that a person stopped starts no round, publishes nothing and closes no gate.
    case stoppedSyncsNothing = "W7"
    /// A stop ends by a person's word or when its time is over, and by no restart.
    case stopIsKept = "W8"
    /// Every device that is reached hears of a stop of all.
    case stopReachesAll = "W9"
    /// Whoever stops a device lets its writers go on at once.
    case stopReleasesWriters = "W10"
    /// Nobody says that it captured if its gate was open meanwhile.
    case capturesBehindGate = "W11"
    /// Every captured version stays reachable.
    case noLostCapture = "D1"
    /// Apply replaces no bytes that were not captured.
    case onlyCapturedReplaced = "D2"
    /// Apply replaces a captured edit only by a history that holds it.
    case onlyMergedReplaced = "D3"
    /// An edit that meets a deletion stays.
    case editBeatsDeletion = "D4"
    /// A capture differs from its base only where somebody wrote on that device.
    case onlyEditsCaptured = "D5"
    /// Each version that lost in a conflict has a name of its own.
    case conflictHasName = "D6"
    /// Nothing is put in place while a command of the user holds the repository.
    case ownersLockHolds = "D7"
    /// Real git, beside the model, does what the model says; only where both run.
    case realGit = "G1"
    /// A device that knows of a removal takes nothing from the removed one.
    case removedIsUnheard = "X1"
    /// A removed key never comes back.
    case removedForGood = "X2"
    /// A device that is removed has no vote any more.
    case removedHasNoVote = "X3"
    /// A removal takes nobody's only copy of the head away.
    case headOutlivesRemoval = "X4"
    /// A device has one link to each other, whoever presents its identity.
    case oneLinkPerIdentity = "X5"
    /// A leader removes nobody before an entry of its own term is committed: it may not know yet who holds the head.
    case removesInOwnTerm = "X6"
    /// Epochs have one winner: a device goes to later ones only, takes nothing that was said in another, and the tokens
    /// of an epoch outrank all that were granted before it began.
    case oneWinner = "X7"
    /// What a device brings to a round is compared with a revision of that epoch's history: else what a recovery left
    /// out would be taken back for it.
    case baseIsOfEpoch = "X8"
    /// No push lands on the hub after one of a newer token.
    case hubStaleToken = "H1"
    /// The hub's branch moves along published heads, and nothing that stands there is taken away.
    case hubChain = "H2"
    /// What people pushed to the hub is merged, and what they rewrote there is theirs until they say what comes of it.
    case hubPeople = "H3"
    /// After the faults the hub has what is published, and the leader says so.
    case hubCatchesUp = "H4"
    /// One push lands on the hub once.
    case hubPushedOnce = "H5"
    /// A push moves every ref that it names, or none.
    case hubAllOrNothing = "H6"
    /// After the network heals and the writers stop, all devices have the same tree, in bounded time.
    case convergence = "V1"
    /// And then nothing more happens.
    case quiescence = "V2"
    /// No rule feeds itself: a second holds no more than so many events.
    case noStorm = "V3"
}

extension CheckID {
    /// Demanded even where something happened that is beyond the model: tokens at the resource, and bytes.
    package var isOfEffects: Bool {
        self == .fence || self == .onlyCapturedReplaced || self == .pauseBound || self == .oneLinkPerIdentity
    }

    /// Something that must come about did not.
    package var isLiveness: Bool {
        self == .convergence || self == .quiescence || self == .hubCatchesUp || self == .stopReachesAll
    }
}

/// Two facts that cannot both be.
package struct Violation: Hashable, Sendable {
    package var check: CheckID
    package var event: UInt64
    package var time: TrueTime
    package var fact: String
    package var clash: String
}
