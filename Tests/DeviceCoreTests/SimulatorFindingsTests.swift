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

    /// One of three voters is gone for good; without another's vote nobody could decide anything any more.
    @Test func `a removal that would leave no quorum is refused, and says who is missing`() {
        var mesh = DeviceTests.ready(3)
        mesh.run(.seconds(4)) { $0.nodes[0].device.raft.membership.voters.count == 3 }
        mesh.crash(2)
        mesh.run(.seconds(3))
        mesh.give(.request(tag: 9, .removeDevice(mesh.ids[1])), to: 0)
        guard case .failed(let why) = mesh.reply(to: 9) else {
            Issue.record("\(String(describing: mesh.reply(to: 9)))")
            return
        }
        #expect(why.contains("no quorum"))
        mesh.give(.request(tag: 10, .removeDevice(mesh.ids[2])), to: 0)
        let isDone = mesh.run(.seconds(10)) { $0.reply(to: 10) == .done }
        #expect(isDone)
    }

    /// Where one device votes, what it proposes while it applies an entry is committed in the same step; a snapshot
    /// taken then named entries that its state did not hold.
    @Test func `a snapshot holds what it says that it holds`() {
        var configuration = DeviceConfiguration(profile: .lan)
        configuration.compaction.after = 1
        configuration.compaction.keeping = 0
        let id = DeviceID(number: 1)
        let record = DeviceRecord(device: id, name: "one", addresses: [])
        var disk = DevicePersistentState(raft: .founding(id, image: .founding(record)))
        var device = Device(
            device: id, configuration: configuration, restored: disk, incarnation: 1, seed: 1, now: .origin)
        var now = Instant.origin
        var output = DeviceOutput()
        for number in 0..<40 {
            now = now + .milliseconds(300)
            output.removeAll()
            let setting = Setting(key: "sync.settle", value: "\(number)s")
            let input: DeviceInput = number.isMultiple(of: 2) ? .tick : .request(tag: UInt64(number), .set(setting))
            device.step(input, at: now, into: &output)
            disk.raft.apply(output.persist.raft)
            guard let snapshot = disk.raft.snapshot, snapshot.index == device.raft.appliedIndex else { continue }
            #expect(snapshot.image == device.state)
        }
        #expect((disk.raft.snapshot?.index ?? .zero) > LogIndex(5))
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

    /// Seed 1831 with twice the heartbeats: a quorum leader that had just been elected, and had not applied what was
    /// committed before, knew of no head and removed its only holder.
    @Test func `a new quorum leader removes nobody before it knows what is committed`() throws {
        var mesh = DeviceTests.ready(3)
        mesh.crash(0)
        for place in 1...2 {
            mesh.crash(place)
            mesh.restart(place)
        }
        let elected = mesh.run(.seconds(10)) { mesh in
            (1...2).contains { mesh.nodes[$0].device.raft.role == .leader }
        }
        #expect(elected)
        let leader = try #require((1...2).first { mesh.nodes[$0].device.raft.role == .leader })
        #expect(!mesh.nodes[leader].device.raft.knowsAllCommitted)
        mesh.give(.request(tag: 8, .removeDevice(mesh.ids[0])), to: leader)
        let removals = mesh.nodes[leader].device.raft.storedEntries.filter { entry in
            if case .command(let command) = entry.payload, case .removeDevice = command.operation { return true }
            return false
        }
        #expect(removals.isEmpty)
        let isDone = mesh.run(.seconds(10)) { $0.reply(to: 8) == .done }
        #expect(isDone)
    }

    /// Seed 200560 with other delays: one of two voters was removed while it led, its links were cut, and the other
    /// could win no election ever after.
    @Test(arguments: [2, 3, 5])
    func `a device loses its vote before it is removed`(devices: Int) {
        var mesh = DeviceTests.ready(devices)
        let leader = mesh.nodes.indices.first { mesh.nodes[$0].device.raft.role == .leader } ?? 0
        let target = mesh.nodes.indices.last { $0 != leader && mesh.nodes[$0].device.raft.isVoter } ?? leader
        let asker = mesh.nodes.indices.first { $0 != target } ?? 0
        var votesWhenGone = false
        mesh.give(.request(tag: 8, .removeDevice(mesh.ids[target])), to: asker)
        let isDone = mesh.run(.seconds(10)) { mesh in
            for node in mesh.nodes where node.device.state.removed.contains(mesh.ids[target]) {
                if node.device.raft.membership.voters.contains(mesh.ids[target]) { votesWhenGone = true }
            }
            return mesh.reply(to: 8) == .done
        }
        #expect(isDone)
        #expect(!votesWhenGone)
    }

    /// Seed 200149: a publication was counted under the voters that its leader knew, and came into the log after two
    /// changes of them that the leader had not seen.
    @Test func `the log counts the holders of a publication by the voters as of its entry`() {
        let ids = (1...5).map { DeviceID(number: $0) }
        var state = MeshState.founding(DeviceRecord(device: ids[0], name: "d1", addresses: []))
        func apply(_ operation: MeshOperation, _ number: UInt64, voters: [DeviceID]) -> MeshOutcome {
            let request = RequestID(device: ids[0], incarnation: 1, number: number)
            let command = MeshCommand(request: request, operation: operation)
            return state.apply(command, term: Term(1), voters: voters).outcome
        }
        _ = apply(.lock(.acquire(.sync, device: ids[0], ttl: .seconds(3), waits: false)), 1, voters: [ids[0]])
        let token = state.locks.newestToken
        let publication = Publication(
            round: RoundID(token: token, sequence: 1), old: nil, new: Revision(number: 7), holders: [ids[0], ids[1]])
        let refused = apply(.publish(publication), 2, voters: [ids[1], ids[2], ids[3]])
        #expect(refused == .publicationRefused(.notHeld(holders: 1, voters: 3)))
        #expect(state.head.revision == nil)
        #expect(apply(.publish(publication), 3, voters: [ids[0], ids[1], ids[2]]) == .published(number: 1))
    }

    /// Seed 15688: a release of the incarnation before was on its way, and the lock was another's while the restarted
    /// holder, who had read of its grant in its own log, acted under it.
    @Test func `a restarted holder does not resume what its log says was granted before`() {
        var mesh = DeviceTests.ready(3)
        mesh.run(.seconds(1))
        let first = mesh.leaders[0]
        // Held beside the quorum leader: the next incarnation hears of the grant before it can ask for anything.
        let holder = (first + 1) % 3
        mesh.give(.request(tag: 4, .handoff(to: mesh.ids[holder])), to: first)
        mesh.run(.seconds(5)) { $0.leaders == [holder] }
        let old = mesh.nodes[holder].device.leaderToken
        mesh.crash(holder)
        mesh.restart(holder)
        let resumed = mesh.run(.seconds(10)) {
            $0.nodes[holder].device.mayLead(at: $0.now) && $0.nodes[holder].device.leaderToken == old
        }
        #expect(old != nil && !resumed)
        #expect(mesh.leaders.count == 1)
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
