import Foundation
import Identity
import Primitives
import Testing

@testable import MeshTransport

/// CPU of idle links; measured only on request, since it needs a quiet process: `BATON_MEASURE_IDLE=1`.
@Suite(.serialized, .enabled(if: ProcessInfo.processInfo.environment["BATON_MEASURE_IDLE"] != nil))
struct IdleTests {
    private func processSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    @Test func threeIdleDevicesCostNearlyNothing() async throws {
        let ids = try identities(3)
        var nodes: [Node] = []
        for id in ids { nodes.append(try await Node.start(id, members: ids)) }
        let all = nodes
        for node in all {
            node.transport.setPeers(all.map { PeerTarget(device: $0.id, addresses: [$0.address]) })
        }
        try await eventually("linked") { all.allSatisfy { $0.transport.links.count == 2 } }
        try await Task.sleep(for: .seconds(2))
        let start = processSeconds()
        try await Task.sleep(for: .seconds(12))
        print("three idle devices: \((processSeconds() - start) / 12 * 100) % of a core in all")
        for node in all { await node.transport.stop() }
    }
}
