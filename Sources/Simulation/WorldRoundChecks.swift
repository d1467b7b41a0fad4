import DeviceCore
import Locks
import Primitives
import SyncRounds

// Rules of rounds, queues and removals whose breach loses nothing at once: order, patience, back-off, names.

/// What was seen of the rounds of one device since its agent started.
struct RoundWatch: Sendable {
    struct Budget: Sendable {
        var round: RoundID
        var length: Duration

        init(_ round: RoundID, _ length: Duration) {
            self.round = round
            self.length = length
        }
    }

    /// The soft budget that the newest `prepare` named.
    var budget: Budget?
    /// The newest round that its gate was closed for.
    var newest: RoundID?
    /// Rounds in a row that it led and gave up, and when the last of them ended, on its own clock.
    var failures: UInt64 = 0
    var failedAt = Instant.origin
    /// Whom it told as a leader to stage which round; and the round that one of them was told to be off.
    var staging: (round: RoundID, devices: [DeviceID])?
    var calledOff: RoundID?
    /// The newest round whose capture went on while the gate was open.
    var uncovered: RoundID?
    /// The newest round of its own that is published.
    var published: RoundID?

    mutating func ended(_ result: RoundResult, at now: Instant) {
        switch result {
        case .aborted:
            failures += 1
            failedAt = now
        case .published, .nothingToDo, .caughtUp: failures = 0
        }
    }
}

/// Which version each name of a kept conflict stands for.
struct ConflictNames: Sendable {
    struct Name: Hashable, Sendable {
        var path: Int
        var number: UInt64
    }

    private var kept: [(name: Name, version: VersionID)] = []

    /// The version that had the name before.
    mutating func keep(_ version: VersionID, as name: Name) -> VersionID? {
        let before = kept.last { $0.name == name }?.version
        if before != version { kept.append((name, version)) }
        return before
    }
}

extension World {
    // MARK: Rounds

    mutating func checkForward(_ node: Int, _ round: RoundID) {
        if let newest = nodes[node].rounds.newest, round < newest {
            clash(
                .roundsForward, "device \(node + 1) closed its gate for \(newest)", "and now closes it for \(round)")
        }
        nodes[node].rounds.newest = round
    }

    /// A leader speaks of its round.
    mutating func checkCallingOff(_ node: Int, _ message: RoundMessage, to device: DeviceID) {
        let watch = nodes[node].rounds
        switch message {
        case .stage(let round, _):
            let others = watch.staging?.round == round ? watch.staging?.devices ?? [] : []
            nodes[node].rounds.staging = (round, others + [device])
        case .abort(let round) where watch.staging?.round == round && watch.staging?.devices.contains(device) == true:
            nodes[node].rounds.calledOff = round
            if watch.published == round { calledOff(node, round) }
        case .abort, .prepare, .captured, .declined, .staged, .working, .finish, .applied: break
        }
    }

    /// A member says that it has captured.
    mutating func checkCovered(_ node: Int, _ round: RoundID) {
        guard nodes[node].rounds.uncovered == round else { return }
        clash(
            .capturesBehindGate, "the gate of device \(node + 1) was open while it captured for \(round)",
            "and it says that it has captured")
    }

    mutating func checkNotCalledOff(_ node: Int, _ round: RoundID) {
        nodes[node].rounds.published = round
        if nodes[node].rounds.calledOff == round { calledOff(node, round) }
    }

    private mutating func calledOff(_ node: Int, _ round: RoundID) {
        clash(
            .stagedIsNotCalledOff, "round \(round) is published",
            "and device \(node + 1), which led it, told one that had staged it or was to that it is off")
    }

    /// A round of the leader's own accord, after others that it gave up.
    mutating func checkBackOff(_ node: Int, _ round: RoundID, _ reason: RoundReason) {
        let watch = nodes[node].rounds
        guard watch.failures > 0, reason != .manual else { return }
        let pause = Limits.roundBackOff * (1 << Int(min(watch.failures, Limits.backOffDoublings)))
        let waited = nodes[node].steppedAt - watch.failedAt
        guard waited < pause else { return }
        clash(
            .backsOff, "device \(node + 1) has given up \(watch.failures) rounds in a row, the last \(waited) ago",
            "and starts \(round), though it is to wait for \(pause)")
    }

    /// After a step with the gate closed: what was to be captured is, and nothing is being replaced.
    mutating func checkBudget(_ node: Int) {
        guard let closed = nodes[node].gate.closed, closed.isCaptured, !closed.isReplacing,
            let budget = nodes[node].rounds.budget, budget.round == closed.round,
            nodes[node].steppedAt >= closed.roundSince + budget.length + .milliseconds(2), !mutants.has(.lateResume)
        else { return }
        clash(
            .budgetReopens, "a pause has a budget of \(budget.length), and the capture for \(closed.round) is done",
            "and the gate of device \(node + 1) is closed for \(nodes[node].steppedAt - closed.roundSince)")
    }

    /// A gate opens by itself. An agent that is alive moves its deadline while it replaces files.
    mutating func checkExpiry(_ node: Int, _ closed: GateModel.Closed) {
        let patience = Duration.seconds(4)
        guard nodes[node].workspace.applying?.round == closed.round, nodes[node].power == .running,
            !nodes[node].isWriting, deviceTime(node) < nodes[node].steppedAt + patience,
            nodes[node].clock.local(at: now) < closed.since &+ scenario.syncSettings.pauseMax.wholeNanoseconds
        else { return }
        clash(
            .closedWhileReplacing, "device \(node + 1) replaces files for \(closed.round), and its agent is awake",
            "and its gate opens at its deadline")
    }

    /// Its agent opens the gate: nothing is being replaced behind it, unless somebody stopped it, whose writers come
    /// first.
    mutating func checkOpening(_ node: Int, _ round: RoundID?) {
        guard let applying = nodes[node].workspace.applying, nodes[node].gate.closed?.round == applying.round,
            nodes[node].disk.stops.order == nil, round == nil || round == applying.round
        else { return }
        clash(
            .appliesToTheEnd, "device \(node + 1) replaces files for \(applying.round)", "and its agent opens its gate")
    }

    // MARK: Conflicts

    mutating func keepConflicts(_ node: Int, _ round: RoundID, _ kept: [VersionID]) {
        guard checks else { return }
        for version in kept {
            let path = store.versions[Int(version)].path
            // Real names hold the revision that lost.
            let second = UInt64(bitPattern: nodes[node].clock.wall(at: now) / .seconds(1))
            let number = mutants.has(.conflictNameBySecond) ? second : UInt64(version)
            guard let before = conflictNames.keep(version, as: .init(path: path, number: number)), before != version
            else { continue }
            clash(
                .conflictHasName, "version \(before) of path \(path) lost in a conflict and is kept under a name",
                "and in \(round) version \(version) takes that name")
        }
    }

    // MARK: Removals

    /// The device is no member any more. If it holds the head, some other member does.
    mutating func checkHeadOutlives(_ gone: DeviceID) {
        guard checks, let head = oracle.chain.head, let node = offset(of: gone), oracle.lostDisks.isEmpty,
            nodes[node].workspace.hasDurably(head), !nodes.contains(where: \.isLost)
        else { return }
        let others = oracle.state.devices.compactMap { offset(of: $0.device) }
        guard !others.contains(where: { nodes[$0].workspace.hasDurably(head) }) else { return }
        clash(
            .headOutlivesRemoval, "only device \(node + 1) holds the published head",
            "and it is removed")
    }
}

extension Oracle {
    /// Who waits for which lock, by the events of the log alone; and whether they are served in that order.
    mutating func checkQueues(_ change: MeshChange) {
        var handedTo: (name: LockName, device: DeviceID)?
        for event in change.lockEvents {
            switch event {
            case .queued(let name, let device, _): queues[queue(name)].waiting.append(device)
            case .stoppedWaiting(let name, let device): queues[queue(name)].waiting.removeAll { $0 == device }
            case .transferred(let name, _, let target):
                queues[queue(name)].waiting.removeAll { $0 == target }
                handedTo = (name, target)
            case .granted(let name, let grant, _):
                if handedTo?.name != name { serve(name, grant.holder) }
                if state.locks.waiters(of: name).contains(grant.holder) {
                    fail(
                        .waitersAreOthers, "device \(grant.holder.number) holds \(name) under \(grant.token)",
                        "and waits for it")
                }
            case .released, .expired, .orphaned: break
            }
        }
    }

    private mutating func serve(_ name: LockName, _ device: DeviceID) {
        let place = queue(name)
        if let first = queues[place].waiting.first, first != device {
            fail(
                .longestWaiterFirst, "device \(first.number) has waited longest for \(name)",
                "and device \(device.number) gets it")
        }
        queues[place].waiting.removeAll { $0 == device }
    }

    private mutating func queue(_ name: LockName) -> Int {
        if let place = queues.firstIndex(where: { $0.name == name }) { return place }
        queues.append((name, []))
        return queues.count - 1
    }
}
