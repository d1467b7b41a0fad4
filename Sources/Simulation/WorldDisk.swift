import DeviceCore
import Primitives
import SyncRounds

// What disks do: refuse, stall, rot, go back in time, vanish; and the person who replaces a device.

/// A device's disk at one moment.
struct DiskImage: Sendable {
    var time: TrueTime
    var disk: DevicePersistentState
    var workspace: Workspace
    var starts: UInt64
    var highestEffect: FencingToken
}

extension World {
    /// How far apart images are, for those scenarios that go back to one.
    private static let imagePause = Nanoseconds.seconds(1)
    private static let imagesKept = 64

    mutating func harmDisk(_ event: ScenarioEvent) {
        switch event {
        case .diskStall(let target, let length):
            for node in resolve(target) {
                row(node, "the disk stalls for \(TrueTime(length)) s")
                hit(.diskStalled)
                nodes[node].disksStallUntil = max(nodes[node].disksStallUntil, now + length)
            }
        case .diskFault(let target, let fault, let down):
            for node in resolve(target) { nodes[node].diskFault = ArmedDiskFault(fault: fault, down: down) }
        case .rollback(let target, let age): for node in resolve(target) { rollBack(node, age) }
        case .wipe(let target, let by): for node in resolve(target) { for member in resolve(by) { wipe(node, member) } }
        case .syncLies(let target, let length):
            for node in resolve(target) {
                row(node, "the disk lies for \(TrueTime(length)) s")
                nodes[node].lie = Lie(image: image(of: node), until: now + length)
            }
        case .clone(let target, let length): for node in resolve(target) { clone(node, length) }
        case .cut, .mend, .clog, .lossBurst, .halfOpen, .connectHang, .addressChange, .crash, .crashAt, .restart,
            .restartStorm, .suspend, .freeze, .slow, .stop, .rate, .wallJump, .addDevice, .removeDevice, .client, .hub,
            .user, .writers, .supply, .recover:
            break
        }
    }

    // MARK: Writes

    /// True if this write met a fault, and the process is no more.
    mutating func meetsDiskFault(_ node: Int) -> Bool {
        guard let armed = nodes[node].diskFault, !isHealing else { return false }
        nodes[node].diskFault = nil
        hit(.diskRefused)
        switch armed.fault {
        case .syncFails:
            if nodes[node].draws.crash.below(2) == 0 { write(node, output.persist) }
            crash(node, power: false, because: "the disk does not sync")
        case .full: crash(node, power: false, because: "the disk is full")
        case .unwritable: crash(node, power: false, because: "the disk gives an error")
        case .torn: crash(node, power: true, because: "power fails in the middle of a write")
        case .rot:
            nodes[node].isLost = true
            crash(node, power: false, because: "dies, and its disk has rotten")
            hit(.rotFound)
            queue.push(.replace(node, by: nil), at: now + armed.down)
            return true
        }
        queue.push(.restart(node), at: now + armed.down)
        return true
    }

    // MARK: Going back

    func image(of node: Int) -> DiskImage {
        DiskImage(
            time: now, disk: nodes[node].disk, workspace: nodes[node].workspace, starts: nodes[node].starts,
            highestEffect: nodes[node].highestEffect)
    }

    mutating func takeImages() {
        guard !isHealing else { return }
        for node in nodes.indices {
            if nodes[node].images.count >= Self.imagesKept { nodes[node].images.removeFirst() }
            nodes[node].images.append(image(of: node))
        }
        queue.push(.takeImages, at: now + Self.imagePause)
    }

    /// The whole machine is as it was: somebody restored an image. Nothing but the safety of effects can be demanded of
    /// a mesh in which a voter forgets its votes.
    private mutating func rollBack(_ node: Int, _ age: Nanoseconds) {
        let time = now + -age
        guard let image = nodes[node].images.last(where: { $0.time <= time }) ?? nodes[node].images.first else {
            return
        }
        crash(node, power: true, because: "is restored to an image of \(image.time) s")
        restore(node, image)
        queue.push(.restart(node), at: now + .milliseconds(500))
    }

    private mutating func restore(_ node: Int, _ image: DiskImage) {
        isBeyond = true
        oracle.diskWasHarmed(node)
        forgetEffects(node)
        hit(.diskWentBack)
        nodes[node].disk = image.disk
        nodes[node].workspace = image.workspace
        nodes[node].workspace.crash(power: true)
        nodes[node].starts = image.starts
        nodes[node].highestEffect = image.highestEffect
    }

    /// What was said to be durable while the disk lied is gone with the power.
    mutating func takeBackLies(_ node: Int) {
        guard let lie = nodes[node].lie else { return }
        nodes[node].lie = nil
        if now < lie.until { restore(node, lie.image) }
    }

    // MARK: Another device in its place

    /// The disk is gone, the key with it: a new device takes the place, is added by a member, and the old one removed.
    mutating func wipe(_ node: Int, _ member: Int?) {
        guard nodes[node].hasJoined, !nodes[node].wasRemoved, let by = helper(for: node, member) else { return }
        hit(.deviceReplaced)
        if nodes[node].power != .off { crash(node, power: true, because: "loses its disk") }
        // Who was paused there goes on.
        openGate(node, nil)
        row(node, "is replaced by a new device")
        let old = nodes[node].id
        oracle.lostDisks.append((old, image(of: node)))
        nodes[node].becomeNew()
        tell(node, .replaced)
        oracle.diskWasHarmed(node)
        forgetEffects(node)
        oracle.captures.removeAll { $0.node == node }
        remove(old, of: node, by: by)
        queue.push(.restart(node), at: now + .milliseconds(100))
        queue.push(.join(node), at: now + .milliseconds(500))
    }

    mutating func replace(_ node: Int, by member: Int?) {
        guard nodes[node].isLost, !isHealing else { return }
        guard helper(for: node, member) != nil else {
            return queue.push(.replace(node, by: nil), at: now + .seconds(3))
        }
        wipe(node, member)
    }

    private func helper(for node: Int, _ member: Int?) -> Int? {
        let others = nodes.indices.filter { $0 != node && nodes[$0].hasJoined && isMember($0) && mayRun($0) }
        if let member, others.contains(member) { return member }
        return others.first { nodes[$0].power == .running } ?? others.first
    }

    /// Asks for it until the log has it.
    mutating func remove(_ old: DeviceID, of node: Int, by member: Int) {
        focus(member)
        guard !oracle.state.removed.contains(old) else { return }
        ask(member, .remove(node), .removeDevice(old))
        let next = clientDraw.pick(nodes.indices.filter { $0 != node && mayRun($0) } + [member])
        queue.push(.removeOld(old, of: node, by: next), at: now + .seconds(3))
    }
}

struct ArmedDiskFault: Hashable, Sendable {
    var fault: DiskFault
    var down: Nanoseconds
}

/// A disk that says "durable" too early.
struct Lie: Sendable {
    var image: DiskImage
    var until: TrueTime
}

extension Node {
    /// Devices that take one another's place have numbers so far apart.
    static let generationStep: UInt64 = 16

    mutating func becomeNew() {
        id = DeviceID(number: id.number + Self.generationStep)
        disk = .initial(of: id, founds: false)
        workspace = Workspace(tree: [VersionID](repeating: 0, count: workspace.tree.count))
        gate = GateModel()
        hasJoined = false
        isLost = false
        hasStopFile = false
        supplyTold = PowerFacts()
        starts = 0
        highestEffect = .none
        diskFault = nil
        lie = nil
        images = []
    }
}
