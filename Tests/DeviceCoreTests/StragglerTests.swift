import Primitives
import SyncRounds
import Testing

@testable import DeviceCore

/// Devices that no round brings to the head, and leaders that are to be spared.
@Suite struct StragglerTests {
    private func rounds(_ mesh: MiniMesh, since: Instant) -> [Instant] {
        mesh.events.compactMap { item in
            guard item.at >= since, case .roundStarted = item.event else { return nil }
            return item.at
        }
    }

    /// A mesh in which device `place`, which does not lead, stays behind in its own way.
    private func withStraggler(_ spoil: (inout MiniMesh, Int) -> Void) -> (mesh: MiniMesh, place: Int) {
        var mesh = DeviceTests.ready(3)
        let place = mesh.ids.indices.last { !mesh.leaders.contains($0) } ?? 2
        spoil(&mesh, place)
        mesh.write(7, on: mesh.leaders[0])
        let isPublished = mesh.run(.seconds(20)) { $0.nodes.allSatisfy { $0.device.state.head.number == 1 } }
        #expect(isPublished)
        return (mesh, place)
    }

    @Test func `P5 a device that cannot stage is tried again ever more seldom, up to five minutes apart`() {
        var (mesh, place) = withStraggler { $0.fullDisks = [$1] }
        let (begun, leader) = (mesh.now, mesh.leaders[0])
        mesh.run(.seconds(250))
        let tries = rounds(mesh, since: begun)
        #expect((5...8).contains(tries.count), "\(tries.count) rounds in 250 s")
        #expect(mesh.nodes[leader].device.peers.first { $0.device == mesh.ids[place] }?.trouble != nil)
        mesh.nodes[leader].device.schedule.stragglers[0].rounds = 100
        mesh.give(.request(tag: 5, .sync), to: leader)
        mesh.run(.seconds(5)) { $0.reply(to: 5) != nil }
        let pause = (mesh.nodes[leader].device.schedule.stragglers.first?.notBefore).map { $0 - mesh.now } ?? .zero
        #expect(pause > .seconds(250) && pause < .seconds(300))
        // Nothing of it is said to hinder a round: there is one by itself when the disk has room.
        mesh.fullDisks = []
        let isCaughtUp = mesh.run(pause + .seconds(5)) { $0.nodes[place].tree == 7 }
        #expect(isCaughtUp)
    }

    @Test func `P5 a device that keeps one path back does not have everybody paused for it for ever`() {
        var (mesh, place) = withStraggler { $0.leavesOnePath = [$1] }
        let (begun, leader) = (mesh.now, mesh.leaders[0])
        mesh.run(.seconds(100))
        #expect((3...7).contains(rounds(mesh, since: begun).count))
        mesh.nodes[leader].device.schedule.stragglers[0].rounds = 100
        mesh.give(.request(tag: 5, .sync), to: leader)
        mesh.run(.seconds(5)) { $0.reply(to: 5) != nil }
        let pause = (mesh.nodes[leader].device.schedule.stragglers.first?.notBefore).map { $0 - mesh.now } ?? .zero
        #expect(pause > .seconds(3600) && pause < .seconds(5400))
        // News of it makes it due at once.
        mesh.leavesOnePath = []
        let before = mesh.now
        mesh.nodes[place].device.waitingChanged("a rebase")
        mesh.give(.tick, to: place)
        mesh.run(.seconds(2))
        mesh.nodes[place].device.waitingChanged(nil)
        mesh.give(.tick, to: place)
        mesh.run(.seconds(2))
        #expect(rounds(mesh, since: before).count == 1)
        #expect(mesh.nodes[place].base == mesh.heads[0])
    }

    @Test func `P5 another device that is behind does not wait for the one that stays so`() {
        var (mesh, place) = withStraggler { $0.fullDisks = [$1] }
        mesh.run(.seconds(60))
        let other = mesh.ids.indices.first { $0 != place && !mesh.leaders.contains($0) } ?? 0
        mesh.crash(other)
        mesh.run(.seconds(2))
        mesh.nodes[other].base = nil
        mesh.nodes[other].tree = 0
        let before = mesh.now
        mesh.restart(other)
        let isCaughtUp = mesh.run(.seconds(5)) { $0.nodes[other].tree == 7 }
        #expect(isCaughtUp)
        #expect(rounds(mesh, since: before).count <= 2)
    }

    @Test(arguments: [PowerFacts(battery: 12), PowerFacts(isMetered: true)])
    func `P6 a leader that is to be spared hands off to one that is not, when there is something to sync`(
        _ power: PowerFacts
    ) {
        var mesh = DeviceTests.ready(3)
        let old = mesh.leaders[0]
        mesh.nodes[old].device.powerChanged(power)
        mesh.give(.tick, to: old)
        mesh.write(5, on: old)
        mesh.run(.seconds(60))
        #expect(mesh.leaders == [old], "its own changes start nothing")
        let other = (old + 1) % 3
        mesh.write(6, on: other)
        let isDone = mesh.run(.seconds(10)) { $0.nodes.allSatisfy { $0.tree == 6 } }
        #expect(isDone)
        #expect(!mesh.leaders.contains(old))
    }

    @Test func `P6 a leader to be spared that nobody can follow leads a person's round, and tells why it waits`() {
        var mesh = DeviceTests.ready(2)
        let old = mesh.leaders[0]
        let other = 1 - old
        for place in [old, other] {
            mesh.nodes[place].device.powerChanged(PowerFacts(battery: 12))
            mesh.give(.tick, to: place)
        }
        mesh.write(6, on: other)
        mesh.run(.seconds(60))
        #expect(mesh.leaders == [old])
        let table = mesh.nodes[other].device.scheduleTable(at: mesh.now)
        #expect(table.rows.first { $0.rule == .lease }?.value == "d\(old + 1), which spares its battery")
        #expect(table.rows.first { $0.rule == .battery }?.says == .blocks)
        #expect(mesh.nodes[other].device.sparingLeader?.device == mesh.ids[old])
        mesh.give(.request(tag: 3, .sync), to: other)
        let isDone = mesh.run(.seconds(5)) { $0.reply(to: 3) != nil && $0.nodes.allSatisfy { $0.tree == 6 } }
        #expect(isDone)
    }

    @Test func `P5 trouble with the last round is told to people here, and keeps no round away`() {
        var mesh = DeviceTests.ready(2)
        mesh.write(7, on: mesh.leaders[0])
        mesh.run(.seconds(20)) { $0.nodes.allSatisfy { $0.tree == 7 } }
        mesh.run(.seconds(1))
        let place = 1 - mesh.leaders[0]
        mesh.nodes[place].device.troubleChanged("the disk is full")
        mesh.give(.tick, to: place)
        mesh.write(8, on: place)
        mesh.run(.seconds(1))
        #expect(mesh.nodes[place].device.facts(at: mesh.now).waiting == "the disk is full")
        let told = mesh.nodes[1 - place].device.peers.first { $0.device == mesh.ids[place] }?.facts
        #expect(told?.pendingFiles == 1 && told?.waiting == nil)
    }
}
