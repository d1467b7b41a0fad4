import Consensus
import Locks
import Primitives
import SyncRounds

@testable import DeviceCore

/// A mesh in one thread with one clock, a network of fixed delay and a workspace that is one number a device: enough to
/// test what devices say to each other. The simulator is the place for faults.
struct MiniMesh {
    struct Node {
        var device: Device
        var disk: DevicePersistentState
        var incarnation: UInt64 = 1
        var isUp = true
        /// What the working tree holds, what it was brought to, and the revisions that are here.
        var tree: UInt64 = 0
        var base: Revision?
        var gate: RoundID?
        var known: Set<Revision> = []
        /// When its next tick comes; those planned before are passed over.
        var tickAt: Instant?
    }

    enum Happening {
        case input(DeviceInput, Int)
        case tick(Int)
    }

    let ids: [DeviceID]
    var nodes: [Node] = []
    var now = Instant.origin
    var queue: [(at: Instant, order: Int, what: Happening)] = []
    var order = 0
    var delay = Duration.milliseconds(1)
    var cut: Set<Int> = []
    var replies: [(node: Int, tag: UInt64, reply: ClientReply, at: Instant)] = []
    var events: [(node: Int, event: DeviceEvent, at: Instant)] = []
    var refuseApply = false
    /// Where nothing can be staged, and where one path is never put in place.
    var fullDisks: Set<Int> = []
    var leavesOnePath: Set<Int> = []
    var hub = MiniHub()

    /// A mesh of one that is founded, and `count - 1` devices that were added to its roster.
    init(_ count: Int) {
        ids = (1...UInt64(count)).map(DeviceID.init(number:))
        let founder = DeviceRecord(device: ids[0], name: "d1", addresses: [])
        for place in 0..<count {
            let raft =
                place == 0
                ? PersistentState<MeshCommand, MeshState>.founding(ids[0], image: .founding(founder))
                : .joining(image: MeshState())
            nodes.append(makeNode(place, DevicePersistentState(raft: raft), incarnation: 1))
        }
        for place in 0..<count { schedule(.tick(place), after: .zero) }
        for a in 0..<count {
            for b in 0..<count where a != b { schedule(.input(.linkUp(ids[b]), a), after: .zero) }
        }
        for place in 1..<max(count, 1) where place < count {
            let record = DeviceRecord(device: ids[place], name: "d\(place + 1)", addresses: [])
            schedule(.input(.request(tag: 0, .putDevice(record)), 0), after: .milliseconds(10 * place))
        }
    }

    func makeNode(_ place: Int, _ disk: DevicePersistentState, incarnation: UInt64) -> Node {
        Node(
            device: Device(
                device: ids[place], configuration: DeviceConfiguration(profile: .lan), restored: disk,
                incarnation: incarnation, seed: UInt64(place) + incarnation * 100, now: now), disk: disk,
            incarnation: incarnation)
    }

    mutating func schedule(_ what: Happening, after delay: Duration) {
        order += 1
        queue.append((now + delay, order, what))
    }

    /// Runs until the time has passed or the condition holds; says whether it holds.
    @discardableResult
    mutating func run(_ duration: Duration, until condition: (MiniMesh) -> Bool = { _ in false }) -> Bool {
        let end = now + duration
        while let next = queue.indices.min(by: { (queue[$0].at, queue[$0].order) < (queue[$1].at, queue[$1].order) }),
            queue[next].at <= end
        {
            let item = queue.remove(at: next)
            now = max(now, item.at)
            switch item.what {
            case .input(let input, let place): give(input, to: place)
            case .tick(let place):
                guard nodes[place].isUp, nodes[place].tickAt.map({ $0 <= now }) ?? true else { continue }
                nodes[place].tickAt = nil
                if nodes[place].device.nextDeadline <= now { give(.tick, to: place) } else { planTick(place) }
            }
            if condition(self) { return true }
        }
        now = end
        return condition(self)
    }

    mutating func give(_ input: DeviceInput, to place: Int) {
        guard nodes[place].isUp else { return }
        var output = DeviceOutput()
        nodes[place].device.step(input, at: now, into: &output)
        nodes[place].disk.raft.apply(output.persist.raft)
        if let gate = output.persist.acceptedToken { nodes[place].disk.acceptedToken = gate }
        if let stops = output.persist.stops { nodes[place].disk.stops = stops }
        if let isStray = output.persist.isStray { nodes[place].disk.isStray = isStray }
        for envelope in output.sendAhead + output.send {
            guard let target = ids.firstIndex(of: envelope.to), !cut.contains(target), !cut.contains(place) else {
                continue
            }
            schedule(.input(.received(envelope.message, from: ids[place], of: output.epoch), target), after: delay)
        }
        for action in output.actions { carryOut(action, place) }
        for reply in output.replies { replies.append((place, reply.tag, reply.reply, now)) }
        for event in output.events { events.append((place, event, now)) }
        planTick(place)
    }

    /// One tick a node, at its deadline.
    private mutating func planTick(_ place: Int) {
        let due = max(nodes[place].device.nextDeadline, now)
        if let planned = nodes[place].tickAt, planned <= due { return }
        nodes[place].tickAt = due
        schedule(.tick(place), after: due - now)
    }

    private mutating func carryOut(_ action: DeviceAction, _ place: Int) {
        switch action {
        case .closeGate(let round, _):
            nodes[place].gate = round
            schedule(.input(.gateClosed(round, WriterReport()), place), after: .milliseconds(1))
        case .openGate(let round): if nodes[place].gate == round { nodes[place].gate = nil }
        case .extendGate, .endRound, .headMoved: break
        case .hub(let order): answer(order, place)
        case .ground(let head, _):
            var common = nodes[place].base
            while let round = common, !hub.reaches(round, from: head) { common = hub.parents[round]?.first }
            nodes[place].base = common
            schedule(.input(.grounded(onto: head, .done(common)), place), after: .milliseconds(2))
        case .capture(let round):
            let base = nodes[place].base
            let isClean = nodes[place].tree == (base.map(Self.tree) ?? 0)
            let revision = isClean ? nil : Revision(number: nodes[place].tree << 32 | UInt64(order) << 4 | 1)
            if let revision {
                nodes[place].known.insert(revision)
                hub.parents[revision] = [base].compactMap { $0 }
            }
            let report = CaptureReport(base: base, revision: revision, changedFiles: isClean ? 0 : 1)
            schedule(.input(.captured(round, .done(report)), place), after: .milliseconds(5))
        case .fetch(let round, let revision, _):
            nodes[place].known.insert(revision)
            schedule(.input(.fetched(round, revision, .done(true)), place), after: .milliseconds(2))
        case .merge(let round, let head, let captures, let undo):
            // The model's undo: a tree that is the number of the round that goes.
            let tree = undo?.number ?? captures.map { Self.tree($0.revision) }.max() ?? 0
            let revision = Revision(number: tree << 32 | UInt64(order) << 4 | 2)
            hub.parents[revision] = [head].compactMap { $0 } + captures.map(\.revision)
            nodes[place].known.insert(revision)
            let report = MergeReport(
                revision: revision, undo: undo.map { UndoReport(number: $0.number, restoredFiles: 1) })
            schedule(.input(.merged(round, .done(report)), place), after: .milliseconds(2))
        case .stage(let round, let revision, _) where fullDisks.contains(place):
            schedule(.input(.staged(round, revision, .failed("the disk is full")), place), after: .milliseconds(2))
        case .stage(let round, let revision, _):
            nodes[place].known.insert(revision)
            schedule(.input(.staged(round, revision, .done(true)), place), after: .milliseconds(2))
        case .apply(let round, let revision):
            let base = leavesOnePath.contains(place) ? Revision(number: Self.tree(revision) << 32 | 3) : revision
            nodes[place].base = base
            nodes[place].tree = Self.tree(revision)
            schedule(.input(.applied(round, .done(ApplyReport(base: base))), place), after: .milliseconds(3))
        }
    }

    static func tree(_ revision: Revision) -> UInt64 { (UInt64(revision.hex, radix: 16) ?? 0) >> 32 }

    mutating func write(_ tree: UInt64, on place: Int) {
        nodes[place].tree = tree
        give(.workspaceChanged(pendingFiles: 1), to: place)
    }

    mutating func crash(_ place: Int) {
        nodes[place].isUp = false
        for other in ids.indices where other != place { schedule(.input(.linkDown(ids[place]), other), after: .zero) }
        queue.removeAll { if case .input(_, place) = $0.what { true } else { false } }
    }

    mutating func restart(_ place: Int) {
        let old = nodes[place]
        nodes[place] = makeNode(place, old.disk, incarnation: old.incarnation + 1)
        nodes[place].tree = old.tree
        nodes[place].base = old.base
        nodes[place].device.restoreBase(old.base)
        for other in ids.indices where other != place && nodes[other].isUp {
            schedule(.input(.linkUp(ids[other]), place), after: .milliseconds(1))
            schedule(.input(.linkUp(ids[place]), other), after: .milliseconds(1))
        }
        schedule(.tick(place), after: .zero)
    }

    var leaders: [Int] { ids.indices.filter { nodes[$0].isUp && nodes[$0].device.mayLead(at: now) } }
    var heads: [Revision?] { nodes.map(\.device.state.head.revision) }
    var voters: [DeviceID] { nodes[0].device.raft.membership.voters }
    func reply(to tag: UInt64) -> ClientReply? { replies.first { $0.tag == tag }?.reply }
}
