import Consensus
import Primitives
import Testing

@testable import DeviceCore

/// A device asks for a tick only when time alone has something to change: an agent that ticks each millisecond drains a
/// battery, and does so just when nobody can help it.
@Suite struct DeadlineTests {
    /// How often `device` wants to be woken in `length` if nothing happens to it.
    private static func ticks(_ device: Device, from start: Instant, for length: Duration) -> Int {
        var device = device
        var now = start
        var count = 0
        while true {
            now = max(now, device.nextDeadline)
            guard now < start + length else { return count }
            var output = DeviceOutput()
            device.step(.tick, at: now, into: &output)
            count += 1
        }
    }

    /// A device that holds the sync lock or not, and whose link to the quorum leader has just ended.
    private static func cutOff(holds: Bool) -> (device: Device, at: Instant) {
        var mesh = DeviceTests.ready(3)
        let quorumLeader = mesh.nodes.indices.first { mesh.nodes[$0].device.raft.role == .leader } ?? 0
        let other = (quorumLeader + 1) % 3
        let holder = holds ? other : quorumLeader
        if mesh.leaders != [holder] {
            mesh.give(.request(tag: 5, .handoff(to: mesh.ids[holder])), to: quorumLeader)
            let isDone = mesh.run(.seconds(5)) { $0.leaders == [holder] }
            #expect(isDone)
        }
        var device = mesh.nodes[other].device
        var output = DeviceOutput()
        device.step(.linkDown(mesh.ids[quorumLeader]), at: mesh.now, into: &output)
        return (device, mesh.now)
    }

    @Test func `a holder that cannot renew sleeps between its deadlines`() {
        let (device, now) = Self.cutOff(holds: true)
        #expect(device.mayLead(at: now))
        #expect(Self.ticks(device, from: now, for: .seconds(5)) < 60)
    }

    @Test func `a device whose client waits for an unreachable leader sleeps between its deadlines`() {
        let (cut, now) = Self.cutOff(holds: false)
        var device = cut
        var output = DeviceOutput()
        device.step(.request(tag: 6, .sync), at: now, into: &output)
        #expect(Self.ticks(device, from: now, for: .seconds(5)) < 60)
    }

    @Test func `a hindrance that comes between two steps moves the deadline`() {
        var mesh = DeviceTests.ready(2)
        mesh.run(.seconds(10))
        let before = mesh.nodes[1].device.nextDeadline
        mesh.nodes[1].device.waitingChanged("a rebase")
        #expect(mesh.nodes[1].device.nextDeadline <= before)
        #expect(mesh.nodes[1].device.nextDeadline <= mesh.now + Limits.factsInterval)
    }
}
