import Primitives
import Testing

@testable import Consensus

/// Some hundred random lives of three to five devices: loss, duplication, reordering, cuts of devices, halves and
/// single directions, crashes that lose what was not carried out, membership changes, transfers, compaction, sleep.
/// Then everything heals and has to work.
@Suite("Random networks") struct RandomNetworkTests {
    @Test("Raft's promises hold and a healed mesh commits", arguments: UInt64(0)..<8)
    func promises(block: UInt64) {
        var seen = Seen()
        for seed in (block * 30)..<(block * 30 + 30) {
            var life = RandomLife(seed: seed)
            life.disturb(actions: 1200)
            life.heal()
            seen.note(life.network)
        }
        #expect(seen.isComplete, "too little happened: \(seen)")
    }
}

/// What has to happen in some of the lives, or they prove nothing.
private struct Seen {
    var (leaders, commits, installs, quorumLosses, reads, memberships, transfers, restarts) = (0, 0, 0, 0, 0, 0, 0, 0)

    var isComplete: Bool {
        leaders > 60 && commits > 500 && memberships > 30
            && min(installs, quorumLosses, reads, transfers, restarts) > 0
    }

    mutating func note(_ network: Network) {
        for (_, event) in network.events {
            switch event {
            case .becameLeader: leaders += 1
            case .lostQuorum: quorumLosses += 1
            case .snapshotInstalled: installs += 1
            case .transferGivenUp: transfers += 1
            case .becameFollower, .becamePreCandidate, .becameCandidate, .snapshotTaken, .dropped, .safetyRefusal,
                .refounded, .rejoined:
                break
            }
        }
        commits += Int(network.history.last.number)
        reads += network.confirmed.count
        restarts += network.nodes.reduce(0) { $0 + Int($1.starts) - 1 }
        memberships += network.history.byIndex.values.count {
            if case .membership = $0.entry.payload { true } else { false }
        }
        for (_, event) in network.events {
            if case .safetyRefusal(let text) = event {
                Issue.record("a device refused what correct peers sent: \(text)")
            }
        }
    }
}

private struct RandomLife {
    let seed: UInt64
    var random: SeededGenerator
    var network: Network
    var nextCommand: UInt64 = 1
    let loss: UInt64
    let crashes: UInt64
    let founders: Membership

    init(seed: UInt64) {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        let count = 3 + Int(random.below(3))
        let voters = 1 + Int(random.below(UInt64(count)))
        network = Network(count, voters: voters)
        network.checksDurability = true
        founders = Membership(voters: network.nodes.prefix(voters).map(\.device))
        loss = random.below(3) * 100_000
        crashes = random.below(3) * 4_000
    }

    mutating func disturb(actions: Int) {
        for action in 0..<actions {
            act()
            if action % 60 == 0 {
                History.checkLogMatching(network.nodes)
                network.nodes.forEach(History.checkDisk)
            }
        }
    }

    private mutating func act() {
        let place = Int(random.below(UInt64(network.nodes.count)))
        if random.chance(perMillion: crashes) { return crash(place) }
        switch random.below(100) {
        case 0..<60: deliver()
        case 60..<78: passTime()
        case 78..<84: flushAll()
        case 84..<91: propose()
        case 91..<93: changeMembership()
        case 93..<95: compact(place)
        case 95: network.step(place, .confirmLeadership(random.below(100)))
        case 96: network.step(place, .linkUp(anyDevice()))
        case 97: transferLeadership()
        case 98: if random.chance(perMillion: 100_000) { network.step(place, .slept) }
        default:
            if random.chance(perMillion: 500_000) { isolate(place) } else { cutSome() }
        }
        if random.chance(perMillion: 900_000) { network.flush(place) }
    }

    private mutating func anyDevice() -> DeviceID { id(random.below(UInt64(network.nodes.count)) + 1) }

    private mutating func deliver() {
        guard !network.wire.isEmpty else { return passTime() }
        let oldest = random.chance(perMillion: 700_000)
        let place = oldest ? 0 : Int(random.below(UInt64(network.wire.count)))
        let packet = network.wire[place]
        if !random.chance(perMillion: 50_000) { network.wire.remove(at: place) }
        if random.chance(perMillion: loss) { return }
        guard let to = network.nodes.firstIndex(where: { $0.device == packet.to }) else { return }
        network.step(to, .received(packet.message, from: packet.from))
        if random.chance(perMillion: 800_000) { network.flush(to) }
    }

    private mutating func passTime() {
        network.now = network.now + .milliseconds(Int64(random.below(40)))
        network.tickDue()
    }

    private mutating func flushAll() {
        for place in network.nodes.indices { network.flush(place) }
    }

    private mutating func propose() {
        guard let place = network.nodes.firstIndex(where: { $0.raft?.role == .leader }) else { return }
        network.step(place, .propose(nextCommand))
        nextCommand += 1
    }

    private mutating func changeMembership() {
        guard let place = network.nodes.firstIndex(where: { $0.raft?.role == .leader }),
            var new = network.nodes[place].raft?.membership
        else { return }
        let device = anyDevice()
        if new.learners.contains(device) {
            new.learners.removeAll { $0 == device }
            if random.chance(perMillion: 700_000) { new.voters = (new.voters + [device]).sorted() }
        } else if new.voters.contains(device) {
            new.voters.removeAll { $0 == device }
            if random.chance(perMillion: 700_000) { new.learners = (new.learners + [device]).sorted() }
        } else {
            new.learners = (new.learners + [device]).sorted()
        }
        network.step(place, .changeMembership(new))
    }

    private mutating func transferLeadership() {
        guard let place = network.nodes.firstIndex(where: { $0.raft?.role == .leader }) else { return }
        network.step(place, .transferLeadership(to: anyDevice()))
    }

    private mutating func compact(_ place: Int) {
        network.flush(place)
        let node = network.nodes[place]
        network.step(place, .compact(upTo: node.appliedIndex, image: node.applied))
    }

    /// It may stay down; the next crash of anybody brings it back.
    private mutating func crash(_ place: Int) {
        network.crash(place)
        for other in network.nodes.indices where network.nodes[other].raft == nil {
            if random.chance(perMillion: 700_000) { network.start(other) }
        }
    }

    /// Two halves that do not hear each other, or some broken directions, or none.
    private mutating func cutSome() {
        let devices = network.nodes.map(\.device)
        let (halves, kind) = (random.next(), random.below(3))
        network.cutLinks = []
        for (one, from) in devices.enumerated() {
            for (other, to) in devices.enumerated() where one != other {
                let isApart = (halves >> UInt64(one)) & 1 != (halves >> UInt64(other)) & 1
                let isCut = kind == 0 ? isApart : kind == 1 && random.chance(perMillion: 250_000)
                if isCut { network.cutLinks.append(Link(from: from, to: to)) }
            }
        }
    }

    private mutating func isolate(_ place: Int) {
        let device = network.nodes[place].device
        if network.cut.contains(device) {
            network.cut.removeAll { $0 == device }
        } else if network.cut.count < network.nodes.count / 2 {
            network.cut.append(device)
        }
    }

    /// With the network healed a leader emerges, one command is committed, and every member has it.
    mutating func heal() {
        flushAll()
        for place in network.nodes.indices where network.nodes[place].raft == nil { network.start(place) }
        (network.cut, network.cutLinks) = ([], [])
        network.deliver()
        network.run(.seconds(8), step: .milliseconds(20))
        let leaders = network.leaders
        guard leaders.count == 1, let leader = leaders.first,
            let place = network.nodes.firstIndex(where: { $0.device == leader.device })
        else {
            Issue.record("seed \(seed): no leader after the network healed")
            return
        }
        network.step(place, .propose(999_999))
        network.flush(place)
        network.run(.seconds(2), step: .milliseconds(20))
        let members = leader.membership
        for node in network.nodes where members.contains(node.device) {
            #expect(node.applied.last == 999_999, "seed \(seed): \(node.device.short) lacks the last command")
            #expect(node.applied == network.nodes[place].applied, "seed \(seed): states differ")
        }
        History.checkLogMatching(network.nodes)
        network.history.checkVoterSets(from: founders)
    }
}
