import Consensus
import Locks
import Primitives

// The quorum leader keeps the voters right: an odd number of them, one change at a time (protocol.md, section 2).

extension Device {
    /// How many of `count` devices vote: an odd number, so that a device more never costs availability.
    package static func voters(among count: Int) -> Int { count <= 2 ? 1 : count <= 4 ? 3 : Limits.voters }

    mutating func keepMembership(at now: Instant, into output: inout DeviceOutput) {
        guard now >= membershipCheck else { return }
        membershipCheck = now + Limits.membershipInterval
        let isSettled = raft.commitIndex >= raft.membershipIndex || configuration.mutants.has(.changeTooEarly)
        guard raft.role == .leader, isSettled else { return }
        // A removed leader changes nothing more: the others do not hear it, and elect one that takes its vote away.
        guard state.record(of: device) != nil else { return }
        if let removal, removal.until <= now { self.removal = nil }
        cancelAbsentWaiters(at: now)
        guard let next = nextMembership(at: now), next != raft.membership else { return }
        stepRaft(.changeMembership(next), at: now)
    }

    /// The one change that brings the membership closer to what it should be; nil if none is possible now.
    private func nextMembership(at now: Instant) -> Membership? {
        let current = raft.membership
        let known = state.devices.map(\.device)
        if let gone = (current.voters + current.learners).first(where: { !known.contains($0) && $0 != device }) {
            return current.removing(gone)
        }
        if let new = known.first(where: { !current.voters.contains($0) && !current.learners.contains($0) }) {
            return current.addingLearner(new)
        }
        if let removal, current.voters.contains(removal.device) { return current.demoting(removal.device) }
        let wanted = Self.voters(among: known.count)
        let candidates = current.learners.filter { canVote($0, at: now) }
        let leaving = current.voters.filter { isLeaving($0) }
        if current.voters.count > wanted {
            // A leaving voter first, then one that is away; this device last.
            let others = current.voters.filter { $0 != device }
            let next =
                leaving.first { $0 != device } ?? others.first { !hasLink(to: $0) } ?? leaving.first ?? others.last
            return next.map { current.demoting($0) }
        }
        if current.voters.count < wanted {
            let enough = current.voters.count + candidates.count >= wanted || current.voters.count.isMultiple(of: 2)
            return enough ? candidates.first.map { current.promoting($0) } : nil
        }
        // The vote of a device that leaves moves to a standby that is awake before it leaves.
        return leaving.isEmpty ? nil : candidates.first.map { current.promoting($0) }
    }

    /// Whether a device other than `target` is known to have been brought to the head. If not, a removal waits: the
    /// asker repeats it, and meanwhile a round may catch somebody up.
    func headOutlives(_ target: DeviceID) -> Bool {
        guard let head = state.head.revision, state.record(of: target) != nil else { return true }
        return state.devices.contains { record in
            guard record.device != target else { return false }
            return record.device == device
                ? own.base == head : peers.contains { $0.device == record.device && $0.facts?.base == head }
        }
    }

    /// This quorum leader is to be removed. The others would stop listening to it with that very entry, and without its
    /// vote they may be no quorum: so vote and leadership move first, and the asker's retry goes to the next leader.
    mutating func makeWayForRemoval(at now: Instant) {
        isBeingRemoved = true
        membershipCheck = now
        if let voterHeir { stepRaft(.transferLeadership(to: voterHeir), at: now) }
    }

    /// A device that is to be removed loses its vote first: with the removal its links are cut at once, and a quorum
    /// that still counted it might never meet again. False until it has none; the asker repeats its question.
    mutating func takesVoteOf(_ target: DeviceID, at now: Instant) -> Bool {
        removal = Removal(device: target, until: now + Limits.requestPatience)
        membershipCheck = now
        return raft.membershipIndex <= raft.commitIndex && !raft.membership.voters.contains(target)
    }

    /// Whether those who vote without `target` are a quorum as far as they can be seen from here; the only voter's vote
    /// moves to a standby.
    func outlivesRemoval(of target: DeviceID) -> Bool {
        guard raft.membership.voters.contains(target) else { return true }
        let left = raft.membership.voters.filter { $0 != target }
        let standbys = raft.membership.learners.count { hasLink(to: $0) }
        let seen = left.count { hasLink(to: $0) }
        return seen > left.count / 2 || left.isEmpty && standbys > 0
    }

    private func isLeaving(_ member: DeviceID) -> Bool {
        if removal?.device == member { return true }
        return member == device ? isStopping || isBeingRemoved : peers.first { $0.device == member }?.isLeaving ?? false
    }

    private func canVote(_ learner: DeviceID, at now: Instant) -> Bool {
        guard links.contains(learner), !isLeaving(learner), let progress = raft.progress(of: learner) else {
            return false
        }
        return raft.lastIndex - progress.match <= Limits.promotionLag
    }

    /// A waiter that nobody hears would make everybody wait for its lease to run out: it asks again when it is back.
    private mutating func cancelAbsentWaiters(at now: Instant) {
        for held in state.locks.grants {
            for waiter in state.locks.waiters(of: held.name) where waiter != device && !links.contains(waiter) {
                let command = MeshCommand(
                    request: nextRequest(), operation: .lock(.cancel(held.name, device: waiter)))
                stepRaft(.propose(command), at: now)
            }
        }
    }

    /// A linked voter, other than this device, that stays and has the whole log.
    var voterHeir: DeviceID? {
        raft.membership.voters.first { $0 != device && links.contains($0) && !isLeaving($0) }
    }

    /// Whether the vote of this stopping device is about to move to a standby (so that the stop waits for it).
    var voteMoves: Bool {
        let standbys = raft.membership.learners.filter { links.contains($0) && !isLeaving($0) }
        let stayingVoters = raft.membership.voters.filter { $0 != device && links.contains($0) && !isLeaving($0) }
        guard raft.membership.voters.count <= Self.voters(among: state.devices.count) else {
            return !stayingVoters.isEmpty
        }
        return !standbys.isEmpty
    }
}

/// A device that somebody wants removed, and for how long that is remembered.
struct Removal: Hashable, Sendable {
    var device: DeviceID
    var until: Instant
}

extension Membership {
    func removing(_ device: DeviceID) -> Membership {
        Membership(voters: voters.filter { $0 != device }, learners: learners.filter { $0 != device })
    }

    func addingLearner(_ device: DeviceID) -> Membership {
        Membership(voters: voters, learners: (learners + [device]).sorted())
    }

    func promoting(_ device: DeviceID) -> Membership {
        Membership(voters: (voters + [device]).sorted(), learners: learners.filter { $0 != device })
    }

    func demoting(_ device: DeviceID) -> Membership {
        Membership(voters: voters.filter { $0 != device }, learners: (learners + [device]).sorted())
    }
}
