import AgentRuntime
import ControlSocket
import Foundation
import Testing

extension EndToEnd {
    @Test("E4 a leader that was stopped past its lease and woken changes nothing; its refusal names both tokens")
    func sleepingLeader() async throws {
        try await Mesh.with { mesh in
            try mesh.write("first\n", to: "a.md", on: 0)
            try await mesh.converge()
            let old = try #require(try await mesh.leader(seenFrom: 0))
            let pid = try await mesh.pid(old)
            let witness = (old + 1) % 3
            let oldToken = try #require(try await mesh.status(witness).leader?.token)
            // It sleeps in the middle of a round, which a writer in the gate keeps from going on meanwhile.
            let home = mesh.members[witness].home
            let held = Task {
                try await run(Mesh.baton, ["gate", "--", "sleep", "2"], environment: ["BATON_HOME": home])
            }
            try await eventually("a writer is in the gate") {
                let devices = try await mesh.status(witness).devices
                return devices.contains { $0.name == mesh.members[witness].name && $0.writers.active > 0 } ? true : nil
            }
            try mesh.write("second\n", to: "a.md", on: witness)
            _ = try await mesh.call(old, ControlCall.sync, SyncCall(wait: false), as: SyncReport.self)
            try await eventually("a round is under way") {
                try await mesh.status(witness).sync.phase != "idle" ? true : nil
            }
            kill(pid, SIGSTOP)
            let new = try await eventually("another device leads") {
                let leader = try await mesh.leader(seenFrom: witness)
                return leader != old ? leader : nil
            }
            _ = try await held.value
            try await mesh.convergeAmong([witness, new, 3 - old - witness])
            let head = try await mesh.status(witness).head
            kill(pid, SIGCONT)
            let newToken = try #require(try await mesh.status(witness).leader?.token)
            try await eventually("the woken leader is told") {
                var rows = try await mesh.audit(old)
                for place in 0..<3 where place != old { rows += try await mesh.audit(place, kind: "token-refused") }
                return rows.contains { row in
                    ["token-refused", "leadership-lost", "publication-refused"].contains(row.kind)
                        && (row.summary + row.details + (row.token ?? "")).contains(oldToken)
                        && (row.summary + row.details + (row.token ?? "")).contains(newToken)
                } ? true : nil
            }
            #expect(try await mesh.status(witness).head == head)
            try await mesh.converge()
        }
    }

    @Test(
        "E5 a handoff while writers write moves the lock under a newer token; refused with a reason when it cannot"
    )
    func handoff() async throws {
        try await Mesh.with { mesh in
            try mesh.write("x\n", to: "a.md", on: 0)
            try await mesh.converge()
            for turn in 0..<4 {
                let old = try #require(try await mesh.leader(seenFrom: 0))
                let target = (old + 1) % 3
                try mesh.write("turn \(turn)\n", to: "w\(turn).md", on: target)
                let before = try #require(try await mesh.status(0).leader?.token)
                let call = HandoffCall(device: mesh.members[target].name)
                let report = try await eventually("the handoff is done") {
                    try? await mesh.call(old, ControlCall.handoff, call, as: HandoffReport.self)
                }
                #expect(report.name == mesh.members[target].name)
                #expect(
                    report.token.split(separator: ".").last.flatMap { Int($0) } ?? 0
                        > before.split(separator: ".").last.flatMap { Int($0) } ?? 0)
                try await eventually("the target leads") { try await mesh.leader(seenFrom: 0) == target ? true : nil }
            }
            let leader = try #require(try await mesh.leader(seenFrom: 0))
            let away = (leader + 1) % 3
            try await mesh.baton(away, ["down"])
            let refused = try await mesh.baton(leader, ["handoff", mesh.members[away].name], expecting: 1)
            #expect(refused.errors.contains("cannot be reached"))
            #expect(try await mesh.baton(leader, ["handoff", "nobody"], expecting: 1).errors.contains("nobody"))
        }
    }

    @Test("E7 SIGTERM hands off and stops in order; another device leads at once")
    func terminate() async throws {
        try await Mesh.with { mesh in
            try mesh.write("x\n", to: "a.md", on: 0)
            try await mesh.converge()
            let old = try #require(try await mesh.leader(seenFrom: 0))
            let pid = try await mesh.pid(old)
            let witness = (old + 1) % 3
            kill(pid, SIGTERM)
            let begun = ContinuousClock.now
            try await eventually("another device leads") {
                let leader = try await mesh.leader(seenFrom: witness)
                return leader != nil && leader != old ? true : nil
            }
            #expect(ContinuousClock.now - begun < .seconds(3))
            try await eventually("the process is gone") { kill(pid, 0) != 0 ? true : nil }
            let summary = try await mesh.audit(witness, kind: "handoff")
            #expect(!summary.isEmpty)
            try await mesh.baton(old, ["status"], expecting: 3)
        }
    }

    @Test("E6 the majority side of a partition publishes, the other does not; healed, there is one history")
    func partition() async throws {
        try await Mesh.with { mesh in
            try await mesh.outlivesAPartition { alone, others, isCut in
                for other in others {
                    try await mesh.cut(alone, from: other, isCut)
                    try await mesh.cut(other, from: alone, isCut)
                }
            }
        }
    }

    @Test("E6 the same with a network that is really cut: each device in a namespace of its own, its link taken down")
    func networkPartition() async throws {
        guard let network = try await Namespaces.make(3) else {
            return print("skipped: network namespaces need root and iproute2")
        }
        do {
            try await Mesh.with(network: network) { mesh in
                try await mesh.outlivesAPartition { alone, _, isCut in
                    try await network.setLink(of: alone, isUp: !isCut)
                }
            }
            await network.remove()
        } catch {
            await network.remove()
            throw error
        }
    }
}

extension Mesh {
    /// Cuts the leader off, has both sides write, heals, and looks at what became of it.
    func outlivesAPartition(_ cut: (_ alone: Int, _ others: [Int], _ isCut: Bool) async throws -> Void) async throws {
        try write("x\n", to: "a.md", on: 0)
        try await converge()
        let alone = try #require(try await leader(seenFrom: 0))
        let (one, two) = ((alone + 1) % 3, (alone + 2) % 3)
        try await cut(alone, [one, two], true)
        try write("minority\n", to: "minority.md", on: alone)
        try write("majority\n", to: "majority.md", on: one)
        // By a round of its own or by one that is asked for.
        try await eventually("the majority publishes", within: .seconds(60)) {
            _ = try? await sync(one)
            return read("majority.md", on: two)
        }
        #expect(read("majority.md", on: two) == "majority\n")
        #expect(try await status(alone).head != status(one).head)
        let refused = try await baton(alone, ["sync", "--now", "--wait"], expecting: 5)
        #expect(refused.errors.contains("quorum"))
        #expect(read("minority.md", on: one) == nil)
        try await cut(alone, [one, two], false)
        try await converge()
        for place in 0..<3 {
            #expect(read("minority.md", on: place) == "minority\n")
            #expect(read("majority.md", on: place) == "majority\n")
        }
    }

    /// A round among the devices that can be reached.
    func convergeAmong(_ places: [Int]) async throws {
        let awake = places.first ?? 0
        try await eventually("a round among the others", within: .seconds(60)) {
            let report = try? await sync(awake)
            return report.map { ["published", "nothing_to_do", "caught_up"].contains($0.result) } == true ? true : nil
        }
    }
}
