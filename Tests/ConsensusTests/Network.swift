import Primitives
import Testing

@testable import Consensus

typealias TestRaft = Raft<UInt64, [UInt64]>
typealias TestMessage = RaftMessage<UInt64, [UInt64]>
typealias TestEntry = Entry<UInt64>

/// A message under way.
struct Packet: Hashable {
    var from: DeviceID
    var to: DeviceID
    var message: TestMessage
}

/// One direction between two devices.
struct Link: Hashable {
    var from: DeviceID
    var to: DeviceID
}

/// One device: its Raft, its disk, and the state machine that its log feeds (the commands applied so far).
struct Node {
    let device: DeviceID
    var raft: TestRaft?
    var disk: PersistentState<UInt64, [UInt64]>
    /// What steps wanted done and is not carried out yet. A crash loses it.
    var pending = RaftOutput<UInt64, [UInt64]>()
    var applied: [UInt64] = []
    var appliedIndex = LogIndex.zero
    var starts: UInt64 = 0

    mutating func step(_ input: RaftInput<UInt64, [UInt64]>, at now: Instant) {
        raft?.step(input, at: now, into: &pending)
    }
}

/// Some devices, the messages between them and one clock, all driven by hand.
struct Network {
    var nodes: [Node] = []
    var wire: [Packet] = []
    var now = Instant.origin
    var profile = TimingProfile.lan
    var events: [(device: DeviceID, event: RaftEvent)] = []
    var confirmed: [(device: DeviceID, answer: LeadershipConfirmation)] = []
    var refused: [(device: DeviceID, refusal: RaftRefusal<UInt64>)] = []
    /// Devices that nobody hears and that hear nobody.
    var cut: [DeviceID] = []
    var cutLinks: [Link] = []
    /// Whether a commit is looked up on the disks; not where a test makes answers up.
    var checksDurability = false
    /// Answers delivered that said the logs conflict.
    var conflicts = 0
    var history = History()

    /// `count` devices. Those whose number is at most `voters` begin as voters of a founded mesh, the others as
    /// joiners.
    init(_ count: Int, voters: Int? = nil) {
        let all = (1...count).map { id(UInt64($0)) }
        let first = Membership(voters: Array(all.prefix(voters ?? count)))
        for device in all {
            var disk = PersistentState<UInt64, [UInt64]>.joining(image: [])
            if first.voters.contains(device) {
                disk = .founding(device, image: [])
                disk.snapshot?.membership = first
            }
            nodes.append(Node(device: device, disk: disk))
        }
        for place in nodes.indices { start(place) }
    }

    /// Starts a device from what is on its disk.
    mutating func start(_ place: Int) {
        nodes[place].starts += 1
        nodes[place].pending = RaftOutput()
        nodes[place].applied = nodes[place].disk.snapshot?.image ?? []
        nodes[place].appliedIndex = nodes[place].disk.snapshot?.index ?? .zero
        nodes[place].raft = TestRaft(
            device: nodes[place].device, configuration: RaftConfiguration(profile: profile),
            restored: nodes[place].disk, seed: UInt64(place) &* 1000 &+ nodes[place].starts, now: now)
    }

    mutating func crash(_ place: Int) {
        nodes[place].raft = nil
        nodes[place].pending = RaftOutput()
    }

    /// A step whose effects wait for `flush`.
    mutating func step(_ place: Int, _ input: RaftInput<UInt64, [UInt64]>) {
        guard nodes[place].raft != nil else { return }
        let before = Mark(nodes[place].raft)
        nodes[place].step(input, at: now)
        if input.leavesGroup { return }
        let after = Mark(nodes[place].raft)
        #expect(after.commitIndex >= before.commitIndex, "the commit index went back")
        #expect(after.term >= before.term, "the term went back")
        guard before.isLeader, after.isLeader, before.term == after.term else { return }
        let kept = nodes[place].raft?.term(at: before.last)
        #expect(after.last >= before.last && kept == before.lastTerm, "a leader changed its log")
    }

    /// What a step may not take back.
    private struct Mark {
        let (isLeader, term, commitIndex, last, lastTerm): (Bool, Term, LogIndex, LogIndex, Term?)

        init(_ raft: TestRaft?) {
            let last = raft?.lastIndex ?? .zero
            isLeader = raft?.role == .leader
            term = raft?.term ?? .zero
            commitIndex = raft?.commitIndex ?? .zero
            self.last = last
            lastTerm = raft?.term(at: last)
        }
    }

    /// Carries effects out in their order: disk, wire, state machine.
    mutating func flush(_ place: Int) {
        guard let raft = nodes[place].raft else { return }
        let device = nodes[place].device
        let output = nodes[place].pending
        nodes[place].pending.removeAll()
        nodes[place].disk.apply(output.persist)
        #expect(nodes[place].disk.hardState == HardState(term: raft.term, votedFor: raft.votedInTerm))
        for envelope in output.send where isOpen(from: device, to: envelope.to) {
            wire.append(Packet(from: device, to: envelope.to, message: envelope.message))
        }
        if output.events.contains(where: \.leavesGroup), let snapshot = nodes[place].disk.snapshot {
            (nodes[place].applied, nodes[place].appliedIndex) = (snapshot.image, snapshot.index)
        }
        if let image = output.install {
            nodes[place].applied = image.image
            nodes[place].appliedIndex = image.index
        }
        for entry in output.committed {
            #expect(entry.index == nodes[place].appliedIndex.next, "applied out of order")
            nodes[place].appliedIndex = entry.index
            if case .command(let command) = entry.payload { nodes[place].applied.append(command) }
            history.committed(entry, in: raft.term)
            if checksDurability { History.checkDurable(entry, by: raft, nodes) }
        }
        for event in output.events {
            events.append((device, event))
            if case .becameLeader(let term) = event { history.leads(device, in: term, raft) }
        }
        confirmed += output.confirmed.map { (device, $0) }
        refused += output.refused.map { (device, $0) }
    }

    mutating func input(_ number: UInt64, _ input: RaftInput<UInt64, [UInt64]>) {
        step(place(number), input)
        flush(place(number))
    }

    /// Delivers everything, and what that brings about, oldest first.
    mutating func deliver(_ isWanted: (Packet) -> Bool = { _ in true }) {
        var left = 10_000
        while let next = wire.firstIndex(where: isWanted), left > 0 {
            left -= 1
            let packet = wire.remove(at: next)
            guard isOpen(from: packet.from, to: packet.to) else { continue }
            receive(packet)
        }
        #expect(left > 0, "the devices never stop talking")
    }

    mutating func receive(_ packet: Packet) {
        guard let place = nodes.firstIndex(where: { $0.device == packet.to }) else { return }
        if case .appendReply(let reply) = packet.message, case .conflicts = reply.verdict { conflicts += 1 }
        step(place, .received(packet.message, from: packet.from))
        flush(place)
    }

    /// Lets time pass in small steps, with ticks at the deadlines and all messages delivered at once.
    mutating func run(_ time: Duration, step: Duration = .milliseconds(10)) {
        let end = now + time
        deliver()
        while now < end {
            now = now + step
            tickDue()
            deliver()
        }
    }

    mutating func tickDue() {
        for place in nodes.indices {
            guard let deadline = nodes[place].raft?.nextDeadline, deadline <= now else { continue }
            self.step(place, .tick)
            flush(place)
        }
    }

    /// Makes a device campaign now, on the term's ordinary way, and delivers everything.
    mutating func elect(_ number: UInt64) {
        now = now + profile.election.upperBound
        input(number, .tick)
        deliver()
    }

    func isOpen(from: DeviceID, to: DeviceID) -> Bool {
        !cut.contains(from) && !cut.contains(to) && !cutLinks.contains(Link(from: from, to: to))
    }

    func place(_ number: UInt64) -> Int { Int(number) - 1 }
    func raft(_ number: UInt64) throws -> TestRaft { try #require(nodes[place(number)].raft) }
    func applied(_ number: UInt64) -> [UInt64] { nodes[place(number)].applied }
    func leads(_ number: UInt64) -> Bool { nodes[place(number)].raft?.role == .leader }
    func has(_ event: RaftEvent, of number: UInt64) -> Bool {
        events.contains { $0.device == id(number) && $0.event == event }
    }

    /// Leaders of the newest term.
    var leaders: [TestRaft] {
        let newest = nodes.compactMap(\.raft?.term).max() ?? .zero
        return nodes.compactMap(\.raft).filter { $0.role == .leader && $0.term == newest }
    }
}

func id(_ number: UInt64) -> DeviceID { DeviceID(number: number) }
func ids(_ numbers: UInt64...) -> [DeviceID] { numbers.map { id($0) } }

func entry(_ index: UInt64, term: UInt64, _ payload: Payload<UInt64>? = nil) -> TestEntry {
    Entry(term: Term(term), index: LogIndex(index), payload: payload ?? .command(index * 100 + term))
}

extension PersistentState<UInt64, [UInt64]> {
    /// A log whose entries, from index 1, have these terms.
    static func log(_ terms: [UInt64], voters: [DeviceID], term: UInt64? = nil) -> Self {
        let entries = terms.enumerated().map { entry(UInt64($0.offset) + 1, term: $0.element) }
        return Self(
            hardState: HardState(term: Term(term ?? terms.last ?? 0)),
            snapshot: Snapshot(index: .zero, term: .zero, membership: Membership(voters: voters), image: []),
            entries: entries)
    }
}

extension RaftInput {
    /// The device goes over to another group, where its numbers begin anew.
    fileprivate var leavesGroup: Bool {
        switch self {
        case .refound, .rejoin: true
        default: false
        }
    }
}

extension RaftEvent {
    fileprivate var leavesGroup: Bool {
        switch self {
        case .refounded, .rejoined: true
        default: false
        }
    }
}
