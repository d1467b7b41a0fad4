import Consensus
import DeviceCore
import Primitives

// Epochs (protocol.md, sections 7 and 8, invariant 10): each has a log, a chain of heads and histories of its own, and
// so the observer has a memory of its own for each. Whatever happens at a device is held against its epoch's.

/// The observer's memories of the epochs that are not looked at. Place 0 is the first epoch.
struct Eras: Sendable {
    struct Memory: Sendable {
        var oracle: Oracle
        var histories: LockHistories
    }

    private(set) var epochs: [Epoch] = [.first]
    /// Empty at the one that is looked at.
    private var parked: [Memory?] = [nil]
    private(set) var current = 0
    /// When a person last settled a rivalry.
    var settledAt: TrueTime?

    func place(of epoch: Epoch) -> Int? { epochs.firstIndex(of: epoch) }

    /// Whether there is room for one more: a version knows by a bit each where it is published.
    var isFull: Bool { epochs.count >= UInt64.bitWidth }

    mutating func begin(_ epoch: Epoch, _ memory: Memory) -> Int {
        epochs.append(epoch)
        parked.append(memory)
        return epochs.count - 1
    }

    /// Parks what is given, and gives what was parked.
    mutating func turn(to era: Int, _ memory: Memory) -> Memory? {
        parked[current] = memory
        current = era
        defer { parked[era] = nil }
        return parked[era]
    }

    /// The newest token that was granted in any other epoch of a lower number than `number`.
    func newestToken(below number: UInt64) -> FencingToken? {
        zip(epochs, parked).compactMap { $0.number < number ? $1?.oracle.grants.last?.token : nil }.max()
    }
}

extension World {
    /// What happens next happens at this device.
    mutating func focus(_ node: Int) { if nodes[node].era != eras.current { turn(to: nodes[node].era) } }

    mutating func turn(to era: Int) {
        guard era != eras.current else { return }
        let old = Eras.Memory(oracle: oracle, histories: histories)
        guard let new = eras.turn(to: era, old) else { return }
        (oracle, histories) = (new.oracle, new.histories)
        oracle.takeWorldwide(from: old.oracle)
        store.era = era
    }

    // MARK: A disk with another epoch

    /// Whether this write takes the device out of its epoch.
    func leavesEpoch(_ node: Int, _ update: DeviceUpdate) -> Bool {
        guard let snapshot = update.raft.snapshot else { return false }
        return snapshot.image.epoch != nodes[node].disk.epoch
    }

    /// Before the write: of one number there is one epoch for a device, and it only goes up.
    mutating func checkLeaving(_ node: Int, _ image: MeshState) {
        let (old, new) = (nodes[node].disk.epoch, image.epoch)
        oracle.leftDisks.append((nodes[node].id, nodes[node].disk))
        if new.number <= old.number {
            clash(
                .oneWinner, "device \(node + 1) was in epoch \(old)", "and goes over to epoch \(new), which is no later"
            )
        }
        guard let record = image.recovery, record.founder == nodes[node].id, eras.place(of: new) == nil else {
            if eras.place(of: new) == nil {
                clash(
                    .oneWinner, "nobody has recovered the mesh into epoch \(new)",
                    "and device \(node + 1) is in it")
            }
            return
        }
        let newest = max(eras.newestToken(below: new.number) ?? .none, oracle.grants.last?.token ?? .none)
        let tokens = image.locks.grants.map(\.grant.token) + [image.locks.newestToken]
        if let low = tokens.first(where: { $0.epoch != new.number || $0 <= newest }) {
            clash(
                .oneWinner, "token \(newest) was granted before epoch \(new) began",
                "and device \(node + 1) begins it with token \(low)")
        }
    }

    /// After the write.
    mutating func enterEpoch(_ node: Int, _ snapshot: Snapshot<MeshState>) {
        let epoch = snapshot.image.epoch
        if let era = eras.place(of: epoch) {
            hit(.epochRejoined)
            nodes[node].era = era
        } else {
            nodes[node].era = begin(epoch, by: node, snapshot)
        }
        row(node, "is in epoch \(epoch)")
        forgetOldEpoch(node)
        focus(node)
        oracle.diskWasHarmed(node)
        leaveUnlessKnown(node)
    }

    private mutating func begin(_ epoch: Epoch, by node: Int, _ snapshot: Snapshot<MeshState>) -> Int {
        hit(.meshRecovered)
        var memory = Eras.Memory(oracle: oracle, histories: LockHistories(devices: nodes.count))
        memory.oracle.begin(snapshot, head: snapshot.image.head.revision.flatMap(store.number))
        // Its holder may come to hear of it, and go on under it.
        if let held = snapshot.image.locks.grant(of: .sync) { memory.histories.committed.append((held.token, now)) }
        let era = eras.begin(epoch, memory)
        let before = store.era
        store.era = era
        if let head = memory.oracle.chain.head { store.publish(head) }
        store.era = before
        return era
    }

    /// What was seen of the device in its old epoch says nothing in the new one.
    private mutating func forgetOldEpoch(_ node: Int) {
        nodes[node].seen = SeenState()
        nodes[node].elections = ElectionWatch(nodes.count)
        nodes[node].elections.written = nodes[node].disk.lastPlace.index
        nodes[node].rounds = RoundWatch()
        nodes[node].renewals = []
        nodes[node].lately = []
        nodes[node].followed = Array(repeating: nil, count: nodes.count)
        nodes[node].workspace.appliedHead = 0
        if quorumLeader == node { quorumLeader = nil }
        if syncLeader == node { syncLeader = nil }
    }

    /// A device that the survivor had not heard of yet is no member of what it founded, and is let in anew.
    private mutating func leaveUnlessKnown(_ node: Int) {
        guard oracle.state.record(of: nodes[node].id) == nil, nodes[node].hasJoined else { return }
        row(node, "is unknown in its new epoch, and asks to be let in")
        nodes[node].hasJoined = false
        nodes[node].isAsked = true
        reconsiderLinks(of: node)
        queue.push(.join(node), at: now + .milliseconds(500))
    }

    /// A device takes only what was said in its own epoch.
    mutating func checkEpochHeard(_ node: Int, _ input: DeviceInput) -> Bool {
        guard case .received(_, let peer, let epoch) = input, epoch != nodes[node].glance.epoch else { return true }
        let isRefused = output.events.contains { event in
            if case .epoch(.unheard) = event { true } else { false }
        }
        if !isRefused {
            clash(
                .oneWinner, "device \(node + 1) is in epoch \(nodes[node].glance.epoch)",
                "and takes a message of device \(peer.number) that was sent in epoch \(epoch)")
        }
        return false
    }

    /// In a round of its own epoch; a capture may end after its device has left that of the round.
    mutating func checkBaseIsOfEpoch(_ node: Int, _ round: RoundID, _ base: Int?) {
        guard checks, let base, round.token.epoch == eras.epochs[nodes[node].era].number, !store.isPublished(base)
        else {
            return
        }
        clash(
            .baseIsOfEpoch, "the tree of device \(node + 1) rests on revision \(base)",
            "and it takes part in \(round), to whose epoch that revision does not belong")
    }

    mutating func observe(_ node: Int, _ event: EpochEvent) {
        switch event {
        case .recovered(let record, let lost):
            row(node, "recovers the mesh: epoch \(record.epoch), without \(lost.map(\.number))")
        case .rejoined(let from, let to, let by): row(node, "leaves epoch \(from) for \(to), heard of \(by.number)")
        case .unheard(let peer, let theirs): row(node, "does not hear device \(peer.number) of epoch \(theirs)")
        case .rival(let peer, let theirs, let ours):
            hit(.rivalEpochs)
            row(node, "is in epoch \(ours), and device \(peer.number) in its rival \(theirs)")
        case .grounded(let base, let wasStray):
            if wasStray { hit(.strayGrounded) }
            row(node, "rests on \(base?.tail ?? "nothing")\(wasStray ? ", the last round in common" : "")")
        case .groundingFailed(let why): row(node, "does not find the last round in common: \(why)")
        }
    }

    // MARK: People

    /// A person gives up the others, at this device.
    mutating func recover(_ node: Int, isForced: Bool) {
        guard !eras.isFull, nodes[node].hasJoined, isMember(node), let view = nodes[node].device?.recoveryView else {
            return
        }
        let workspace = nodes[node].workspace
        let head = view.head.flatMap(store.number)
        let isHeld = head.map { head in
            workspace.hasDurably(head) && workspace.base.map { store.isAncestor($0, of: head) } ?? true
        }
        let goesOnFrom = isHeld == true ? head : workspace.base
        let order = RecoveryOrder(
            draw: 1 + clientDraw.next() % Epoch.draws.upperBound, lastIndex: view.lastIndex,
            head: goesOnFrom.map(store.name),
            isForced: isForced)
        ask(node, .recovery, .recover(order))
    }

    /// Where two of the mended devices are of rival epochs, a person does what both are told: recover one of them, by
    /// force, and the other follows.
    mutating func settleRivals() {
        let core = nodes.indices.filter { heal.isCore[$0] && isMember($0) && nodes[$0].hasProcess }
        guard let one = core.first(where: { one in core.contains { isRival(one, $0) } }),
            eras.settledAt.map({ now >= $0 + .seconds(5) }) ?? true
        else { return }
        eras.settledAt = now
        heal.deadline = now + scenario.healBound
        recover(one, isForced: true)
    }

    private func isRival(_ one: Int, _ other: Int) -> Bool {
        let (mine, theirs) = (nodes[one].disk.epoch, nodes[other].disk.epoch)
        let most = nodes.indices.filter { heal.isCore[$0] && isMember($0) }.map { nodes[$0].disk.epoch.number }.max()
        return mine.isRival(of: theirs) && mine.number == most
    }

    // MARK: The last round in common

    mutating func ground(_ node: Int, onto head: Revision?, from peers: [DeviceID]) {
        guard nodes[node].workspace.isFree, nodes[node].workspace.waiting.isEmpty else {
            return feed(node, .grounded(onto: head, .failed("the tree is in use")))
        }
        if !isHealing, nodes[node].draws.work.chance(perMillion: scenario.work.failures) {
            hit(.actionFailed)
            return feed(node, .grounded(onto: head, .failed("made to fail")))
        }
        if let head, nodes[node].workspace.base != nil, !bring(node, head, from: peers) {
            return feed(node, .grounded(onto: head, .failed("no device that can be reached has its head")))
        }
        let base = nodes[node].workspace.ground(onto: head.flatMap(store.number), &store)
        if let base { tell(node, .applied(revision: base)) }
        feed(node, .grounded(onto: head, .done(base.map(store.name))))
        scanSoon(node)
    }

    private mutating func bring(_ node: Int, _ head: Revision, from peers: [DeviceID]) -> Bool {
        guard let number = store.number(head),
            peers.contains(where: { canReach(node, machine(of: $0, for: node), head) })
                || nodes[node].workspace.has(number)
        else { return false }
        nodes[node].workspace.receive(number, durably: true, store)
        return true
    }

    // MARK: After the faults

    /// The epoch in which the mended devices must meet: the newest that one of them is in.
    mutating func turnToCore() {
        let core = nodes.indices.filter { heal.isCore.isEmpty || heal.isCore[$0] && isMember($0) }
        guard let newest = core.max(by: { nodes[$0].disk.epoch.number < nodes[$1].disk.epoch.number }) else { return }
        turn(to: nodes[newest].era)
    }
}

extension Oracle {
    /// The observer's memory of an epoch that begins with this snapshot; tokens of the epochs before stay known.
    mutating func begin(_ snapshot: Snapshot<MeshState>, head: Int?) {
        let image = snapshot.image
        leaders.removeAll()
        ballots.removeAll()
        entries.removeAll()
        committed = []
        committedIn = []
        fingerprints = []
        preVotes.removeAll()
        transfers = []
        queues = []
        leftDisks = []
        state = image
        tombstones = image.removed
        for held in image.locks.grants {
            grants.append(TokenHolder(token: held.grant.token, name: held.name, device: held.grant.holder))
        }
        grants.sort { $0.token < $1.token }
        syncToken = image.locks.grant(of: .sync)?.token
        chain = PublishedChain(number: image.head.number, head: head, revision: image.head.revision)
        if let head { headNumbers[head] = image.head.number }
        beginVoters(snapshot.membership.voters, since: snapshot.index)
    }
}

extension DevicePersistentState {
    var epoch: Epoch { raft.snapshot?.image.epoch ?? .first }
}

extension Workspace {
    /// Goes back to the newest round before the base that the head comes after; what was the base stays reachable from
    /// this device's own captures.
    mutating func ground(onto head: Int?, _ store: inout RevisionStore) -> Int? {
        guard let old = base else { return nil }
        var common: Int? = old
        while let round = common, !(head.map { store.isAncestor(round, of: $0) } ?? false) {
            common = store.revisions[round].parents.first
        }
        guard common != old else { return old }
        if let pin, !store.isAncestor(pin, of: old) {
            self.pin = store.isAncestor(old, of: pin) ? pin : store.add(parents: [old, pin], tree: store.tree(old))
        } else {
            pin = old
        }
        if let pin { receive(pin, durably: true, store) }
        rest(on: common, store)
        return common
    }
}
