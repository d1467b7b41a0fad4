import DeviceCore
import Primitives
import SyncRounds

// The gate of a device and those who wait at it or ignore it.

extension World {
    private static let burstSections = 4
    private static let grace = Limits.quiesceGrace.wholeNanoseconds

    // MARK: The gate

    mutating func closeGate(_ node: Int, _ round: RoundID, limit: Nanoseconds) {
        effect(node, round)
        checkForward(node, round)
        checkMayClose(node, round)
        let clock = nodes[node].clock
        nodes[node].gate.close(
            round, limit: limit, from: now, local: clock.local(at: now), awake: clock.awake(at: now),
            at: nodes[node].steppedAt)
        row(node, "gate closes for \(round)")
        fire(.gateClosing, at: node)
        planGateDeadline(node)
        let isBusy = nodes[node].writers.contains { $0.inside != nil } && !mutants.has(.ackBeforeQuiet)
        let grace = isBusy ? nodes[node].clock.trueLength(of: Self.grace) : .microseconds(500)
        queue.push(.gateGrace(node, closing: nodes[node].gate.closings), at: now + grace)
    }

    mutating func planGateDeadline(_ node: Int) {
        guard let closed = nodes[node].gate.closed else { return }
        let due = max(nodes[node].clock.trueTime(of: closed.deadline), now)
        queue.push(.gateDeadline(node, generation: nodes[node].gate.generation), at: due)
    }

    /// Everybody inside has left, or had time to.
    mutating func gateGraceOver(_ node: Int, _ closing: UInt32) {
        guard let closed = nodes[node].gate.closed, !closed.isQuiet, nodes[node].hasProcess else { return }
        guard nodes[node].gate.closings == closing else { return }
        nodes[node].gate.becameQuiet()
        fire(.gateClosed, at: node)
        var report = WriterReport()
        for at in nodes[node].writers.indices {
            let name = "writer-\(at)"
            let answers = nodes[node].writers[at].inside == nil && misbehaviour(node) != .ignoresPause
            if answers || mutants.has(.ackBeforeQuiet) {
                nodes[node].writers[at].hasAnswered = true
                report.paused.append(name)
            } else {
                hit(.writerUnanswered)
                report.unanswered.append(name)
                oracle.excuse(node: node, writer: at, section: nodes[node].writers[at].section)
            }
        }
        feed(node, .gateClosed(closed.round, report))
    }

    /// The last one inside left before the grace was over.
    private mutating func leftGate(_ node: Int) {
        guard let closed = nodes[node].gate.closed, !closed.isQuiet else { return }
        guard nodes[node].writers.allSatisfy({ $0.inside == nil }) else { return }
        gateGraceOver(node, nodes[node].gate.closings)
    }

    mutating func openGate(_ node: Int, _ round: RoundID?) {
        guard let closed = nodes[node].gate.open(mutants.has(.lateResume) ? nil : round) else { return }
        if let round, closed.round != round {
            clash(
                .onlyOwnResume, "the gate of device \(node + 1) is closed for \(closed.round)",
                "and the end of \(round) opens it")
        }
        row(node, "gate opens")
        let clock = nodes[node].clock
        longestPause = max(
            longestPause, min(now - closed.from, clock.trueLength(of: clock.awake(at: now) - closed.awake)))
        checkPause(node, closed)
        for at in nodes[node].writers.indices { nodes[node].writers[at].hasAnswered = false }
        for at in nodes[node].writers.indices where nodes[node].writers[at].isWaiting {
            nodes[node].writers[at].isWaiting = false
            if misbehaviour(node) == .burstOnResume { nodes[node].writers[at].burst = Self.burstSections }
            queue.push(.writer(node, at), at: now + nodes[node].writers[at].draw.between(1, .milliseconds(5)))
        }
    }

    mutating func gateDeadline(_ node: Int, _ generation: UInt32) {
        guard nodes[node].gate.generation == generation, let closed = nodes[node].gate.closed else { return }
        if mutants.has(.pauseNeverExpires) { return }
        guard nodes[node].clock.local(at: now) >= closed.deadline else { return planGateDeadline(node) }
        hit(.gateOpenedEarly)
        if checks { checkExpiry(node, closed) }
        openGate(node, nil)
        feed(node, .gateOpenedEarly(closed.round))
    }

    /// The agent is gone: whoever waits at its socket goes on at once, or when the deadline that it gave has passed. A
    /// gate does not outlive its machine.
    mutating func agentGone(_ node: Int, power: Bool) {
        if nodes[node].draws.crash.below(2) == 0 || power { openGate(node, nil) }
    }

    // MARK: Writers who respect it

    mutating func startWorkload() {
        for node in nodes.indices {
            queue.push(.regularScan(node), at: now + nodes[node].draws.scan.between(0, .seconds(30)))
            for at in nodes[node].writers.indices {
                queue.push(
                    .writer(node, at), at: now + nodes[node].writers[at].draw.interval(scenario.workload.gatedPause))
            }
            if let pause = scenario.workload.ungatedPause {
                queue.push(.ungated(node), at: now + nodes[node].draws.user.interval(pause))
            }
            if let pause = scenario.workload.userPause {
                queue.push(.user(node), at: now + nodes[node].draws.user.interval(pause))
            }
        }
    }

    /// One write of a writer: it enters, changes its files one by one, and leaves.
    mutating func writerActs(_ node: Int, _ at: Int) {
        guard !machineIsOff(node) else { return queue.push(.writer(node, at), at: now + .milliseconds(500)) }
        let writer = nodes[node].writers[at]
        guard let path = writer.inside ?? entered(node, at) else { return }
        checkWriter(node, at)
        let version = store.newVersion(path: path, node: node, section: nodes[node].writers[at].section)
        change(node, path, version)
        if path + 1 < writer.paths.upperBound {
            nodes[node].writers[at].inside = path + 1
            let pause = nodes[node].writers[at].draw.longTail(scenario.workload.gatedStep)
            queue.push(.writer(node, at), at: now + pause)
        } else {
            nodes[node].writers[at].inside = nil
            var pause = nodes[node].writers[at].draw.interval(scenario.workload.gatedPause)
            if nodes[node].writers[at].burst > 0 {
                nodes[node].writers[at].burst -= 1
                pause = .milliseconds(1)
            }
            queue.push(.writer(node, at), at: now + pause)
            leftGate(node)
        }
    }

    /// The first path of a new section; nil if the gate is closed or there is no more work.
    private mutating func entered(_ node: Int, _ at: Int) -> Int? {
        guard !isHealing else { return nil }
        if !nodes[node].gate.isOpen {
            guard let fault = misbehaviour(node), fault != .burstOnResume else {
                nodes[node].writers[at].isWaiting = true
                return nil
            }
            hit(.writerMisbehaved)
            nodes[node].writers[at].hasAnswered = false
            oracle.excuse(node: node, writer: at, section: nodes[node].writers[at].section &+ 1)
        }
        nodes[node].writers[at].section &+= 1
        // A new device in the place of another writes over files that it has not got yet: they conflict one by one.
        if nodes[node].workspace.base == nil, nodes[node].id.number > Node.generationStep {
            oracle.excuse(node: node, writer: at, section: nodes[node].writers[at].section)
        }
        return nodes[node].writers[at].paths.lowerBound
    }

    // MARK: Those who do not

    mutating func ungatedWrites(_ node: Int) {
        guard !isHealing, let pause = scenario.workload.ungatedPause else { return }
        edit(node, deletes: 20)
        queue.push(.ungated(node), at: now + nodes[node].draws.user.interval(pause))
    }

    mutating func userEdits(_ node: Int) {
        guard !isHealing, let pause = scenario.workload.userPause else { return }
        if scenario.workload.userActions.isEmpty {
            for _ in 0...nodes[node].draws.user.below(3) { edit(node, deletes: 5) }
        } else {
            userDoes(node, nodes[node].draws.user.pick(scenario.workload.userActions))
        }
        queue.push(.user(node), at: now + nodes[node].draws.user.interval(pause))
    }

    /// New bytes for a shared file, or those of an earlier version, or none (one in `deletes`).
    private mutating func edit(_ node: Int, deletes: Int) {
        guard !machineIsOff(node) else { return }
        let path = nodes[node].draws.user.below(Workload.sharedPaths)
        noteEdit(node)
        if nodes[node].draws.user.below(deletes) == 0 {
            change(node, path, 0)
        } else if nodes[node].draws.user.below(12) == 0, let old = earlierVersion(path, node) {
            change(node, path, old)
        } else {
            change(node, path, store.newVersion(path: path, node: node))
        }
    }

    private mutating func earlierVersion(_ path: Int, _ node: Int) -> VersionID? {
        let number = nodes[node].draws.user.below(store.versions.count)
        return number > 0 && store.versions[number].path == path ? VersionID(number) : nil
    }

    mutating func change(_ node: Int, _ path: Int, _ version: VersionID) {
        nodes[node].workspace.write(path, version)
        journal?.edited(nodes[node], path, version, at: now)
        trace.mix(node &* 1_000_003 &+ path &* 7 &+ Int(version))
        if nodes[node].hasProcess { scanSoon(node) }
    }

    // MARK: Power

    /// Writers live on a machine, not in the agent: only a power cut ends them.
    func machineIsOff(_ node: Int) -> Bool { nodes[node].power == .off && nodes[node].lostPower }

    /// A section that power loss cut in two is torn on the disk, whatever we do.
    mutating func cutSections(_ node: Int) {
        nodes[node].lostPower = true
        for at in nodes[node].writers.indices {
            if nodes[node].writers[at].inside != nil {
                oracle.excuse(node: node, writer: at, section: nodes[node].writers[at].section)
            }
            nodes[node].writers[at].inside = nil
            guard nodes[node].writers[at].isWaiting else { continue }
            nodes[node].writers[at].isWaiting = false
            queue.push(.writer(node, at), at: now + .milliseconds(500))
        }
    }
}
