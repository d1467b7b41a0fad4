import Consensus
import Locks
import Primitives
import SyncRounds
import Testing

@testable import DeviceCore

@Suite struct DeviceTests {
    /// A mesh with a leader, all voters in place.
    static func ready(_ count: Int) -> MiniMesh {
        var mesh = MiniMesh(count)
        let wanted = Device.voters(among: count)
        let isReady = mesh.run(.seconds(20)) { mesh in
            mesh.leaders.count == 1 && mesh.nodes.allSatisfy { $0.device.state.devices.count == count }
                && mesh.nodes[0].device.raft.membership.voters.count == wanted
        }
        #expect(isReady)
        return mesh
    }

    @Test func aMeshOfOneLeadsAtOnce() {
        var mesh = MiniMesh(1)
        let leads = mesh.run(.milliseconds(50)) { $0.leaders == [0] }
        #expect(leads)
        mesh.write(7, on: 0)
        mesh.give(.request(tag: 1, .sync), to: 0)
        mesh.run(.seconds(2)) { $0.reply(to: 1) != nil }
        guard case .synced(let outcome) = mesh.reply(to: 1), case .published = outcome.result else {
            Issue.record("not published: \(String(describing: mesh.reply(to: 1)))")
            return
        }
        #expect(mesh.nodes[0].device.state.head.number == 1)
    }

    @Test(arguments: [(2, 1), (3, 3), (4, 3), (5, 5)])
    func theNumberOfVotersIsOdd(devices: Int, voters: Int) {
        let mesh = Self.ready(devices)
        #expect(mesh.voters.count == voters)
    }

    @Test func aRoundBringsEverybodyToOneTree() {
        var mesh = Self.ready(3)
        mesh.write(42, on: 2)
        mesh.give(.request(tag: 9, .sync), to: 1)
        mesh.run(.seconds(5)) { $0.reply(to: 9) != nil }
        #expect(mesh.nodes.map(\.tree) == [42, 42, 42])
        #expect(Set(mesh.heads).count == 1)
        #expect(mesh.nodes.allSatisfy { $0.gate == nil })
    }

    @Test func aSecondSyncWritesNothingToTheLog() {
        var mesh = Self.ready(3)
        mesh.write(42, on: 2)
        mesh.give(.request(tag: 9, .sync), to: 1)
        mesh.run(.seconds(5)) { $0.reply(to: 9) != nil }
        let before = mesh.nodes[0].device.raft.lastIndex
        mesh.give(.request(tag: 10, .sync), to: 2)
        mesh.run(.seconds(5)) { $0.reply(to: 10) != nil }
        guard case .synced(let outcome) = mesh.reply(to: 10) else {
            Issue.record("no answer")
            return
        }
        #expect(outcome.result == .nothingToDo)
        #expect(mesh.nodes[0].device.raft.lastIndex == before)
    }

    @Test func changesStartARoundAfterSettling() {
        var mesh = Self.ready(3)
        mesh.write(5, on: 1)
        let isDone = mesh.run(.seconds(4)) { $0.nodes.allSatisfy { $0.tree == 5 } }
        #expect(isDone)
    }

    @Test func aDeadLeaderIsReplacedAfterItsLease() {
        var mesh = Self.ready(3)
        let old = mesh.leaders[0]
        let token = mesh.nodes[old].device.leaderToken
        let died = mesh.now
        mesh.crash(old)
        mesh.run(.seconds(10)) { $0.leaders.contains { $0 != old } }
        let new = mesh.leaders[0]
        #expect(mesh.nodes[new].device.leaderToken ?? .none > token ?? .none)
        #expect(mesh.now - died < .milliseconds(4600))
        mesh.restart(old)
        mesh.run(.seconds(5))
        #expect(mesh.leaders == [new])
    }

    @Test func aHandoffLeavesNoInstantWithoutAHolder() {
        var mesh = Self.ready(3)
        mesh.run(.seconds(1))
        let old = mesh.leaders[0]
        let target = (old + 1) % 3
        let asked = mesh.now
        mesh.give(.request(tag: 4, .handoff(to: mesh.ids[target])), to: old)
        mesh.run(.seconds(2)) { $0.leaders == [target] }
        #expect(mesh.now - asked < .milliseconds(20))
        #expect(mesh.leaders == [target])
        mesh.run(.milliseconds(10))
        guard case .handedOff(let to, _) = mesh.reply(to: 4) else {
            Issue.record("\(String(describing: mesh.reply(to: 4)))")
            return
        }
        #expect(to == mesh.ids[target])
    }

    @Test func aHandoffToADeviceThatIsAwayIsRefused() {
        var mesh = Self.ready(3)
        let old = mesh.leaders[0]
        let target = (old + 1) % 3
        mesh.crash(target)
        mesh.run(.milliseconds(10))
        mesh.give(.request(tag: 4, .handoff(to: mesh.ids[target])), to: old)
        mesh.run(.milliseconds(100))
        #expect(mesh.reply(to: 4) == .handoffRefused(.unreachable(mesh.ids[target])))
    }

    @Test func stoppingMovesLockLeadershipAndVote() {
        var mesh = Self.ready(2)
        let old = mesh.leaders[0]
        mesh.run(.seconds(1))
        mesh.give(.stop, to: old)
        let other = 1 - old
        let moved = mesh.run(.seconds(6)) { mesh in
            mesh.leaders == [other] && mesh.nodes[other].device.raft.membership.voters == [mesh.ids[other]]
                && mesh.nodes[other].device.raft.role == .leader
        }
        #expect(moved)
        mesh.crash(old)
        mesh.write(3, on: other)
        mesh.give(.request(tag: 5, .sync), to: other)
        mesh.run(.seconds(3)) { $0.reply(to: 5) != nil }
        guard case .synced = mesh.reply(to: 5) else {
            Issue.record("\(String(describing: mesh.reply(to: 5)))")
            return
        }
    }

    @Test func aStaleLeadersMessageIsRefusedWithBothTokens() {
        var mesh = Self.ready(3)
        mesh.write(1, on: 0)
        mesh.give(.request(tag: 1, .sync), to: 0)
        mesh.run(.seconds(3)) { $0.reply(to: 1) != nil }
        let leader = mesh.leaders[0]
        let member = (leader + 1) % 3
        let highest = mesh.nodes[member].device.acceptedToken.highest
        let stale = FencingToken(epoch: highest.epoch, counter: highest.counter - 1)
        let round = RoundID(token: stale, sequence: 1)
        let other = mesh.ids[(leader + 2) % 3]
        mesh.give(.received(.round(.prepare(round, pauseBudget: .seconds(1))), from: other, of: .first), to: member)
        #expect(
            mesh.events.contains {
                $0.event
                    == .refusedToken(presented: stale, from: other, highest: highest, holder: mesh.ids[leader])
            })
        #expect(mesh.nodes[member].gate == nil)
    }

    @Test func aLockGoesToOneDeviceAndThenToTheNext() {
        var mesh = Self.ready(3)
        guard let name = LockName("build") else { return }
        mesh.give(.request(tag: 1, .acquire(name, ttl: .seconds(3), waits: true)), to: 1)
        mesh.run(.seconds(1)) { $0.reply(to: 1) != nil }
        mesh.give(.request(tag: 2, .acquire(name, ttl: .seconds(3), waits: true)), to: 2)
        mesh.run(.seconds(5))
        #expect(mesh.reply(to: 2) == nil)
        mesh.give(.request(tag: 3, .release(name)), to: 1)
        mesh.give(.cancelled(tag: 1), to: 1)
        mesh.run(.seconds(1)) { $0.reply(to: 2) != nil }
        guard case .granted(name, let second) = mesh.reply(to: 2), case .granted(name, let first) = mesh.reply(to: 1)
        else {
            Issue.record("\(mesh.replies.map(\.reply))")
            return
        }
        #expect(second > first)
    }

    @Test func aDeviceThatWasAwayCatchesUp() {
        var mesh = Self.ready(3)
        let away = (mesh.leaders[0] + 1) % 3
        mesh.crash(away)
        mesh.write(8, on: mesh.leaders[0])
        mesh.give(.request(tag: 1, .sync), to: mesh.leaders[0])
        mesh.run(.seconds(3)) { $0.reply(to: 1) != nil }
        mesh.restart(away)
        let isThere = mesh.run(.seconds(5)) { $0.nodes[away].tree == 8 }
        #expect(isThere)
    }
}

extension DeviceTests {
    @Test func aHandoffAskedOfAThirdDeviceIsAnsweredOnce() {
        var mesh = Self.ready(3)
        mesh.run(.seconds(1))
        let old = mesh.leaders[0]
        let (third, target) = ((old + 1) % 3, (old + 2) % 3)
        // The old leader's answer is lost: the log tells the asker all the same.
        mesh.give(.request(tag: 6, .handoff(to: mesh.ids[target])), to: third)
        mesh.run(.seconds(2)) { $0.reply(to: 6) != nil }
        guard case .handedOff(let device, _) = mesh.reply(to: 6) else {
            Issue.record("\(String(describing: mesh.reply(to: 6)))")
            return
        }
        #expect(device == mesh.ids[target])
        #expect(mesh.replies.count { $0.tag == 6 } == 1)
    }
}
