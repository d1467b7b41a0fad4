import Primitives

/// The replicated state of all locks (protocol.md, section 4). Every device applies the same commands in the same order
/// and has the same table; time is not part of it.
///
/// A fencing token is taken from one counter for the whole mesh, advanced by every grant and never set back.
package struct LockTable: Hashable, Sendable {
    package private(set) var epoch: UInt64
    /// The counter of the newest grant; zero before the first.
    package private(set) var counter: UInt64
    /// Every lock that is held, sorted by name.
    package private(set) var grants: [HeldLock] = []

    package init(epoch: UInt64 = 1) {
        self.epoch = epoch
        counter = 0
    }

    /// The token of the newest grant of any lock.
    package var newestToken: FencingToken { FencingToken(epoch: epoch, counter: counter) }

    package func grant(of name: LockName) -> Grant? {
        offset(of: name).map { grants[$0].grant }
    }

    package func waiters(of name: LockName) -> [DeviceID] {
        offset(of: name).map { grants[$0].waiters.map(\.device) } ?? []
    }

    /// Whether `token` is what the lock is held under: the check of every effect that lands in the replicated state.
    package func isCurrent(_ token: FencingToken, of name: LockName) -> Bool {
        grant(of: name)?.token == token
    }

    /// Applies one entry's command. `term` is the term of that entry, which is not always the term of today's leader.
    package mutating func apply(
        _ command: LockCommand, term: Term, mutants: MutantSet = .none, into events: inout [LockEvent]
    ) -> LockOutcome {
        if mutants.has(.tokenIsTerm) { counter = term.number - 1 }
        switch command {
        case .acquire(let name, let device, let ttl, let waits):
            return acquire(name, Waiter(device: device, ttl: ttl), waits: waits, into: &events)
        case .release(let name, let given):
            let held = mutants.has(.delayedRelease) ? grant(of: name)?.token : nil
            let token = held ?? given
            return end(name, token: token, as: LockEvent.released, mutants, into: &events)
        case .transfer(let name, let token, let to):
            return transfer(name, token: token, to: to, mutants, into: &events)
        case .expire(let name, let token, let proposedIn):
            guard proposedIn == term || mutants.has(.lateExpiry) else { return .refused(.staleTerm) }
            return end(name, token: token, as: LockEvent.expired, mutants, into: &events)
        case .cancel(let name, let device):
            if let at = offset(of: name) { stopWaiting(at, device, into: &events) }
            return .done
        case .forget(let device):
            forget(device, mutants, into: &events)
            return .done
        }
    }

    /// Forced recovery: every token from now on outranks every token of the epochs before, also those that this device
    /// never heard of. What `survivor` held is free, since it knows that it does not hold it any more. The others may
    /// still act on their leases until they run out: they keep their locks for that time, under tokens that they do not
    /// know, so that nothing they do under the old ones counts. Nobody waits any more. Never lowers the epoch.
    package mutating func refound(epoch newEpoch: UInt64, survivor: DeviceID) {
        guard newEpoch > epoch else { return }
        epoch = newEpoch
        grants.removeAll { $0.grant.holder == survivor }
        for at in grants.indices {
            counter += 1
            grants[at].grant.token = newestToken
            grants[at].waiters = []
        }
    }
}

// MARK: - Commands

extension LockTable {
    /// Asking again is a retry: the holder gets its present grant, a waiter its place.
    private mutating func acquire(
        _ name: LockName, _ asker: Waiter, waits: Bool, into events: inout [LockEvent]
    ) -> LockOutcome {
        guard Limits.lockTTL.contains(asker.ttl) else { return .refused(.badTTL) }
        guard let at = offset(of: name) else { return acquireFree(name, asker, into: &events) }
        let held = grants[at]
        if held.grant.holder == asker.device { return .granted(held.grant) }
        guard waits else { return .refused(.held(by: held.grant)) }
        if let place = held.waiters.firstIndex(where: { $0.device == asker.device }) {
            return .queued(position: place + 1)
        }
        guard held.waiters.count < Limits.lockWaiters else { return .refused(.tooMany(.waiters)) }
        grants[at].waiters.append(asker)
        let position = held.waiters.count + 1
        events.append(.queued(name, asker.device, position: position))
        return .queued(position: position)
    }

    private mutating func acquireFree(
        _ name: LockName, _ asker: Waiter, into events: inout [LockEvent]
    ) -> LockOutcome {
        guard grants.count < Limits.locks else { return .refused(.tooMany(.locks)) }
        let grant = nextGrant(to: asker)
        grants.insert(HeldLock(name: name, grant: grant), at: insertionOffset(of: name))
        events.append(.granted(name, grant, from: nil))
        return .granted(grant)
    }

    /// Ends the present grant; the first waiter has the lock in the same entry.
    private mutating func end(
        _ name: LockName, token: FencingToken, as event: (LockName, Grant) -> LockEvent, _ mutants: MutantSet,
        into events: inout [LockEvent]
    ) -> LockOutcome {
        guard let at = offset(of: name) else { return .refused(.notHeld) }
        let old = grants[at].grant
        guard old.token == token else { return .refused(.staleToken(current: old.token, given: token)) }
        events.append(event(name, old))
        if grants[at].waiters.isEmpty {
            grants.remove(at: at)
        } else {
            let next = mutants.has(.lastWaiterFirst) ? grants[at].waiters.count - 1 : 0
            replaceGrant(at, by: grants[at].waiters.remove(at: next), into: &events)
        }
        return .done
    }

    private mutating func transfer(
        _ name: LockName, token: FencingToken, to target: DeviceID, _ mutants: MutantSet,
        into events: inout [LockEvent]
    ) -> LockOutcome {
        guard let at = offset(of: name) else { return .refused(.notHeld) }
        let old = grants[at].grant
        guard old.token == token else { return .refused(.staleToken(current: old.token, given: token)) }
        events.append(.transferred(name, old, to: target))
        if !mutants.has(.transferKeepsWaiter) { grants[at].waiters.removeAll { $0.device == target } }
        let new = replaceGrant(at, by: Waiter(device: target, ttl: old.ttl), into: &events)
        return .granted(new)
    }

    private mutating func forget(_ device: DeviceID, _ mutants: MutantSet, into events: inout [LockEvent]) {
        for at in grants.indices {
            if !mutants.has(.removedKeepsWaiting) { stopWaiting(at, device, into: &events) }
            if grants[at].grant.holder == device { events.append(.orphaned(grants[at].name, grants[at].grant)) }
        }
    }

    private mutating func stopWaiting(_ at: Int, _ device: DeviceID, into events: inout [LockEvent]) {
        guard let place = grants[at].waiters.firstIndex(where: { $0.device == device }) else { return }
        grants[at].waiters.remove(at: place)
        events.append(.stoppedWaiting(grants[at].name, device))
    }
}

// MARK: - Grants and their order

extension LockTable {
    @discardableResult
    private mutating func replaceGrant(_ at: Int, by next: Waiter, into events: inout [LockEvent]) -> Grant {
        let old = grants[at].grant
        let new = nextGrant(to: next)
        grants[at].grant = new
        events.append(.granted(grants[at].name, new, from: old.holder))
        return new
    }

    private mutating func nextGrant(to device: Waiter) -> Grant {
        counter += 1
        return Grant(holder: device.device, token: newestToken, ttl: device.ttl)
    }

    private func offset(of name: LockName) -> Int? {
        let at = insertionOffset(of: name)
        return at < grants.count && grants[at].name == name ? at : nil
    }

    /// The first offset whose name is not below `name`.
    private func insertionOffset(of name: LockName) -> Int {
        var low = 0
        var high = grants.count
        while low < high {
            let middle = (low + high) / 2
            if grants[middle].name < name { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

// MARK: - Snapshots

extension LockTable {
    /// A table read from a snapshot; nil if no sequence of commands could have led to it.
    package init?(epoch: UInt64, counter: UInt64, grants: [HeldLock]) {
        // Far below the end of the number, so that no snapshot makes a later grant overflow.
        guard counter <= UInt64.max / 2, grants.count <= Limits.locks else { return nil }
        self.epoch = epoch
        self.counter = counter
        self.grants = grants
        guard zip(grants, grants.dropFirst()).allSatisfy({ $0.name < $1.name }) else { return nil }
        guard grants.allSatisfy(isPossible) else { return nil }
        let counters = grants.map(\.grant.token.counter).sorted()
        guard zip(counters, counters.dropFirst()).allSatisfy({ $0 < $1 }) else { return nil }
    }

    private func isPossible(_ held: HeldLock) -> Bool {
        let token = held.grant.token
        guard token > .none, token.epoch <= epoch, (1...max(1, counter)).contains(token.counter), counter > 0 else {
            return false
        }
        guard held.waiters.count <= Limits.lockWaiters, Limits.lockTTL.contains(held.grant.ttl) else { return false }
        let devices = ([held.grant.holder] + held.waiters.map(\.device)).sorted()
        return zip(devices, devices.dropFirst()).allSatisfy { $0 < $1 }
            && held.waiters.allSatisfy { Limits.lockTTL.contains($0.ttl) }
    }
}
