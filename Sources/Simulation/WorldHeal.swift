import DeviceCore
import Primitives

// The second half of a run: everything is mended, writers stop, and the mesh must come to rest with equal trees.

struct HealState: Hashable, Sendable {
    /// What must not change any more.
    struct Rest: Hashable, Sendable {
        var head: UInt64
        var entries: Int
        var rounds: UInt64
    }

    var deadline = TrueTime.never
    var rest: Rest?
    var restSince = TrueTime.start
    var convergedOnce = false
}

extension World {
    mutating func beginHealing() {
        isHealing = true
        heal.deadline = now + scenario.healBound
        network.conditions = .healthy
        row(nil, "everything is mended, writers stop")
        mendLinks()
        for node in nodes.indices {
            nodes[node].armed = nil
            wake(node)
            resume(node)
            start(node)
            for at in nodes[node].writers.indices where nodes[node].writers[at].isWaiting {
                nodes[node].writers[at].isWaiting = false
            }
        }
        for at in clients.indices where clients[at].held != nil { clientReleases(UInt64(at + 1)) }
        queue.push(.settleCheck, at: now + .milliseconds(500))
    }

    /// Looks now and then whether all is as it must be; ends the run after it stayed so.
    mutating func checkSettled() {
        // A device that was asked to stop ends in its own time.
        for node in nodes.indices { start(node) }
        if let why = unsettled() {
            heal.rest = nil
            if now > heal.deadline {
                clash(
                    .convergence,
                    "everything was mended at \(TrueTime(scenario.faultTime)) s, and a run of \(TrueTime(scenario.healBound)) s was allowed",
                    "at \(now) s \(why)")
                return
            }
        } else {
            let rest = HealState.Rest(
                head: oracle.chain.number, entries: oracle.committedCount, rounds: oracle.roundsStarted)
            if heal.rest != rest {
                heal.rest = rest
                heal.restSince = now
                convergedAfter = now - TrueTime(scenario.faultTime)
                if now > heal.deadline {
                    clash(
                        .quiescence, "all devices have the same tree, and nobody writes",
                        "at \(now) s the mesh still works: \(rest.rounds) rounds, \(rest.entries) entries")
                    return
                }
            } else if now - heal.restSince >= scenario.quietTime {
                finishRun()
                return
            }
        }
        queue.push(.settleCheck, at: now + .milliseconds(500))
    }

    /// Why the mesh has not converged, in words; nil if it has.
    private func unsettled() -> String? {
        let members = nodes.indices.filter { !nodes[$0].wasRemoved }
        guard let first = members.first else { return nil }
        for node in members {
            if !nodes[node].hasJoined { return "device \(node + 1) is no member" }
            guard let device = nodes[node].device else { return "device \(node + 1) does not run" }
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
        return nil
    }

    private mutating func finishRun() {
        isOver = true
        for (node, capture) in oracle.captures where !store.revisions[capture].isPublished {
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
