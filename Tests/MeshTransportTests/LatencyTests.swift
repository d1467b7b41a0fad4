import Foundation
import Identity
import Primitives
import Synchronization
import Testing

@testable import MeshTransport

@Suite(.serialized) struct LatencyTests {
    /// Frames there and back, one at a time; prints the median so that a slow change is seen.
    @Test func aRoundTripIsFast() async throws {
        let ids = try identities(2)
        let rounds = 2000
        let start = Mutex(ContinuousClock.now)
        let times = Mutex<[Duration]>([])
        let echo = Mutex<MeshTransport?>(nil)
        let asker = Mutex<MeshTransport?>(nil)
        let (idA, idB) = (ids[0].id, ids[1].id)
        let b = try await Node.start(ids[1], members: ids) { _, bytes in
            _ = echo.withLock { $0 }?.send(bytes, to: idA)
        }
        let a = try await Node.start(ids[0], members: ids) { _, bytes in
            let count = times.withLock { times in
                times.append(ContinuousClock.now - start.withLock { $0 })
                return times.count
            }
            guard count < rounds else { return }
            start.withLock { $0 = .now }
            _ = asker.withLock { $0 }?.send(bytes, to: idB)
        }
        echo.withLock { $0 = b.transport }
        asker.withLock { $0 = a.transport }
        a.dial(b)
        try await eventually("link") { a.isLinked(to: b.id) && b.isLinked(to: a.id) }
        start.withLock { $0 = .now }
        #expect(a.transport.send([UInt8](repeating: 1, count: 100), to: b.id) == .sent)
        try await eventually("all rounds") { times.withLock { $0.count } == rounds }
        let sorted = times.withLock { $0.sorted() }
        print("round trip of a 100-byte frame: p50 \(sorted[rounds / 2]), p99 \(sorted[rounds * 99 / 100])")
        #expect(sorted[0] < .milliseconds(5))
        echo.withLock { $0 = nil }
        asker.withLock { $0 = nil }
        await a.transport.stop()
        await b.transport.stop()
    }
}
