import DeviceCore
import Primitives

// The second half of a run: a core of the mesh is mended, writers stop, and the core must come to rest with equal
// trees. Whatever is outside of it stays broken for ever.

struct HealState: Hashable, Sendable {
    /// What must not change any more.
    struct Rest: Hashable, Sendable {
        var head: UInt64
        var entries: Int
        var rounds: UInt64
        var talk: UInt64
    }

    var deadline = TrueTime.never
    var rest: Rest?
    var restSince = TrueTime.start
    /// Who is mended, by device.
    var isCore: [Bool] = []
    /// Nil if the core can elect a leader and reach the head; else why not.
    var hopeless: String?
    /// Since when two of the core are not of one mind of what stops all.
    var stopsDifferSince: TrueTime?
    /// The edit that the core must publish before it rests.
    var lastEdit: VersionID?
}

extension World {
    mutating func beginHealing() {
        isHealing = true
        heal.deadline = now + scenario.healBound
        network.conditions = .healthy
        network.conditions.delay = .around(scenario.heal.delay)
        row(nil, "everything is mended, writers stop")
        mendLinks()
        network.calm()
        mendHub()
        chooseCore()
        for node in nodes.indices {
            nodes[node].armed = nil
            // A disk that stalled goes on.
            if nodes[node].isWriting { queue.push(.diskDone(node, incarnation: nodes[node].incarnation), at: now + 1) }
            nodes[node].connectsAfter = .start
            for at in nodes[node].writers.indices where nodes[node].writers[at].isWaiting {
                nodes[node].writers[at].isWaiting = false
            }
            nodes[node].userBusyUntil = now
            endSpells(node)
            if heal.isCore[node] {
                nodes[node].device?.waitingChanged(nil)
                wake(node)
                resume(node)
                start(node)
            } else {
                breakForEver(node)
            }
        }
        for at in clients.indices where clients[at].held != nil { clientReleases(UInt64(at + 1)) }
        heal.hopeless = hopelessness()
        if let why = heal.hopeless {
            hit(.coreHopeless)
            row(nil, why)
        }
        editOnceMore()
        queue.push(.settleCheck, at: now + .milliseconds(500))
    }

    /// Off, asleep, or alone; it does not come back.
    private mutating func breakForEver(_ node: Int) {
        var draw = KeyedStream(seed: scenario.seed, .heal, entity: node + 1)
        switch draw.below(3) {
        case 0: crash(node, power: true, because: "stays broken")
        case 1: suspend(node, SimulationLimits.duration)
        default:
            for peer in nodes.indices where peer != node {
                network.cut(from: node, to: peer)
                network.cut(from: peer, to: node)
            }
            row(node, "stays cut off")
            reconsiderLinks(of: node)
        }
    }

    /// A published round is demanded of the core, not only rest.
    private mutating func editOnceMore() {
        let members = nodes.indices.filter { heal.isCore[$0] && nodes[$0].hasJoined && isMember($0) }
        guard !members.isEmpty else { return }
        var draw = KeyedStream(seed: scenario.seed, .heal)
        let version = store.newVersion(path: 0, node: draw.pick(members))
        change(store.versions[Int(version)].node, 0, version)
        heal.lastEdit = version
    }

    /// Looks now and then whether all is as it must be; ends the run after it stayed so.
    mutating func checkSettled() {
        // A device that was asked to stop ends in its own time.
        for node in nodes.indices where heal.isCore[node] { start(node) }
        settleRivals()
        turnToCore()
        if heal.hopeless != nil || isBeyond {
            if now - TrueTime(scenario.faultTime) > Self.hopelessTime { return finishRun() }
        } else if let (check, why) = (resumeStopped() ?? unsettled()).map({ (.convergence, $0) }) ?? hubUnsettled()
            ?? lockOfNobody()
        {
            heal.rest = nil
            if now > heal.deadline {
                // A removal that was under way may have taken away what the core had.
                heal.hopeless = hopelessness()
                guard heal.hopeless == nil else {
                    hit(.headLeftWithRemoved)
                    return finishRun()
                }
                let core = nodes.indices.filter { heal.isCore[$0] }.map { "\($0 + 1)" }.joined(separator: ", ")
                clash(
                    check,
                    "at \(TrueTime(scenario.faultTime)) s the devices \(core) were mended, which can elect a leader and "
                        + "hold the head, and \(TrueTime(scenario.healBound)) s were allowed",
                    "at \(now) s \(why)")
                return
            }
        } else {
            let rest = HealState.Rest(
                head: oracle.chain.number, entries: oracle.committedCount, rounds: oracle.roundsStarted,
                talk: oracle.talk)
            if heal.rest != rest {
                heal.rest = rest
                heal.restSince = now
                convergedAfter = now - TrueTime(scenario.faultTime)
                if now > heal.deadline {
                    clash(
                        .quiescence, "all devices have the same tree, and nobody writes",
                        "at \(now) s the mesh still works: \(rest.rounds) rounds, \(rest.entries) entries, \(rest.talk) messages"
                    )
                    return
                }
            } else if now - heal.restSince >= scenario.quietTime {
                finishRun()
                return
            }
        }
        queue.push(.settleCheck, at: now + .milliseconds(500))
    }

    func isMember(_ node: Int) -> Bool {
        !nodes[node].wasRemoved && !nodes[node].isLost && !nodes[node].isDormant
    }

    /// A device that was removed takes its edits with it.
    private func isPublished(_ edit: VersionID) -> Bool {
        store.isPublished(version: edit) || !isMember(store.versions[Int(edit)].node)
    }

    /// Where nothing but safety is demanded, the run goes on for so long.
    private static let hopelessTime = Nanoseconds.seconds(30)

    /// Why the mesh has not converged, in words; nil if it has.
    private func unsettled() -> String? {
        let members = nodes.indices.filter { heal.isCore[$0] && isMember($0) && !isAbsent($0) }
        guard let first = members.first else { return nil }
        for node in members {
            if !nodes[node].hasJoined { return "device \(node + 1) is no member" }
            guard let device = nodes[node].device else { return "device \(node + 1) does not run" }
            if nodes[node].era != eras.current || device.isStray { return "device \(node + 1) is in another epoch" }
            if !nodes[node].gate.isOpen { return "the gate of device \(node + 1) is closed" }
            if nodes[node].writers.contains(where: { $0.inside != nil }) { return "a writer is at work" }
            if !nodes[node].workspace.isFree { return "device \(node + 1) works on its tree" }
            if nodes[node].workspace.tree != nodes[first].workspace.tree {
                return "the trees of devices \(first + 1) and \(node + 1) differ"
            }
            let head = device.state.head.revision.flatMap(store.number)
            if head != oracle.chain.head { return "device \(node + 1) does not know the head" }
            if nodes[node].workspace.base != head { return "device \(node + 1) is not at the head" }
            let pending = nodes[node].workspace.pendingFiles(store)
            if pending > 0 { return "device \(node + 1) has \(pending) changed files" }
        }
        if let edit = heal.lastEdit, !isPublished(edit) { return "the last edit is not published" }
        return nil
    }

    /// A user lock that a device of the core holds though none of its clients does, or waits for it.
    private func lockOfNobody() -> (check: CheckID, why: String)? {
        for held in oracle.state.locks.grants where held.name != .sync {
            guard let node = offset(of: held.grant.holder), heal.isCore[node], isMember(node) else { continue }
            let isWanted = clients.contains { call in
                guard call.node == node, call.incarnation == nodes[node].incarnation else { return false }
                if call.held == held.name { return true }
                if !call.isAnswered, case .plan(.lock) = call.purpose { return true }
                return false
            }
            if !isWanted { return (.noLockOfNobody, "device \(node + 1) holds \(held.name) for nobody") }
        }
        return nil
    }

    private mutating func finishRun() {
        isOver = true
        checkHistories()
        turnToCore()
        for (node, capture) in oracle.captures where !store.isPublished(capture) {
            let pin = nodes[node].workspace.pin
            guard let pin, store.isAncestor(capture, of: pin) else {
                clash(
                    .noLostCapture, "device \(node + 1) captured revision \(capture)",
                    "and neither the published history nor that device's own refs hold it")
                return
            }
        }
    }
}
