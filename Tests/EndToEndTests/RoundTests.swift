import Foundation
import Testing

extension EndToEnd {
    @Test("E2 a thousand files, 26 changed on three devices: equal trees, a clean git, one new head, then silence")
    func aRound() async throws {
        try await Mesh.with(prepare: { workspace in
            for number in 0..<1000 {
                let folder = "\(workspace)/folder\(number % 20)"
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                try Data("file \(number)\n".utf8).write(to: URL(fileURLWithPath: "\(folder)/\(number).txt"))
            }
        }) { mesh in
            try await mesh.converge()
            let before = try await mesh.status(0)
            for number in 0..<26 {
                try mesh.write("changed \(number)\n", to: "folder\(number % 20)/\(number).txt", on: number % 3)
            }
            let report = try await mesh.sync(1)
            #expect(report.result == "published")
            #expect(report.round == before.sync.round + 1)
            for place in 0..<3 {
                #expect(mesh.tree(place) == mesh.tree(0))
                #expect(try await mesh.git(place, ["status", "--porcelain"]).isEmpty)
                #expect(try await mesh.git(place, ["fsck", "--no-dangling"]).isEmpty)
                #expect(try await mesh.git(place, ["rev-parse", "HEAD"]).hasPrefix(report.head ?? "-"))
                let path = mesh.members[place].home + "/workspace/repository.git"
                let store = try await run("/usr/bin/git", ["-C", path, "fsck", "--no-dangling"])
                #expect(store.status == 0)
            }
            let entries = try await mesh.status(0).quorum_leader?.last_index
            let again = try await mesh.sync(2)
            #expect(again.result == "nothing_to_do")
            let after = try await mesh.status(0)
            #expect(after.quorum_leader?.last_index == entries)
            #expect(after.head == report.head)
        }
    }

    @Test("E1 an existing repository keeps its history, which reaches the others; its branch is the one in sync")
    func historyTravels() async throws {
        try await Mesh.with(
            2,
            prepare: { workspace in
                try Data("one\n".utf8).write(to: URL(fileURLWithPath: workspace + "/a.txt"))
                for arguments in [
                    ["init", "-q", "-b", "trunk"], ["add", "-A"],
                    ["-c", "user.name=u", "-c", "user.email=u@example.org", "commit", "-q", "-m", "by hand"],
                ] { try await run("/usr/bin/git", ["-C", workspace] + arguments) }
            }
        ) { mesh in
            let first = try await mesh.git(0, ["rev-parse", "HEAD"])
            try await eventually("the file is there") { mesh.read("a.txt", on: 1) }
            try await mesh.converge()
            #expect(try await mesh.git(1, ["rev-parse", "--abbrev-ref", "HEAD"]) == "trunk\n")
            #expect(try await mesh.git(1, ["log", "--format=%H"]).contains(first))
            try mesh.write("two\n", to: "a.txt", on: 1)
            try await mesh.converge()
            #expect(mesh.read("a.txt", on: 0) == "two\n")
            #expect(try await mesh.git(0, ["log", "--format=%s"]).contains("by hand"))
        }
    }

    @Test("C6 what looks like a secret stays here, is listed with what to type, and goes when it is let through")
    func heldBack() async throws {
        try await Mesh.with(2) { mesh in
            try mesh.write("A=1\n", to: ".env", on: 0)
            try mesh.write("text\n", to: "notes.md", on: 0)
            _ = try await mesh.sync(0)
            #expect(mesh.read("notes.md", on: 1) == "text\n" && mesh.read(".env", on: 1) == nil)
            #expect(try await mesh.status(0).held.map(\.path) == [".env"])
            #expect(try await mesh.baton(0, ["status"]).output.contains("baton allow"))
            try await mesh.baton(0, ["allow", "notes.md"], expecting: 1)
            try await mesh.baton(0, ["allow", ".env"], expecting: 0)
            _ = try await mesh.sync(0)
            #expect(mesh.read(".env", on: 1) == "A=1\n")
            #expect(try await mesh.status(0).held.isEmpty)
        }
    }

    @Test("M2 both versions of a file that two devices changed are kept, and nothing else is held back")
    func conflict() async throws {
        try await Mesh.with(2) { mesh in
            try mesh.write("base\n", to: "plan.md", on: 0)
            try await mesh.converge()
            // Rounds of the agents' own could come between the two writes.
            try await mesh.baton(0, ["config", "set", "sync.settle", "600s"])
            try await mesh.baton(0, ["config", "set", "sync.max-wait", "3600s"])
            try mesh.write("from alpha\n", to: "plan.md", on: 0)
            try mesh.write("from beta\n", to: "plan.md", on: 1)
            try mesh.write("other\n", to: "other.md", on: 1)
            let report = try await mesh.sync(0)
            #expect(report.conflicts == 1)
            #expect(mesh.tree(0) == mesh.tree(1))
            #expect(mesh.read("other.md", on: 0) == "other\n")
            let stands = try #require(mesh.read("plan.md", on: 0))
            let lost = stands == "from alpha\n" ? "from beta\n" : "from alpha\n"
            for place in 0..<2 {
                let store = mesh.members[place].home + "/workspace/repository.git"
                let versions = try await keptVersions(store)
                #expect(versions.contains(lost), "on \(place): \(versions)")
            }
            let status = try await mesh.status(1)
            #expect(status.conflicts.paths == ["plan.md"])
        }
    }
}

/// Every version that is kept for a conflict in a store.
func keptVersions(_ store: String) async throws -> [String] {
    let refs = try await run("/usr/bin/git", ["-C", store, "for-each-ref", "--format=%(refname)", "refs/baton/kept"])
    var versions: [String] = []
    for ref in refs.output.split(separator: "\n") {
        let names = try await run("/usr/bin/git", ["-C", store, "ls-tree", "--name-only", String(ref)])
        for name in names.output.split(separator: "\n") where name != "record" {
            versions.append(try await run("/usr/bin/git", ["-C", store, "cat-file", "-p", "\(ref):\(name)"]).output)
        }
    }
    return versions
}

/// Whole meshes of real processes; one at a time.
@Suite(.serialized, .timeLimit(.minutes(10))) struct EndToEnd {}
