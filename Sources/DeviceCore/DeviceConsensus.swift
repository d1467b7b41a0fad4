import Consensus
import Locks
import Primitives
import SyncRounds

// How a device drives its consensus and applies what it commits.

extension Device {
    mutating func stepRaft(_ input: RaftInput<MeshCommand, MeshState>, at now: Instant) {
        raft.step(input, at: now, into: &raftOutput)
    }

    var raftOutputIsEmpty: Bool {
        raftOutput.send.isEmpty && !raftOutputDecides && raftOutput.persist.isEmpty
    }

    /// Whether there is more in it than messages and what they need on the disk: heartbeats and their answers have no
    /// more.
    private var raftOutputDecides: Bool {
        !raftOutput.committed.isEmpty || !raftOutput.confirmed.isEmpty || !raftOutput.refused.isEmpty
            || !raftOutput.events.isEmpty || raftOutput.install != nil
    }

    /// A heartbeat or its answer, the most frequent inputs by far: they change nothing above consensus, so nothing is
    /// due that was not due before. False, with nothing done, if consensus has more to say than answers.
    mutating func passOnSmallTalk(into output: inout DeviceOutput) -> Bool {
        guard !raftOutputDecides, raftOutput.persist.isEmpty else { return false }
        for envelope in raftOutput.send {
            output.send.append(PeerEnvelope(to: envelope.to, message: .raft(envelope.message)))
        }
        raftOutput.send.removeAll(keepingCapacity: true)
        reconsiderElectionDeadline()
        return true
    }

    /// Moves the consensus output into the device's and applies what was committed. Applying may feed consensus again.
    mutating func drainRaft(at now: Instant, into output: inout DeviceOutput) {
        guard !raftOutputIsEmpty else { return }
        if !raftOutput.persist.isEmpty { output.persist.raft.merge(raftOutput.persist) }
        for envelope in raftOutput.send {
            let outgoing = PeerEnvelope(to: envelope.to, message: .raft(envelope.message))
            if mayLeaveAhead(envelope.message, of: output.persist.raft) {
                output.sendAhead.append(outgoing)
            } else {
                output.send.append(outgoing)
            }
        }
        guard raftOutputDecides else { return raftOutput.removeAll() }
        let decided = raftOutput
        raftOutput.removeAll()

        for event in decided.events { handle(event, at: now, into: &output) }
        if let install = decided.install { self.install(install, at: now, into: &output) }
        for entry in decided.committed { apply(entry, at: now, into: &output) }
        for confirmation in decided.confirmed { confirmRenewals(confirmation.id, at: now, into: &output) }
        for refusal in decided.refused { handle(refusal, at: now, into: &output) }
        compactIfLong(at: now)
    }

    /// Entries may be sent before they are durable here, since this leader counts itself only in a later step. Not so
    /// in the step that begins its term, nor if the message calls entries committed that only this disk may be about to
    /// hold (it is the only voter).
    private func mayLeaveAhead(
        _ message: MeshRaftMessage, of update: PersistentUpdate<MeshCommand, MeshState>
    ) -> Bool {
        if case .voteReply = message, configuration.mutants.has(.voteBeforeDurable) { return true }
        if case .appendReply = message, configuration.mutants.has(.ackBeforeFsync) { return true }
        guard case .append(let append) = message, update.hardState == nil, update.snapshot == nil else { return false }
        guard let first = update.appendFrom else { return true }
        return append.commitIndex < first
    }

    private mutating func handle(_ event: RaftEvent, at now: Instant, into output: inout DeviceOutput) {
        output.events.append(.consensus(event))
        guard raft.role == .leader else {
            watch.steppedDown()
            isBeingRemoved = false
            removal = nil
            renewalsInDoubt.removeAll()
            return
        }
        if watch.term != raft.term {
            watch.becameLeader(term: raft.term, at: now, table: state.locks)
            membershipCheck = now
        }
    }

    private mutating func handle(_ refusal: RaftRefusal<MeshCommand>, at now: Instant, into output: inout DeviceOutput)
    {
        switch refusal {
        case .proposal(let command):
            if case .lock(.expire(let name, let token, _)) = command.operation { watch.notProposed(name, token: token) }
            resendSoon(command.request, at: now)
        case .confirmation(let id): renewalsInDoubt.removeAll { $0.id == id }
        case .membership, .transfer: membershipCheck = now + configuration.profile.heartbeat
        }
    }

    private mutating func install(_ snapshot: Snapshot<MeshState>, at now: Instant, into output: inout DeviceOutput) {
        let before = state
        state = snapshot.image
        output.rosterChanged = true
        output.settingsChanged = true
        if state.head.revision != before.head.revision, let head = state.head.revision {
            output.actions.append(.headMoved(head))
        }
        memberStep(.head(state.head.revision), at: now)
        watch.tableChanged(state.locks, at: now)
        readClaimsFromState(at: now, into: &output)
        answerPendingFromState(at: now, into: &output)
    }

    private mutating func apply(_ entry: MeshEntry, at now: Instant, into output: inout DeviceOutput) {
        switch entry.payload {
        case .noop: break
        case .membership(let membership):
            output.events.append(.membership(membership))
            membershipCheck = now
        case .command(let command): apply(command, of: entry, at: now, into: &output)
        }
    }

    private mutating func apply(
        _ command: MeshCommand, of entry: MeshEntry, at now: Instant, into output: inout DeviceOutput
    ) {
        let newest = state.locks.newestToken
        let change = state.apply(
            command, term: entry.term, voters: raft.membership(at: entry.index).voters, mutants: configuration.mutants)
        if !change.lockEvents.isEmpty { watch.tableChanged(state.locks, at: now) }
        for event in change.lockEvents {
            output.events.append(.lock(event))
            noteClaim(event, of: entry.index, at: now, into: &output)
        }
        if let publication = change.published {
            output.events.append(.published(publication, number: state.head.number))
            output.actions.append(.headMoved(publication.new))
            memberStep(.head(publication.new), at: now)
        }
        if case .publicationRefused(let refusal) = change.outcome, case .publish(let publication) = command.operation,
            change.isNew
        {
            output.events.append(.publicationRefused(publication, refusal))
        }
        if change.settingsChanged { output.settingsChanged = true }
        if let review = change.review { output.events.append(.review(review)) }
        if change.rosterChanged {
            output.rosterChanged = true
            membershipCheck = now
            forgetRemovedPeers()
        }
        finish(command, change.outcome, granted: newest, at: now, into: &output)
    }

    private mutating func compactIfLong(at now: Instant) {
        guard raft.entriesSinceSnapshot >= configuration.compaction.after else { return }
        // What was proposed while applying may be committed already, where one device votes, and is not applied yet:
        // the state would lack what its snapshot says it holds.
        guard raftOutput.committed.isEmpty else { return }
        stepRaft(.compact(upTo: raft.appliedIndex, image: state), at: now)
    }
}
