import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

/// What a user staged, and what becomes of it when a round brings their index along.
@Suite struct StagedBytesTests {
    private func mesh() async throws -> MeshFixture {
        var mesh = try await MeshFixture(2) { number, scratch in
            for name in ["a", "b", "c"] where number == 0 { try scratch.write("work/\(name)", "1\n") }
        }
        try await mesh.round()
        return mesh
    }

    private func kept(_ mesh: MeshFixture, _ path: String) async throws -> [String] {
        let head = try #require(mesh.head)
        let history = try await mesh[1].workspace.history(of: Array(path.utf8), head: head, number: mesh.sequence)
        return history.unpublished.compactMap { $0.version?.entry.blob }
    }

    private func captures(_ mesh: MeshFixture) -> [String] {
        DurableFile.names(in: mesh[1].workspace.store.path + "/" + RefName.captures)
    }

    private func blob(_ text: String) -> String { BlobHash.id(of: Array(text.utf8), digits: 40) }

    @Test func `A8 bytes that are only staged outlive the round that brings the index along`() async throws {
        var mesh = try await mesh()
        let device = mesh[1]
        try device.write("a", "staged\n")
        try device.write("sub/new", "staged and gone\n", mode: 0o755)
        try device.write("c", "staged as it is\n")
        try await device.userGit("add", "-A")
        try device.write("announced", "only to be added\n")
        try await device.userGit("add", "--intent-to-add", "announced")
        try device.write("a", "edited further\n")
        device.scratch.remove("work/sub/new")
        try mesh[0].write("b", "2\n")
        let report = try await mesh.round()
        #expect(report.applies[1].branchWaiting == nil)
        #expect(try await device.userGit("status", "--porcelain").isEmpty)
        #expect(try mesh[0].read("a") == "edited further\n" && mesh[0].read("c") == "staged as it is\n")
        #expect(try await kept(mesh, "a") == [blob("staged\n")])
        #expect(try await kept(mesh, "sub/new") == [blob("staged and gone\n")])
        #expect(try await kept(mesh, "c").isEmpty)
        #expect(captures(mesh).count == 1)
        let git = device.workspace.store.git
        #expect(try git.runBlocking(["fsck", "--strict", "--no-dangling"]).status == 0)
        let capture = try #require(captures(mesh).first.flatMap { Revision(hex: $0) })
        let text = try device.workspace.store.commit(capture).message
        #expect(String(decoding: text, as: UTF8.self).hasPrefix("Staged files of device 1, before round 1.7/2\n"))
        // It is done once.
        try mesh[0].write("b", "3\n")
        try await mesh.round()
        #expect(captures(mesh).count == 1)
    }

    @Test func `A8 what is staged and stands in a file, or in a commit, needs no keeping`() async throws {
        var mesh = try await mesh()
        let device = mesh[1]
        try device.write("a", "2\n")
        try await device.userGit("add", "a")
        try mesh[0].write("b", "2\n")
        try await mesh.round()
        try device.write("a", "3\n")
        try await device.userGit("commit", "-qam", "own")
        try mesh[0].write("b", "3\n")
        try await mesh.round()
        // Written and staged after the capture: it stays in its file, and is for the next round.
        try mesh[0].write("b", "4\n")
        let root = device.root
        try await mesh.round {
            try device.write("c", "during the round\n")
            guard system("git -C '\(root)' add c") == 0 else { throw Scratch.Failed(what: "git add", code: 1) }
        }
        #expect(try device.read("c") == "during the round\n")
        #expect(captures(mesh).isEmpty)
    }
}
