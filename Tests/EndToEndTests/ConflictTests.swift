import AgentRuntime
import Foundation
import Testing

extension EndToEnd {
    /// Rounds only when asked for: the agents' own could come between two writes of a test.
    private func hold(_ mesh: Mesh) async throws {
        try await mesh.baton(0, ["config", "set", "sync.automatic", "off"])
    }

    private func conflicts(_ mesh: Mesh, _ place: Int) async throws -> ConflictsReport {
        try await mesh.call(place, ControlCall.conflicts, ConflictsCall(), as: ConflictsReport.self)
    }

    private func nothingOpen(_ mesh: Mesh) async throws {
        for place in mesh.members.indices {
            try await eventually("no conflict on \(place)") {
                try await mesh.status(place).conflicts.open == 0 ? true : nil
            }
        }
    }

    @Test("M6 a conflict of two devices is listed on a third, resolved there, and gone everywhere, also over a restart")
    func resolvedElsewhere() async throws {
        try await Mesh.with { mesh in
            try mesh.write("base\n", to: "plan.md", on: 0)
            try mesh.write("base\n", to: "todo.md", on: 0)
            try await mesh.converge()
            try await hold(mesh)
            for (file, place) in [("plan.md", 0), ("todo.md", 0), ("plan.md", 1), ("todo.md", 1)] {
                try mesh.write("from \(mesh.members[place].name)\n", to: file, on: place)
            }
            let report = try await mesh.sync(0)
            #expect(report.conflicts == 2)
            // The same list on each device, after a restart of one too.
            try await mesh.baton(2, ["down"])
            try await mesh.up(2)
            try await eventually("the third device lists both") {
                try? await conflicts(mesh, 2).conflicts.count == 2 ? true : nil
            }
            let list = try await conflicts(mesh, 2)
            #expect(list.conflicts.map(\.path) == ["plan.md", "todo.md"] && list.conflicts.map(\.number) == [1, 2])
            #expect(Set(list.conflicts[0].versions.map(\.name)) == ["alpha", "beta"])
            for place in 0..<2 {
                let other = try await conflicts(mesh, place)
                #expect(other.conflicts.map(\.id) == list.conflicts.map(\.id))
            }
            let table = try await mesh.baton(2, ["conflicts"]).output
            #expect(table.contains("plan.md") && table.contains("ALPHA") && table.contains("+1 -1"))
            #expect(try await mesh.baton(2, ["status", "--check"], expecting: 6).output.contains("baton conflicts"))
            #expect(try await mesh.baton(1, ["sync", "--now", "--wait"], expecting: 6).status == 6)
            let shown = try await mesh.baton(2, ["conflicts", "show", "1"]).output
            #expect(shown.contains("-from ") && shown.contains("+from "))

            let stands = try #require(mesh.read("plan.md", on: 2))
            let other = stands == "from alpha\n" ? "beta" : "alpha"
            let told = try await mesh.baton(2, ["conflicts", "resolve", "1", "--take", other]).output
            #expect(told.contains("conflict 1 resolved: plan.md: the version of \(other) is in place"))
            try await eventually("the choice is everywhere") {
                (0..<3).allSatisfy { mesh.read("plan.md", on: $0) == "from \(other)\n" } ? true : nil
            }
            try await mesh.baton(0, ["conflicts", "resolve", "todo.md", "--take", "both"])
            try await nothingOpen(mesh)
            try await mesh.converge()
            let copies = mesh.tree(1).keys.filter { $0.hasPrefix("todo.conflict-") }
            #expect(copies.count == 1 && mesh.tree(0) == mesh.tree(2))
            #expect(try await mesh.baton(1, ["conflicts"]).output.contains("no conflict is open"))
            try await mesh.baton(1, ["conflicts", "resolve", "1", "--take", "both"], expecting: 1)
            try await mesh.baton(1, ["status", "--check"])
        }
    }

    @Test("M6 edit hands both versions to the user's tool outside of the workspace; marks never reach the file")
    func edited() async throws {
        try await Mesh.with(2) { mesh in
            try mesh.write("base\n", to: "plan.md", on: 0)
            try await mesh.converge()
            try await hold(mesh)
            for place in 0..<2 { try mesh.write("from \(mesh.members[place].name)\n", to: "plan.md", on: place) }
            #expect(try await mesh.sync(0).conflicts == 1)
            let marked = try await mesh.baton(
                1, ["conflicts", "edit", "1"], environment: ["BATON_MERGETOOL": "true"], expecting: 1)
            #expect(marked.errors.contains("still has marked places"))
            let tool = #"cat "$LOCAL" "$REMOTE" > "$MERGED""#
            try await mesh.baton(1, ["conflicts", "edit", "1"], environment: ["BATON_MERGETOOL": tool])
            try await nothingOpen(mesh)
            try await mesh.converge()
            let both = try #require(mesh.read("plan.md", on: 0))
            #expect(Set(both.split(separator: "\n")) == ["from alpha", "from beta"])
        }
    }

    @Test("M9 policies by pattern are a setting of the mesh: union keeps both, ours and theirs need nobody")
    func policies() async throws {
        try await Mesh.with(2) { mesh in
            for file in ["a.lock", "docs/x.md", "free.md"] { try mesh.write("base\n", to: file, on: 0) }
            try await mesh.converge()
            try await hold(mesh)
            try await mesh.baton(0, ["config", "set", "merge.policies", "*.lock=sometimes"], expecting: 64)
            try await mesh.baton(0, ["config", "set", "merge.policies", "*.lock=theirs docs/**=union"])
            for place in 0..<2 {
                let name = mesh.members[place].name
                try mesh.write("lock of \(name)\n", to: "a.lock", on: place)
                try mesh.write("base\n\(name)\n", to: "docs/x.md", on: place)
            }
            let leader = try #require(try await mesh.leader(seenFrom: 0))
            #expect(try await mesh.sync(1).conflicts == 0)
            for place in 0..<2 {
                #expect(mesh.read("a.lock", on: place) == "lock of \(mesh.members[1 - leader].name)\n")
                let lines = Set(try #require(mesh.read("docs/x.md", on: place)).split(separator: "\n"))
                #expect(lines == ["base", "alpha", "beta"])
            }
        }
    }

    @Test("A5 many deletions wait on their device, other work goes on, one word on another device lets them go")
    func braked() async throws {
        try await Mesh.with { mesh in
            for number in 0..<40 { try mesh.write("\(number)\n", to: "f\(number).txt", on: 0) }
            try await mesh.converge()
            for number in 0..<30 {
                try FileManager.default.removeItem(atPath: mesh.members[1].workspace + "/f\(number).txt")
            }
            try mesh.write("goes on\n", to: "other.md", on: 0)
            try await eventually("the question is known everywhere") { () -> Bool? in
                for place in 0..<3 where try await mesh.status(place).deletions?.count != 1 { return nil }
                return true
            }
            let status = try await mesh.status(2)
            #expect(status.deletions?.first?.deleted == 30 && status.deletions?.first?.name == "beta")
            #expect(try await mesh.baton(2, ["status"]).output.contains("baton allow --deletions"))
            try await eventually("other work goes on") { mesh.read("other.md", on: 2) }
            #expect(mesh.read("f3.txt", on: 0) == "3\n" && mesh.read("f3.txt", on: 1) == nil)
            // No storm: what waits is no reason for rounds.
            let rounds = try await mesh.audit(0, kind: "round").count + mesh.audit(1, kind: "round").count
            try await Task.sleep(for: .seconds(3))
            let later = try await mesh.audit(0, kind: "round").count + mesh.audit(1, kind: "round").count
            #expect(later - rounds <= 2)
            #expect(try await mesh.baton(2, ["allow", "--deletions"]).output.contains("30 of 40"))
            try await eventually("the deletions are everywhere") {
                (0..<3).allSatisfy { place in
                    mesh.read("f3.txt", on: place) == nil && mesh.read("f30.txt", on: place) != nil
                        && mesh.read("other.md", on: place) != nil
                } ? true : nil
            }
            try await eventually("nothing is asked any more") { () -> Bool? in
                for place in 0..<3 where try await mesh.status(place).deletions?.isEmpty != true { return nil }
                return true
            }
            try await mesh.baton(2, ["allow", "--deletions"], expecting: 1)
        }
    }

    @Test("A7 a change that runs code waits on each device for its own word, over a restart; the setting ends it")
    func quarantined() async throws {
        try await Mesh.with(2) { mesh in
            try mesh.write("echo hi\n", to: ".envrc", on: 0)
            try mesh.write("text\n", to: "notes.md", on: 0)
            _ = try await mesh.sync(0)
            try await eventually("the rest is there") { mesh.read("notes.md", on: 1) }
            #expect(mesh.read(".envrc", on: 1) == nil)
            #expect(try await mesh.status(1).code == [".envrc"])
            #expect(try await mesh.baton(1, ["status"]).output.contains("baton approve"))
            try await mesh.baton(1, ["down"])
            try await mesh.up(1)
            #expect(try await mesh.baton(1, ["approve"]).output.contains(".envrc"))
            #expect(try await mesh.baton(1, ["approve", "--diff"]).output.contains("+echo hi"))
            try await mesh.baton(1, ["approve", "nothing"], expecting: 1)
            try await mesh.baton(1, ["approve", ".envrc"])
            #expect(mesh.read(".envrc", on: 1) == "echo hi\n")
            #expect(try await mesh.status(1).code == [])
            try await mesh.baton(1, ["config", "set", "apply.quarantine", "off"])
            try mesh.write("echo more\n", to: ".envrc", on: 0)
            try await eventually("at once, now") {
                _ = try await mesh.sync(0)
                return mesh.read(".envrc", on: 1) == "echo more\n" ? true : nil
            }
        }
    }
}
