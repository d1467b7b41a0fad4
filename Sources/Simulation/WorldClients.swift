import DeviceCore
import Locks
import Primitives

// People and programs that ask their own device for something.

/// One question and what became of it.
struct ClientCall: Hashable, Sendable {
    enum Purpose: Hashable, Sendable {
        case plan(ClientPlan)
        case join(Int)
        case remove(Int)
        case hub
        case recovery
    }

    var node: Int
    var incarnation: UInt64
    var purpose: Purpose
    /// The lock that was granted and is not given back yet.
    var held: LockName?
    var isAnswered = false
    var asked = TrueTime.start
    var token: FencingToken?
    /// When it asked to give the lock back, until that is answered.
    var released: TrueTime?
    /// In which epoch it was granted.
    var era = 0
}

extension World {
    /// The number of a question is its place, from 1.
    mutating func ask(_ node: Int, _ purpose: ClientCall.Purpose, _ request: ClientRequest) {
        guard nodes[node].hasProcess else { return }
        var call = ClientCall(node: node, incarnation: nodes[node].incarnation, purpose: purpose)
        call.asked = now
        clients.append(call)
        feed(node, .request(tag: UInt64(clients.count), request))
    }

    mutating func ask(_ node: Int, _ plan: ClientPlan) {
        switch plan {
        case .sync: ask(node, .plan(plan), .sync)
        case .handoff(let target): ask(node, .plan(plan), .handoff(to: target.map { nodes[$0].id }))
        case .lock(let number, let ttl, _, let waits):
            guard let name = LockName("user/\(number)") else { return }
            ask(node, .plan(plan), .acquire(name, ttl: .nanoseconds(ttl), waits: waits))
        case .setting(let key, let value):
            ask(node, .plan(plan), .set(Setting(key: key, value: value)))
        case .stop(let kind, let everywhere, let length):
            stopSyncing(node, plan, kind, everywhere: everywhere, length)
        case .resume(let everywhere): ask(node, .plan(plan), .resume(everywhere: everywhere))
        }
    }

    mutating func put(setting number: Int) {
        let setting = scenario.settings[number]
        ask(0, .setting(setting.key, setting.value))
    }

    mutating func replied(_ node: Int, _ tagged: TaggedReply) {
        let at = Int(truncatingIfNeeded: tagged.tag) - 1
        guard clients.indices.contains(at), clients[at].node == node else { return }
        trace.mix(tagged.tag)
        clients[at].isAnswered = true
        if transcript != nil { row(node, "answers \(at + 1): \(tagged.reply)") }
        switch tagged.reply {
        case .granted(let name, let token): granted(at, node, name, token)
        case .lost:
            hit(.userLockLost)
            clients[at].held = nil
        case .handedOff: hit(.handoffDone)
        case .handoffRefused: hit(.handoffRefused)
        case .noQuorum, .noLeader, .failed:
            if case .remove = clients[at].purpose, case .failed = tagged.reply { hit(.removalRefused) }
            retrySetting(at, node)
        case .done:
            if case .plan(let plan) = clients[at].purpose { stopAnswered(node, plan) }
            noteReleased(at, .done)
        case .lockRefused: noteReleased(at, .refused)
        case .refused(.removedDevice): hit(.readmissionRefused)
        case .recoveryRefused: hit(.recoveryRefused)
        case .synced, .refused, .recovered: break
        }
    }

    /// Settings make runs quick; a mesh without them would wait five minutes between rounds.
    private mutating func retrySetting(_ at: Int, _ node: Int) {
        if case .plan(.setting(let key, let value)) = clients[at].purpose { ask(node, .setting(key, value)) }
    }

    private mutating func granted(_ at: Int, _ node: Int, _ name: LockName, _ token: FencingToken) {
        hit(.userLockGranted)
        if clients[at].held != nil, let before = clients[at].token, before != token {
            clash(
                .trueGrant, "a client of device \(node + 1) holds \(name) under \(before), and heard of no loss",
                "and is told that it holds it under \(token)")
        }
        noteAcquired(at, token)
        fire(.lockGranted, at: node)
        clients[at].held = name
        if let holder = oracle.holder(of: token), holder.device != nodes[node].id || holder.name != name {
            clash(
                .trueGrant, "a client of device \(node + 1) was told that it holds \(name) under \(token)",
                "and the log granted that token to \(holder.device.short) for \(holder.name)")
        }
        guard case .plan(.lock(_, _, let hold, _)) = clients[at].purpose else { return }
        queue.push(.clientRelease(tag: UInt64(at + 1)), at: now + hold)
    }

    private static let clientPause = Nanoseconds.milliseconds(500)

    /// The client ends: it gives the lock back, or is simply gone.
    mutating func clientReleases(_ tag: UInt64) {
        let at = Int(tag) - 1
        guard let name = clients[at].held, nodes[clients[at].node].incarnation == clients[at].incarnation else {
            return
        }
        // It sleeps with its machine, or waits for a process that stands still.
        guard isAwake(clients[at].node) else { return queue.push(.clientRelease(tag: tag), at: now + Self.clientPause) }
        clients[at].held = nil
        clients[at].released = now
        if clientDraw.below(2) == 0 {
            feed(clients[at].node, .request(tag: tag, .release(name)))
        } else {
            feed(clients[at].node, .cancelled(tag: tag))
        }
    }

    // MARK: Members

    /// A new device is added by one that is a member, until the log has it.
    mutating func join(_ node: Int) {
        guard !nodes[node].hasJoined, !nodes[node].wasRemoved else { return }
        guard node < scenario.devices - scenario.learners || othersVote(before: node) else {
            return queue.push(.join(node), at: now + .milliseconds(500))
        }
        let members = nodes.indices.filter { nodes[$0].hasJoined && nodes[$0].power == .running && mayRun($0) }
        if !members.isEmpty {
            let member = clientDraw.pick(members)
            ask(member, .join(node), .putDevice(.simulated(nodes[node].id)))
        }
        queue.push(.join(node), at: now + .seconds(2))
    }

    /// A learner waits until the core has as many voters as it wants of the others.
    private func othersVote(before learner: Int) -> Bool {
        let others = scenario.devices - scenario.learners
        return oracle.voters.count >= Device.voters(among: others)
    }

    /// Somebody wants a removed device back, under its old key: that is refused for good.
    mutating func readmit(_ node: Int) {
        let members = nodes.indices.filter { nodes[$0].hasJoined && isMember($0) && nodes[$0].power == .running }
        guard !members.isEmpty else { return }
        ask(clientDraw.pick(members), .join(node), .putDevice(.simulated(nodes[node].id)))
    }

    mutating func removeDevice(_ node: Int, by member: Int) {
        guard nodes[node].hasJoined, !nodes[node].wasRemoved, nodes[member].hasJoined else { return }
        ask(member, .remove(node), .removeDevice(nodes[node].id))
    }

    /// The replicated roster has changed, as one device applied it: links follow.
    mutating func rosterChanged(_ state: MeshState) {
        for node in nodes.indices {
            if !nodes[node].hasJoined, state.record(of: nodes[node].id) != nil,
                eras.epochs.count == 1 || oracle.state.record(of: nodes[node].id) != nil
            {
                nodes[node].hasJoined = true
                reconsiderLinks(of: node)
            }
            if !nodes[node].wasRemoved, state.removed.contains(nodes[node].id) {
                hit(.deviceRemoved)
                nodes[node].wasRemoved = true
                reconsiderLinks(of: node)
            }
        }
    }
}

extension DeviceRecord {
    static func simulated(_ device: DeviceID) -> DeviceRecord {
        DeviceRecord(device: device, name: "device-\(device.number)", addresses: ["device-\(device.number):1"])
    }
}
