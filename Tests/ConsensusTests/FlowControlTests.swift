import Primitives
import Testing

@testable import Consensus

/// Streaming with loss, reordering and full windows, and snapshots that get lost (thesis, sections 3.5, 5.1, 10.2).
@Suite("Flow control") struct FlowControlTests {
    private static func isAppend(_ packet: Packet) -> Bool {
        if case .append(let request) = packet.message { !request.entries.isEmpty } else { false }
    }

    private static func isSnapshot(_ packet: Packet) -> Bool {
        if case .installSnapshot = packet.message { true } else { false }
    }

    /// A leader that compacted everything that device 3 lacks.
    private func laggard() throws -> Network {
        var network = Network(3)
        network.elect(1)
        network.cut = ids(3)
        for command in UInt64(1)...200 {
            network.input(1, .propose(command))
            network.deliver()
        }
        let node = network.nodes[0]
        network.input(1, .compact(upTo: node.appliedIndex, image: node.applied))
        network.run(.milliseconds(100))
        network.cut = []
        return network
    }

    @Test("10.2: the tail of a stream gets lost, nothing more is proposed: the next heartbeats bring it")
    func lostTail() throws {
        var network = Network(3)
        network.elect(1)
        for command in UInt64(1)...5 { network.input(1, .propose(command)) }
        network.deliver { $0.to != id(2) }
        let kept = network.wire.filter(Self.isAppend).prefix(3)
        network.wire = Array(kept)
        network.deliver()
        #expect(network.applied(1) == [1, 2, 3, 4, 5])
        #expect(try network.raft(2).lastIndex < network.raft(1).lastIndex)
        network.run(.milliseconds(210))
        #expect(network.applied(2) == [1, 2, 3, 4, 5])
    }

    @Test("10.2: a full window whose answers all got lost opens again")
    func lostAnswers() throws {
        var network = Network(3)
        network.elect(1)
        for command in UInt64(1)...60 { network.input(1, .propose(command)) }
        network.deliver { $0.from == id(1) && Self.isAppend($0) }
        network.wire = []
        network.run(.milliseconds(210))
        for number in UInt64(1)...3 { #expect(network.applied(number) == (1...60).map { UInt64($0) }) }
    }

    @Test("10.2: appends that overtake each other cost a repetition, never an entry")
    func overtaking() throws {
        var network = Network(3)
        network.elect(1)
        for command in UInt64(1)...10 { network.input(1, .propose(command)) }
        network.wire.reverse()
        network.deliver()
        network.run(.milliseconds(210))
        for number in UInt64(1)...3 { #expect(network.applied(number) == (1...10).map { UInt64($0) }) }
    }

    @Test("5.1: a snapshot that got lost is sent anew, and not with every heartbeat")
    func lostSnapshot() throws {
        var network = try laggard()
        var sent = 0
        for _ in 0..<30 {
            network.now = network.now + .milliseconds(50)
            network.tickDue()
            let before = network.wire.count
            network.wire.removeAll { $0.to == id(3) && Self.isSnapshot($0) }
            sent += before - network.wire.count
            network.deliver { !($0.to == id(3) && Self.isSnapshot($0)) }
            network.wire.removeAll(where: Self.isSnapshot)
        }
        #expect(network.applied(3).isEmpty)
        #expect(sent <= 3, "\(sent) snapshots in 1.5 s")
        network.run(.seconds(3))
        #expect(network.applied(3) == network.applied(1))
    }

    @Test("5.1: the snapshot arrives and its answer gets lost: the log goes on without a second one")
    func lostSnapshotAnswer() throws {
        var network = try laggard()
        var installed = false
        for _ in 0..<10 where !installed {
            network.now = network.now + .milliseconds(50)
            network.tickDue()
            network.deliver { !Self.isSnapshot($0) }
            guard network.wire.contains(where: Self.isSnapshot) else { continue }
            network.deliver(Self.isSnapshot)
            network.wire = []
            installed = true
        }
        #expect(installed)
        network.input(1, .propose(201))
        network.run(.milliseconds(300))
        #expect(network.applied(3) == (1...201).map { UInt64($0) })
    }

    @Test("6.4: a burst of reads asks a device that is being searched for its place, but sends it no entries again")
    func readsWhileProbing() throws {
        var network = Network(3)
        network.elect(1)
        network.cut = ids(3)
        for command in UInt64(1)...100 {
            network.input(1, .propose(command))
            network.deliver()
        }
        network.cut = []
        network.input(1, .linkUp(id(3)))
        network.wire = []
        for read in UInt64(1)...50 { network.input(1, .confirmLeadership(read)) }
        #expect(network.wire.count { $0.to == id(3) } == 50)
        #expect(!network.wire.contains(where: Self.isAppend))
        network.deliver()
        #expect(network.confirmed.map(\.answer.id) == (1...50).map { UInt64($0) })
        network.run(.milliseconds(300))
        #expect(network.applied(3) == network.applied(1))
    }
}
