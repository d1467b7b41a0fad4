import Consensus
import Locks
import Primitives
import SyncRounds
import Testing

@testable import DeviceCore

/// Recovery of a mesh whose quorum is lost for good (protocol.md, section 7).
@Suite struct EpochTests {
    /// Three devices, and the last one alone with what all of them had synced.
    private static func lonely() -> MiniMesh {
        var mesh = DeviceTests.ready(3)
        mesh.write(42, on: 2)
        mesh.sync(9, on: 1)
        mesh.run(.seconds(2))
        mesh.crash(0)
        mesh.crash(1)
        mesh.run(.seconds(10))
        return mesh
    }

    @Test func `RC1 is refused while a quorum answers, and changes nothing`() {
        var mesh = DeviceTests.ready(3)
        let before = mesh.nodes[2].disk
        mesh.recover(2, tag: 7)
        guard case .recoveryRefused(.quorumLives(let leader, let answering)) = mesh.reply(to: 7) else {
            Issue.record("not refused: \(String(describing: mesh.reply(to: 7)))")
            return
        }
        #expect(leader != nil)
        #expect(answering == mesh.ids)
        #expect(mesh.nodes[2].disk.raft.snapshot == before.raft.snapshot)
        #expect(mesh.nodes[2].device.epoch == .first)
    }

    @Test func `RC2 one device goes on alone in a new epoch, and its tokens outrank all before`() throws {
        var mesh = Self.lonely()
        let before = mesh.nodes[2].device.state
        #expect(mesh.nodes[2].device.raft.leader == nil)
        mesh.recover(2, tag: 7)
        #expect(mesh.reply(to: 7) == .recovered(Epoch(number: 2, draw: 77)))
        let disk = try #require(mesh.nodes[2].disk.raft.snapshot)
        #expect(disk.image.epoch == Epoch(number: 2, draw: 77), "durable before it is said")
        #expect(disk.membership == Membership(voters: [mesh.ids[2]]))
        #expect(disk.image.head.revision == before.head.revision)
        #expect(disk.image.devices == before.devices, "whoever is lost may come back")
        mesh.write(50, on: 2)
        mesh.sync(8, on: 2)
        #expect(mesh.nodes[2].device.state.head.number == before.head.number + 1)
        let token = try #require(mesh.nodes[2].device.leaderToken)
        #expect(token.epoch == 2)
        #expect(token > before.locks.newestToken)
    }

    @Test func `RC2 a log that was not known to be committed is taken whole`() throws {
        var mesh = Self.lonely()
        // After a start without a quorum nothing beyond the snapshot is known to be committed.
        mesh.crash(2)
        mesh.restart(2)
        mesh.run(.seconds(5))
        #expect(mesh.nodes[2].device.state.head.number == 0)
        mesh.recover(2, tag: 7)
        let state = mesh.nodes[2].device.state
        #expect(state.head.number == 1)
        #expect(state.devices.map(\.device) == mesh.ids)
    }

    @Test func `RC3 the others join the new epoch, and all rounds go on together`() {
        var mesh = Self.lonely()
        mesh.recover(2, tag: 7)
        mesh.write(50, on: 2)
        mesh.sync(8, on: 2)
        mesh.restart(0)
        mesh.restart(1)
        let isTogether = mesh.run(.seconds(30)) { mesh in
            mesh.nodes.allSatisfy { $0.device.epoch.number == 2 && $0.tree == 50 && !$0.device.isStray }
                && mesh.nodes[2].device.raft.membership.voters.count == 3
        }
        #expect(isTogether)
        #expect(mesh.leaders.count == 1)
    }

    /// Seed 560 of the swarm: after a start without a quorum the founder knew no member but itself, and joined nobody.
    @Test func `RC3 a device that was started anew joins a member that only its log knows`() {
        var mesh = Self.lonely()
        mesh.recover(2, tag: 7)
        mesh.cut = [0, 1, 2]
        mesh.run(.seconds(1))
        mesh.restart(0)
        mesh.run(.seconds(3))
        #expect(mesh.nodes[0].device.epoch == .first)
        #expect(mesh.nodes[0].device.state.record(of: mesh.ids[2]) == nil)
        mesh.cut = []
        let hasJoined = mesh.run(.seconds(20)) { $0.nodes[0].device.epoch.number == 2 }
        #expect(hasJoined)
        // Its links follow the roster: without these it would never come to hear of the new log.
        #expect(mesh.nodes[0].device.state.devices.map(\.device) == mesh.ids)
        let hasLog = mesh.run(.seconds(20)) { !$0.nodes[0].device.isStray }
        #expect(hasLog)
    }

    /// Two of three published a round that the third did not hear of; it recovers, and they come back.
    @Test func `RC3 what a recovery left out is merged when its devices come back`() {
        var mesh = DeviceTests.ready(3)
        mesh.write(10, on: 0)
        mesh.sync(9, on: 0)
        mesh.run(.seconds(2))
        mesh.cut = [2]
        mesh.linksOf(2, up: false)
        mesh.run(.seconds(5))
        mesh.write(90, on: 0)
        mesh.sync(10, on: 0)
        mesh.run(.seconds(2))
        #expect(mesh.nodes[1].tree == 90)
        let left = mesh.nodes[0].device.state.head
        mesh.recover(2, tag: 7)
        mesh.write(30, on: 2)
        mesh.sync(11, on: 2)
        #expect(mesh.nodes[2].tree == 30)
        mesh.cut = []
        mesh.linksOf(2, up: true)
        // The model of a merge takes the greatest tree: the one that was left out comes through.
        let isMerged = mesh.run(.seconds(60)) { mesh in
            mesh.nodes.allSatisfy { $0.device.epoch.number == 2 && $0.tree == 90 && !$0.device.isStray }
        }
        #expect(isMerged)
        #expect(mesh.nodes[0].device.state.head.revision != left.revision)
        let wasStray = mesh.events.contains { event in
            if case .epoch(.grounded(_, wasStray: true)) = event.event { true } else { false }
        }
        #expect(wasStray)
    }

    @Test func `RC2 a leader of an old epoch is refused wherever its effect would land`() throws {
        var mesh = Self.lonely()
        let old = try #require(mesh.nodes[2].device.syncLeader)
        mesh.recover(2, tag: 7)
        mesh.run(.seconds(10))
        var output = DeviceOutput()
        let round = RoundID(token: old.token, sequence: 9_999)
        let prepare = PeerMessage.round(.prepare(round, pauseBudget: .seconds(1)))
        // The frame is of another epoch.
        mesh.nodes[2].device.step(.received(prepare, from: mesh.ids[0], of: .first), at: mesh.now, into: &output)
        #expect(!output.actions.contains { if case .closeGate = $0 { true } else { false } })
        // Were it of this one: the log holds no lock under that token, and publishes nothing for it.
        var state = mesh.nodes[2].device.state
        let publish = MeshCommand(
            request: RequestID(device: mesh.ids[0], incarnation: 99, number: 1),
            operation: .publish(
                Publication(round: round, old: state.head.revision, new: Revision(number: 5), holders: mesh.ids)))
        let change = state.apply(publish, term: Term(99), voters: [mesh.ids[2]])
        guard case .publicationRefused(.staleToken) = change.outcome else {
            Issue.record("published: \(change.outcome)")
            return
        }
    }

    @Test func `RC4 two recoveries of one number hear neither the other, until a person recovers one again`() {
        var mesh = DeviceTests.ready(3)
        mesh.crash(0)
        mesh.cut = [1, 2]
        mesh.linksOf(2, up: false)
        mesh.run(.seconds(10))
        mesh.recover(1, tag: 7, draw: 11)
        mesh.recover(2, tag: 8, draw: 22)
        mesh.cut = []
        mesh.linksOf(2, up: true)
        mesh.run(.seconds(10))
        #expect(mesh.nodes[1].device.epoch.draw == 11)
        #expect(mesh.nodes[2].device.epoch.draw == 22)
        for (one, other) in [(1, 2), (2, 1)] {
            #expect(mesh.nodes[one].device.recoveryView.rivals == [mesh.ids[other]])
        }
        mesh.recover(1, tag: 9, draw: 33)
        guard case .recoveryRefused(.quorumLives) = mesh.reply(to: 9) else {
            Issue.record("each of them has a quorum of its own")
            return
        }
        mesh.recover(1, tag: 10, draw: 33, force: true)
        let isOne = mesh.run(.seconds(30)) { mesh in
            mesh.nodes[1...].allSatisfy { $0.device.epoch == Epoch(number: 3, draw: 33) }
        }
        #expect(isOne)
        #expect(mesh.nodes[1].device.recoveryView.rivals.isEmpty)
    }

    @Test func `RC1 a recovery that the log has overtaken is refused`() {
        var mesh = Self.lonely()
        var order = mesh.order(2, draw: 5)
        order.lastIndex = LogIndex(order.lastIndex.number - 1)
        mesh.give(.request(tag: 4, .recover(order)), to: 2)
        #expect(mesh.reply(to: 4) == .recoveryRefused(.logMoved))
    }

    @Test func `RC1 a device that is in no mesh recovers none`() {
        let id = DeviceID(number: 4)
        var device = Device(
            device: id, configuration: DeviceConfiguration(profile: .lan),
            restored: DevicePersistentState(raft: .joining(image: MeshState())), incarnation: 1, seed: 1, now: .origin)
        var output = DeviceOutput()
        let order = RecoveryOrder(draw: 9, lastIndex: .zero, head: nil, isForced: true)
        device.step(.request(tag: 1, .recover(order)), at: .origin, into: &output)
        #expect(output.replies == [TaggedReply(tag: 1, reply: .recoveryRefused(.notAMember))])
        #expect(output.persist.raft.snapshot == nil)
    }

    @Test func `RC3 a crash before the base is settled loses nothing of the question`() {
        var mesh = Self.lonely()
        mesh.recover(2, tag: 7)
        mesh.restart(0)
        let isStray = mesh.run(.seconds(20)) { $0.nodes[0].device.isStray }
        #expect(isStray && mesh.nodes[0].disk.isStray)
        mesh.crash(0)
        mesh.restart(0)
        #expect(mesh.nodes[0].device.isStray)
        let isSettled = mesh.run(.seconds(20)) { !$0.nodes[0].device.isStray }
        #expect(isSettled && !mesh.nodes[0].disk.isStray)
    }
}

extension MiniMesh {
    mutating func sync(_ tag: UInt64, on place: Int) {
        give(.request(tag: tag, .sync), to: place)
        run(.seconds(20)) { $0.reply(to: tag) != nil }
    }

    func order(_ place: Int, draw: UInt64, force: Bool = false) -> RecoveryOrder {
        let view = nodes[place].device.recoveryView
        let isHeld = view.head.map(nodes[place].known.contains) ?? false
        return RecoveryOrder(
            draw: draw, lastIndex: view.lastIndex, head: isHeld ? view.head : nodes[place].base, isForced: force)
    }

    mutating func recover(_ place: Int, tag: UInt64, draw: UInt64 = 77, force: Bool = false) {
        give(.request(tag: tag, .recover(order(place, draw: draw, force: force))), to: place)
    }

    mutating func linksOf(_ place: Int, up: Bool) {
        for other in ids.indices where other != place && nodes[other].isUp {
            give(up ? .linkUp(ids[other]) : .linkDown(ids[other]), to: place)
            give(up ? .linkUp(ids[place]) : .linkDown(ids[place]), to: other)
        }
    }
}
