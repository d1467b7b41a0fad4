import AgentRuntime
import ControlSocket
import Foundation
import Testing

extension EndToEnd {
    @Test("W6 S3 an emergency stop without a quorum holds over kill -9, reaches who returns, and its remedy ends it")
    func emergencyStop() async throws {
        try await Mesh.with { mesh in
            try mesh.write("x\n", to: "a.md", on: 0)
            try await mesh.converge()
            // Alone: no quorum to ask.
            for other in 1...2 { try await mesh.cut(0, from: other) }
            try await mesh.baton(0, ["emergency-stop", "--why", "a writer runs wild"])
            let gate = try String(contentsOfFile: mesh.members[0].home + "/run/gate", encoding: .utf8)
            #expect(gate.hasPrefix("open"))
            mesh.signal(0, SIGKILL, pid: try await mesh.pid(0))
            try await mesh.up(0)
            // The restarted agent has its links again: the others hear of it now.
            for place in 0..<3 {
                try await eventually("\(place) is stopped") {
                    try await mesh.status(place).health == "stopped" ? true : nil
                }
            }
            let shown = try await mesh.baton(2, ["status", "--check"], expecting: 7)
            let first = shown.output.split(separator: "\n").first ?? ""
            #expect(first.contains("stopped") && first.contains("by alpha") && first.contains("a writer runs wild"))
            #expect(shown.output.contains("baton resume --all"))
            let head = try await mesh.status(1).sync.round
            try mesh.write("y\n", to: "b.md", on: 1)
            try await mesh.baton(1, ["sync", "--now", "--wait"], expecting: 7)
            #expect(try await mesh.status(1).sync.round == head)
            try await mesh.baton(2, ["resume", "--all"])
            try await mesh.converge()
            #expect(mesh.read("b.md", on: 0) == "y\n")
            #expect(
                try await mesh.audit(2, kind: "emergency-stop").last?.summary.contains("a writer runs wild") == true)
            #expect(try await mesh.audit(0, kind: "resumed").last?.summary.contains("gamma") == true)
        }
    }

    @Test("W6 asked for without an agent, the next start is stopped; a pause of one device holds nobody up and ends")
    func pauseAndStopFile() async throws {
        try await Mesh.with { mesh in
            try mesh.write("x\n", to: "a.md", on: 0)
            try await mesh.converge()
            try await mesh.baton(1, ["pause", "--for", "1h"])
            try await mesh.baton(1, ["sync", "--now", "--wait"], expecting: 7)
            try mesh.write("y\n", to: "b.md", on: 0)
            try await eventually("the others sync") {
                _ = try? await mesh.sync(0)
                return mesh.read("b.md", on: 2) == "y\n" ? true : nil
            }
            #expect(mesh.read("b.md", on: 1) == nil)
            try await mesh.baton(1, ["resume"])
            try await mesh.converge()
            try await mesh.baton(2, ["down"])
            try await mesh.baton(2, ["emergency-stop"])
            try await mesh.up(2)
            for place in 0..<3 {
                try await eventually("\(place) is stopped") {
                    try await mesh.status(place).health == "stopped" ? true : nil
                }
            }
            try await mesh.baton(0, ["resume"], expecting: 7)
            try await mesh.baton(0, ["resume", "--all"])
            try await mesh.converge()
        }
    }
}
