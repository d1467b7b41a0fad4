import Consensus
import Locks
import Primitives
import SyncRounds
import Testing

@testable import DeviceCore

/// What the simulator found, one value test each.
@Suite struct SimulatorFindingsTests {
    /// Seed 25: the transfer was in the log, and the old holder still counted as one.
    @Test func `a leader acts no more from the moment its transfer leaves`() {
        var mesh = DeviceTests.ready(3)
        mesh.run(.seconds(1))
        let old = mesh.leaders[0]
        mesh.give(.request(tag: 4, .handoff(to: mesh.ids[(old + 1) % 3])), to: old)
        let isProposed = mesh.run(.seconds(1)) { $0.nodes[old].device.handoff?.isProposed == true }
        #expect(isProposed)
        #expect(!mesh.nodes[old].device.mayLead(at: mesh.now))
        var most = 0
        mesh.run(.seconds(2)) { mesh in
            most = max(most, mesh.leaders.count)
            return false
        }
        #expect(most == 1)
    }

    /// Seed 473: the only voter was removed, and with it every quorum.
    @Test func `a quorum leader that is to be removed moves its vote first`() {
        var mesh = DeviceTests.ready(2)
        let voter = mesh.nodes.indices.first { mesh.nodes[$0].device.raft.role == .leader } ?? 0
        let other = 1 - voter
        mesh.give(.request(tag: 8, .removeDevice(mesh.ids[voter])), to: other)
        let isDone = mesh.run(.seconds(10)) { $0.reply(to: 8) == .done }
        #expect(isDone)
        #expect(mesh.nodes[other].device.raft.membership.voters == [mesh.ids[other]])
    }

    /// Seed 101101: the only device that held the published head was removed, and nothing could be merged ever after.
    @Test func `a removal waits until another device was brought to the head`() {
        var mesh = DeviceTests.ready(2)
        let holder = mesh.nodes.indices.first { mesh.nodes[$0].device.raft.role == .leader } ?? 0
        let other = 1 - holder
        mesh.crash(other)
        mesh.write(6, on: holder)
        mesh.give(.request(tag: 7, .sync), to: holder)
        mesh.run(.seconds(8)) { $0.reply(to: 7) != nil }
        mesh.restart(other)
        mesh.give(.request(tag: 8, .removeDevice(mesh.ids[holder])), to: other)
        let isDone = mesh.run(.seconds(10)) { $0.reply(to: 8) == .done }
        #expect(isDone)
        #expect(mesh.nodes[other].tree == 6)
    }

    /// Seed 198: the one message about a change was lost, and no round ever came.
    @Test func `a device that needs a round says so again`() {
        var mesh = DeviceTests.ready(2)
        mesh.run(.seconds(1))
        let other = 1 - mesh.leaders[0]
        mesh.cut = [other]
        mesh.write(9, on: other)
        mesh.run(.milliseconds(300))
        mesh.cut = []
        let isDone = mesh.run(.seconds(20)) { $0.nodes.allSatisfy { $0.tree == 9 } }
        #expect(isDone)
    }
}
