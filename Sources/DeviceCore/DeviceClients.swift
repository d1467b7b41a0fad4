import Locks
import Primitives
import SyncRounds

// What local clients ask for, and how the sync leader is asked on their behalf.

extension Device {
    mutating func handle(
        _ request: ClientRequest, tag: UInt64, at now: Instant, into output: inout DeviceOutput
    ) {
        guard !isRefused(request) else {
            return output.replies.append(TaggedReply(tag: tag, reply: .failed(Self.stoppedText)))
        }
        switch request {
        case .sync: wait(.sync(undo: nil), tag: tag, patience: Limits.roundTimeout, at: now, into: &output)
        case .undo(let target):
            wait(.sync(undo: target), tag: tag, patience: Limits.roundTimeout, at: now, into: &output)
        case .handoff(let target):
            wait(.handoff(to: target), tag: tag, patience: Limits.requestPatience, at: now, into: &output)
        case .acquire(let name, let ttl, let waits):
            acquire(name, ttl: ttl, waits: waits, tag: tag, at: now, into: &output)
        case .release(let name): release(name, tag: tag, at: now, into: &output)
        case .putDevice(let record): propose(.putDevice(record), .client(tag: tag), at: now, into: &output)
        case .removeDevice(let target): remove(target, tag: tag, at: now, into: &output)
        case .set(let setting): propose(.set(setting), .client(tag: tag), at: now, into: &output)
        case .unset(let key): propose(.unset(key: key), .client(tag: tag), at: now, into: &output)
        case .hub(let change): propose(.hub(change), .client(tag: tag), at: now, into: &output)
        case .review(let review): propose(.review(review), .client(tag: tag), at: now, into: &output)
        case .stop(let order, let everywhere):
            stop(order, everywhere: everywhere, tag: tag, at: now, into: &output)
        case .resume(let everywhere): resume(everywhere: everywhere, tag: tag, at: now, into: &output)
        case .recover(let order): recover(order, tag: tag, at: now, into: &output)
        }
    }

    /// What a stopped device does not do for anybody.
    private func isRefused(_ request: ClientRequest) -> Bool {
        switch request {
        case .sync, .undo: isStopped
        case .acquire: stops.order?.kind == .emergency
        case .handoff, .release, .putDevice, .removeDevice, .set, .unset, .hub, .review, .stop, .resume, .recover:
            false
        }
    }

    /// Refused at once where it would leave no quorum: the quorum leader would not do it either, and say nothing.
    private mutating func remove(
        _ target: DeviceID, tag: UInt64, at now: Instant, into output: inout DeviceOutput
    ) {
        let away = raft.membership.voters.filter { $0 != target && !hasLink(to: $0) }
        guard away.isEmpty || outlivesRemoval(of: target) else {
            let names = away.map { state.record(of: $0)?.name ?? $0.short }.joined(separator: ", ")
            let why =
                "without its vote the mesh has no quorum, since \(names) cannot be reached; bring \(names) back or "
                + "remove it first"
            return output.replies.append(TaggedReply(tag: tag, reply: .failed(why)))
        }
        propose(.removeDevice(target), .client(tag: tag), at: now, into: &output)
    }

    private mutating func wait(
        _ purpose: ClientWait.Purpose, tag: UInt64, patience: Duration, at now: Instant, into output: inout DeviceOutput
    ) {
        guard waits.count < Limits.clientWaits else {
            return output.replies.append(TaggedReply(tag: tag, reply: .failed("too many requests wait already")))
        }
        waits.append(
            ClientWait(
                tag: tag, purpose: purpose, number: nil, askedOf: nil, sendAt: now, deadline: now + patience))
    }

    /// Asks the sync leader of the moment what is not asked yet.
    mutating func askLeader(at now: Instant, into output: inout DeviceOutput) {
        endHandoffsSeenDone(into: &output)
        for place in waits.indices {
            let wait = waits[place]
            if let asked = wait.askedOf, asked != syncLeader?.device { waits[place].forgetQuestion(at: now) }
            guard waits[place].isAsking, now >= waits[place].sendAt, let leader = syncLeader?.device,
                hasLink(to: leader)
            else { continue }
            requestNumber += 1
            waits[place].number = requestNumber
            waits[place].askedOf = leader
            switch wait.purpose {
            case .sync(let undo):
                send(.syncRequest(number: requestNumber, undo: undo), to: leader, into: &output)
            case .handoff(let target):
                send(.handoffRequest(number: requestNumber, target: target), to: leader, into: &output)
            case .lock: break
            }
        }
    }

    /// The log may tell of a handoff before the old leader's answer does: then it is done, and asked of nobody again.
    private mutating func endHandoffsSeenDone(into output: inout DeviceOutput) {
        guard !waits.isEmpty, let leader = syncLeader else { return }
        for wait in waits {
            guard case .handoff(let target) = wait.purpose, let asked = wait.askedOf, asked != leader.device,
                target == nil || target == leader.device
            else { continue }
            waits.removeAll { $0.tag == wait.tag }
            output.replies.append(
                TaggedReply(tag: wait.tag, reply: .handedOff(to: leader.device, token: leader.token)))
        }
    }

    /// A leader that is linked but silent for this long was not the leader, or lost the question: it is asked again.
    mutating func expireWaits(at now: Instant, into output: inout DeviceOutput) {
        for wait in waits where wait.deadline <= now {
            waits.removeAll { $0.tag == wait.tag }
            output.replies.append(TaggedReply(tag: wait.tag, reply: raft.leader == nil ? .noQuorum : .noLeader))
        }
        // Without a leader in sight there is no point in waiting out a whole round's time.
        for wait in waits
        where wait.number == nil && wait.deadline - Limits.roundTimeout + Limits.requestPatience <= now {
            if case .sync = wait.purpose {
                waits.removeAll { $0.tag == wait.tag }
                output.replies.append(TaggedReply(tag: wait.tag, reply: raft.leader == nil ? .noQuorum : .noLeader))
            }
        }
    }

    mutating func receiveSyncRequest(
        _ number: UInt64, undo: UndoTarget?, from peer: DeviceID, at now: Instant, into output: inout DeviceOutput
    ) {
        guard mayLead(at: now), !isStopping, !isStopped, handoff == nil else {
            return send(.syncAnswer(number: number, .notLeader), to: peer, into: &output)
        }
        let asker = ScheduleMemory.Asker(device: peer, number: number, undo: undo)
        guard !schedule.asked.contains(asker), !schedule.answering.contains(asker) else { return }
        guard schedule.asked.count < Limits.clientWaits else {
            return send(
                .syncAnswer(number: number, .refused("too many requests wait already")), to: peer, into: &output)
        }
        schedule.asked.append(asker)
    }

    mutating func receiveSyncAnswer(
        _ number: UInt64, _ answer: SyncAnswer, from peer: DeviceID, at now: Instant, into output: inout DeviceOutput
    ) {
        guard let place = waits.firstIndex(where: { $0.number == number && $0.askedOf == peer && $0.isForRound })
        else { return }
        switch answer {
        case .notLeader: waits[place].forgetQuestion(at: now + configuration.profile.heartbeat)
        case .done(let outcome):
            lastRound = outcome
            output.replies.append(TaggedReply(tag: waits[place].tag, reply: .synced(outcome)))
            waits.remove(at: place)
        case .refused(let why):
            output.replies.append(TaggedReply(tag: waits[place].tag, reply: .failed(why)))
            waits.remove(at: place)
        }
    }

    /// The client behind the tag is gone: its lock is released, its waits end.
    mutating func cancel(_ tag: UInt64, at now: Instant, into output: inout DeviceOutput) {
        waits.removeAll { $0.tag == tag }
        pending.removeAll { $0.purpose == .client(tag: tag) }
        if configuration.mutants.has(.goneClientKeepsLock) { return }
        for claim in claims where claim.client == tag { letGo(claim.name, at: now, into: &output) }
    }
}

// MARK: - Locks of clients

extension Device {
    /// One client of this device holds a lock at a time; the mesh's queue is for devices.
    private mutating func acquire(
        _ name: LockName, ttl: Duration, waits: Bool, tag: UInt64, at now: Instant, into output: inout DeviceOutput
    ) {
        guard name != .sync else {
            return output.replies.append(TaggedReply(tag: tag, reply: .failed("\(name) is the sync leader's own lock")))
        }
        if !waits, let grant = state.locks.grant(of: name) {
            return output.replies.append(TaggedReply(tag: tag, reply: .lockRefused(.held(by: grant))))
        }
        guard claims.count < Limits.locks, self.waits.count < Limits.clientWaits else {
            return output.replies.append(TaggedReply(tag: tag, reply: .failed("too many locks wait already")))
        }
        guard !claims.contains(where: { $0.name == name }) else {
            guard waits else {
                return output.replies.append(TaggedReply(tag: tag, reply: .failed("taken on this device")))
            }
            self.waits.append(
                ClientWait(
                    tag: tag, purpose: .lock(name), number: nil, askedOf: nil, sendAt: now,
                    deadline: now + Limits.lockWait))
            return
        }
        let claim = LockClaim(name: name, ttl: ttl, client: tag, mutants: configuration.mutants)
        claims.insert(claim, at: claims.firstIndex { $0.name > name } ?? claims.endIndex)
    }

    private mutating func release(_ name: LockName, tag: UInt64, at now: Instant, into output: inout DeviceOutput) {
        guard let claim = claims.first(where: { $0.name == name && $0.client == tag }) else {
            return output.replies.append(TaggedReply(tag: tag, reply: .lockRefused(.notHeld)))
        }
        if let token = claim.claim.token {
            claims.removeAll { $0.name == name }
            propose(.lock(.release(name, token: token)), .client(tag: tag), at: now, into: &output)
            nextLocalClient(of: name, ttl: claim.ttl, at: now)
        } else {
            letGo(name, at: now, into: &output)
            output.replies.append(TaggedReply(tag: tag, reply: .done))
        }
    }

    /// Gives a lock up without anybody waiting for the answer.
    mutating func letGo(_ name: LockName, at now: Instant, into output: inout DeviceOutput) {
        guard let place = claims.firstIndex(where: { $0.name == name }) else { return }
        let claim = claims[place]
        if name == .sync {
            claims[place].claim.gaveUp()
            claims[place].acquire = nil
            claims[place].isQueued = false
            endLeadership(current: nil, at: now, into: &output)
        } else {
            claims.remove(at: place)
        }
        if let token = claim.claim.token {
            propose(.lock(.release(name, token: token)), .upkeep, at: now, into: &output)
        } else if claim.isQueued || claim.acquire != nil {
            // A grant that still comes is released when its entry is applied (`noteGrant`, `acquired`).
            propose(.lock(.cancel(name, device: device)), .upkeep, at: now, into: &output)
        }
        nextLocalClient(of: name, ttl: claim.ttl, at: now)
    }

    private mutating func nextLocalClient(of name: LockName, ttl: Duration, at now: Instant) {
        guard let next = waits.first(where: { $0.purpose == .lock(name) }), !claims.contains(where: { $0.name == name })
        else { return }
        waits.removeAll { $0.tag == next.tag }
        let claim = LockClaim(name: name, ttl: ttl, client: next.tag, mutants: configuration.mutants)
        claims.insert(claim, at: claims.firstIndex { $0.name > name } ?? claims.endIndex)
    }

    func tellClient(granted name: LockName, _ token: FencingToken, into output: inout DeviceOutput) {
        guard let client = claims.first(where: { $0.name == name })?.client else { return }
        output.replies.append(TaggedReply(tag: client, reply: .granted(name, token)))
    }

    mutating func dropClient(of name: LockName, _ reply: ClientReply, into output: inout DeviceOutput) {
        guard let claim = claims.first(where: { $0.name == name }), let client = claim.client else { return }
        output.replies.append(TaggedReply(tag: client, reply: reply))
        claims.removeAll { $0.name == name }
        nextLocalClient(of: name, ttl: claim.ttl, at: lastStep)
    }
}

extension ClientWait {
    var isForRound: Bool { if case .sync = purpose { true } else { false } }

    mutating func forgetQuestion(at time: Instant) {
        number = nil
        askedOf = nil
        sendAt = time
    }
}
