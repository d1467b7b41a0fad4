import DeviceCore
import Primitives
import SyncRounds

// What people stop and let go on: the words that they give to a device, and what must come of them (decision 0024).

/// What was seen of the stops of one device since its agent started.
struct StopWatch: Hashable, Sendable {
    /// When each is over, on its own clock; nil for one without an end.
    var here: Instant?
    var mesh: Instant?

    init() {}

    /// From what a disk holds, and how much of the stop for this device alone is left.
    init(_ stops: StopState, here left: Duration?, at now: Instant) {
        here = left.map { now + $0 }
        mesh = stops.mesh.order?.left.map { now + $0 }
    }
}

extension World {
    // MARK: People

    /// Somebody at the machine stops syncing. Where no agent runs, an emergency waits in a file for the next one.
    mutating func stopSyncing(
        _ node: Int, _ plan: ClientPlan, _ kind: StopOrder.Kind, everywhere: Bool, _ length: Nanoseconds?
    ) {
        guard nodes[node].hasProcess else {
            if kind == .emergency, !machineIsOff(node) { nodes[node].hasStopFile = true }
            return
        }
        let order = StopOrder(
            kind: kind, by: nodes[node].id, at: UInt64(clamping: wallMilliseconds(node)), why: "",
            left: length.map { .nanoseconds($0) })
        ask(node, .plan(plan), .stop(order, everywhere: everywhere))
    }

    private func wallMilliseconds(_ node: Int) -> Int64 { nodes[node].clock.wall(at: now) / .milliseconds(1) }

    /// A device starts from its disk: what was stopped is, for what is left of its time; a stop that waited in a file
    /// is given before anything else.
    mutating func startStopped(_ node: Int) {
        let stops = nodes[node].disk.stops
        let local = deviceTime(node)
        let left = stops.here.flatMap { order in
            order.left.map { left in
                let passed = Duration.milliseconds(wallMilliseconds(node) - Int64(clamping: order.at))
                return min(max(left - passed, .zero), left)
            }
        }
        if let left { nodes[node].device?.stopHereEnds(in: left, at: local) }
        nodes[node].stops = StopWatch(stops, here: left, at: local)
        if stops.order != nil { hit(.stopOverRestart) }
        if checks, let stopped = nodes[node].device?.isStopped, stopped != (stops.order != nil) {
            clash(
                .stopIsKept, "the disk of device \(node + 1) holds \(stops.order == nil ? "no stop" : "a stop")",
                "and its agent starts \(stopped ? "stopped" : "as if nobody had stopped it")")
        }
        guard nodes[node].hasStopFile else { return }
        hit(.stopFileTaken)
        stopSyncing(
            node, .stop(.emergency, everywhere: true, nil), .emergency, everywhere: true, nil)
    }

    /// A person was told that syncing is stopped.
    mutating func stopAnswered(_ node: Int, _ plan: ClientPlan) {
        guard case .stop(let kind, _, _) = plan else { return }
        if kind == .emergency { nodes[node].hasStopFile = false }
        guard checks, nodes[node].disk.stops.order == nil, nodes[node].lateWrites.isEmpty else { return }
        clash(
            .stopIsKept, "somebody stopped device \(node + 1) and was told that it is done",
            "and its disk holds no stop")
    }

    // MARK: Steps

    /// After a step, before its output is written.
    mutating func checkStops(_ node: Int, _ input: DeviceInput, at local: Instant) {
        guard output.persist.stops != nil || !output.events.isEmpty else { return }
        let before = nodes[node].disk.stops
        noteStops(node, input)
        if let after = output.persist.stops {
            checkStopEnds(node, input, before, after, at: local)
            if after.here != before.here { nodes[node].stops.here = after.here?.left.map { local + $0 } }
            if after.mesh.version != before.mesh.version || after.mesh.by != before.mesh.by {
                nodes[node].stops.mesh = after.mesh.order?.left.map { local + $0 }
            }
        }
        var isStopped = before.order != nil
        for event in output.events {
            switch event {
            case .stop(.stopped): isStopped = true
            case .stop(.resumed): isStopped = false
            case .roundStarted(let round, let reason, _):
                checkSpares(node, round, reason)
                checkGoesOn(node, round, isStopped)
            case .roundPhase(let round, .publish): checkGoesOn(node, round, isStopped)
            case .consensus, .lock, .leading, .leadershipLost, .decided, .roundPhase, .roundEnded, .published,
                .publicationRefused, .refusedToken, .pauseEnded, .memberSaid, .applied, .declined, .membership, .hub,
                .review, .slept, .epoch, .dropped:
                continue
            }
        }
    }

    private mutating func checkGoesOn(_ node: Int, _ round: RoundID, _ isStopped: Bool) {
        guard isStopped else { return }
        clash(.stoppedSyncsNothing, "somebody stopped device \(node + 1)", "and it goes on with \(round) as leader")
    }

    private mutating func noteStops(_ node: Int, _ input: DeviceInput) {
        for event in output.events {
            switch event {
            case .stop(.stopped(let order, _)):
                hit(.syncStopped)
                if case .received = input { hit(.stopHeard) }
                if !nodes[node].gate.isOpen { hit(.stopInRound) }
                row(node, "syncing stops: \(order.kind.rawValue)")
            case .stop(.resumed(let by, _)):
                hit(by == nil ? .stopTimeOver : .syncResumed)
                row(node, "syncing goes on")
            case .declined(_, .stopped): hit(.stopDeclined)
            case .consensus, .lock, .leading, .leadershipLost, .decided, .roundStarted, .roundPhase, .roundEnded,
                .published, .publicationRefused, .refusedToken, .pauseEnded, .memberSaid, .applied, .declined,
                .membership, .hub, .review, .slept, .epoch, .dropped:
                continue
            }
        }
    }

    /// A stop ends by a person's word, here or from elsewhere, or when its time is over.
    private mutating func checkStopEnds(
        _ node: Int, _ input: DeviceInput, _ before: StopState, _ after: StopState, at local: Instant
    ) {
        guard before.order != nil, after.order == nil else { return }
        if case .request(_, .resume) = input { return }
        if case .received(.stop(let word), _, _) = input, word.order == nil, word.isNewer(than: before.mesh) { return }
        let isOver = { (end: Instant?) in end.map { $0 <= local } ?? false }
        let hereIsOver = before.here == nil || isOver(nodes[node].stops.here)
        let meshIsOver = before.mesh.order == nil || isOver(nodes[node].stops.mesh)
        guard !hereIsOver || !meshIsOver else { return }
        clash(
            .stopIsKept, "somebody stopped device \(node + 1), and its time is not over",
            "and it goes on without a word of anybody")
    }

    /// The actions of a step that stopped this device are done: nobody waits at its gate any more.
    mutating func checkReleased(_ node: Int, _ stops: StopState) {
        guard checks, stops.order != nil, let closed = nodes[node].gate.closed, closed.from >= nodes[node].startedAt,
            !mutants.has(.lateResume)
        else { return }
        clash(
            .stopReleasesWriters, "somebody stopped device \(node + 1)",
            "and its gate stays closed for \(closed.round)")
    }

    mutating func checkMayClose(_ node: Int, _ round: RoundID) {
        guard checks, nodes[node].disk.stops.order != nil else { return }
        clash(.stoppedSyncsNothing, "somebody stopped device \(node + 1)", "and it closes its gate for \(round)")
    }

    // MARK: After the faults

    /// How long linked devices that run may be of two minds of what stops all.
    private static let stopSpread = Nanoseconds.seconds(40)

    /// First everybody who is reached hears of a stop; then people let all go on. Says who is still stopped, if
    /// anybody.
    mutating func resumeStopped() -> String? {
        let members = nodes.indices.filter { heal.isCore[$0] && isMember($0) && nodes[$0].hasJoined }
        if let (one, other) = ofTwoMinds(members) {
            let since = heal.stopsDifferSince ?? now
            heal.stopsDifferSince = since
            if now - since > Self.stopSpread {
                clash(
                    .stopReachesAll,
                    "device \(one + 1) has version \(nodes[one].disk.stops.mesh.version) of what stops all",
                    "and device \(other + 1), linked for long, has \(nodes[other].disk.stops.mesh.version)")
            }
            return "devices \(one + 1) and \(other + 1) are not of one mind whether all are stopped"
        }
        heal.stopsDifferSince = nil
        let stopped = members.filter { nodes[$0].disk.stops.order != nil || nodes[$0].hasStopFile }
        guard let first = stopped.first else { return nil }
        if nodes[first].power == .running {
            ask(first, .resume(everywhere: nodes[first].disk.stops.mesh.order != nil))
        }
        return "device \(first + 1) is stopped"
    }

    private func ofTwoMinds(_ members: [Int]) -> (Int, Int)? {
        for one in members {
            for other in members where one < other && network.isConnected(one, other) {
                guard nodes[one].power == .running, nodes[other].power == .running else { continue }
                let (a, b) = (nodes[one].disk.stops.mesh, nodes[other].disk.stops.mesh)
                if a.version != b.version, a.order != nil || b.order != nil { return (one, other) }
            }
        }
        return nil
    }
}
