import ControlSocket
import Foundation
import Primitives
import Testing

@testable import AgentRuntime

@Suite(.serialized) struct AgentTests {
    @Test func threeAgentsKeepOneTree() async throws {
        let mesh = try TestAgents()
        try await mesh.start(["laptop", "desktop", "nas"]) { workspace in
            try "hello\n".write(toFile: workspace + "/readme.md", atomically: true, encoding: .utf8)
        }
        _ = try await mesh.sync(0)
        for place in 0..<3 {
            _ = try await eventually("the first tree on \(place)") { mesh.read("readme.md", on: place) }
        }
        try mesh.write("from the nas\n", to: "notes/nas.md", on: 2)
        try mesh.write("from the desktop\n", to: "notes/desktop.md", on: 1)
        let report = try await mesh.sync(1)
        #expect(report.result == "published")
        #expect(mesh.tree(0) == mesh.tree(1))
        #expect(mesh.tree(0) == mesh.tree(2))
        #expect(mesh.tree(0).count == 3)
        let again = try await mesh.sync(2)
        #expect(again.result == "nothing_to_do")
        let status = try await mesh.status(0)
        #expect(status.devices.count == 3)
        #expect(status.devices.allSatisfy { $0.state == "online" })
        await mesh.end()
    }
}
