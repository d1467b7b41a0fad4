import Primitives
import SyncRounds
import Testing

@testable import DeviceCore

/// What the scheduler decides is told: with each round, and when none starts although somebody needs one.
@Suite struct DecisionTests {
    private func decisions(_ mesh: MiniMesh, since: Instant) -> [(round: RoundID?, decision: ScheduleDecision)] {
        mesh.events.compactMap { item in
            guard item.at >= since, case .decided(let round, let decision) = item.event else { return nil }
            return (round, decision)
        }
    }

    @Test func `P4 each round is told with the rule that decided, just before it starts`() {
        var mesh = DeviceTests.ready(3)
        let begun = mesh.now
        mesh.write(7, on: 1)
        mesh.run(.seconds(20)) { $0.nodes.allSatisfy { $0.tree == 7 } }
        let events = mesh.events.filter { $0.at >= begun }
        for (place, item) in events.enumerated() {
            guard case .roundStarted(let round, let reason, _) = item.event else { continue }
            guard place > 0, case .decided(round, let decision) = events[place - 1].event else {
                Issue.record("\(round) started without its decision")
                continue
            }
            #expect(decision.table.verdict == .go(reason))
            #expect(decision.schedule.devices.map(\.name).sorted() == ["d1", "d2", "d3"])
        }
        let started = decisions(mesh, since: begun).filter { $0.round != nil }
        #expect(started.first?.decision.table.deciding == .settling)
        #expect(started.first?.decision.table.rows.first { $0.rule == .nothingChanged }?.value == "1 file on d2")
    }

    @Test func `P4 a decision against a round is told once, not at each look, and its end by the round`() {
        var mesh = DeviceTests.ready(1)
        mesh.write(5, on: 0)
        mesh.run(.seconds(10)) { $0.nodes[0].device.state.head.number == 1 }
        let begun = mesh.now
        // Within the least interval, 300 s; the device says so again and again that it is dirty.
        mesh.write(6, on: 0)
        for second in 0..<100 {
            mesh.run(.seconds(1))
            if second.isMultiple(of: 10) { mesh.give(.workspaceChanged(pendingFiles: 1), to: 0) }
        }
        let told = decisions(mesh, since: begun)
        #expect(told.allSatisfy { $0.round == nil })
        #expect(told.map(\.decision.table.deciding) == [.minInterval])
        mesh.run(.seconds(250))
        let rounds = decisions(mesh, since: begun).compactMap { $0.round == nil ? nil : $0.decision.table.verdict }
        #expect(rounds == [.go(.interval)])
    }

    @Test func `P4 nobody is told why there is no round while nobody needs one`() {
        var mesh = DeviceTests.ready(2)
        mesh.run(.seconds(10))
        let begun = mesh.now
        mesh.run(.seconds(120))
        #expect(decisions(mesh, since: begun).isEmpty)
    }

    @Test func `P4 a start and an exit keep the least interval, a person does not`() {
        var mesh = DeviceTests.ready(1)
        mesh.write(5, on: 0)
        mesh.run(.seconds(10)) { $0.nodes[0].device.state.head.number == 1 }
        for reason in [RoundReason.startup, .exit] {
            mesh.nodes[0].device.hurry(reason)
            mesh.write(6, on: 0)
            mesh.run(.seconds(20))
            #expect(mesh.nodes[0].device.state.head.number == 1, "\(reason) did not wait")
        }
        mesh.give(.request(tag: 3, .sync), to: 0)
        mesh.run(.seconds(5)) { $0.reply(to: 3) != nil }
        #expect(mesh.nodes[0].device.state.head.number == 2)
    }

    @Test func `P4 the row of the leader names it, and says none where there is none`() {
        var mesh = DeviceTests.ready(3)
        mesh.run(.seconds(5))
        let leader = mesh.leaders[0]
        let other = leader == 0 ? 1 : 0
        let row = { (mesh: MiniMesh) in
            mesh.nodes[other].device.scheduleTable(at: mesh.now).rows.first { $0.rule == .lease }?.value
        }
        #expect(row(mesh) == "d\(leader + 1)")
        let alone = RoundSchedule(
            settings: SyncSettings(), manual: false, lastStart: nil, notBefore: nil,
            devices: [RoundSchedule.Facts(firstChange: nil, lastChange: nil, behind: false)])
        var without = alone
        without.isLeading = false
        #expect(without.table(at: mesh.now).rows.first { $0.rule == .lease }?.value == "none")
    }
}
