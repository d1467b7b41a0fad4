import Locks
import Primitives
import Testing

/// Three devices, one lock, one log: messages are delayed, doubled, reordered and lost, devices sleep, quorum leaders
/// change, and every clock runs at its own rate. Protocol.md, section 8, invariant 3: while rates differ by less than
/// 1.5x, no two devices act as holder at the same true time.
struct LeaseModel {
    /// What the model does wrong on purpose, to see that the test finds it.
    enum Fault { case nothing, countsFromTheAnswer, renewsWhileExpiring, wildClocks }

    struct Clock {
        /// Per mille of true time.
        var rate: Int64
        var offset: Int64
        func reads(_ now: Int64) -> Instant { .origin + .microseconds(offset + now * rate) }
    }
    struct Device {
        var claim = HolderClaim(ttl: ttl)
        var clock: Clock
        var nextID: UInt64 = 1
        var asleepUntil: Int64 = 0
    }
    enum Message {
        case acquire(Int, id: UInt64)
        case renew(Int, id: UInt64, FencingToken)
        case answer(Int, id: UInt64, Grant)
        case release(Int, FencingToken)
    }

    var random: SeededGenerator
    let fault: Fault
    var now: Int64 = 0
    var devices: [Device]
    var leaderClock: Clock
    var watch = LeaseWatch()
    var log = Recorded()
    var term = Term(1)
    var inFlight: [(at: Int64, message: Message)] = []
    /// Expiries proposed and not yet applied: the log takes a while.
    var proposed: [(at: Int64, command: LockCommand, term: Term)] = []
    var acted = 0

    init(seed: UInt64, fault: Fault = .nothing) {
        random = SeededGenerator(seed: seed)
        self.fault = fault
        leaderClock = Clock(rate: 1000, offset: 0)
        devices = []
        for _ in 0..<3 { devices.append(Device(clock: randomClock())) }
        leaderClock = randomClock()
        watch.becameLeader(term: term, at: leaderClock.reads(0), table: log.table)
    }

    private mutating func randomClock() -> Clock {
        let spread: UInt64 = fault == .wildClocks ? 4000 : 450
        return Clock(rate: 1000 + Int64(random.below(spread)), offset: Int64(random.below(1_000_000)))
    }

    private mutating func send(_ message: Message) {
        for _ in 0..<(random.chance(perMillion: 100_000) ? 2 : 1) where !random.chance(perMillion: 100_000) {
            let slow = random.chance(perMillion: 100_000)
            inFlight.append((now + 1 + Int64(random.below(slow ? 4000 : 60)), message))
        }
    }

    /// Devices that act as holder at this moment; more than one is the violation.
    var acting: [Int] {
        devices.indices.filter { devices[$0].asleepUntil <= now && devices[$0].claim.mayAct(at: read($0)) }
    }
    func read(_ device: Int) -> Instant { devices[device].clock.reads(now) }

    /// Ten milliseconds of true time.
    mutating func step() {
        now += 10
        for at in devices.indices where devices[at].asleepUntil <= now { act(at) }
        if random.chance(perMillion: 3000) { changeLeader() }
        for due in watch.due(at: leaderClock.reads(now), table: log.table) {
            let command = LockCommand.expire(due.name, token: due.token, term: term)
            proposed.append((now + Int64(random.below(400)), command, term))
        }
        for entry in proposed where entry.at <= now { log.apply(entry.command, term: entry.term) }
        proposed.removeAll { $0.at <= now }
        let arrived = inFlight.filter { $0.at <= now }
        inFlight.removeAll { $0.at <= now }
        for (_, message) in arrived { receive(message) }
        watch.tableChanged(log.table, at: leaderClock.reads(now))
        if acting.count == 1 { acted += 1 }
    }

    private mutating func act(_ at: Int) {
        if devices[at].asleepUntil > now - 10, devices[at].asleepUntil > 0 {
            devices[at].claim.slept()
        }
        if random.chance(perMillion: 1500) { devices[at].asleepUntil = now + Int64(random.below(8000)) }
        if devices[at].claim.token == nil, random.chance(perMillion: 20_000) {
            send(.acquire(at, id: ask(at)))
        } else if let token = devices[at].claim.token, random.chance(perMillion: 2000) {
            devices[at].claim.gaveUp()
            send(.release(at, token))
        } else if let token = devices[at].claim.token, devices[at].claim.renewalDue(at: read(at), every: ttl / 6) {
            send(.renew(at, id: ask(at), token))
        }
    }

    private mutating func ask(_ at: Int) -> UInt64 {
        let id = devices[at].nextID
        devices[at].nextID += 1
        if fault != .countsFromTheAnswer { devices[at].claim.requestSent(id: id, at: read(at)) }
        return id
    }

    /// The log lost nothing; the new leader applies what the last one proposed before it answers anybody.
    private mutating func changeLeader() {
        for entry in proposed { log.apply(entry.command, term: entry.term) }
        proposed = []
        term = term.next
        leaderClock = randomClock()
        watch.becameLeader(term: term, at: leaderClock.reads(now), table: log.table)
    }

    private mutating func receive(_ message: Message) {
        let leaderNow = leaderClock.reads(now)
        switch message {
        case .acquire(let from, let id):
            let device = DeviceID(number: UInt64(from))
            watch.acquireReceived(sync, from: device, at: leaderNow, table: log.table)
            // Entries are applied in order: what was proposed before comes first.
            for entry in proposed { log.apply(entry.command, term: entry.term) }
            proposed = []
            if case .granted(let grant) = log.acquire(device) { send(.answer(from, id: id, grant)) }
        case .renew(let from, let id, let token):
            let said = watch.renewed(sync, token: token, receivedAt: leaderNow)
            guard let grant = log.table.grant(of: sync), grant.token == token else { return }
            if said || fault == .renewsWhileExpiring { send(.answer(from, id: id, grant)) }
        case .release(let from, let token):
            if log.table.grant(of: sync)?.holder == DeviceID(number: UInt64(from)) {
                log.apply(.release(sync, token: token))
            }
        case .answer(let to, let id, let grant):
            if devices[to].asleepUntil > now {
                inFlight.append((devices[to].asleepUntil + 10, message))
            } else {
                if fault == .countsFromTheAnswer { devices[to].claim.requestSent(id: id, at: read(to)) }
                devices[to].claim.answered(id: id, token: grant.token, ttl: grant.ttl)
            }
        }
    }
}

@Suite struct LeaseModelTests {
    /// The first seed with two acting holders, and how often one acted.
    private func search(_ fault: LeaseModel.Fault, seeds: Range<UInt64>) -> (violation: UInt64?, acted: Int) {
        var acted = 0
        for seed in seeds {
            var model = LeaseModel(seed: seed, fault: fault)
            for _ in 0..<2500 {
                model.step()
                if model.acting.count > 1 { return (seed, acted) }
            }
            acted += model.acted
        }
        return (nil, acted)
    }

    @Test func noTwoDevicesActWhileRatesObeyTheBound() {
        let result = search(.nothing, seeds: 0..<60)
        #expect(result.violation == nil)
        #expect(result.acted > 60 * 2500 / 10, "the model hardly ever had a holder: it shows nothing")
    }

    @Test func aLeaseCountedFromTheAnswerIsFound() {
        #expect(search(.countsFromTheAnswer, seeds: 0..<200).violation != nil)
    }

    @Test func aRenewalAfterTheProposedExpiryIsFound() {
        #expect(search(.renewsWhileExpiring, seeds: 0..<200).violation != nil)
    }

    @Test func clocksBeyondTheBoundAreFound() {
        #expect(search(.wildClocks, seeds: 0..<200).violation != nil)
    }
}
