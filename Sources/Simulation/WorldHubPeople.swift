import DeviceCore
import Primitives
import SyncRounds

// What people do at the hub and about it: they push, force, delete, and accept what they find.

extension World {
    /// A person looks at the hub about this often.
    private static let personPause = Nanoseconds.seconds(4)

    mutating func happen(_ fault: HubFault) {
        guard hub != nil else { return row(nil, "there is no hub") }
        row(nil, "the hub: \(fault)")
        switch fault {
        case .refuses(let length): hub?.refusesUntil = now + length
        case .losesReplies(let count): hub?.repliesToLose += count
        case .hangs(let length): hub?.hangsUntil = now + length
        case .foreignPush: foreignPush()
        case .forcedPush: forcedPush()
        case .fenceDeleted:
            guard hub?.refs.fence != nil else { return }
            hit(.hubFenceDeleted)
            hub?.refs.fence = nil
            hub?.highestToken = .none
        }
    }

    mutating func mendHub() {
        hub?.refusesUntil = now
        hub?.hangsUntil = now
        hub?.repliesToLose = 0
    }

    /// Somebody without an agent commits on what stands there.
    private mutating func foreignPush() {
        guard let head = hub?.refs.head else { return }
        let pushed = commit(on: head)
        hub?.refs.head = pushed
        hub?.foreign.append(pushed)
        hit(.hubForeignPush)
    }

    private mutating func commit(on head: Int) -> Int {
        let path = hub?.draw.below(Workload.sharedPaths) ?? 0
        var tree = store.tree(head)
        let deletes = tree[path] != 0 && hub?.draw.below(6) == 0
        tree[path] = deletes ? 0 : store.newVersion(path: path, node: 0)
        // A commit holds it, as it does what a device captured.
        store.versions[Int(tree[path])].isCaptured = true
        return store.add(parents: [head], tree: tree)
    }

    /// Somebody makes the branch what it was a few commits ago, and now and then builds on that.
    private mutating func forcedPush() {
        guard var target = hub?.refs.head else { return }
        let back = 1 + (hub?.draw.below(3) ?? 0)
        for _ in 0..<back { target = store.revisions[target].parents.first ?? target }
        guard target != hub?.refs.head, var hub else { return }
        if hub.draw.below(2) == 0 {
            self.hub = hub
            target = commit(on: target)
            hub = self.hub ?? hub
            hub.foreign.append(target)
        }
        hub.refs.head = target
        let mirrored = hub.refs.fence?.mirrored.flatMap(store.number)
        if hub.accepted.contains(target) {
            // Also back to what somebody had said yes to before others built on it.
            hub.isRewritten = false
        } else if let mirrored {
            hub.isRewritten = !store.isAncestor(mirrored, of: target)
        }
        if hub.fencing == .branchAlone { hub.highestToken = .none }
        hub.foreign.removeAll { !store.isPublished($0) && !store.isAncestor($0, of: target) }
        self.hub = hub
        hit(.hubForcedPush)
    }

    // MARK: Words to the mesh

    mutating func putHub() {
        guard let hub, oracle.state.hub == nil else { return }
        if let address = try? HubAddress(url: "/srv/hub.git", branch: "main"), let member = pickMember() {
            if hub.fencing == .fenceRef, hub.refs.fence == nil { layFence(address, by: nodes[member].id) }
            ask(member, .hub, .hub(.put(HubRecord(address: address, fencing: hub.fencing))))
        }
        queue.push(.hub(.put), at: now + .seconds(2))
    }

    /// Before the mesh is told: a fence that is missing later was deleted.
    private mutating func layFence(_ address: HubAddress, by device: DeviceID) {
        let first = HubPush(
            address: address, fencing: .fenceRef, token: .none, sequence: 0, device: device, branch: nil, mirrored: nil,
            oldHead: nil, oldFence: nil)
        let fence = hub?.newFence(first)
        hub?.refs.fence = fence
    }

    private mutating func pickMember() -> Int? {
        let members = nodes.indices.filter {
            nodes[$0].hasJoined && isMember($0) && nodes[$0].power == .running && mayRun($0)
        }
        return members.isEmpty ? nil : hub?.draw.pick(members)
    }

    /// Somebody reads the status of a device, and accepts what stands on the hub if that is asked for.
    mutating func personAtHub() {
        let pause = hub?.draw.interval(Self.personPause) ?? Self.personPause
        queue.push(.hub(.person), at: now + pause)
        guard let member = pickMember(), let facts = nodes[member].device?.hubFacts, facts.state.waitsForPerson
        else { return }
        let replaces = hub?.draw.below(3) == 0
        let head = facts.head.flatMap(store.number)
        if let head {
            hub?.accepted.append(head)
            if replaces { hub?.givenUp.append(head) }
        }
        if head == hub?.refs.head { hub?.isRewritten = false }
        hit(.hubAccepted)
        ask(member, .hub, .hub(.accept(HubAcceptance(head: facts.head, replaces: replaces))))
    }
}
