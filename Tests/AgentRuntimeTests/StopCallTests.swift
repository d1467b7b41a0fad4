import ControlSocket
import Foundation
import Primitives
import Testing

@testable import AgentRuntime

/// Stops as callers meet them.
@Suite(.serialized) struct StopCallTests {
    private struct Registration: Encodable { var name: String }

    @Test("W6 a stop that comes while somebody waits for a round is told as a stop") func stopDuringWait()
        async throws
    {
        let mesh = try TestAgents()
        try await mesh.start(["laptop"])
        try mesh.write("text\n", to: "plan.md", on: 0)
        // A writer that does not answer keeps the round in its first phase for as long as it may.
        let writer = try await ControlClient.connect(home: mesh.members[0].home)
        _ = try await writer.call("gate.register", body: ControlJSON.encode(Registration(name: "busy")))
        let sync = Task { try await mesh.sync(0) }
        try await eventually("a round is under way") { try await mesh.status(0).sync.phase != "idle" ? true : nil }
        let call = StopCall(kind: "pause", everywhere: false)
        _ = try await mesh.call(0, ControlCall.pause, call, as: EmptyBody.self)
        let failure = await #expect(throws: ControlFailure.self) { _ = try await sync.value }
        #expect(failure?.code == ExitCode.stopped, "\(String(describing: failure))")
        await writer.close()
        await mesh.end()
    }

    @Test("W6 a stop that waits for an agent says when it was asked for") func stopFileHasItsTime() throws {
        let folder = NSTemporaryDirectory() + "/baton-stop-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let home = Home(folder)
        try StopFile.write(StopCall(kind: "emergency", everywhere: true), home: home)
        let bytes = try Data(contentsOf: URL(fileURLWithPath: home.stopFile))
        let written = try ControlJSON.decode(StopCall.self, from: Array(bytes))
        let now = UInt64(clamping: AuditTrail.unixMilliseconds)
        #expect(written.at.map { now - $0 < 60_000 } ?? false)
    }
}
