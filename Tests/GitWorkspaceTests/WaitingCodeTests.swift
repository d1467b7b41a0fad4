import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

/// What a person does at a device where changes that run code wait.
@Suite struct WaitingCodeTests {
    private let code = ".claude/settings.json"
    private var path: [UInt8] { Array(code.utf8) }

    private func text(first: String = "1", last: String = "9") -> String {
        ([first] + (2...8).map { "\($0)" } + [last]).map { $0 + "\n" }.joined()
    }

    /// On the second of two devices a change of the file's first line waits.
    private func waiting() async throws -> MeshFixture {
        var mesh = try await MeshFixture(2) { number, scratch in
            if number == 0 { try scratch.write("work/" + code, text()) }
            for other in 0..<5 where number == 0 { try scratch.write("work/other/\(other)", "\(other)\n") }
        }
        try await mesh.round()
        await mesh[1].workspace.quarantineCode()
        try mesh[0].write(code, text(first: "published"))
        try await mesh.round()
        #expect(await mesh[1].workspace.quarantined.map(\.path) == [path])
        return mesh
    }

    @Test func `A7 an edit where a change waits is merged with it, and takes nothing back`() async throws {
        var mesh = try await waiting()
        try mesh[1].write(code, text(last: "here"))
        let report = try await mesh.round()
        let both = text(first: "published", last: "here")
        #expect(try mesh[0].read(code) == both)
        // What came of it has the published change in it, and waits like that.
        #expect(report.applies[1].quarantined == [path])
        #expect(try mesh[1].read(code) == text(last: "here"))
        #expect(try await mesh[1].workspace.dirt().changed == 0)
        #expect(try await mesh.round().isSilent)
        #expect(try await mesh[1].workspace.approve([path]).applied == 1)
        #expect(try mesh[1].read(code) == both)
        #expect(try await mesh.round().isSilent)
        #expect(try await mesh[1].userGit("status", "--porcelain").isEmpty)
    }

    @Test func `A7 an edit that conflicts with a change that waits is a conflict, over a restart too`() async throws {
        var mesh = try await waiting()
        try mesh[1].write(code, text(first: "here"))
        await mesh[1].workspace.close()
        mesh.devices[1] = try await MeshFixture.open(mesh[1].scratch, number: 1)
        await mesh[1].workspace.quarantineCode()
        try await mesh.round()
        #expect(try mesh[0].read(code) == text(first: "published"))
        #expect(try mesh[1].read(code) == text(first: "here"))
        let open = try await mesh[0].workspace.conflicts(of: try #require(mesh.head)).filter(\.isOpen)
        let conflict = try #require(open.first { $0.path == path })
        let blobs = ["published", "here"].map { BlobHash.id(of: Array(text(first: $0).utf8), digits: 40) }
        #expect([conflict.ours?.blob, conflict.theirs?.blob] == blobs)
        #expect(try await mesh.round().isSilent)
        #expect(await mesh[1].workspace.quarantined.map(\.path) == [path])
        // A word for what stands here is one against what waits.
        #expect(try await mesh[1].workspace.resolve(conflict, .theirs).wasWritten == false)
        try await mesh.round()
        #expect(try mesh[0].read(code) == text(first: "here"))
        #expect(await mesh[1].workspace.quarantined.isEmpty)
        #expect(try await mesh.round().isSilent)
    }

    @Test func `A7 a file that is deleted where a change waits is not deleted for everybody`() async throws {
        var mesh = try await waiting()
        mesh[1].scratch.remove("work/" + code)
        try await mesh.round()
        #expect(try mesh[0].read(code) == text(first: "published"))
        #expect(!mesh[1].scratch.exists("work/" + code))
        let conflicts = try await mesh[0].workspace.conflicts(of: try #require(mesh.head))
        #expect(conflicts.map(\.kind) == [.editedAndDeleted])
        #expect(try await mesh.round().isSilent)
        #expect(try await mesh[1].workspace.approve([path]).applied == 1)
        #expect(try mesh[1].read(code) == text(first: "published"))
    }

    @Test func `A7 a change that was put in place by hand waits no more, and an edit of it is one`() async throws {
        var mesh = try await waiting()
        try mesh[1].write(code, text(first: "published"))
        #expect(try await mesh.round().isSilent)
        #expect(await mesh[1].workspace.quarantined.isEmpty)
        try mesh[1].write(code, text(first: "edited"))
        try await mesh.round()
        #expect(try mesh[0].read(code) == text(first: "edited"))
        #expect(try await mesh.round().isSilent)
    }

    @Test func `A7 a stop between base and waiting list, while an edit is freed, takes nothing back`() async throws {
        var mesh = try await waiting()
        try mesh[1].write(code, text(last: "here"))
        let list = mesh[1].scratch.path + "/state/quarantine"
        let before = try #require(DurableFile.read(list))
        _ = try await mesh[1].workspace.capture(round: mesh.nextRound())
        #expect(await mesh[1].workspace.quarantined.isEmpty)
        await mesh[1].workspace.close()
        try DurableFile.write(before, to: list)
        mesh.devices[1] = try await MeshFixture.open(mesh[1].scratch, number: 1)
        await mesh[1].workspace.quarantineCode()
        try await mesh.round()
        #expect(try mesh[0].read(code) == text(first: "published", last: "here"))
        #expect(try mesh[1].read(code) == text(last: "here"))
    }

    @Test(arguments: [
        (".claude", true), ("deep/.claude", true), (".claude/hooks", true), (".claude/hooks/x", true),
        (".claude/skills", false), (".vscode", true), ("tools", true), ("tools/run", true), ("deep/tools", false),
        ("build", true), ("cfg", false), (".envrc", true), ("deep/.husky", true), ("deep", false), (".VSCode", true),
    ])
    func `A7 a link waits where files that run code would be below it`(_ path: String, _ waits: Bool) throws {
        var quarantine = WaitingChanges(path: "/nowhere/quarantine")
        quarantine.patterns = WaitingChanges.standard + ["tools/run/*.sh", "build/"].map { PathPattern($0) }
        let blob = String(repeating: "1", count: 40)
        let link = TreeEntry(mode: TreeEntry.link, blob: blob)
        #expect(quarantine.waits(Array(path.utf8), link) == waits)
    }

    @Test(arguments: [
        (".vscode/tasks.json", true), (".VSCode/Tasks.JSON", true), ("deep/.IDEA/runconfigurations/a.xml", true),
        ("Tools/Run/x.sh", true), ("tools/other/x.sh", false), ("notes.md", false),
    ])
    func `A7 upper and lower case are one to a disk that does not tell them apart`(_ path: String, _ waits: Bool) {
        var quarantine = WaitingChanges(path: "/nowhere/quarantine")
        quarantine.patterns = WaitingChanges.standard + [PathPattern("TOOLS/run/*.sh")]
        let file = TreeEntry(mode: TreeEntry.file, blob: String(repeating: "1", count: 40))
        #expect(quarantine.waits(Array(path.utf8), file) == waits)
    }

    @Test func `A7 a folder that becomes a link is no way past the wait`() async throws {
        var mesh = try await waiting()
        mesh[0].scratch.remove("work/" + code)
        rmdir(mesh[0].root + "/.claude")
        symlink("cfg", mesh[0].root + "/.claude")
        try mesh[0].write("cfg/settings.json", "runs\n")
        let report = try await mesh.round()
        let link = Array(".claude".utf8)
        #expect(report.applies[1].quarantined == [link])
        #expect(try mesh[1].read("cfg/settings.json") == "runs\n")
        #expect(!mesh[1].scratch.exists("work/" + code))
        #expect(try await mesh.round().isSilent)
        // A file in a folder of that name here takes the link back for nobody, unless a person says so.
        try mesh[1].write(".claude/own.md", "mine\n")
        let mixed = try await mesh.round()
        let conflict = try #require(mixed.merge.conflicts.first { $0.path == link })
        #expect(conflict.kind == .fileAndFolder && conflict.theirs?.isLink == true)
        #expect(try mesh[0].read(".claude/own.md") == "mine\n" && mesh[1].read(".claude/own.md") == "mine\n")
        #expect(try await mesh.round().isSilent)
    }

    @Test func `A2 A7 an approval that fails in its midst is brought to its end by what comes next`() async throws {
        var mesh = try await waiting()
        let name = ".claude/hooks/\(UInt64.random(in: 0 ... .max))"
        try mesh[0].write(name, "runs\n")
        try await mesh.round()
        DiskStep.listen { what, _ in what == "added \(name)" ? ENOSPC : 0 }
        await #expect(throws: WorkspaceError.self) { try await mesh[1].workspace.approve([Array(name.utf8)]) }
        DiskStep.listen(nil)
        #expect(try mesh[1].read(name) == "runs\n")
        #expect(try await mesh[1].workspace.approve([path]).applied == 1)
        #expect(try mesh[1].read(code) == text(first: "published"))
        #expect(try await mesh.round().isSilent)
        #expect(await mesh[1].workspace.quarantined.isEmpty)
    }
}
