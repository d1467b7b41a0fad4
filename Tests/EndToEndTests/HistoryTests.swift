import AgentRuntime
import Foundation
import Testing

extension EndToEnd {
    /// No rounds but those that are asked for.
    static func holdAutomaticRounds(_ mesh: Mesh) async throws {
        try await mesh.baton(0, ["config", "set", "sync.settle", "600s"])
        try await mesh.baton(0, ["config", "set", "sync.max-wait", "3600s"])
    }

    private func undo(_ mesh: Mesh, _ place: Int, _ round: UInt64) async throws -> UndoReply {
        let outcome = try await mesh.baton(place, ["undo", "\(round)", "--json"])
        return try JSONDecoder().decode(UndoReply.self, from: Data(outcome.output.utf8))
    }

    @Test("U1 U2 three rounds: the second is undone on another device, that is undone, one file comes back")
    func undoAndRestore() async throws {
        try await Mesh.with { mesh in
            try await mesh.converge()
            try await Self.holdAutomaticRounds(mesh)
            var rounds: [UInt64] = []
            for (place, files) in [["a": "one\n", "b": "one\n"], ["a": "two\n", "c": "two\n"], ["d": "three\n"]]
                .enumerated()
            {
                for (name, text) in files { try mesh.write(text, to: "notes/\(name)", on: place) }
                rounds.append(try await mesh.sync(place).round)
            }
            let planned = try await mesh.baton(2, ["undo", "\(rounds[1])", "--dry-run"])
            #expect(planned.output.contains("would bring 2 files back") && mesh.read("notes/a", on: 2) == "two\n")
            let first = try await undo(mesh, 2, rounds[1])
            #expect(first.round == rounds[2] + 1 && first.restored.sorted() == ["notes/a", "notes/c"])
            for place in 0..<3 {
                #expect(mesh.read("notes/a", on: place) == "one\n" && mesh.read("notes/c", on: place) == nil)
                #expect(mesh.read("notes/d", on: place) == "three\n")
                #expect(try await mesh.git(place, ["status", "--porcelain"]).isEmpty)
                let rows = try await mesh.audit(place, kind: "published").map(\.summary)
                #expect(rows.contains { $0.contains("undo of round \(rounds[1])") })
            }
            // Since then somebody edits one of the files: the undo of the undo leaves it.
            try mesh.write("edited\n", to: "notes/a", on: 0)
            let second = try await undo(mesh, 0, try #require(first.round))
            #expect(second.restored == ["notes/c"] && second.left == ["notes/a"])
            for place in 0..<3 {
                #expect(mesh.read("notes/c", on: place) == "two\n" && mesh.read("notes/a", on: place) == "edited\n")
            }
            try await restoreAndLook(mesh, rounds)
            try await snapshots(mesh, rounds)
        }
    }

    private func snapshots(_ mesh: Mesh, _ rounds: [UInt64]) async throws {
        let file = mesh.directory + "/round.bundle"
        let export = try await mesh.baton(0, ["snapshot", "export", file, "--round", "\(rounds[1])"])
        #expect(export.output.contains("round \(rounds[1]) is in \(file)"))
        try await mesh.baton(0, ["snapshot", "export", file], expecting: 1)
        #expect(try await run("/usr/bin/git", ["bundle", "list-heads", file]).output.contains("round-\(rounds[1])"))
        let imported = try await mesh.baton(2, ["snapshot", "import", file, "--json"])
        let item = try JSONDecoder().decode(SnapshotReport.Item.self, from: Data(imported.output.utf8))
        try await mesh.baton(2, ["restore", "notes/c", "--at", item.name])
        #expect(mesh.read("notes/c", on: 2) == "two\n")
        #expect(try await mesh.baton(2, ["snapshot", "list"]).output.contains(item.name))
        try await mesh.baton(2, ["snapshot", "drop", item.name])
        try await mesh.baton(2, ["snapshot", "drop", item.name], expecting: 1)
    }

    private func restoreAndLook(_ mesh: Mesh, _ rounds: [UInt64]) async throws {
        try mesh.write("not captured\n", to: "notes/a", on: 1)
        let before = mesh.tree(1)
        let restored = try await mesh.baton(1, ["restore", "notes/a", "--at", "\(rounds[0])"])
        #expect(restored.output.contains("brought 1 file back as of round \(rounds[0])"))
        var wanted = before
        wanted["notes/a"] = Data("one\n".utf8)
        #expect(mesh.tree(1) == wanted)
        _ = try await mesh.sync(1)
        for place in 0..<3 { #expect(mesh.tree(place) == wanted) }
        let log = try await mesh.baton(1, ["log", "--path", "notes/a", "--json"])
        let report = try JSONDecoder().decode(PathReport.self, from: Data(log.output.utf8))
        #expect(report.events.contains { $0.kind == "restored" })
        #expect(report.events.contains { $0.undoes == rounds[1] } && report.events.contains(where: \.left_by_undo))
        let kept = try #require(report.events.first { $0.kind == "captured" }?.revision)
        try await mesh.baton(1, ["restore", "notes/a", "--at", String(kept.prefix(12))])
        #expect(mesh.read("notes/a", on: 1) == "not captured\n")
        for (arguments, text) in [
            (["undo", "4711"], "there is no round 4711"), (["undo", "\(rounds[0])", "--dry-run", "x"], "unexpected"),
            (["restore", "nowhere", "--at", "\(rounds[0])"], "has no 'nowhere'"),
            (["restore", "../etc", "--at", "1"], "not below the workspace"),
            (["restore", "notes/a", "--at", "snap"], "names neither"),
            (["log", "--path", "nowhere"], "nothing is known of 'nowhere'"),
        ] {
            let outcome = try await mesh.baton(0, arguments, expecting: nil)
            #expect(outcome.status != 0 && outcome.errors.lowercased().contains(text), "\(outcome.errors)")
            #expect(outcome.errors.split(separator: "\n").count == 1 && outcome.errors.contains("; "))
        }
    }
}

extension EndToEnd {
    @Test("C6 filters of the mesh and of one device: what is left out is listed, deletes nothing, and comes back")
    func filters() async throws {
        try await Mesh.with(2) { mesh in
            try mesh.write("base\n", to: "own.txt", on: 0)
            try await mesh.converge()
            try await Self.holdAutomaticRounds(mesh)
            try await mesh.baton(0, ["config", "set", "filter.exclude", "*.iso cache/"])
            try await mesh.baton(1, ["config", "set", "filter.keep-here", "own.txt"])
            for name in ["big.iso", "cache/x", "own.txt", "wanted"] { try mesh.write("new\n", to: name, on: 0) }
            try await eventually("the filters are followed") {
                let left = try await mesh.status(0).left_out?.paths.map(\.path) ?? []
                let there = try await mesh.status(1).left_out?.paths.map(\.path) ?? []
                return left == ["big.iso", "cache/"] && there == ["own.txt"] ? true : nil
            }
            _ = try await mesh.sync(0)
            #expect(mesh.read("wanted", on: 1) == "new\n" && mesh.read("own.txt", on: 1) == "base\n")
            #expect(mesh.read("big.iso", on: 1) == nil && mesh.read("cache/x", on: 1) == nil)
            #expect(try await mesh.sync(1).result == "nothing_to_do")
            #expect(try await mesh.baton(1, ["status"]).output.contains("own.txt (filter.keep-here own.txt)"))
            try await mesh.baton(1, ["config", "unset", "filter.keep-here"])
            try await mesh.baton(0, ["config", "unset", "filter.exclude"])
            try await eventually("what was published meanwhile is there") {
                mesh.read("own.txt", on: 1) == "new\n" ? true : nil
            }
            try await eventually("what was left out goes") {
                _ = try await mesh.sync(0)
                return mesh.read("cache/x", on: 1) == "new\n" && mesh.tree(0) == mesh.tree(1) ? true : nil
            }
        }
    }

    @Test("C6 a name that some device cannot hold is held back on every device, and named")
    func nameLimits() async throws {
        try await Mesh.with(2) { mesh in
            try mesh.write("1\n", to: "Readme", on: 0)
            try await mesh.converge()
            try await Self.holdAutomaticRounds(mesh)
            try await mesh.baton(1, ["config", "set", "names.limits", "case windows"])
            try await eventually("the other device holds such names back") {
                for name in ["README", "con", "plain"] { try mesh.write("2\n", to: name, on: 0) }
                let held = try await mesh.status(0).held.map(\.path)
                return held == ["README", "con"] ? true : nil
            }
            _ = try await mesh.sync(0)
            #expect(mesh.read("plain", on: 1) == "2\n" && mesh.read("README", on: 1) == nil)
            #expect(try await mesh.baton(0, ["status"]).output.contains("README"))
            try await mesh.baton(0, ["allow", "README"])
            try await eventually("what is let through goes") {
                _ = try await mesh.sync(0)
                return mesh.read("README", on: 1) == "2\n" ? true : nil
            }
        }
    }
}
