import AgentRuntime
import Foundation
import Testing

/// What must start nothing, and what must not be taken for something else.
extension EndToEnd {
    @Test("P1 a thousand files put in place start no round, on no device")
    func aThousandFiles() async throws {
        try await Mesh.with(2) { mesh in
            try await mesh.converge()
            for number in 0..<1000 { try mesh.write("file \(number)\n", to: "many/\(number % 10)/\(number).md", on: 0) }
            try await eventually("all files are there", within: .seconds(60)) {
                _ = try await mesh.sync(0)
                return mesh.tree(1).count == mesh.tree(0).count && mesh.tree(0).count >= 1000 ? true : nil
            }
            let before = try await mesh.status(0)
            let entries = before.quorum_leader?.last_index
            // Rounds may come a second apart here, after a fifth of a second of quiet: silence is their absence.
            try await Task.sleep(for: .seconds(5))
            for place in 0..<2 {
                let status = try await mesh.status(place)
                #expect(status.sync.round == before.sync.round && status.head == before.head)
                #expect(status.devices.allSatisfy { $0.sync.files_pending == 0 && $0.sync.state == "up_to_date" })
            }
            #expect(try await mesh.status(0).quorum_leader?.last_index == entries, "something was written to the log")
            let started = try await mesh.audit(0, kind: "round-started") + mesh.audit(1, kind: "round-started")
            let reasons = started.compactMap {
                (try? JSONDecoder().decode([String: String].self, from: Data($0.details.utf8)))?["reason"]
            }
            #expect(reasons.count == started.count)
        }
    }

    @Test("P5 a link that breaks is told as such, and never as a conflict")
    func brokenLink() async throws {
        try await Mesh.with(3) { mesh in
            try mesh.write("one\n", to: "plan.md", on: 0)
            try await mesh.converge()
            let leader = try #require(try await mesh.leader(seenFrom: 0))
            let others = (0..<3).filter { $0 != leader }
            // One device away: the others go on without it, and say so.
            for other in [leader, others[1]] {
                try await mesh.cut(other, from: others[0])
                try await mesh.cut(others[0], from: other)
            }
            try mesh.write("there\n", to: "away.md", on: others[0])
            try mesh.write("here\n", to: "plan.md", on: leader)
            try await eventually("a round without it") { () -> Bool? in
                guard let report = try? await mesh.sync(leader), report.result == "published" else { return nil }
                #expect(report.conflicts == 0)
                return true
            }
            // No quorum: exit status 5, where 6 would mean conflicts.
            try await mesh.cut(leader, from: others[1])
            try await mesh.cut(others[1], from: leader)
            try mesh.write("more\n", to: "plan.md", on: leader)
            let alone = try await mesh.baton(leader, ["sync", "--wait"], expecting: nil)
            #expect([1, 5].contains(alone.status), "\(alone)")
            #expect(!(alone.output + alone.errors).lowercased().contains("conflict"), "\(alone)")
            for place in 0..<3 {
                let status = try await mesh.status(place)
                #expect(status.conflicts.open == 0 && !status.reasons.contains { $0.code == "conflicts" })
                for row in try await mesh.audit(place) {
                    #expect(!row.summary.lowercased().contains("conflict"), "\(row.summary)")
                }
            }
            for (a, b) in [(0, 1), (0, 2), (1, 2)] {
                try await mesh.cut(a, from: b, false)
                try await mesh.cut(b, from: a, false)
            }
            try await mesh.converge()
            #expect(mesh.read("away.md", on: leader) == "there\n" && mesh.read("plan.md", on: others[0]) == "more\n")
            #expect(try await mesh.status(leader).conflicts.open == 0)
        }
    }
}
