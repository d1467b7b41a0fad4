import Consensus
import Locks
import Primitives
import SyncRounds

// Commands on their way into the log, and the local clients that wait for an answer.

/// A command that was proposed and whose entry is not applied here yet. It is sent again, under the same id, until
/// then.
struct PendingRequest: Hashable, Sendable {
    enum Purpose: Hashable, Sendable {
        case client(tag: UInt64)
        case acquire(LockName)
        case publish(RoundID)
        case handoff
        case upkeep
    }

    var command: MeshCommand
    var purpose: Purpose
    var sendAt: Instant
    var sentTo: DeviceID?
    var deadline: Instant
}

/// A local client that waits for something other than one command.
struct ClientWait: Hashable, Sendable {
    enum Purpose: Hashable, Sendable {
        case sync(undo: UndoTarget?)
        case handoff(to: DeviceID?)
        /// A lock that is not granted yet.
        case lock(LockName)
    }

    var tag: UInt64
    var purpose: Purpose
    /// The number under which the sync leader was asked; nil while it was not.
    var number: UInt64?
    var askedOf: DeviceID?
    var sendAt: Instant
    var deadline: Instant
}

extension Device {
    var requestDeadline: Instant? {
        var next: Instant?
        for at in pending.indices {
            next = min(next ?? pending[at].deadline, pending[at].deadline, pending[at].sendAt)
        }
        guard !waits.isEmpty else { return next }
        let mayAsk = syncLeader.map { hasLink(to: $0.device) } ?? false
        for wait in waits {
            next = min(next ?? wait.deadline, wait.deadline)
            if mayAsk, wait.isAsking { next = min(next ?? wait.sendAt, wait.sendAt) }
        }
        return next
    }

    /// Puts a command on its way; the purpose is served when its entry is applied here.
    @discardableResult
    mutating func propose(
        _ operation: MeshOperation, _ purpose: PendingRequest.Purpose,
        within patience: Duration = Limits.requestPatience,
        at now: Instant, into output: inout DeviceOutput
    ) -> RequestID {
        let command = MeshCommand(request: nextRequest(), operation: operation)
        guard pending.count < Limits.proposalsInFlight else {
            giveUp(
                PendingRequest(command: command, purpose: purpose, sendAt: now, deadline: now), at: now, into: &output)
            return command.request
        }
        pending.append(
            PendingRequest(command: command, purpose: purpose, sendAt: now, sentTo: nil, deadline: now + patience))
        sendPending(at: now, into: &output)
        return command.request
    }

    /// Sends what is due to the quorum leader of the moment; without one, looks again soon.
    mutating func sendPending(at now: Instant, into output: inout DeviceOutput) {
        for place in pending.indices {
            guard pending[place].sendAt <= now || pending[place].sentTo != raft.leader else { continue }
            pending[place].sendAt = now + configuration.profile.election.lowerBound
            pending[place].sentTo = raft.leader
            let command = pending[place].command
            if raft.role == .leader {
                proposeHere(command, from: device, at: now)
            } else if let leader = raft.leader, links.contains(leader) {
                output.send.append(PeerEnvelope(to: leader, message: .propose(command)))
            }
        }
    }

    func isPending(_ purpose: PendingRequest.Purpose) -> Bool { pending.contains { $0.purpose == purpose } }

    mutating func resendSoon(_ request: RequestID, at now: Instant) {
        guard let place = pending.firstIndex(where: { $0.command.request == request }) else { return }
        pending[place].sendAt = min(pending[place].sendAt, now + configuration.profile.heartbeat)
    }

    /// On the quorum leader: a command that a member (or this device) wants in the log.
    mutating func receiveProposal(
        _ command: MeshCommand, from peer: DeviceID, at now: Instant, into output: inout DeviceOutput
    ) {
        guard raft.role == .leader else {
            return send(.notLeader(command.request, leader: raft.leader), to: peer, into: &output)
        }
        guard mayPropose(command, peer) else {
            return output.events.append(.dropped("\(peer.short) may not propose \(command.operation.name)"))
        }
        proposeHere(command, from: peer, at: now)
    }

    private mutating func proposeHere(_ command: MeshCommand, from peer: DeviceID, at now: Instant) {
        guard state.answer(to: command.request) == nil else { return }
        if case .lock(.acquire(let name, let asker, _, _)) = command.operation {
            watch.acquireReceived(name, from: asker, at: now, table: state.locks)
        }
        if case .removeDevice(let target) = command.operation {
            // With its last holder the published head would be gone, and nothing could ever be merged onto it. Who has
            // just been elected may not know of that head yet: the asker repeats its question.
            guard raft.knowsAllCommitted || configuration.mutants.has(.removalInOldTerm),
                headOutlives(target) || configuration.mutants.has(.lastHolderRemoved),
                outlivesRemoval(of: target)
            else { return }
            if target == device { return makeWayForRemoval(at: now) }
            guard takesVoteOf(target, at: now) else { return }
        }
        stepRaft(.propose(command), at: now)
    }

    /// Least privilege: a device speaks for itself alone.
    private func mayPropose(_ command: MeshCommand, _ peer: DeviceID) -> Bool {
        guard command.request.device == peer, state.record(of: peer) != nil || peer == device else { return false }
        switch command.operation {
        case .lock(.acquire(_, let asker, _, _)), .lock(.cancel(_, let asker)): return asker == peer
        case .lock(.release(let name, _)), .lock(.transfer(let name, _, _)):
            return state.locks.grant(of: name).map { $0.holder == peer } ?? true
        case .lock(.expire), .lock(.forget): return peer == device || configuration.mutants.has(.lateExpiry)
        case .review(.brake(let brake)): return brake.device == peer
        case .review(.lift(let braked, let ofRound)): return ofRound || braked == peer
        case .publish, .putDevice, .removeDevice, .set, .unset, .hub, .review(.resolve), .review(.allowDeletions):
            return true
        }
    }

    /// The command was applied: serve whoever waits for it.
    mutating func finish(
        _ command: MeshCommand, _ outcome: MeshOutcome, granted newest: FencingToken, at now: Instant,
        into output: inout DeviceOutput
    ) {
        guard command.request.device == device,
            let place = pending.firstIndex(where: { $0.command.request == command.request })
        else { return }
        let request = pending.remove(at: place)
        switch request.purpose {
        case .client(let tag): reply(outcome, to: tag, into: &output)
        case .acquire(let name): acquired(name, command.request, outcome, before: newest, at: now, into: &output)
        case .publish(let round): leaderStep(.published(round, outcome.isPublished, why: outcome.words), at: now)
        case .handoff: handedOff(outcome, at: now, into: &output)
        case .upkeep: break
        }
    }

    /// After a snapshot was installed: answers that went by inside of it.
    mutating func answerPendingFromState(at now: Instant, into output: inout DeviceOutput) {
        for request in pending {
            guard let outcome = state.answer(to: request.command.request) else { continue }
            finish(request.command, outcome, granted: state.locks.newestToken, at: now, into: &output)
        }
    }

    mutating func expireRequests(at now: Instant, into output: inout DeviceOutput) {
        for request in pending where request.deadline <= now {
            pending.removeAll { $0.command.request == request.command.request }
            giveUp(request, at: now, into: &output)
        }
    }

    private mutating func giveUp(_ request: PendingRequest, at now: Instant, into output: inout DeviceOutput) {
        switch request.purpose {
        case .client(let tag): output.replies.append(TaggedReply(tag: tag, reply: .noQuorum))
        case .acquire(let name): acquireFailed(name, request.command.request, at: now, into: &output)
        // Not refused: in doubt. Whoever staged it is not told that it is off.
        case .publish(let round) where roundLeader.current?.round == round:
            leaderStep(.abandon("no quorum answered in time"), at: now)
        case .publish: break
        case .handoff: endHandoff(.refused(.leaseLost), into: &output)
        case .upkeep: break
        }
    }

    private func reply(_ outcome: MeshOutcome, to tag: UInt64, into output: inout DeviceOutput) {
        let reply: ClientReply =
            switch outcome {
            case .lock(.refused(let refusal)): .lockRefused(refusal)
            case .refused(let refusal): .refused(refusal)
            case .publicationRefused: .failed("the publication was refused")
            case .lock, .published, .done: .done
            }
        output.replies.append(TaggedReply(tag: tag, reply: reply))
    }
}

extension ClientWait {
    /// Whether the wait is for an answer of the sync leader that was not asked yet, or may have to be asked again.
    var isAsking: Bool {
        switch purpose {
        case .sync, .handoff: number == nil
        case .lock: false
        }
    }
}

extension MeshOutcome {
    var isPublished: Bool { if case .published = self { true } else { false } }

    /// The outcome in a few words.
    var words: String {
        switch self {
        case .lock, .done: "done"
        case .published(let number): "published as round \(number)"
        case .publicationRefused(.staleToken(let presented, let current)):
            "token \(presented) is stale, \(current.map { "\($0)" } ?? "none") is current"
        case .publicationRefused(.notHeld(let holders, let voters)):
            "\(holders) of \(voters) voters hold the revision"
        case .publicationRefused(.staleSequence(let presented, let last)): "sequence \(presented) is not above \(last)"
        case .publicationRefused(.headMoved): "the head has moved"
        case .refused(let refusal): "\(refusal)"
        }
    }
}

extension MeshOperation {
    var name: String {
        switch self {
        case .lock: "a lock command"
        case .publish: "a publication"
        case .putDevice: "a device"
        case .removeDevice: "a removal"
        case .set, .unset: "a setting"
        case .hub: "the hub"
        case .review: "an answer of a person"
        }
    }
}
