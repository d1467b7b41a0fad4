import Locks
import Primitives
import SyncRounds
import Testing

@testable import DeviceCore

/// Pause, resume and the emergency stop, as devices tell each other of them.
@Suite struct StopTests {
    private func order(_ kind: StopOrder.Kind, by place: UInt64 = 1, left: Duration? = nil) -> StopOrder {
        StopOrder(kind: kind, by: DeviceID(number: place), at: 1_700_000_000_000, why: "a test", left: left)
    }

    /// A mesh whose device `place` is in the middle of a round, its gate closed.
    private func pausedMidRound() -> MiniMesh {
        var mesh = DeviceTests.ready(3)
        mesh.write(42, on: 1)
        mesh.give(.request(tag: 1, .sync), to: 0)
        let isClosed = mesh.run(.seconds(5)) { $0.nodes.allSatisfy { $0.gate != nil } }
        #expect(isClosed)
        return mesh
    }

    @Test func `W6 an emergency stop opens the gate, gives the round up and drops the locks in its first step`() throws
    {
        var mesh = pausedMidRound()
        let place = try #require(mesh.leaders.first)
        mesh.cut = Set(mesh.ids.indices)
        mesh.give(.request(tag: 2, .stop(order(.emergency), everywhere: true)), to: place)
        #expect(mesh.nodes[place].gate == nil)
        #expect(mesh.nodes[place].device.roundLeader.current == nil)
        #expect(mesh.nodes[place].device.roundMember.current == nil)
        #expect(!mesh.nodes[place].device.mayLead(at: mesh.now))
        guard case .done = mesh.reply(to: 2) else {
            Issue.record("without a quorum: \(String(describing: mesh.reply(to: 2)))")
            return
        }
        // What is answered is durable.
        #expect(mesh.nodes[place].disk.stops.order?.kind == .emergency)
    }

    @Test func `W6 every device that is reached opens its gate within 2 s, and no round starts until resume`() throws {
        var mesh = pausedMidRound()
        mesh.give(.request(tag: 2, .stop(order(.emergency), everywhere: true)), to: 1)
        let areOpen = mesh.run(.seconds(2)) { mesh in
            mesh.nodes.allSatisfy { $0.gate == nil && $0.device.isStopped }
        }
        #expect(areOpen)
        let head = mesh.nodes[0].device.state.head.number
        mesh.write(43, on: 2)
        mesh.run(.seconds(400))
        #expect(mesh.nodes.allSatisfy { $0.gate == nil })
        #expect(mesh.nodes[0].device.state.head.number == head)
        #expect(mesh.leaders.isEmpty)
        mesh.give(.request(tag: 3, .resume(everywhere: true)), to: 2)
        let synced = mesh.run(.seconds(400)) { Set($0.nodes.map(\.tree)) == [43] }
        #expect(synced)
    }

    @Test func `W6 a device that was away hears of it, and a restarted one is still stopped`() throws {
        var mesh = DeviceTests.ready(3)
        mesh.crash(2)
        mesh.give(.request(tag: 2, .stop(order(.emergency), everywhere: true)), to: 0)
        mesh.run(.seconds(1))
        mesh.crash(0)
        mesh.restart(0)
        #expect(mesh.nodes[0].device.isStopped)
        mesh.restart(2)
        #expect(!mesh.nodes[2].device.isStopped)
        let hears = mesh.run(.seconds(1)) { $0.nodes[2].device.isStopped }
        #expect(hears)
        #expect(mesh.nodes[2].disk.stops.order == mesh.nodes[0].disk.stops.order)
    }

    @Test func `a paused device takes part in nothing and holds nobody up; a paused leader hands off`() throws {
        var mesh = DeviceTests.ready(3)
        let leader = try #require(mesh.leaders.first)
        mesh.give(.request(tag: 2, .stop(order(.pause), everywhere: false)), to: leader)
        let passed = mesh.run(.seconds(2)) { !$0.leaders.isEmpty && $0.leaders != [leader] }
        #expect(passed)
        let writer = (leader + 1) % 3
        mesh.write(42, on: writer)
        mesh.give(.request(tag: 3, .sync), to: writer)
        mesh.run(.seconds(10)) { $0.reply(to: 3) != nil }
        guard case .synced(let outcome) = mesh.reply(to: 3), case .published = outcome.result else {
            Issue.record("not published: \(String(describing: mesh.reply(to: 3)))")
            return
        }
        #expect(mesh.nodes[leader].tree == 0)
        mesh.give(.request(tag: 4, .sync), to: leader)
        guard case .failed = mesh.reply(to: 4) else {
            Issue.record("a paused device syncs")
            return
        }
        mesh.give(.request(tag: 5, .resume(everywhere: false)), to: leader)
        let caughtUp = mesh.run(.seconds(30)) { $0.nodes[leader].tree == 42 }
        #expect(caughtUp)
    }

    @Test func `a timed pause of all ends by itself, also where an agent restarts meanwhile`() throws {
        var mesh = DeviceTests.ready(3)
        mesh.give(.request(tag: 2, .stop(order(.pause, left: .seconds(600)), everywhere: true)), to: 0)
        mesh.run(.seconds(300))
        #expect(mesh.nodes.allSatisfy { $0.device.isStopped })
        mesh.crash(1)
        mesh.restart(1)
        mesh.run(.seconds(290))
        #expect(mesh.nodes.allSatisfy { $0.device.isStopped })
        let ended = mesh.run(.seconds(20)) { $0.nodes.allSatisfy { !$0.device.isStopped } }
        #expect(ended)
    }

    @Test func `a pause does not weaken an emergency stop, and resume here does not end what stops all`() {
        var mesh = DeviceTests.ready(1)
        mesh.give(.request(tag: 1, .stop(order(.emergency), everywhere: true)), to: 0)
        mesh.give(.request(tag: 2, .stop(order(.pause), everywhere: true)), to: 0)
        mesh.give(.request(tag: 3, .resume(everywhere: false)), to: 0)
        for tag: UInt64 in [2, 3] {
            guard case .failed = mesh.reply(to: tag) else {
                Issue.record("\(tag): \(String(describing: mesh.reply(to: tag)))")
                return
            }
        }
        #expect(mesh.nodes[0].device.stops.order?.kind == .emergency)
    }

    @Test func `of two words of one version the one that stops more counts, on every device`() {
        let (one, two) = (DeviceID(number: 1), DeviceID(number: 2))
        let words = [
            MeshStop(), MeshStop(version: 1, by: one), MeshStop(version: 1, by: two),
            MeshStop(version: 1, by: one, order: order(.pause)),
            MeshStop(version: 1, by: one, order: order(.emergency)),
            MeshStop(version: 2, by: one),
        ]
        for (place, word) in words.enumerated() {
            for (other, older) in words.enumerated() { #expect(word.isNewer(than: older) == (place > other)) }
        }
    }

    @Test(arguments: [false, true])
    func `W6 whoever waits for a round hears nothing of a pause of the leader alone, and the next leader answers`(
        isUnderWay: Bool
    ) throws {
        var mesh = DeviceTests.ready(3)
        let old = try #require(mesh.leaders.first)
        let asker = (old + 1) % 3
        mesh.write(42, on: asker)
        mesh.give(.request(tag: 1, .sync), to: asker)
        mesh.run(.seconds(5)) { mesh in
            let device = mesh.nodes[old].device
            return isUnderWay ? device.roundLeader.current != nil : !device.schedule.asked.isEmpty
        }
        // Where no round is under way yet, it is on its way to the leader just when that stops.
        mesh.give(.request(tag: 2, .stop(order(.pause), everywhere: false)), to: old)
        mesh.run(.seconds(30)) { $0.reply(to: 1) != nil }
        guard case .synced(let outcome) = mesh.reply(to: 1), case .published = outcome.result else {
            Issue.record("not synced: \(String(describing: mesh.reply(to: 1)))")
            return
        }
        #expect(mesh.nodes[asker].tree == 42 && !mesh.leaders.contains(old))
    }
}
