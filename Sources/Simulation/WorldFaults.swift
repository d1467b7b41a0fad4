import DeviceCore
import Primitives

// What comes from outside: partitions, crashes, sleep, clocks.

extension World {
    func resolve(_ target: Target) -> Int {
        switch target {
        case .node(let node): node
        case .leader: syncLeader ?? 0
        case .quorumLeader: quorumLeader ?? 0
        }
    }

    mutating func happen(_ event: ScenarioEvent) {
        trace.mix(events)
        switch event {
        case .cut(let cut): partition(cut)
        case .mend: mendLinks()
        case .crash(let target, let power): crash(resolve(target), power: power, because: "crashes")
        case .clog(let target, let length): clog(resolve(target), length)
        case .crashAt(let target, let boundary, let skipping, let power, let down):
            nodes[resolve(target)].armed = .init(boundary: boundary, skipping: skipping, power: power, down: down)
        case .restart(let node): start(node)
        case .suspend(let target, let length): suspend(resolve(target), length)
        case .pause(let target, let length): pause(resolve(target), length)
        case .rate(let node, let rate): changeClock(node) { $0.setRate(rate, at: $1) }
        case .wallJump(let node, let distance): changeClock(node) { clock, _ in clock.jumpWall(by: distance) }
        case .client(let node, let plan): ask(node, plan)
        case .removeDevice(let node, let by): removeDevice(node, by: by)
        case .stop(let target): feed(resolve(target), .stop)
        }
    }

    private mutating func partition(_ cut: Cut) {
        row(nil, "cut: \(cut)")
        let count = nodes.count
        for from in 0..<count {
            for to in 0..<count where from != to && cut.blocks(from: from, to: to, count: count, resolve) {
                network.cut(from: from, to: to, true)
            }
        }
        for node in nodes.indices { reconsiderLinks(of: node) }
    }

    private mutating func clog(_ node: Int, _ length: Nanoseconds) {
        row(node, "clogged for \(TrueTime(length)) s")
        hit(.clogged)
        for peer in nodes.indices where peer != node {
            network.clog(from: node, to: peer, until: now + length)
            network.clog(from: peer, to: node, until: now + length)
        }
    }

    mutating func mendLinks() {
        row(nil, "links mended")
        for from in nodes.indices {
            for to in nodes.indices where from != to { network.cut(from: from, to: to, false) }
        }
        for node in nodes.indices { reconsiderLinks(of: node) }
    }

    private mutating func changeClock(_ node: Int, _ change: (inout NodeClock, TrueTime) -> Void) {
        change(&nodes[node].clock, now)
        rearm(node)
    }

    /// The timer and the gate's deadline lie elsewhere in true time now.
    private mutating func rearm(_ node: Int) {
        nodes[node].timerAt = .never
        armTimer(node)
        planGateDeadline(node)
    }

    // MARK: Sleep

    mutating func suspend(_ node: Int, _ length: Nanoseconds) {
        guard nodes[node].power == .running else { return }
        row(node, "suspended for \(TrueTime(length)) s")
        hit(.suspended)
        nodes[node].suspendedWhileLeading = syncLeader == node
        nodes[node].power = .suspended
        nodes[node].clock.suspend(at: now)
        if length > .seconds(1) { reconsiderLinks(of: node) }
        queue.push(.wake(node), at: now + length)
    }

    /// Timers of the system ran on the clock that stopped: they come late. The gate looks at its own clock at once.
    mutating func wake(_ node: Int) {
        guard nodes[node].power == .suspended else { return }
        nodes[node].clock.wake(at: now)
        nodes[node].power = .running
        row(node, "wakes")
        let deferred = nodes[node].deferred
        nodes[node].deferred = []
        rearm(node)
        for event in deferred {
            // Work that was under way goes on; what was due on a stopped timer comes a little later.
            queue.push(event, at: now + nodes[node].draws.timer.between(1, .milliseconds(300)))
        }
        nodes[node].timerAt = .never
        nodes[node].timerGeneration &+= 1
        let late = nodes[node].draws.timer.between(0, .milliseconds(isHealing ? 1 : 1500))
        nodes[node].timerAt = now + late
        queue.push(.timer(node, generation: nodes[node].timerGeneration), at: now + late)
        noticeBroken(node)
        reconsiderLinks(of: node)
        drain(node)
    }

    // MARK: Pause

    mutating func pause(_ node: Int, _ length: Nanoseconds) {
        guard nodes[node].power == .running else { return }
        row(node, "process stopped for \(TrueTime(length)) s")
        hit(.pausedProcess)
        nodes[node].suspendedWhileLeading = syncLeader == node
        nodes[node].power = .paused
        queue.push(.resume(node, incarnation: nodes[node].incarnation), at: now + length)
    }

    mutating func resume(_ node: Int) {
        guard nodes[node].power == .paused else { return }
        row(node, "process goes on")
        nodes[node].power = .running
        drain(node)
        nodes[node].timerAt = .never
        armTimer(node)
    }
}
