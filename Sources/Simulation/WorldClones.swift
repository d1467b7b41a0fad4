import DeviceCore
import Primitives

// A second machine with the key and a copy of the disk of a device. Whoever has a link with that identity has one: the
// newer one ends the older, as the transport does, and the two push each other out in turn. Nothing but the safety of
// effects can be demanded then.

extension World {
    /// A place for each machine that may be cloned, behind the devices; nobody is there until then.
    static func makeTwins(_ scenario: Scenario, tree: [VersionID], count: Int) -> [Node] {
        (scenario.devices..<count).map { index in
            var node = makeNode(index, scenario, tree: tree)
            node.isDormant = true
            node.writers = []
            return node
        }
    }

    mutating func clone(_ node: Int, _ length: Nanoseconds) {
        guard let slot = nodes.indices.first(where: { nodes[$0].isDormant }), !nodes[node].isDormant,
            nodes[node].hasJoined, twin(of: node) == nil
        else { return }
        row(node, "runs on a second machine too, with the same key")
        hit(.cloneRan)
        isBeyond = true
        let draws = nodes[slot].draws
        let clock = nodes[slot].clock
        var copy = nodes[node]
        copy.becomeTwin(at: slot, draws: draws, clock: clock)
        nodes[slot] = copy
        queue.push(.cloneEnds(slot), at: now + length)
        start(slot)
    }

    mutating func cloneEnds(_ slot: Int) {
        crash(slot, power: true, because: "the second machine goes away")
        nodes[slot].isDormant = true
    }

    /// The other machine with the same identity.
    func twin(of node: Int) -> Int? {
        guard nodes.count > scenario.devices else { return nil }
        return nodes.indices.first { $0 != node && nodes[$0].id == nodes[node].id && !nodes[$0].isDormant }
    }

    /// The machine behind an identity, as `node` is linked with it.
    func machine(of device: DeviceID, for node: Int) -> Int? {
        guard let place = offset(of: device), let twin = twin(of: place) else { return offset(of: device) }
        return twin != node && network.isConnected(node, twin) && !network.isConnected(node, place) ? twin : place
    }

    /// `node` gets a link with `peer`: the one with its twin ends.
    mutating func endOlderLink(of node: Int, with peer: Int) {
        guard let other = twin(of: peer), other != node, network.isConnected(node, other) else { return }
        guard !mutants.has(.cloneAccepted) else {
            return clash(
                .oneLinkPerIdentity, "device \(node + 1) has a link with \(nodes[peer].id.short)",
                "and another one with another machine of that identity")
        }
        let at = network.pair(node, other)
        network.pairs[at].session = 0
        network.pairs[at].generation &+= 1
        network.pairs[at].isChanging = false
        notify(node, other, up: false)
        queue.push(.linkNotice(node: other, peer: node, session: 0), at: now + 1)
        reconsiderLink(node, other)
    }
}

extension Node {
    mutating func becomeTwin(at slot: Int, draws: NodeDraws, clock: NodeClock) {
        index = slot
        self.draws = draws
        self.clock = clock
        device = nil
        hasProcess = false
        power = .off
        pending = nil
        isWriting = false
        deferred = []
        writers = []
        gate = GateModel()
        images = []
        isDormant = false
        workspace.crash(power: false)
    }
}
