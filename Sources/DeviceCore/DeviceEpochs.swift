import Consensus
import Locks
import Primitives
import SyncRounds

// Epochs: a mesh whose quorum is lost for good goes on from one device, and whoever was away joins it again
// (protocol.md, section 7).

// MARK: - Hearing

extension Device {
    package var epoch: Epoch { state.epoch }

    /// Whether a message of `theirs` may be taken. A newer epoch of a member's is joined; one of an older epoch is told
    /// of this one; a rival hears nothing, and people are told.
    mutating func hears(
        _ theirs: Epoch, from peer: DeviceID, at now: Instant, into output: inout DeviceOutput
    ) -> Bool {
        let ours = state.epoch
        if theirs == ours { return true }
        if configuration.mutants.has(.oldEpochHeard), theirs.number < ours.number { return true }
        output.events.append(.epoch(.unheard(peer, theirs: theirs)))
        guard !state.removed.contains(peer), isKnown(peer) else { return false }
        let outranks = theirs.number > ours.number || configuration.mutants.has(.anyEpochJoined)
        if outranks || theirs.isRival(of: ours) && configuration.mutants.has(.rivalJoined) {
            rejoin(theirs, by: peer, at: now, into: &output)
        } else if theirs.isRival(of: ours) {
            noteRival(theirs, of: peer, into: &output)
        }
        tellEpoch(to: peer, at: now, into: &output)
        return false
    }

    /// A device that waits for its first log knows no roster; its links were checked against the one it was let in by.
    /// After a start without a quorum it knows of many members by its log alone.
    private func isKnown(_ peer: DeviceID) -> Bool {
        state.devices.isEmpty || state.record(of: peer) != nil || raft.membership.contains(peer)
    }

    private mutating func noteRival(_ theirs: Epoch, of peer: DeviceID, into output: inout DeviceOutput) {
        guard peers.first(where: { $0.device == peer })?.rival != theirs else { return }
        view(of: peer) { $0.rival = theirs }
        output.events.append(.epoch(.rival(peer, theirs: theirs, ours: state.epoch)))
    }

    /// Any message does, since every frame names its epoch.
    private mutating func tellEpoch(to peer: DeviceID, at now: Instant, into output: inout DeviceOutput) {
        let told = peers.first { $0.device == peer }?.epochToldAt
        guard told.map({ now >= $0 + Limits.epochWord }) ?? true else { return }
        view(of: peer) { $0.epochToldAt = now }
        send(.facts(facts(at: now)), to: peer, into: &output)
    }
}

// MARK: - Recovering

extension Device {
    /// What a recovery would go on from, and why it may not be needed.
    package var recoveryView: RecoveryView {
        let voters = raft.membership.voters
        let present = voters.filter { hasLink(to: $0) }
        let whole = stateOfWholeLog
        return RecoveryView(
            epoch: state.epoch, lastIndex: raft.lastIndex, head: whole.head.revision, round: whole.head.number,
            voters: voters, present: present,
            absent: whole.devices.map(\.device).filter { !hasLink(to: $0) }, leader: raft.leader,
            rivals: peers.filter { $0.rival != nil }.map(\.device), hub: whole.hub)
    }

    /// The state with all that the log holds. After a start without a quorum nobody can say which of its entries were
    /// committed; one that was must not be lost, and one that was not does no harm.
    private var stateOfWholeLog: MeshState {
        var whole = state
        for entry in raft.storedEntries where entry.index > raft.appliedIndex {
            guard case .command(let command) = entry.payload else { continue }
            _ = whole.apply(
                command, term: entry.term, voters: raft.membership(at: entry.index).voters,
                mutants: configuration.mutants)
        }
        return whole
    }

    mutating func recover(
        _ order: RecoveryOrder, tag: UInt64, at now: Instant, into output: inout DeviceOutput
    ) {
        if let refusal = refusal(of: order) {
            return output.replies.append(TaggedReply(tag: tag, reply: .recoveryRefused(refusal)))
        }
        let lost = raft.membership.voters.filter { !hasLink(to: $0) }
        let image = stateOfWholeLog.refounded(
            draw: order.draw, by: device, head: order.head, after: order.after)
        leaveEpoch(why: "the mesh was recovered", at: now, into: &output)
        stepRaft(.refound(image), at: now)
        takeOver(image, at: now, into: &output)
        if let record = image.recovery { output.events.append(.epoch(.recovered(record, lost: lost))) }
        output.replies.append(TaggedReply(tag: tag, reply: .recovered(state.epoch)))
        // Whoever can hear it learns of the epoch by any message.
        for peer in links { send(.facts(facts(at: now)), to: peer, into: &output) }
    }

    private func refusal(of order: RecoveryOrder) -> RecoveryRefusal? {
        guard !isStopping else { return .stopping }
        precondition(Epoch.draws.contains(order.draw), "nobody drew a number for the epoch")
        guard stateOfWholeLog.record(of: device) != nil else { return .notAMember }
        guard order.lastIndex == raft.lastIndex else { return .logMoved }
        guard max(state.epoch.number, order.after) < Limits.largestNumber - 1 else { return .noEpochLeft }
        let voters = raft.membership.voters
        let answering = voters.filter { hasLink(to: $0) }
        let lives = raft.leader != nil || answering.count > voters.count / 2
        return lives && !order.isForced ? .quorumLives(leader: raft.leader, answering: answering) : nil
    }

    // MARK: Rejoining

    /// Nothing of the old group is carried over but what is this device's own: its tree, its captures, its accepted
    /// token, and the roster until the new log brings one.
    private mutating func rejoin(
        _ newer: Epoch, by peer: DeviceID, at now: Instant, into output: inout DeviceOutput
    ) {
        let older = state.epoch
        if !configuration.mutants.has(.strayBaseKept) {
            isStray = true
            groundAt = nil
            output.persist.isStray = true
        }
        let image = state.joining(newer, by: peer, knowing: stateOfWholeLog.devices)
        leaveEpoch(why: "the mesh was recovered by another device", at: now, into: &output)
        stepRaft(.rejoin(image), at: now)
        takeOver(image, at: now, into: &output)
        output.events.append(.epoch(.rejoined(from: older, to: newer, by: peer)))
    }

    /// Ends what this device did in the epoch: no lease of it is acted on, no round of it goes on, writers run.
    private mutating func leaveEpoch(why: String, at now: Instant, into output: inout DeviceOutput) {
        raftOutput.removeAll()
        for name in claims.map(\.name) {
            guard let place = claims.firstIndex(where: { $0.name == name }) else { continue }
            claims[place].acquire = nil
            claims[place].isQueued = false
            claims[place].notBefore = nil
            if claims[place].claim.token != nil { loseClaim(at: place, current: nil, at: now, into: &output) }
        }
        if let round = roundLeader.current?.round {
            leaderStep(.abandon(why), at: now)
            leaderStep(.published(round, false, why: why), at: now)
        }
        memberStep(.epochLeft, at: now)
        drainLeader(at: now, into: &output)
        drainMember(at: now, into: &output)
        loopback = []
        endHandoff(.refused(.leaseLost), into: &output)
        // What this device wanted of the old log for itself; clients' commands are for the mesh, in whichever epoch.
        pending.removeAll { !$0.isOfClient }
        schedule.asked = []
        schedule.answering = []
        for place in waits.indices { waits[place].forgetQuestion(at: now) }
        watch = LeaseWatch(mutants: configuration.mutants)
        renewalsInDoubt = []
        isBeingRemoved = false
        removal = nil
        // What was to be said in the old epoch would go out under the name of the new one.
        output.send = []
        output.sendAhead = []
    }

    private mutating func takeOver(_ image: MeshState, at now: Instant, into output: inout DeviceOutput) {
        let head = state.head.revision
        state = image
        restoredIndex = .zero
        for place in peers.indices { peers[place].rival = nil }
        output.rosterChanged = true
        output.settingsChanged = true
        if let revision = image.head.revision, revision != head { output.actions.append(.headMoved(revision)) }
        memberStep(.head(image.head.revision), at: now)
        for place in pending.indices { pending[place].sendAt = now }
        membershipCheck = now
    }
}

// MARK: - The last common round

extension Device {
    var strayDeadline: Instant? { isStray && raft.appliedIndex > .zero ? groundAt ?? lastStep : nil }

    /// Once the new log is here, the workspace looks for the last round in common with the epoch that it joined.
    mutating func groundStray(at now: Instant, into output: inout DeviceOutput) {
        guard isStray, raft.appliedIndex > .zero, roundMember.current == nil, now >= groundAt ?? now else { return }
        groundAt = now + Limits.groundingPatience
        output.actions.append(.ground(onto: state.recovery?.head, from: links))
    }

    mutating func grounded(
        onto head: Revision?, _ result: Completion<Revision?>, at now: Instant, into output: inout DeviceOutput
    ) {
        // Else the answer is of an epoch that was left meanwhile.
        guard isStray, raft.appliedIndex > .zero, head == state.recovery?.head else { return }
        switch result {
        case .failed(let why):
            groundAt = now + Limits.groundingRetry
            output.events.append(.epoch(.groundingFailed(why)))
        case .done(let base):
            output.events.append(.epoch(.grounded(base, wasStray: base != own.base)))
            if base != own.base { own.changed(max(own.pendingFiles, 1), at: now) }
            own.base = base
            roundMember.baseIs(base)
            isStray = false
            groundAt = nil
            output.persist.isStray = false
        }
    }
}

extension PendingRequest {
    fileprivate var isOfClient: Bool { if case .client = purpose { true } else { false } }
}
