import Consensus
import DeviceCore
import Primitives

/// A mesh and everything around it, as a value: a copy is a snapshot of the whole run.
package struct World: Sendable {
    package let scenario: Scenario
    package internal(set) var now = TrueTime.start
    package internal(set) var events: UInt64 = 0
    package internal(set) var trace = TraceHash()
    package internal(set) var marks = MarkCounts()
    package internal(set) var violation: Violation?
    /// The last rows of what happened; kept only if asked for.
    package internal(set) var transcript: Transcript?
    /// Every event with its cause; kept only if asked for.
    package internal(set) var recording: Recording?
    /// Rounds and decisions; kept only if asked for.
    package internal(set) var journal: Journal?
    /// What happened to git and was not taken yet; kept only if asked for.
    var gitEvents: [GitEvent]?
    /// Faults, people and members that came about so far.
    package internal(set) var externalEvents = 0
    /// The longest that a gate was closed while its machine was awake.
    package internal(set) var longestPause: Nanoseconds = 0
    /// From the healing to the moment since which everything was as it must be.
    package internal(set) var convergedAfter: Nanoseconds?
    /// True once the mesh has converged and stayed silent.
    package internal(set) var isOver = false

    let leasesAreSafe: Bool
    /// Something happened that no such system can stand: from now on only the safety of effects is demanded.
    var isBeyond = false
    /// False: nothing is checked, to measure what checking costs and to show that it is the checks that find something.
    let checks: Bool
    private(set) var isViolated = false
    var queue = EventQueue<WorldEvent>()
    var nodes: [Node]
    var network: Network
    var store: RevisionStore
    var oracle: Oracle
    /// Under which name each version that lost in a conflict is kept.
    var conflictNames = ConflictNames()
    var hub: HubModel?
    var clients: [ClientCall] = []
    var clientDraw: KeyedStream
    var histories: LockHistories
    var eras = Eras()
    var output = DeviceOutput()
    var openCuts: [OpenCut] = []
    var rules: RuleStates
    /// Whom `Target.subject` means.
    var subject = 0
    /// Where something happened last.
    var actedOn = 0
    /// Faults and work are over; everything is being mended.
    var isHealing = false
    var heal = HealState()
    /// Devices that lead the consensus, and that act as sync leader, as last seen.
    var quorumLeader: Int?
    var syncLeader: Int?
    /// When the second under way began, and how many events there had been.
    private var second: (began: TrueTime, events: UInt64) = (.start, 0)

    package init(_ scenario: Scenario, keepsTranscript: Bool = false, checks: Bool = true) {
        self.scenario = scenario
        self.checks = checks && !scenario.mutants.has(.checkersOff)
        leasesAreSafe = scenario.leasesAreSafe
        let count = scenario.machines
        let seed = scenario.seed
        store = RevisionStore(paths: scenario.workload.paths(devices: scenario.devices))
        var conditions = scenario.network
        if scenario.mutants.has(.fifoLinks) { conditions.keepsOrder = true }
        let links = scenario.mutants.has(.otherJitter) ? ~seed : seed
        network = Network(count: count, seed: links, conditions: conditions)
        oracle = Oracle()
        clientDraw = KeyedStream(seed: seed, .client)
        histories = LockHistories(devices: count)
        transcript = keepsTranscript ? Transcript() : nil
        rules = RuleStates(scenario.rules)
        nodes = []
        for index in 0..<scenario.devices { nodes.append(Self.makeNode(index, scenario, tree: store.emptyTree)) }
        nodes += Self.makeTwins(scenario, tree: store.emptyTree, count: count)
        for index in scenario.events.indices { queue.push(.scenario(index), at: scenario.events[index].at) }
        for number in 0..<min(scenario.settings.count, SimulationLimits.settings) {
            queue.push(.setting(number), at: TrueTime(.milliseconds(700 + 100 * Int64(number))))
        }
        hub = scenario.hub.map { HubModel($0, seed: seed, machines: count) }
        startHub()
        startRules()
        if scenario.goesBack { queue.push(.takeImages, at: now) }
        queue.push(.mend, at: TrueTime(scenario.faultTime))
        nodes[0].hasJoined = true
        oracle.votersAre([nodes[0].id], since: .zero)
        oracle.state = nodes[0].disk.raft.snapshot?.image ?? MeshState()
        for index in 0..<scenario.devices {
            start(index)
            if index > 0, !scenario.late.contains(index) {
                queue.push(.join(index), at: TrueTime(.milliseconds(100 + 60 * Int64(index))))
            }
        }
        startWorkload()
    }

    static func makeNode(_ index: Int, _ scenario: Scenario, tree: [VersionID]) -> Node {
        let id = DeviceID(number: UInt64(index + 1))
        var draws = NodeDraws(seed: scenario.seed, node: index)
        let rates = scenario.clocks.rates
        let clock = NodeClock(
            rate: index < rates.count ? rates[index] : NodeClock.nominal,
            origin: draws.origin.between(0, .seconds(1000)))
        var node = Node(
            id: id, index: index, disk: .initial(of: id, founds: index == 0), clock: clock,
            workspace: Workspace(tree: tree),
            draws: draws)
        node.followed = Array(repeating: nil, count: scenario.machines)
        node.writers = (0..<scenario.workload.gatedWriters).map {
            WriterModel(
                paths: scenario.workload.group(of: index, writer: $0),
                draw: KeyedStream(seed: scenario.seed, .writer, entity: index * 16 + $0))
        }
        return node
    }

    /// Runs to the end or to the first violation.
    package mutating func run() {
        while advance() {}
    }

    /// One event; false if the run is over.
    package mutating func advance() -> Bool {
        guard !isViolated, !isOver, let next = queue.pop() else { return false }
        now = next.time
        events &+= 1
        checkStorm()
        trace.mix(UInt64(bitPattern: now.nanoseconds))
        if recording != nil { recordStep(next.payload) }
        if let machine = next.payload.machine {
            actedOn = machine
            focus(machine)
        }
        if let machine = next.payload.machine, nodes[machine].power == .suspended {
            nodes[machine].deferred.append(next.payload)
            return true
        }
        handle(next.payload)
        if recording != nil { recordStates() }
        return !isViolated
    }

    private mutating func checkStorm() {
        if now - second.began >= .seconds(1) { second = (now, events) }
        guard checks, events - second.events > SimulationLimits.eventsPerSecond else { return }
        clash(
            .noStorm, "more than \(SimulationLimits.eventsPerSecond) events have come since \(second.began) s",
            "and it is \(now) s: a rule feeds itself")
    }

    private mutating func handle(_ event: WorldEvent) {
        switch event {
        case .scenario(let number): if !isHealing { happen(scenario.events[number].event) }
        case .rule(let number, let subject): happen(rule: number, subject: subject)
        case .ruleTime(let number): ruleTime(number)
        case .cutEnds(let number): cutEnds(number)
        case .linksSilent(let number, let length): linksSilent(number, for: length)
        case .storm(let node, let left, let pause): storm(node, left: left, every: pause)
        case .setting(let number): put(setting: number)
        case .takeImages: takeImages()
        case .cloneEnds(let slot): cloneEnds(slot)
        case .regularScan(let node): regularScan(node)
        case .replace(let node, let member): replace(node, by: member)
        case .removeOld(let old, let node, let member): remove(old, of: node, by: member)
        case .userReady(let node): userReady(node)
        case .supplyEnds(let node): endSupply(node)
        case .join(let node): join(node)
        case .wake(let node): wake(node)
        case .restart(let node): start(node)
        case .resume(let node, let incarnation): if nodes[node].incarnation == incarnation { resume(node) }
        case .timer(let node, let generation): timerFired(node, generation)
        case .delivery(let delivery): deliver(delivery)
        case .linkChange(let pair, let generation, let up): linkChanges(pair, generation, up: up)
        case .linkNotice(let node, let peer, let session): linkNoticed(node, peer, session)
        case .diskDone(let node, let incarnation): diskDone(node, incarnation)
        case .work(let node, let incarnation, let done): if runs(node, incarnation) { finish(done, at: node) }
        case .applyNext(let node, let incarnation): if runs(node, incarnation) { applyNext(node) }
        case .gateGrace(let node, let closing): gateGraceOver(node, closing)
        case .gateDeadline(let node, let generation): gateDeadline(node, generation)
        case .writer(let node, let writer): writerActs(node, writer)
        case .ungated(let node): ungatedWrites(node)
        case .user(let node): userEdits(node)
        case .scan(let node): scan(node)
        case .clientRelease(let tag): clientReleases(tag)
        case .hub(let step): hubStep(step)
        case .mend: beginHealing()
        case .settleCheck: checkSettled()
        }
    }

    func runs(_ node: Int, _ incarnation: UInt64) -> Bool {
        nodes[node].incarnation == incarnation && nodes[node].hasProcess
    }

    /// Running, or stopped by a signal: what arrives is taken or waits.
    func isAwake(_ node: Int) -> Bool { nodes[node].power == .running || nodes[node].power == .paused }

    func takesInput(_ node: Int) -> Bool {
        nodes[node].power == .running && !nodes[node].isWriting && nodes[node].hasProcess
    }

    func offset(of device: DeviceID) -> Int? {
        let place = device.place
        return nodes.indices.contains(place) && nodes[place].id == device ? place : nil
    }

    mutating func clash(_ check: CheckID, _ fact: String, _ other: String) {
        guard !isViolated, checks, !isBeyond || check.isOfEffects, !isBesideThePoint(check) else { return }
        isViolated = true
        violation = Violation(check: check, event: events, time: now, fact: fact, clash: other)
    }

    mutating func hit(_ mark: Mark) {
        marks.hit(mark)
        if rules.followMarks { fire(.mark(mark), at: actedOn) }
    }
}
