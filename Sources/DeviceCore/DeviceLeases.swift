import Consensus
import Locks
import Primitives

// The locks that this device holds or wants, their renewal, and on the quorum leader their confirmation and expiry.

/// One lock that this device wants, with whoever wants it here.
package struct LockClaim: Hashable, Sendable {
    package let name: LockName
    package internal(set) var claim: HolderClaim
    /// The client that holds it; nil for the sync lock, which is the device's own.
    package internal(set) var client: UInt64?
    let ttl: Duration
    /// The acquire of this incarnation that is not answered yet, or that queued us.
    var acquire: RequestID?
    var isQueued = false
    var notBefore: Instant?

    /// When it is asked for once more; nil if it is held, asked for, or never was refused.
    var acquireAgain: Instant? { isIdle ? notBefore : nil }
    /// Neither held nor asked for at the moment.
    var isIdle: Bool { !isQueued && acquire == nil && claim.token == nil }

    init(name: LockName, ttl: Duration, client: UInt64?, mutants: MutantSet) {
        self.name = name
        self.ttl = ttl
        self.client = client
        claim = HolderClaim(ttl: ttl, mutants: mutants)
    }
}

/// On the quorum leader: a renewal that waits for its quorum to confirm the leadership.
struct RenewalInDoubt: Hashable, Sendable {
    var id: UInt64
    var from: DeviceID
    var number: UInt64
    var names: [LockName]
}

// MARK: - Holding

extension Device {
    /// Acquires what is wanted, renews what is held, and says when leadership begins or ends.
    mutating func keepLeases(at now: Instant, into output: inout DeviceOutput) {
        for place in claims.indices { wantLock(at: place, at: now, into: &output) }
        renewDue(at: now, into: &output)
        announceLeadership(at: now, into: &output)
    }

    private mutating func wantLock(at place: Int, at now: Instant, into output: inout DeviceOutput) {
        guard claims[place].isIdle, raft.leader != nil, !isStopping else { return }
        let wanted = claims[place]
        if wanted.name == .sync, handoff != nil || isStopped { return }
        guard state.record(of: device) != nil, now >= wanted.notBefore ?? now else { return }
        let request = propose(
            .lock(.acquire(wanted.name, device: device, ttl: wanted.ttl, waits: true)), .acquire(wanted.name), at: now,
            into: &output)
        guard let place = claims.firstIndex(where: { $0.name == wanted.name }) else { return }
        claims[place].acquire = request
        claims[place].claim.requestSent(id: request.number, at: now)
    }

    /// Our acquire was applied. `before` is the newest token just before it: a grant that is not newer is from before
    /// this start of the agent, and a restarted holder owns nothing (protocol.md, section 3).
    mutating func acquired(
        _ name: LockName, _ request: RequestID, _ outcome: MeshOutcome, before: FencingToken, at now: Instant,
        into output: inout DeviceOutput
    ) {
        guard let place = claims.firstIndex(where: { $0.name == name }), claims[place].acquire == request else {
            return
        }
        claims[place].acquire = nil
        switch outcome {
        case .lock(.granted(let grant)):
            let isOurs = claims[place].claim.token == grant.token
            guard grant.token > before || isOurs || configuration.mutants.has(.restartedHolderResumes) else {
                claims[place].claim.unanswered(id: request.number)
                propose(.lock(.release(name, token: grant.token)), .upkeep, at: now, into: &output)
                return
            }
            claims[place].claim.answered(id: request.number, token: grant.token, ttl: grant.ttl, at: now)
            tellClient(granted: name, grant.token, into: &output)
        case .lock(.queued):
            claims[place].claim.unanswered(id: request.number)
            // The lock may have been granted to us by an entry that was applied since (a snapshot, say).
            claims[place].isQueued = true
            readClaimsFromState(at: now, into: &output)
        case .lock(.refused(let refusal)):
            claims[place].claim.unanswered(id: request.number)
            claims[place].notBefore = now + configuration.profile.leaseRenewal
            dropClient(of: name, .lockRefused(refusal), into: &output)
        case .lock(.done), .published, .publicationRefused, .done, .refused: break
        }
    }

    mutating func acquireFailed(
        _ name: LockName, _ request: RequestID, at now: Instant, into output: inout DeviceOutput
    ) {
        guard let place = claims.firstIndex(where: { $0.name == name }), claims[place].acquire == request else {
            return
        }
        claims[place].acquire = nil
        claims[place].claim.unanswered(id: request.number)
        claims[place].notBefore = now + configuration.profile.leaseRenewal
        dropClient(of: name, .noQuorum, into: &output)
    }

    /// What the entry at `index` says about locks, seen from our claims.
    mutating func noteClaim(
        _ event: LockEvent, of index: LogIndex, at now: Instant, into output: inout DeviceOutput
    ) {
        switch event {
        case .granted(let name, let grant, _): noteGrant(name, grant, of: index, at: now, into: &output)
        case .expired(let name, let grant), .released(let name, let grant), .orphaned(let name, let grant):
            guard grant.holder == device, let place = claims.firstIndex(where: { $0.name == name }),
                claims[place].claim.token == grant.token
            else { return }
            loseClaim(at: place, current: nil, at: now, into: &output)
        case .stoppedWaiting(let name, let waiter):
            guard waiter == device, let place = claims.firstIndex(where: { $0.name == name }) else { return }
            claims[place].isQueued = false
            claims[place].notBefore = now + configuration.profile.leaseRenewal
        case .queued, .transferred: break
        }
    }

    private mutating func noteGrant(
        _ name: LockName, _ grant: Grant, of index: LogIndex, at now: Instant, into output: inout DeviceOutput
    ) {
        let place = claims.firstIndex { $0.name == name }
        guard grant.holder == device else {
            // An older grant is no news: a renewal's answer may have told of a newer one of ours before the log does.
            guard let place, let token = claims[place].claim.token, grant.token > token else { return }
            return loseClaim(at: place, current: grant.token, at: now, into: &output)
        }
        // A restarted holder owns nothing (protocol.md, section 3): it asks anew, and the answer says what is to be
        // done with the old grant, which an earlier incarnation may be about to release. What comes after our own
        // acquire is for us, whatever its index: entries that were here at the start may have been replaced since.
        if name == .sync, index <= restoredIndex, place.map({ !claims[$0].isQueued }) ?? true { return }
        // The answer to our own acquire tells more (when it was sent), and comes with the same entry.
        if let place, claims[place].acquire != nil { return }
        let isExpected = place.map { claims[$0].isQueued || (name == .sync && claims[$0].claim.token == nil) } ?? false
        guard let place, isExpected, !isStopping, !(isStopped && name == .sync) else {
            if place.map({ claims[$0].claim.token != grant.token }) ?? true {
                propose(.lock(.release(name, token: grant.token)), .upkeep, at: now, into: &output)
            }
            return
        }
        claims[place].isQueued = false
        claims[place].claim.granted(grant)
        tellClient(granted: name, grant.token, into: &output)
    }

    /// After a snapshot: what our claims must know of the table, since the entries themselves were not seen.
    mutating func readClaimsFromState(at now: Instant, into output: inout DeviceOutput) {
        loseClientsClaims(at: now, into: &output)
        for place in claims.indices {
            let name = claims[place].name
            guard let grant = state.locks.grant(of: name) else {
                if claims[place].claim.token != nil { claims[place].claim.gaveUp() }
                claims[place].isQueued = false
                continue
            }
            if grant.holder != device {
                claims[place].claim.lost(to: grant.token)
                claims[place].isQueued = state.locks.waiters(of: name).contains(device) && claims[place].isQueued
            } else if claims[place].isQueued {
                claims[place].isQueued = false
                claims[place].claim.granted(grant)
            }
        }
    }

    /// A client's lock that the snapshot does not have under its token was lost by an entry that was not seen.
    private mutating func loseClientsClaims(at now: Instant, into output: inout DeviceOutput) {
        for claim in claims where claim.name != .sync {
            guard let token = claim.claim.token, let place = claims.firstIndex(where: { $0.name == claim.name }) else {
                continue
            }
            let grant = state.locks.grant(of: claim.name)
            // An older grant is no news, as in `noteGrant`.
            if claim.isQueued || grant.map({ $0.token <= token }) ?? false { continue }
            loseClaim(at: place, current: grant?.token, at: now, into: &output)
        }
    }

    mutating func loseClaim(
        at place: Int, current: FencingToken?, at now: Instant, into output: inout DeviceOutput
    ) {
        let (name, lost) = (claims[place].name, claims[place].claim.token)
        if let current { claims[place].claim.lost(to: current) } else { claims[place].claim.gaveUp() }
        claims[place].isQueued = false
        guard name != .sync else { return endLeadership(current: current, at: now, into: &output) }
        if let client = claims[place].client, let lost {
            output.replies.append(TaggedReply(tag: client, reply: .lost(name, lost)))
        }
        claims.removeAll { $0.name == name }
    }

    private mutating func announceLeadership(at now: Instant, into output: inout DeviceOutput) {
        guard mayLead(at: now), let token = leaderToken else {
            // Not confirmed at the moment (or asleep a moment ago): no step is taken, but the round is not given up
            // until the lease is known to be lost or has run out for good.
            if announcedToken != nil, leaderToken == nil { endLeadership(current: nil, at: now, into: &output) }
            return
        }
        guard token != announcedToken else { return }
        announcedToken = token
        schedule.newLeadership()
        output.events.append(.leading(token))
    }

    mutating func endLeadership(current: FencingToken?, at now: Instant, into output: inout DeviceOutput) {
        guard let token = announcedToken else { return }
        announcedToken = nil
        output.events.append(.leadershipLost(token, current: current))
        leaderStep(.abandon("the lease was lost"), at: now)
    }
}

// MARK: - Renewing

extension Device {
    var leaseDeadline: Instant? {
        var next = raft.role == .leader ? watch.nextDeadline : nil
        guard let leader = raft.leader else { return next }
        let mayRenew = hasLink(to: leader)
        for place in claims.indices {
            if mayRenew, let renewal = claims[place].claim.nextRenewal(every: configuration.profile.leaseRenewal) {
                next = min(next ?? renewal, renewal)
            }
            // An end that has passed is no reason to look again and again.
            if let end = claims[place].claim.actsBefore, end > lastStep { next = min(next ?? end, end) }
            if let again = claims[place].acquireAgain, again > lastStep { next = min(next ?? again, again) }
        }
        return next
    }

    private mutating func renewDue(at now: Instant, into output: inout DeviceOutput) {
        guard let leader = raft.leader, hasLink(to: leader) else { return }
        let interval = configuration.profile.leaseRenewal
        guard claims.indices.contains(where: { claims[$0].claim.renewalDue(at: now, every: interval) }) else { return }
        requestNumber += 1
        var renewals: [LeaseRenewal] = []
        for place in claims.indices where claims[place].claim.renewalDue(at: now, every: interval) {
            guard let token = claims[place].claim.token else { continue }
            claims[place].claim.requestSent(id: requestNumber, at: now, renewing: token)
            renewals.append(LeaseRenewal(name: claims[place].name, token: token))
        }
        send(.renew(number: requestNumber, renewals), to: leader, into: &output)
    }

    /// On the quorum leader: note when it arrived, and answer once a quorum confirmed that we still lead.
    mutating func receiveRenewal(
        _ number: UInt64, _ renewals: [LeaseRenewal], from peer: DeviceID, at now: Instant,
        into output: inout DeviceOutput
    ) {
        guard raft.role == .leader, renewalsInDoubt.count < Limits.readsInFlight, state.record(of: peer) != nil else {
            return
        }
        var names: [LockName] = []
        for renewal in renewals {
            let holds =
                state.locks.grant(of: renewal.name).map { $0.holder == peer && $0.token == renewal.token } ?? false
            // One whose expiry is proposed already gets no answer: the log will tell.
            guard !holds || watch.renewed(renewal.name, token: renewal.token, receivedAt: now) else { continue }
            names.append(renewal.name)
        }
        guard !names.isEmpty else { return }
        requestNumber += 1
        renewalsInDoubt.append(RenewalInDoubt(id: requestNumber, from: peer, number: number, names: names))
        guard !configuration.mutants.has(.renewalUnconfirmed) else {
            return confirmRenewals(requestNumber, at: now, into: &output)
        }
        stepRaft(.confirmLeadership(requestNumber), at: now)
    }

    mutating func confirmRenewals(_ id: UInt64, at now: Instant, into output: inout DeviceOutput) {
        guard let place = renewalsInDoubt.firstIndex(where: { $0.id == id }) else { return }
        let renewal = renewalsInDoubt.remove(at: place)
        let answers = renewal.names.map { name in
            LeaseAnswer(
                name: name,
                current: state.locks.grant(of: name).map { LeaseHolder(device: $0.holder, token: $0.token) })
        }
        send(.renewed(number: renewal.number, answers), to: renewal.from, into: &output)
    }

    /// The answer to our renewal. A grant that it names and that is not ours is a loss, whatever our own log says yet.
    mutating func receiveRenewed(
        _ number: UInt64, _ answers: [LeaseAnswer], at now: Instant, into output: inout DeviceOutput
    ) {
        for answer in answers {
            guard let place = claims.firstIndex(where: { $0.name == answer.name }),
                let token = claims[place].claim.token
            else { continue }
            if let current = answer.current, current.device == device {
                claims[place].claim.answered(id: number, token: current.token, at: now)
            } else if let current = answer.current, current.token > token {
                loseClaim(at: place, current: current.token, at: now, into: &output)
            } else {
                claims[place].claim.unanswered(id: number)
            }
        }
    }

    /// On the quorum leader: leases that ran out, and waiters that nobody hears.
    mutating func expireLeases(at now: Instant, into output: inout DeviceOutput) {
        guard raft.role == .leader else { return }
        for due in watch.due(at: now, table: state.locks) {
            let expiry = MeshOperation.lock(.expire(due.name, token: due.token, term: raft.term))
            if configuration.mutants.has(.lateExpiry) {
                propose(expiry, .upkeep, at: now, into: &output)
            } else {
                stepRaft(.propose(MeshCommand(request: nextRequest(), operation: expiry)), at: now)
            }
        }
    }
}
