import Consensus
import DeviceCore
import Locks
import Primitives
import SyncRounds

// What a device says that happened: marks, and facts for the checks.

typealias RoundPhaseName = RoundPhase

extension World {
    mutating func observe(_ node: Int, _ event: DeviceEvent) {
        switch event {
        case .consensus(.snapshotInstalled): hit(.snapshotInstalled)
        case .consensus(.snapshotTaken): hit(.snapshotTaken)
        case .consensus(let event): noteElections(node, event)
        case .membership: hit(.votersChanged)
        case .lock: break
        case .leading(let token):
            fire(.leaderChange, at: node)
            nodes[node].rounds.failures = 0
            noteLeading(node, token)
            row(node, "leads under \(token)")
        case .leadershipLost(let token, let current): lostLeadership(node, token, current)
        case .roundStarted(let round, let reason, let members):
            oracle.roundsStarted += 1
            checkBackOff(node, round, reason)
            let places = members.compactMap { offset(of: $0) }
            journal?.began(round, reason, leader: node, places, at: now)
            if let budget = nodes[node].device?.pauseBudget() { nodes[node].rounds.budget = .init(round, budget) }
            row(node, "starts \(round) (\(reason.rawValue)) with \(members.count) devices")
        case .roundPhase(let round, let phase):
            nodes[node].seen.phase = phase
            if let point = RoundPoint(phase) { fire(.round(point), at: node) }
            row(node, "\(round): \(phase.rawValue)")
        case .roundEnded(let summary):
            journal?.ended(summary, at: now)
            ended(node, summary)
        case .published(let publication, let number):
            row(node, "knows head \(number): \(publication.new.tail)")
        case .publicationRefused(let publication, let refusal):
            hit(.stalePublishRefused)
            row(node, "the log refused \(publication.round): \(refusal)")
        case .refusedToken(let presented, let from, let highest, _):
            hit(.tokenRefusedAtDevice)
            row(node, "refuses token \(presented) of device \(from.number), \(highest) is newer")
        case .hub(let event): observe(node, event)
        case .epoch(let event): observe(node, event)
        case .decided, .pauseEnded, .memberSaid, .applied, .declined, .review, .stop: break
        case .slept: hit(.sleepNoticed)
        case .dropped(let why): row(node, "drops: \(why)")
        }
    }

    private mutating func lostLeadership(_ node: Int, _ token: FencingToken, _ current: FencingToken?) {
        hit(.leadershipLost)
        if nodes[node].suspendedWhileLeading { hit(.leaseEndedWhileHolderSuspended) }
        nodes[node].suspendedWhileLeading = false
        if syncLeader == node { syncLeader = nil }
        row(node, "leads no more under \(token), now \(current?.description ?? "none")")
    }

    private mutating func ended(_ node: Int, _ summary: RoundSummary) {
        nodes[node].seen.phase = nil
        nodes[node].rounds.ended(summary.result, at: nodes[node].steppedAt)
        if !summary.leftOut.isEmpty { hit(.memberLeftOut) }
        switch summary.result {
        case .published: row(node, "\(summary.round) published")
        case .nothingToDo: hit(.nothingToDo)
        case .caughtUp: hit(.caughtUp)
        case .aborted(let why):
            hit(.roundAborted)
            row(node, "\(summary.round) aborted: \(why)")
        }
    }

    // MARK: The table

    /// One row, if somebody wants to read it.
    mutating func row(_ node: Int?, _ text: @autoclosure () -> String) {
        guard transcript != nil else { return }
        var row = TranscriptRow(
            event: events, time: now, node: node, role: "-", term: "-", commit: "-", token: "-", phase: "-",
            text: text())
        if let node, let device = nodes[node].device {
            row.role = "\(device.raft.role)"
            row.term = "\(device.raft.term)"
            row.commit = "\(device.raft.commitIndex)"
            if let token = device.leaderToken {
                let left = device.leaseRemaining(at: deviceTime(node)).wholeMilliseconds
                row.token = "\(token) \(left)ms"
            }
            row.phase = nodes[node].seen.phase?.rawValue ?? (device.roundMember.current.map { "in \($0.round)" } ?? "-")
        }
        transcript?.add(row)
    }
}

extension Oracle {
    /// Tokens strictly increase along the log; each has one holder.
    mutating func learn(_ event: LockEvent) {
        guard case .granted(let name, let grant, _) = event else { return }
        if let last = grants.last, grant.token <= last.token {
            fail(
                .tokenOrder, "token \(last.token) was granted for \(last.name)",
                "and after it in the log \(grant.token) for \(name)")
        }
        grants.append(TokenHolder(token: grant.token, name: name, device: grant.holder))
    }

    /// Who leads a round holds its token; a vote is given once.
    mutating func sent(_ message: PeerMessage, by node: Int, as device: DeviceID, to peer: DeviceID) {
        switch message {
        case .round(let round) where round.isFromLeader:
            guard let holder = holder(of: round.round.token), holder.device != device || holder.name != .sync else {
                return
            }
            fail(
                .leaderHoldsToken,
                "token \(holder.token) was granted to device \(holder.device.number) for \(holder.name)",
                "and device \(node + 1) leads round \(round.round) under it")
        case .raft(.voteReply(let reply)) where reply.isGranted && !reply.isPreVote:
            voted(device, reply.term, for: peer)
        case .raft, .round, .propose, .notLeader, .renew, .renewed, .facts, .syncRequest, .syncAnswer, .handoffRequest,
            .handoffAnswer, .leaving, .stop:
            break
        }
    }
}

extension MeshState {
    /// Equal states have equal fingerprints within one process.
    var fingerprint: Int {
        var hasher = Hasher()
        hasher.combine(locks)
        hasher.combine(head)
        hasher.combine(devices)
        hasher.combine(removed)
        hasher.combine(settings)
        hasher.combine(hub)
        hasher.combine(recovery)
        // The rest of them was looked at when it was new.
        for answers in answered { hasher.combine(answers.answers.last) }
        return hasher.finalize()
    }
}
