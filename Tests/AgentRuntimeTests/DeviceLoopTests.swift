import Consensus
import DeviceCore
import Primitives
import Synchronization
import Testing

@testable import AgentRuntime

@Suite struct DeviceLoopTests {
    private static let effects = DeviceLoop.Effects(
        persist: { _ in }, send: { _, _ in }, act: { _ in }, note: { _ in }, rosterChanged: { _, _ in },
        settingsChanged: { _ in }, failed: { _ in }, stopped: {})

    /// A link that came up while the agent was still starting was never heard of: the device took its peer for offline
    /// until that link broke.
    @Test func `what is posted before the start is stepped first, in its order`() async throws {
        let own = DeviceID(number: 1)
        let peers = [DeviceID(number: 2), DeviceID(number: 3)]
        let record = DeviceRecord(device: own, name: "own", addresses: [])
        let disk = DevicePersistentState(raft: .founding(own, image: MeshState.founding(record)))
        let loop = DeviceLoop(
            device: Device(
                device: own, configuration: DeviceConfiguration(profile: .lan), restored: disk, incarnation: 1,
                seed: 1, now: DeviceLoop.now))
        for peer in peers { loop.post(.linkUp(peer)) }
        loop.post(.linkDown(peers[1]))
        loop.start(Self.effects)
        // One queue: what this asks for is answered after all that was posted before.
        await withCheckedContinuation { continuation in
            loop.tell { _ in continuation.resume() }
        }
        let linked = loop.read { device in peers.map { device.hasLink(to: $0) } }
        #expect(linked == [true, false])
        loop.end()
    }
}
