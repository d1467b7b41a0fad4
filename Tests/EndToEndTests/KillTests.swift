import AgentRuntime
import ControlSocket
import Foundation
import Testing

extension EndToEnd {
    @Test("E3 kill -9 of a random agent at a random moment, writers on all three: no byte lost, no gate left closed")
    func killed() async throws {
        let rounds = ProcessInfo.processInfo.environment["BATON_KILLS"].flatMap { Int($0) } ?? 5
        var generator = SystemRandomNumberGenerator()
        try await Mesh.with { mesh in
            try mesh.write("x\n", to: "a.md", on: 0)
            try await mesh.converge()
            // What was written last, kept outside of the mesh: each file has one writer and must end as it was left.
            var written: [String: String] = [:]
            var tokens: [String] = []
            for kill in 0..<rounds {
                let victim = Int.random(in: 0..<3, using: &generator)
                let pid = try await mesh.pid(victim)
                let moment = ContinuousClock.now + .milliseconds(Int.random(in: 0...600, using: &generator))
                let asker = (victim + 1) % 3
                _ = try await mesh.call(asker, ControlCall.sync, SyncCall(wait: false), as: SyncReport.self)
                var count = 0
                while ContinuousClock.now < moment || count < 10 {
                    let place = count % 3
                    let file = "w\(place)/f\(Int.random(in: 0..<8, using: &generator)).txt"
                    let text = "kill \(kill) write \(count) on \(place)\n"
                    try mesh.write(text, to: file, on: place)
                    written[file] = text
                    count += 1
                    await Task.yield()
                }
                mesh.signal(victim, SIGKILL, pid: pid)
                try await mesh.up(victim)
                try await mesh.converge()
                for (file, text) in written {
                    for place in 0..<3 {
                        #expect(mesh.read(file, on: place) == text, "\(file) on \(place) after kill \(kill)")
                    }
                }
                if let token = try await mesh.status(0).leader?.token { tokens.append(token) }
            }
            let counters = tokens.compactMap { $0.split(separator: ".").last.flatMap { Int($0) } }
            #expect(counters == counters.sorted())
            for place in 0..<3 {
                // A round of the agents' own may be under way; a gate that stays closed is what must not be.
                try await eventually("the gate is open", within: .seconds(20)) {
                    let gate = try String(contentsOfFile: mesh.members[place].home + "/run/gate", encoding: .utf8)
                    return gate.hasPrefix("open") ? true : nil
                }
                // A lock of a git that runs at this moment goes; a stale one stays.
                try await eventually("no lock is left") {
                    let folders = [mesh.members[place].workspace, mesh.members[place].home + "/workspace"]
                    let names = folders.flatMap { folder in
                        FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
                    }
                    return names.contains { $0.hasSuffix(".lock") } ? nil : true
                }
                #expect(try await mesh.git(place, ["status", "--porcelain"]).isEmpty)
            }
        }
    }
}
