import DeviceCore
import Primitives

// What comes from outside: partitions, crashes, sleep, clocks.

/// A cut that ends by itself.
struct OpenCut: Hashable, Sendable {
    struct Direction: Hashable, Sendable {
        var from: Int
        var to: Int
    }

    var directions: [Direction]
    var isOver = false
}

extension World {
    private static let linkSilence = Limits.linkSilence.wholeNanoseconds

    func resolve(_ target: Target) -> [Int] {
        switch target {
        case .node(let node): nodes.indices.contains(node) ? [node] : []
        case .leader: [syncLeader ?? 0]
        case .quorumLeader: [quorumLeader ?? 0]
        case .subject: [subject]
        case .every: Array(nodes.indices)
        case .others: nodes.indices.filter { $0 != subject }
        }
    }

    mutating func happen(_ event: ScenarioEvent) {
        trace.mix(events)
        externalEvents += 1
        switch event {
        case .cut(let cut, let length): partition(cut, length)
        case .mend: mendLinks()
        case .clog, .lossBurst, .halfOpen, .connectHang, .addressChange: disturb(event)
        case .crash(let target, let power, let down):
            for node in resolve(target) {
                crash(node, power: power, because: "crashes")
                if let down { queue.push(.restart(node), at: now + down) }
            }
        case .crashAt(let target, let boundary, let skipping, let power, let down):
            for node in resolve(target) {
                nodes[node].armed = .init(boundary: boundary, skipping: skipping, power: power, down: down)
            }
        case .restart(let target): for node in resolve(target) { start(node) }
        case .restartStorm(let target, let times, let pause):
            for node in resolve(target) { storm(node, left: min(times, SimulationLimits.restarts), every: pause) }
        case .suspend(let target, let length): for node in resolve(target) { suspend(node, length) }
        case .freeze(let target, let length): for node in resolve(target) { freeze(node, length) }
        case .slow(let target, let perInput, let length):
            for node in resolve(target) { nodes[node].slow = (perInput, now + length) }
        case .stop(let target): for node in resolve(target) { feed(node, .stop) }
        case .rate(let target, let rate): for node in resolve(target) { changeClock(node) { $0.setRate(rate, at: $1) } }
        case .wallJump(let target, let distance):
            for node in resolve(target) { changeClock(node) { clock, _ in clock.jumpWall(by: distance) } }
        case .diskStall, .diskFault, .rollback, .wipe, .syncLies, .clone: harmDisk(event)
        case .addDevice(let node):
            guard nodes.indices.contains(node) else { return }
            guard !nodes[node].wasRemoved else { return readmit(node) }
            nodes[node].isAsked = true
            join(node)
        case .removeDevice(let target, let by):
            for node in resolve(target) { for member in resolve(by).prefix(1) { removeDevice(node, by: member) } }
        case .recover(let target, let isForced): for node in resolve(target) { recover(node, isForced: isForced) }
        case .client(let target, let plan): for node in resolve(target) { ask(node, plan) }
        case .user(let target, let action): for node in resolve(target) { userDoes(node, action) }
        case .writers(let target, let fault, let length):
            for node in resolve(target) { misbehave(node, fault, length) }
        case .supply(let target, let supply, let length):
            for node in resolve(target) { self.supply(node, supply, length) }
        case .hub(let fault): happen(fault)
        }
    }

    // MARK: Network

    private mutating func partition(_ cut: Cut, _ length: Nanoseconds?) {
        row(nil, "cut: \(cut)")
        let open = OpenCut(directions: directions(of: cut))
        for direction in open.directions { network.cut(from: direction.from, to: direction.to) }
        for node in nodes.indices { reconsiderLinks(of: node) }
        guard let length else { return }
        queue.push(.cutEnds(openCuts.count), at: now + length)
        openCuts.append(open)
    }

    // Asked before anything is changed, and not by the name of the method: either would copy the whole world.

    private func directions(of cut: Cut) -> [OpenCut.Direction] {
        let count = nodes.count
        return nodes.indices.flatMap { from in
            nodes.indices.filter { from != $0 && cut.blocks(from: from, to: $0, count: count) { resolve($0) } }
                .map { .init(from: from, to: $0) }
        }
    }

    private func directions(of route: Route) -> [OpenCut.Direction] {
        nodes.indices.flatMap { from in
            nodes.indices.filter { from != $0 && route.covers(from: from, to: $0) { resolve($0) } }
                .map { .init(from: from, to: $0) }
        }
    }

    /// Links that carried nothing for so long are given up by both ends, and cannot be made again while it lasts.
    mutating func linksSilent(_ number: Int, for length: Nanoseconds) {
        guard !openCuts[number].isOver else { return }
        for direction in openCuts[number].directions { network.cut(from: direction.from, to: direction.to) }
        for node in nodes.indices { reconsiderLinks(of: node) }
        queue.push(.cutEnds(number), at: now + length)
    }

    mutating func cutEnds(_ number: Int) {
        guard !openCuts[number].isOver else { return }
        openCuts[number].isOver = true
        row(nil, "a cut ends")
        for direction in openCuts[number].directions { network.mend(from: direction.from, to: direction.to) }
        for node in nodes.indices { reconsiderLinks(of: node) }
    }

    mutating func mendLinks() {
        row(nil, "links mended")
        network.mendAll()
        for number in openCuts.indices { openCuts[number].isOver = true }
        for node in nodes.indices { reconsiderLinks(of: node) }
    }

    private mutating func disturb(_ event: ScenarioEvent) {
        switch event {
        case .clog(let route, let length):
            hit(.clogged)
            disturb(route, "clogged", length) { $0.clog(from: $1, to: $2, until: $3) }
        case .lossBurst(let route, let loss, let length):
            disturb(route, "lossy", length) { $0.burst(from: $1, to: $2, until: $3, loss: loss) }
        case .halfOpen(let route, let length):
            hit(.halfOpenLink)
            disturb(route, "half open", length) { $0.deaden(from: $1, to: $2, until: $3) }
            guard length > Self.linkSilence else { return }
            queue.push(.linksSilent(openCuts.count, for: length - Self.linkSilence), at: now + Self.linkSilence)
            openCuts.append(OpenCut(directions: directions(of: route)))
        case .connectHang(let target, let length):
            for node in resolve(target) { hangConnections(of: node, length) }
        case .addressChange(let target, let length):
            for node in resolve(target) { moveAddress(of: node, length) }
        case .cut, .mend, .crash, .crashAt, .restart, .restartStorm, .suspend, .freeze, .slow, .stop, .rate, .wallJump,
            .diskStall, .diskFault, .rollback, .wipe, .syncLies, .clone, .addDevice, .removeDevice, .client, .hub,
            .user, .writers, .supply, .recover:
            break
        }
    }

    private mutating func disturb(
        _ route: Route, _ how: String, _ length: Nanoseconds,
        _ change: (inout Network, Int, Int, TrueTime) -> Void
    ) {
        row(nil, "\(route.from)-\(route.to) \(how) for \(TrueTime(length)) s")
        for direction in directions(of: route) { change(&network, direction.from, direction.to, now + length) }
    }

    // MARK: Clocks

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

    // MARK: Restarts

    mutating func storm(_ node: Int, left: Int, every pause: Nanoseconds) {
        guard left > 0, !isHealing else { return }
        hit(.restartStorm)
        crash(node, power: false, because: "dies again")
        queue.push(.restart(node), at: now + pause / 2)
        queue.push(.storm(node, left: left - 1, every: pause), at: now + max(pause, SimulationLimits.ruleInterval))
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
        guard nodes[node].power == .suspended, mayRun(node) else { return }
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

    // MARK: Freezing

    mutating func freeze(_ node: Int, _ length: Nanoseconds) {
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
