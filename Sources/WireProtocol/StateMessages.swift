import DeviceCore
import Locks
import Primitives
import SyncRounds

extension MeshState {
    var wire: WireState {
        WireState.with {
            $0.devices = devices.map(\.wire)
            $0.removed = removed.map(Write.device)
            $0.locks = locks.wire
            $0.head = head.wire
            $0.settings = settings.map(\.wire)
            $0.answered = answered.map(\.wire)
            if let hub { $0.hub = hub.wire }
            // A state from before there were any is written as it was.
            if conflicts != OpenConflicts() { $0.conflicts = conflicts.wire }
            $0.brakes = brakes.map(\.wire)
            if let recovery { $0.recovery = recovery.wire }
        }
    }

    init(_ wire: WireState) throws(WireError) {
        try Read.present(wire.hasLocks && wire.hasHead, "state")
        try Read.limit(wire.devices.count, Limits.devices, "devices")
        try Read.limit(wire.removed.count, Limits.removedDevices, "removed devices")
        try Read.limit(wire.settings.count, Limits.settings, "settings")
        let settings = wire.settings.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        try Read.limit(settings, Limits.settingsBytes, "settings' bytes")
        try Read.limit(wire.answered.count, Limits.devices + Limits.removedDevices, "answered devices")
        try Read.limit(wire.brakes.count, 2 * Limits.devices, "brakes")
        let state = MeshState(
            devices: try wire.devices.map { (device) throws(WireError) in try DeviceRecord(device) },
            removed: try wire.removed.map { (device) throws(WireError) in try Read.device(device, "removed device") },
            locks: try LockTable(wire.locks), head: try PublishedHead(wire.head),
            settings: try wire.settings.map { (setting) throws(WireError) in try Setting(setting) },
            conflicts: try OpenConflicts(wire.conflicts),
            brakes: try wire.brakes.map { (brake) throws(WireError) in try DeletionBrake(brake) },
            answered: try wire.answered.map { (answered) throws(WireError) in try AnsweredRequests(answered) },
            hub: wire.hasHub ? try HubRecord(wire.hub) : nil,
            recovery: wire.hasRecovery ? try EpochRecord(wire.recovery) : nil)
        guard let state else { throw .invalid(field: "state", "breaks an order or a count of its own") }
        self = state
    }
}

extension LockTable {
    var wire: WireLocks {
        WireLocks.with {
            $0.epoch = epoch
            $0.counter = counter
            $0.held = grants.map(\.wire)
        }
    }

    init(_ wire: WireLocks) throws(WireError) {
        try Read.limit(wire.held.count, Limits.locks, "locks")
        let table = LockTable(
            epoch: try Read.number(wire.epoch, "locks.epoch"), counter: try Read.number(wire.counter, "locks.counter"),
            grants: try wire.held.map { (held) throws(WireError) in try HeldLock(held) })
        guard let table else { throw .invalid(field: "locks", "are a table that no commands lead to") }
        self = table
    }
}

extension HeldLock {
    var wire: WireHeldLock {
        WireHeldLock.with {
            $0.name = name.text
            $0.grant = grant.wire
            $0.waiters = waiters.map { waiter in
                .with {
                    $0.device = Write.device(waiter.device)
                    $0.ttl = Write.duration(waiter.ttl)
                }
            }
        }
    }

    init(_ wire: WireHeldLock) throws(WireError) {
        try Read.present(wire.hasGrant, "grant")
        try Read.limit(wire.waiters.count, Limits.lockWaiters, "waiters")
        self.init(
            name: try Read.lockName(wire.name), grant: try Grant(wire.grant),
            waiters: try wire.waiters.map { (waiter) throws(WireError) in
                Waiter(
                    device: try Read.device(waiter.device, "waiter"), ttl: try Read.duration(waiter.ttl, "waiter.ttl"))
            })
    }
}

extension PublishedHead {
    var wire: WireHead {
        WireHead.with {
            if let revision { $0.revision = Write.revision(revision) }
            if let round { $0.round = round.wire }
            $0.number = number
            $0.conflicts = conflicts
        }
    }

    init(_ wire: WireHead) throws(WireError) {
        self.init(
            revision: try Read.revision(wire.revision, if: wire.hasRevision, "head"),
            round: wire.hasRound ? try RoundID(wire.round) : nil, number: try Read.number(wire.number, "head.number"),
            conflicts: try Read.count(wire.conflicts, "head.conflicts"))
    }
}

extension AnsweredRequests {
    var wire: WireAnswered {
        WireAnswered.with {
            $0.device = Write.device(device)
            $0.answers = answers.map { answer in
                .with {
                    $0.request = answer.request.wire
                    $0.outcome = answer.outcome.wire
                }
            }
        }
    }

    init(_ wire: WireAnswered) throws(WireError) {
        try Read.limit(wire.answers.count, Limits.rememberedRequests, "answers")
        self.init(
            device: try Read.device(wire.device, "answered device"),
            answers: try wire.answers.map { (answer) throws(WireError) in
                try Read.present(answer.hasRequest && answer.hasOutcome, "answer")
                return Answer(request: try RequestID(answer.request), outcome: try MeshOutcome(answer.outcome))
            })
    }
}
