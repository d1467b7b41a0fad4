import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

@Suite struct SnapshotTests {
    private func rounds(_ count: Int) async throws -> NumberedRounds {
        var rounds = NumberedRounds(try await MeshFixture(2))
        for number in 1...count {
            try rounds.mesh[number % 2].write("a", "round \(number)\n")
            try rounds.mesh[0].write("b", "round \(number)\n")
            try await rounds.round()
        }
        return rounds
    }

    @Test func `U2 a round goes through a file into another mesh, and files come back from there`() async throws {
        let rounds = try await rounds(3)
        let file = rounds.mesh[0].scratch.path + "/snapshot"
        let bytes = try await rounds.mesh[0].workspace.exportSnapshot(
            rounds.revision(2), round: 2, since: nil, to: file)
        #expect(bytes > 0 && bytes < 4000)
        var other = NumberedRounds(try await MeshFixture(1))
        try other.mesh[0].write("a", "elsewhere\n")
        try await other.round()
        let workspace = other.mesh[0].workspace
        let imported = try await workspace.importSnapshot(file)
        #expect(imported.name == "round-2-\(rounds.revision(2).short)" && imported.files == 2)
        #expect(try await workspace.snapshots() == [imported])
        let revision = try #require(try await workspace.revision(named: imported.name))
        let result = try await workspace.restore(Array("a".utf8), from: revision, label: imported.name)
        #expect(result.restored.count == 1)
        #expect(try other.mesh[0].read("a") == "round 2\n")
        // The captures came along.
        for parent in try workspace.store.commit(revision).parents { #expect(await workspace.has(parent)) }
        #expect(try await workspace.store.git.run(["fsck", "--strict", "--no-dangling"]).status == 0)
        #expect(try await workspace.dropSnapshot(imported.name))
        #expect(try await !workspace.dropSnapshot(imported.name))
        #expect(try await workspace.revision(named: imported.name) == nil)
        // Not over a file that is there.
        await #expect(throws: WorkspaceError.self) {
            try await rounds.mesh[0].workspace.exportSnapshot(rounds.revision(1), round: 1, since: nil, to: file)
        }
        let leftovers = try FileManager.default.contentsOfDirectory(atPath: rounds.mesh[0].scratch.path)
        #expect(!leftovers.contains("snapshot.part"))
        #expect(try rounds.mesh[0].workspace.store.refs(under: "refs/baton/export").isEmpty)
    }

    @Test func `a snapshot since an older round needs that round`() async throws {
        let rounds = try await rounds(4)
        let file = rounds.mesh[0].scratch.path + "/since"
        let bytes = try await rounds.mesh[0].workspace.exportSnapshot(
            rounds.revision(4), round: 4, since: rounds.revision(3), to: file)
        #expect(bytes < 1500)
        #expect(try await rounds.mesh[1].workspace.importSnapshot(file).revision == rounds.revision(4))
        let stranger = try await MeshFixture(1)
        let error = await #expect(throws: WorkspaceError.self) {
            try await stranger[0].workspace.importSnapshot(file)
        }
        #expect(error?.message.contains("it builds on revision \(rounds.revision(3).short)") == true)
    }

    @Test func `a file that is cut, changed or something else is refused, and nothing of it stays`() async throws {
        let rounds = try await rounds(2)
        let file = rounds.mesh[0].scratch.path + "/snapshot"
        _ = try await rounds.mesh[0].workspace.exportSnapshot(rounds.revision(2), round: 2, since: nil, to: file)
        let whole = try Data(contentsOf: URL(fileURLWithPath: file))
        let stranger = try await MeshFixture(1)
        var bad: [Data] = [Data(), Data("# v2 git bundle\n".utf8), Data("hello\n\n".utf8), whole.dropLast(30)]
        for place in stride(from: whole.count - 60, to: whole.count, by: 13) {
            var changed = whole
            changed[place] ^= 0x40
            bad.append(changed)
        }
        for (number, data) in bad.enumerated() {
            let path = stranger[0].scratch.path + "/bad\(number)"
            try data.write(to: URL(fileURLWithPath: path))
            await #expect(throws: WorkspaceError.self) { try await stranger[0].workspace.importSnapshot(path) }
        }
        await #expect(throws: WorkspaceError.self) { try await stranger[0].workspace.importSnapshot("/nowhere/x") }
        #expect(try await stranger[0].workspace.snapshots().isEmpty)
        #expect(await !stranger[0].workspace.has(rounds.revision(2)))
    }

    @Test func `a revision that a bundle names is not taken by name alone`() {
        let id = String(repeating: "a", count: 40)
        #expect(SnapshotBundle.Header(Array("# v2 git bundle\n\(id) refs/x\n\nPACK".utf8))?.length == 65)
        for text in ["", "# v3 git bundle\n\n", "# v2 git bundle\nzz refs/x\n\n", "# v2 git bundle\n-zz\n\n"] {
            #expect(SnapshotBundle.Header(Array(text.utf8)) == nil)
        }
    }
}
