import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

/// Bytes that a writer left in a file after it was taken out of the workspace.
@Suite struct RescueTests {
    /// Two devices in step. Each has "a" and a link.
    private func mesh() async throws -> MeshFixture {
        var mesh = try await MeshFixture(2) { number, scratch in
            for name in ["a", "b"] where number == 0 { try scratch.write("work/\(name)", "1\n") }
        }
        try await mesh.round()
        return mesh
    }

    private func round(_ mesh: inout MeshFixture, _ text: String) async throws {
        try mesh[0].write("b", text)
        try await mesh.round()
        let round = RoundID(token: FencingToken(epoch: 1, counter: mesh.counter), sequence: mesh.sequence)
        for device in mesh.devices { await device.workspace.abandon(round: round) }
    }

    /// The versions of a path that no round published, with their captures.
    private func unpublished(_ mesh: MeshFixture, _ path: String) async throws -> [PathHistory.Unpublished] {
        let head = try #require(mesh.head)
        return try await mesh[1].workspace.history(of: Array(path.utf8), head: head, number: mesh.sequence).unpublished
    }

    private func blob(_ text: String) -> String { BlobHash.id(of: Array(text.utf8), digits: 40) }

    private func rescued(_ mesh: MeshFixture) -> [String] {
        DurableFile.names(in: mesh[1].scratch.path + "/state/staging/rescued")
    }

    @Test func `A1 what is written to a file after it was taken out is found by its path and can be brought back`()
        async throws
    {
        var mesh = try await mesh()
        let held = open(mesh[1].root + "/a", Int32(0o10000000) | O_CLOEXEC)
        try mesh[0].write("a", "2\n")
        try await round(&mesh, "2\n")
        #expect(try mesh[1].read("a") == "2\n")
        let writer = open("/proc/self/fd/\(held)", O_WRONLY | O_APPEND | O_CLOEXEC)
        _ = write(writer, "late\n", 5)
        close(held)
        try await round(&mesh, "3\n")
        // Who has it open may write more: until then it stays, and what it has is kept.
        let first = try #require(try await unpublished(mesh, "a").first)
        #expect(first.version?.entry.blob == blob("1\nlate\n") && first.device == mesh[1].workspace.device)
        #expect(rescued(mesh).count == 2)
        try await round(&mesh, "4\n")
        #expect(try await unpublished(mesh, "a").count == 1)
        _ = write(writer, "later\n", 6)
        close(writer)
        try await round(&mesh, "5\n")
        #expect(rescued(mesh).isEmpty)
        let all = try await unpublished(mesh, "a")
        #expect(Set(all.compactMap { $0.version?.entry.blob }) == [blob("1\nlate\n"), blob("1\nlate\nlater\n")])
        let last = try #require(all.first { $0.version?.entry.blob == blob("1\nlate\nlater\n") })
        let named = try #require(try await mesh[1].workspace.revision(named: String(last.capture.hex.prefix(12))))
        let result = try await mesh[1].workspace.restore(Array("a".utf8), from: named, label: "the capture")
        #expect(result.restored.count == 1)
        #expect(try mesh[1].read("a") == "1\nlate\nlater\n")
    }

    @Test func `A1 a file that was only held open is let go without a capture`() async throws {
        var mesh = try await mesh()
        let held = open(mesh[1].root + "/a", Int32(0o10000000) | O_CLOEXEC)
        try mesh[0].write("a", "2\n")
        try await round(&mesh, "2\n")
        let writer = open("/proc/self/fd/\(held)", O_WRONLY | O_APPEND | O_CLOEXEC)
        close(held)
        try await round(&mesh, "3\n")
        close(writer)
        try await round(&mesh, "4\n")
        #expect(rescued(mesh).isEmpty)
        #expect(try await unpublished(mesh, "a").isEmpty)
    }

    @Test func `A1 A2 rescued files that a crash left are taken up at the next start, a link as a link`() async throws {
        let mesh = try await mesh()
        let folder = mesh[1].scratch.path + "/state/staging/rescued"
        mkdir(folder, 0o700)
        try mesh[1].scratch.write("secret", "not in here\n")
        let link = RescuedFile(path: Array("a".utf8), old: nil, file: folder + "/1.7-2-0-0")
        symlink("../../../secret", link.file)
        try DurableFile.write(link.note, to: link.noteFile)
        let script = RescuedFile(path: Array("new/run".utf8), old: nil, file: folder + "/1.7-2-0-1")
        try mesh[1].scratch.write("state/staging/rescued/1.7-2-0-1", "run\n", mode: 0o755)
        try DurableFile.write(script.note, to: script.noteFile)
        try mesh[1].scratch.write("state/staging/rescued/1.7-2-0-2", "whose?\n")
        try mesh[1].scratch.write("state/staging/rescued/1.7-2-0-3.path", "of nothing")
        #expect(RescuedFile(at: link.file) == link)
        try await mesh[1].workspace.recover()
        #expect(rescued(mesh).isEmpty)
        #expect(
            try await unpublished(mesh, "a").map(\.version?.entry) == [
                TreeEntry(mode: TreeEntry.link, blob: blob("../../../secret"))
            ])
        #expect(
            try await unpublished(mesh, "new/run").map(\.version?.entry) == [
                TreeEntry(mode: TreeEntry.executable, blob: blob("run\n"))
            ])
        #expect(try await unpublished(mesh, "rescued/1.7-2-0-2").map(\.version?.entry.blob) == [blob("whose?\n")])
        let secret = try #require(ObjectID(hex: blob("not in here\n")))
        #expect(try mesh[1].workspace.store.kind(of: secret) == nil)
        #expect(try mesh[1].workspace.store.git.runBlocking(["fsck", "--strict", "--no-dangling"]).status == 0)
    }
}
