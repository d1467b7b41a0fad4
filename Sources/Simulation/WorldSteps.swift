import DeviceCore
import Primitives

// Driving a device: inputs in, the output carried out in its order, with a crash wherever one is due.

extension World {
    /// False for what stays broken for ever.
    func mayRun(_ node: Int) -> Bool {
        !nodes[node].isLost && !nodes[node].isDormant && (!isHealing || heal.isCore[node])
    }

    /// Starts the process of `node` from its disk.
    mutating func start(_ node: Int) {
        guard nodes[node].power == .off, !nodes[node].wasRemoved, mayRun(node) else { return }
        nodes[node].incarnation &+= 1
        nodes[node].starts &+= 1
        nodes[node].power = .running
        nodes[node].lostPower = false
        nodes[node].pending = nil
        nodes[node].isWriting = false
        nodes[node].inbox.removeAll()
        nodes[node].armed = nil
        if nodes[node].workspace.applying != nil {
            nodes[node].workspace.recover(finishing: nodes[node].draws.crash.below(2) == 0, store, mutants)
            if let base = nodes[node].workspace.base { tell(node, .applied(revision: base)) }
        }
        forgetUnreadable(node)
        nodes[node].era = eras.place(of: nodes[node].disk.epoch) ?? 0
        focus(node)
        oracle.starts(node, disk: nodes[node].disk)
        let configuration = DeviceConfiguration(
            profile: timing, version: "simulated", mutants: mutants, compaction: scenario.compaction)
        nodes[node].device = Device(
            device: nodes[node].id, configuration: configuration, restored: nodes[node].disk,
            incarnation: nodes[node].starts,
            seed: SeededGenerator.draw(
                seed: scenario.seed, domain: DrawDomain.device.rawValue, entity: UInt64(node),
                ordinal: nodes[node].incarnation),
            now: deviceTime(node))
        let base = nodes[node].workspace.base.map(store.name)
        nodes[node].device?.restoreBase(base)
        nodes[node].hasProcess = true
        look(node)
        nodes[node].seen = SeenState()
        nodes[node].steppedAt = deviceTime(node)
        nodes[node].elections = ElectionWatch(nodes.count)
        nodes[node].elections.written = nodes[node].disk.lastPlace.index
        nodes[node].rounds = RoundWatch()
        nodes[node].startedAt = now
        let incarnation = nodes[node].incarnation
        row(node, "starts, incarnation \(incarnation)")
        startStopped(node)
        if !nodes[node].spells.isEmpty { tellSupply(node) }
        fire(.restart, at: node)
        scanSoon(node)
        armTimer(node)
        reconsiderLinks(of: node)
    }

    /// Gives `node` an input, or keeps it until the node can take one.
    mutating func feed(_ node: Int, _ input: DeviceInput) {
        guard isAwake(node), nodes[node].hasProcess else { return }
        guard takesInput(node), nodes[node].inbox.isEmpty else {
            if nodes[node].inbox.count < Limits.inboundInputs { nodes[node].inbox.append(input) }
            return
        }
        step(node, input)
    }

    /// Takes what waited, until the node has to wait again.
    mutating func drain(_ node: Int) {
        while takesInput(node), !nodes[node].inbox.isEmpty, !isViolated {
            step(node, nodes[node].inbox.removeFirst())
        }
    }

    private mutating func step(_ node: Int, _ input: DeviceInput) {
        focus(node)
        let local = deviceTime(node)
        output.removeAll()
        nodes[node].device?.step(input, at: local, into: &output)
        checkStep(node, input, at: local)
        trace.mix(node &* 64 &+ input.ordinal)
        if transcript != nil, transcript?.quietToo == true || !input.isQuiet { row(node, input.summary) }
        let isSlow = nodes[node].slow.until > now && !isHealing
        let isHeld = rules.followStaged && noteStaged(node)
        for envelope in output.sendAhead {
            if crashes(node, .betweenSends) { return }
            send(node, envelope, of: output.epoch)
        }
        guard !output.persist.isEmpty && !countsEarly(node) || isSlow || isHeld else {
            carryOut(node)
            return
        }
        if !output.persist.isEmpty, meetsDiskFault(node) { return }
        let losesPower = nodes[node].armed?.power ?? false
        if !output.persist.isEmpty, crashes(node, .beforePersist) {
            if losesPower { tear(node, output.persist) }
            return
        }
        nodes[node].pending = output
        nodes[node].isWriting = true
        var delay = nodes[node].draws.disk.delay(isHealing ? .around(scenario.disk.delay.typical) : scenario.disk.delay)
        if !isHealing, nodes[node].draws.disk.chance(perMillion: scenario.disk.stalls) {
            hit(.diskStalled)
            delay &+= scenario.disk.stall
        }
        var done = now + delay
        if isSlow { done = done + nodes[node].slow.perInput }
        if nodes[node].disksStallUntil > done, !isHealing, !output.persist.isEmpty {
            done = nodes[node].disksStallUntil
        }
        queue.push(.diskDone(node, incarnation: nodes[node].incarnation), at: done)
    }

    /// What was to be durable is; the rest of the output leaves.
    mutating func diskDone(_ node: Int, _ incarnation: UInt64) {
        guard runs(node, incarnation) else { return }
        writeLate(node)
        guard let pending = nodes[node].pending else { return }
        if !diskRefusesSilently(node) { write(node, pending.persist) }
        nodes[node].pending = nil
        nodes[node].isWriting = false
        if crashes(node, .afterPersist) { return }
        output = pending
        carryOut(node)
        drain(node)
    }

    mutating func write(_ node: Int, _ update: DeviceUpdate) {
        var update = update
        if mutants.has(.gateForgotten) { update.acceptedToken = nil }
        focus(node)
        let leaves = leavesEpoch(node, update)
        if leaves, let image = update.raft.snapshot?.image {
            checkLeaving(node, image)
        } else if checks {
            checkWrite(node, update)
        }
        keepForObserver(node, update)
        nodes[node].disk.apply(update)
        if leaves, let snapshot = update.raft.snapshot { enterEpoch(node, snapshot) }
        if checks { checkVoters(node, update) }
        if let fault = oracle.takeFault() { clash(fault.check, fault.fact, fault.clash) }
    }

    private mutating func carryOut(_ node: Int) {
        let incarnation = nodes[node].incarnation
        var taken = DeviceOutput()
        swap(&taken, &output)
        look(node)
        observe(node, taken.events, rosterChanged: taken.rosterChanged)
        if journal != nil { noteDecision(node) }
        for envelope in taken.send {
            if crashes(node, .betweenSends) { break }
            send(node, envelope, of: taken.epoch)
        }
        for action in taken.actions where runs(node, incarnation) {
            if crashes(node, .betweenActions) { break }
            perform(node, action)
        }
        if checks, !nodes[node].gate.isOpen, runs(node, incarnation) { checkBudget(node) }
        if let stops = taken.persist.stops, runs(node, incarnation) { checkReleased(node, stops) }
        if runs(node, incarnation) {
            for reply in taken.replies { replied(node, reply) }
            if case .some(let voted) = taken.persist.raft.hardState?.votedFor, voted != nodes[node].id {
                if crashes(node, .afterVote) { return }
            }
            if taken.stopped { crash(node, power: false, because: "stopped in order") }
            armTimer(node)
        }
        swap(&taken, &output)
    }

    // MARK: Crashing

    /// True if the process of `node` dies here.
    mutating func crashes(_ node: Int, _ boundary: Boundary) -> Bool {
        guard let armed = nodes[node].armed, armed.boundary == boundary, !isHealing else { return false }
        if armed.skipping > 0 {
            nodes[node].armed?.skipping -= 1
            return false
        }
        switch boundary {
        case .beforePersist: hit(.crashBeforePersist)
        case .afterPersist: hit(.crashAfterPersist)
        case .betweenSends: hit(.crashBetweenSends)
        case .betweenActions: hit(.crashBetweenActions)
        case .midApply: hit(.crashMidApply)
        case .afterVote: hit(.crashAfterVote)
        }
        queue.push(.restart(node), at: now + armed.down)
        crash(node, power: armed.power, because: "crashes: \(boundary)")
        return true
    }

    /// The process ends. A write under way is durable or not; with `power` the machine ends too.
    mutating func crash(_ node: Int, power: Bool, because why: String) {
        guard nodes[node].power != .off else { return }
        row(node, why + (power ? ", power cut" : ""))
        if let pending = nodes[node].pending {
            if nodes[node].draws.crash.below(2) == 0 {
                write(node, pending.persist)
            } else {
                hit(.unsyncedWriteLost)
                if power { tear(node, pending.persist) }
            }
        }
        if power { hit(.powerCut) }
        fire(.crash, at: node)
        tell(node, .crashed)
        if nodes[node].workspace.applying != nil { hit(.crashMidApply) }
        if nodes[node].power == .suspended {
            nodes[node].clock.wake(at: now)
            // What was the process's is void by its incarnation; writers go on.
            for event in nodes[node].deferred { queue.push(event, at: now + 1) }
            nodes[node].deferred.removeAll()
        }
        nodes[node].power = .off
        nodes[node].device = nil
        nodes[node].hasProcess = false
        nodes[node].pending = nil
        nodes[node].lateWrites = []
        nodes[node].isWriting = false
        nodes[node].inbox.removeAll()
        nodes[node].armed = nil
        nodes[node].timerAt = .never
        nodes[node].timerGeneration &+= 1
        nodes[node].workspace.crash(power: power)
        if power { takeBackLies(node) }
        agentGone(node, power: power)
        if power {
            nodes[node].clock.reboot(at: now, origin: nodes[node].draws.origin.between(0, .seconds(1000)))
            cutSections(node)
        }
        if quorumLeader == node { quorumLeader = nil }
        if syncLeader == node { syncLeader = nil }
        breakLinks(of: node)
        reconsiderLinks(of: node)
    }

    // MARK: Time

    private mutating func look(_ node: Int) {
        let local = deviceTime(node)
        if let glance = nodes[node].device?.glance(at: local) { nodes[node].glance = glance }
    }

    /// One outstanding timer per device: an early one is asked again, a late one happens.
    mutating func armTimer(_ node: Int) {
        guard nodes[node].hasProcess else { return }
        let due = trueTime(of: nodes[node].glance.nextDeadline, at: node)
        guard due < nodes[node].timerAt else { return }
        var at = max(due, now + 1)
        if scenario.clocks.lateTimers > 0, !isHealing, nodes[node].draws.timer.below(50) == 0 {
            at = at + nodes[node].draws.timer.between(0, scenario.clocks.lateTimers)
        }
        nodes[node].timerAt = at
        nodes[node].timerGeneration &+= 1
        queue.push(.timer(node, generation: nodes[node].timerGeneration), at: at)
    }

    mutating func timerFired(_ node: Int, _ generation: UInt32) {
        guard nodes[node].timerGeneration == generation, nodes[node].hasProcess else { return }
        nodes[node].timerAt = .never
        let isDue = nodes[node].glance.nextDeadline <= deviceTime(node)
        if isDue, isAwake(node) {
            guard takesInput(node) else {
                // The tick waits with the rest; one is enough.
                if nodes[node].inbox.last != .tick { feed(node, .tick) }
                return
            }
            feed(node, .tick)
        }
        armTimer(node)
    }
}
