import DeviceCore
import Primitives
import SyncRounds

/// What happened, event by event, each with the event that brought it about: for timelines and explanations. Kept only
/// if asked for.
package struct Recording: Sendable {
    /// One event of the world.
    package struct Step: Sendable {
        package var time: TrueTime
        /// The event during which this one was planned; 0: the start of the world.
        package var cause: UInt64
        package var node: Int?
        let what: WorldEvent
    }

    package struct Message: Sendable {
        package var from: Int
        package var to: Int
        package var sent: TrueTime
        /// Nil: lost.
        package var arrived: TrueTime?
        package var message: PeerMessage
    }

    /// What one device is, from this moment on.
    package struct State: Hashable, Sendable {
        package enum Power: String, Hashable, Sendable { case off, running, asleep, stopped }

        package var power = Power.off
        /// The term in which it leads the consensus.
        package var leadsIn: Term?
        /// It may act as holder of the sync lock under this token.
        package var token: FencingToken?
        package var gate: RoundID?
        package var phase: String?
    }

    package struct Change: Sendable {
        package var time: TrueTime
        package var node: Int
        package var state: State
    }

    /// Something from outside.
    package struct Outside: Sendable {
        package var time: TrueTime
        package var event: ScenarioEvent
        /// Whom it hit.
        package var nodes: [Int]
    }

    package static let limit = 2_000_000
    /// Step `n` at place `n - 1`.
    package private(set) var steps: [Step] = []
    package private(set) var messages: [Message] = []
    package private(set) var changes: [Change] = []
    package private(set) var outside: [Outside] = []
    package private(set) var healing: TrueTime?
    private var states: [State]

    init(nodes: Int) { states = [State](repeating: State(), count: nodes) }

    package func step(_ number: UInt64) -> Step? {
        guard number > 0, number <= steps.count else { return nil }
        return steps[Int(number) - 1]
    }

    /// The event of the scenario that step `number` was; nil if it came from within.
    package func outsideEvent(_ number: UInt64, of scenario: Scenario) -> ScenarioEvent? {
        switch step(number)?.what {
        case .scenario(let at): scenario.events[at].event
        case .rule(let at, _): scenario.rules[at].event
        case .ruleTime, .cutEnds, .storm, .setting, .join, .wake, .restart, .resume, .timer, .delivery, .linkChange,
            .linkNotice, .diskDone, .work, .applyNext, .gateGrace, .gateDeadline, .writer, .ungated, .user, .scan,
            .clientRelease, .hub, .mend, .settleCheck, .linksSilent, .takeImages, .cloneEnds, .regularScan, .replace,
            .removeOld,
            .userReady, .supplyEnds, nil:
            nil
        }
    }

    mutating func add(_ step: Step) { if steps.count < Self.limit { steps.append(step) } }
    mutating func add(_ message: Message) { if messages.count < Self.limit { messages.append(message) } }
    mutating func add(_ event: Outside) { if outside.count < Self.limit { outside.append(event) } }
    mutating func heals(at time: TrueTime) { healing = time }

    mutating func see(_ state: State, of node: Int, at time: TrueTime) {
        guard states[node] != state, changes.count < Self.limit else { return }
        states[node] = state
        changes.append(Change(time: time, node: node, state: state))
    }
}

extension World {
    /// Keeps a recording from now on; before the first event.
    package mutating func record() {
        recording = Recording(nodes: nodes.count)
        queue.keepsCauses = true
    }

    /// The event that is about to be handled.
    mutating func recordStep(_ event: WorldEvent) {
        recording?.add(.init(time: now, cause: queue.takenCause, node: event.node, what: event))
        queue.current = events
        switch event {
        case .scenario(let number): recordOutside(scenario.events[number].event, subject: 0)
        case .rule(let number, let subject): recordOutside(scenario.rules[number].event, subject: subject)
        case .mend: recording?.heals(at: now)
        case .delivery(let delivery): recordArrival(delivery)
        case .ruleTime, .cutEnds, .storm, .setting, .join, .wake, .restart, .resume, .timer, .linkChange, .linkNotice,
            .diskDone, .work, .applyNext, .gateGrace, .gateDeadline, .writer, .ungated, .user, .scan, .clientRelease,
            .settleCheck, .hub, .linksSilent, .takeImages, .cloneEnds, .regularScan, .replace, .removeOld, .userReady,
            .supplyEnds:
            break
        }
    }

    private mutating func recordOutside(_ event: ScenarioEvent, subject node: Int) {
        guard !isHealing else { return }
        let before = subject
        subject = node
        let hit = event.targets.flatMap { resolve($0) }
        subject = before
        recording?.add(.init(time: now, event: event, nodes: nodes.indices.filter(hit.contains)))
    }

    private mutating func recordArrival(_ delivery: Delivery) {
        let to = delivery.to
        let isTaken = isAwake(to) && nodes[to].hasProcess
        let isFresh = network.pairs[network.pair(delivery.from, to)].session == delivery.session
        let sent = recording?.step(queue.takenCause)?.time ?? now
        recording?.add(
            .init(
                from: delivery.from, to: to, sent: sent, arrived: isTaken && isFresh ? now : nil,
                message: delivery.message))
    }

    /// A message that no link carried.
    mutating func recordLoss(_ message: PeerMessage, from node: Int, to peer: Int) {
        recording?.add(.init(from: node, to: peer, sent: now, arrived: nil, message: message))
    }

    /// What has become of each device.
    mutating func recordStates() {
        for node in nodes.indices {
            var state = Recording.State()
            switch nodes[node].power {
            case .off: state.power = .off
            case .running: state.power = .running
            case .suspended: state.power = .asleep
            case .paused: state.power = .stopped
            }
            if nodes[node].hasProcess {
                if nodes[node].glance.leadsQuorum { state.leadsIn = nodes[node].glance.term }
                let local = nodes[node].clock.instant(at: now)
                if nodes[node].device?.mayLead(at: local) == true { state.token = nodes[node].device?.leaderToken }
                state.phase = nodes[node].seen.phase?.rawValue
            }
            state.gate = nodes[node].gate.closed?.round
            recording?.see(state, of: node, at: now)
        }
    }
}

extension WorldEvent {
    /// Where it happens; for messages, where they arrive.
    var node: Int? {
        switch self {
        case .timer(let node, _), .diskDone(let node, _), .work(let node, _, _), .applyNext(let node, _),
            .gateGrace(let node, _), .gateDeadline(let node, _), .writer(let node, _), .ungated(let node),
            .user(let node), .scan(let node), .resume(let node, _), .join(let node), .wake(let node),
            .restart(let node), .linkNotice(let node, _, _), .rule(_, let node), .storm(let node, _, _),
            .replace(let node, _), .removeOld(_, let node, _), .userReady(let node), .regularScan(let node),
            .supplyEnds(let node):
            node
        case .delivery(let delivery): delivery.to
        case .hub(let step): step.machine
        case .scenario, .ruleTime, .cutEnds, .linksSilent, .takeImages, .cloneEnds, .setting, .linkChange,
            .clientRelease, .mend,
            .settleCheck:
            nil
        }
    }
}
