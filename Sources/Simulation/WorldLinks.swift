import DeviceCore
import Primitives

// Links: messages on their way, connections that break and come back, what each end is told and when.

extension World {
    mutating func send(_ node: Int, _ envelope: PeerEnvelope, of epoch: Epoch) {
        guard let peer = machine(of: envelope.to, for: node), peer != node else { return }
        if checks {
            if case .raft(let message) = envelope.message {
                checkSaid(node, message, to: envelope.to)
                checkSaidRaft(node, message, peer)
            }
            if case .renew(let number, _) = envelope.message { nodes[node].elections.newestRenewal = number }
            noteTalk(envelope.message)
            oracle.sent(envelope.message, by: node, as: nodes[node].id, to: envelope.to)
        }
        if case .renewed(let number, let answers) = envelope.message { checkRenewed(node, peer, number, answers) }
        if let fault = oracle.takeFault() { clash(fault.check, fault.fact, fault.clash) }
        let session = network.pairs[network.pair(node, peer)].session
        guard session != 0 else { return }
        let arrivals = network.arrivals(from: node, to: peer, at: now)
        let delivery = Delivery(from: node, to: peer, session: session, message: envelope.message, epoch: epoch)
        if arrivals.0 == nil, recording != nil { recordLoss(envelope.message, from: node, to: peer) }
        if let first = arrivals.0 { queue.push(.delivery(delivery), at: first) }
        if let second = arrivals.1 { queue.push(.delivery(delivery), at: second) }
    }

    mutating func deliver(_ delivery: Delivery) {
        let to = delivery.to
        if delivery.session != 0 { network.arrived(from: delivery.from, to: to) }
        let session = network.pairs[network.pair(delivery.from, to)].session
        if delivery.session != session, delivery.session != 0 {
            guard !isHealing, network.replays.chance(perMillion: network.conditions.replay) else { return }
            hit(.replayedMessage)
            if let delay = network.conditions.replayDelay {
                var late = delivery
                late.session = 0
                return queue.push(.delivery(late), at: now + network.replays.between(0, delay))
            }
        }
        guard session != 0, isAwake(to), nodes[to].hasProcess else { return }
        focus(to)
        heardLeader(to, delivery.message, from: delivery.from)
        feed(to, .received(delivery.message, from: nodes[delivery.from].id, of: delivery.epoch))
    }

    // MARK: Connections

    /// Whether both ends run, know each other and can hear each other.
    private func isWanted(_ a: Int, _ b: Int) -> Bool {
        guard nodes[a].hasJoined, nodes[b].hasJoined, !nodes[a].wasRemoved, !nodes[b].wasRemoved else { return false }
        guard isAwake(a), isAwake(b), nodes[a].id != nodes[b].id else { return false }
        return !network.isCut(from: a, to: b) && !network.isCut(from: b, to: a)
    }

    mutating func reconsiderLinks(of node: Int) {
        for peer in nodes.indices where peer != node { reconsiderLink(node, peer) }
    }

    mutating func reconsiderLink(_ a: Int, _ b: Int) {
        let at = network.pair(a, b)
        let wanted = isWanted(a, b)
        guard wanted != (network.pairs[at].session != 0) else {
            // What was planned is void: the cut ended before anybody noticed.
            if network.pairs[at].isChanging {
                network.pairs[at].generation &+= 1
                network.pairs[at].isChanging = false
            }
            return
        }
        guard !network.pairs[at].isChanging else { return }
        network.pairs[at].generation &+= 1
        network.pairs[at].isChanging = true
        let range = wanted ? network.conditions.reconnection : network.conditions.detection
        var delay = network.changes.between(range.lowerBound, range.upperBound)
        if wanted, network.changes.chance(perMillion: network.conditions.connectHangs) {
            hit(.connectionHung)
            delay &+= network.conditions.hang
        }
        let earliest = wanted ? max(nodes[a].connectsAfter, nodes[b].connectsAfter) : now
        queue.push(
            .linkChange(pair: at, generation: network.pairs[at].generation, up: wanted), at: max(now, earliest) + delay)
    }

    mutating func linkChanges(_ at: Int, _ generation: UInt32, up: Bool) {
        guard network.pairs[at].generation == generation else { return }
        let low = at / network.count
        let high = at % network.count
        network.pairs[at].isChanging = false
        // An end that fell asleep meanwhile could not be told; the link is planned anew when it wakes.
        if up, !isWanted(low, high) { return }
        if up {
            endOlderLink(of: low, with: high)
            endOlderLink(of: high, with: low)
            network.connect(at)
            let session = network.pairs[at].session
            notify(low, high, up: true)
            notify(high, low, up: true)
            trace.mix(UInt64(session))
        } else {
            network.pairs[at].session = 0
            // One end notices at once, the other at its own time.
            var late = network.changes.below(2) == 0 ? network.changes.between(0, .seconds(2)) : 0
            if network.changes.chance(perMillion: network.conditions.halfOpen) {
                hit(.halfOpenLink)
                late = network.changes.between(0, Limits.linkSilence.wholeNanoseconds)
            }
            notify(low, high, up: false)
            queue.push(.linkNotice(node: high, peer: low, session: 0), at: now + late)
        }
        reconsiderLink(low, high)
    }

    mutating func linkNoticed(_ node: Int, _ peer: Int, _ session: UInt32) {
        guard network.pairs[network.pair(node, peer)].session == session else { return }
        notify(node, peer, up: false)
    }

    /// An end that does not know of a break is told of it before it is told of the next connection.
    mutating func notify(_ node: Int, _ peer: Int, up: Bool) {
        guard isAwake(node) else { return }
        let at = network.pair(node, peer)
        let knew = node < peer ? network.pairs[at].lowKnows : network.pairs[at].highKnows
        if let knew { feed(node, .linkDown(knew)) }
        if up { feed(node, .linkUp(nodes[peer].id)) }
        let known = up ? nodes[peer].id : nil
        if node < peer { network.pairs[at].lowKnows = known } else { network.pairs[at].highKnows = known }
    }

    mutating func hangConnections(of node: Int, _ length: Nanoseconds) {
        row(node, "connections hang for \(TrueTime(length)) s")
        hit(.connectionHung)
        nodes[node].connectsAfter = max(nodes[node].connectsAfter, now + length)
    }

    /// Every connection of `node` breaks; it is found again after `length`.
    mutating func moveAddress(of node: Int, _ length: Nanoseconds) {
        row(node, "moves to another address")
        hit(.addressChanged)
        nodes[node].connectsAfter = max(nodes[node].connectsAfter, now + length)
        for peer in nodes.indices where peer != node && network.isConnected(node, peer) {
            let at = network.pair(node, peer)
            network.pairs[at].session = 0
            network.pairs[at].generation &+= 1
            network.pairs[at].isChanging = false
            queue.push(.linkNotice(node: node, peer: peer, session: 0), at: now + 1)
            let range = network.conditions.detection
            let delay = network.changes.between(range.lowerBound, range.upperBound)
            queue.push(.linkNotice(node: peer, peer: node, session: 0), at: now + delay)
        }
        reconsiderLinks(of: node)
    }

    /// A machine that wakes still believes in the connections that broke while it slept, for a while.
    mutating func noticeBroken(_ node: Int) {
        for peer in nodes.indices where peer != node && !network.isConnected(node, peer) {
            let range = network.conditions.detection
            let delay = network.changes.between(range.lowerBound, range.upperBound)
            queue.push(.linkNotice(node: node, peer: peer, session: 0), at: now + delay)
        }
    }

    /// The process of `node` is gone, and its connections with it; the others notice in their time.
    mutating func breakLinks(of node: Int) {
        for peer in nodes.indices where peer != node {
            let at = network.pair(node, peer)
            if node < peer { network.pairs[at].lowKnows = nil } else { network.pairs[at].highKnows = nil }
            guard network.pairs[at].session != 0 else { continue }
            network.pairs[at].session = 0
            network.pairs[at].generation &+= 1
            network.pairs[at].isChanging = false
            let range = network.conditions.detection
            let delay = network.changes.between(range.lowerBound, range.upperBound)
            queue.push(.linkNotice(node: peer, peer: node, session: 0), at: now + delay)
        }
    }
}
