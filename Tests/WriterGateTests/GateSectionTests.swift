import Foundation
import Primitives
import Testing

@testable import WriterGate

@Suite struct GateSectionTests {
    @Test func aRoundWaitsForAGatedWriteAndThenCountsItsWriter() async throws {
        let place = try Place()
        defer { place.remove() }
        let gate = makeGate(place, grace: .seconds(2))
        let agent = SocketAgent(gate, at: place.socket)
        defer { agent.stop() }
        let command = try RoleProcess.start(
            .gate, place, shell: "echo in > in; while [ ! -e go ]; do sleep 0.01; done; echo out > out")
        #expect(await eventually { place.exists("in") })
        let closing = Task { await gate.close(round: round(1), deadline: .seconds(8)) }
        #expect(await eventually { gate.phase.pause != nil })
        place.write("go", "")
        let report = await closing.value
        #expect(place.exists("out") && report.unanswered == [])
        #expect(await command.status() == 0)
    }

    @Test func aClosedGateIsWaitedForOrRefusedWithSeventyFive() async throws {
        let place = try Place()
        defer { place.remove() }
        let gate = makeGate(place)
        let agent = SocketAgent(gate, at: place.socket)
        defer { agent.stop() }
        _ = await gate.close(round: round(1), deadline: .seconds(20))
        #expect(try await RoleProcess.start(.gateWithoutWaiting, place, ["touch", "ran"]).status() == 75)
        #expect(!place.exists("ran"))
        let command = try RoleProcess.start(.gate, place, shell: "touch ran; exit 3")
        #expect(await eventually { !gate.writers.isEmpty })
        try await Task.sleep(for: .milliseconds(20))
        #expect(!place.exists("ran"))
        gate.open(round: round(1))
        #expect(await command.status() == 3 && place.exists("ran"))
        #expect(await eventually { gate.writers.isEmpty })
    }

    @Test func withoutAnAgentTheCommandRuns() async throws {
        let place = try Place()
        defer { place.remove() }
        #expect(try await RoleProcess.start(.gate, place, shell: "touch ran; exit 3").status() == 3)
        #expect(place.exists("ran"))
    }
}
