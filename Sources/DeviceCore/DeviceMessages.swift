import Consensus
import Primitives
import SyncRounds

// What arrives from other devices, and what is done after every input.

extension Device {
    mutating func receive(
        _ message: PeerMessage, from peer: DeviceID, at now: Instant, into output: inout DeviceOutput
    ) {
        guard peer == device || !state.removed.contains(peer) || configuration.mutants.has(.removedAccepted) else {
            return output.events.append(.dropped("\(peer.short) was removed from the mesh"))
        }
        switch message {
        case .raft(let message): stepRaft(.received(message, from: peer), at: now)
        case .propose(let command): receiveProposal(command, from: peer, at: now, into: &output)
        case .notLeader(let request, _): resendSoon(request, at: now)
        case .renew(let number, let renewals):
            receiveRenewal(number, renewals, from: peer, at: now, into: &output)
        case .renewed(let number, let answers): receiveRenewed(number, answers, at: now, into: &output)
        case .round(let message): receiveRound(message, from: peer, at: now, into: &output)
        case .facts(let facts):
            view(of: peer) {
                $0.facts = facts
                $0.heard = now
            }
            membershipCheck = min(membershipCheck, now + configuration.profile.heartbeat)
        case .syncRequest(let number, let undo):
            receiveSyncRequest(number, undo: undo, from: peer, at: now, into: &output)
        case .syncAnswer(let number, let answer):
            receiveSyncAnswer(number, answer, from: peer, at: now, into: &output)
        case .handoffRequest(let number, let target):
            receiveHandoffRequest(number, target: target, from: peer, at: now, into: &output)
        case .handoffAnswer(let number, let answer):
            receiveHandoffAnswer(number, answer, from: peer, at: now, into: &output)
        case .leaving(let leaves):
            view(of: peer) { $0.isLeaving = leaves }
            membershipCheck = now
        case .stop(let word): receiveStop(word, from: peer, at: now, into: &output)
        }
    }

    /// Everything that is due, in the order of the layers.
    mutating func carryOutDuties(at now: Instant, into output: inout DeviceOutput) {
        if let deadline = raft.nextDeadline, deadline <= now { stepRaft(.tick, at: now) }
        if let deadline = roundMember.nextDeadline, deadline <= now { memberStep(.tick, at: now) }
        if let deadline = roundLeader.nextDeadline, deadline <= now { leaderStep(.tick, at: now) }
        keepStops(at: now, into: &output)
        repeatStop(at: now, into: &output)
        if let ends = own.triggerEnds, ends <= now { own.endTrigger() }
        expireRequests(at: now, into: &output)
        expireWaits(at: now, into: &output)
        sendPending(at: now, into: &output)
        keepLeases(at: now, into: &output)
        expireLeases(at: now, into: &output)
        keepMembership(at: now, into: &output)
        settle(at: now, into: &output)
        askLeader(at: now, into: &output)
        settle(at: now, into: &output)
        driveHandoff(at: now, into: &output)
        driveExit(at: now, into: &output)
        driveStop(at: now, into: &output)
        groundStray(at: now, into: &output)
        startRoundIfDue(at: now, into: &output)
        driveHub(at: now, into: &output)
        tellFacts(at: now, into: &output)
    }
}
