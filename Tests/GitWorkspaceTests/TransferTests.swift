import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

@Suite struct TransferTests {
    /// A mesh of two whose first device has captured something the second lacks.
    private func unsynced() async throws -> (MeshFixture, Revision) {
        var mesh = try await MeshFixture(2)
        for number in 0..<40 { try mesh[0].write("d/f\(number)", String(repeating: "\(number)\n", count: 200)) }
        try await mesh.round()
        for number in 0..<20 { try mesh[0].write("d/f\(number)", String(repeating: "\(number)!\n", count: 210)) }
        let result = try await mesh[0].workspace.capture(round: mesh.nextRound())
        return (mesh, try #require(result.revision))
    }

    private func bytes(_ mesh: MeshFixture, _ revision: Revision) async throws -> [UInt8] {
        let have = try await mesh[1].workspace.haves()
        let input = ([revision.hex] + have.map { "^\($0.hex)" }).joined(separator: "\n") + "\n"
        let git = mesh[0].workspace.store.git
        return try await git.run(["pack-objects", "--revs", "--thin", "--stdout", "-q"], input: Array(input.utf8))
            .output
    }

    private func leftovers(_ workspace: Workspace) -> [String] {
        DurableFile.names(in: workspace.store.path + "/incoming")
            + DurableFile.names(in: workspace.store.path + "/objects/pack").filter { $0.hasPrefix("tmp") }
    }

    /// Feeds bytes to the receiver and closes.
    private func receive(_ mesh: MeshFixture, _ revision: Revision, _ bytes: [UInt8]) async throws {
        let sockets = try Sockets()
        let near = sockets.near
        let writer = Thread {
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes { send(near, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
                if count <= 0 { break }
                rest = rest.dropFirst(count)
            }
            shutdown(near, Int32(SHUT_WR))
        }
        writer.start()
        try await mesh[1].workspace.receivePack(want: revision, descriptor: sockets.far, deadline: .seconds(20))
    }

    @Test func `a pack cut anywhere is refused, moves no ref and leaves nothing behind`() async throws {
        let (mesh, revision) = try await unsynced()
        let pack = try await bytes(mesh, revision)
        let before = try mesh[1].workspace.store.refs(under: RefName.prefix).map(\.id)
        for length in [0, 3, 12, 100, pack.count / 2, pack.count - 1] {
            await #expect(throws: WorkspaceError.self) { try await receive(mesh, revision, Array(pack[..<length])) }
            #expect(await !mesh[1].workspace.has(revision))
            #expect(leftovers(mesh[1].workspace).isEmpty)
        }
        #expect(try mesh[1].workspace.store.refs(under: RefName.prefix).map(\.id) == before)
        try await receive(mesh, revision, pack)
        #expect(await mesh[1].workspace.has(revision))
    }

    @Test func `a corrupt pack and one that lacks an object are refused`() async throws {
        let (mesh, revision) = try await unsynced()
        let pack = try await bytes(mesh, revision)
        for offset in [20, pack.count / 3, pack.count - 10] {
            var damaged = pack
            damaged[offset] ^= 0x40
            await #expect(throws: WorkspaceError.self) { try await receive(mesh, revision, damaged) }
        }
        // Only the commit, without its tree.
        let alone = try await mesh[0].workspace.store.git.run(
            ["pack-objects", "--stdout", "-q"], input: Array("\(revision.hex)\n".utf8))
        await #expect(throws: WorkspaceError.self) { try await receive(mesh, revision, alone.output) }
        // A whole pack of something else.
        let head = try #require(mesh.head)
        let other = try await mesh[0].workspace.store.git.run(
            ["pack-objects", "--revs", "--stdout", "-q"], input: Array("\(head.hex)\n".utf8))
        await #expect(throws: WorkspaceError.self) { try await receive(mesh, revision, other.output) }
        #expect(await !mesh[1].workspace.has(revision))
        #expect(leftovers(mesh[1].workspace).isEmpty)
    }

    /// As `git ls-tree` would show them.
    @Test(arguments: [
        "100644 blob ID\t.git", "100644 blob ID\t.GIT", "100644 blob ID\tgit~1", "100644 blob ID\t.git ",
        "100644 blob ID\t.g\u{200C}it", "100644 blob ID\t..", "120000 blob ID\t.gitmodules",
        "120000 blob ID\t.GITMODULES",
    ])
    func `GE8 GE9 a tree with an entry that a disk could take for git's is refused by the receiver`(_ entry: String)
        async throws
    {
        let (mesh, _) = try await unsynced()
        let git = mesh[0].workspace.store.git
        let blob = try await git.run(["hash-object", "-w", "--stdin"], input: Array("x".utf8)).output.prefix(40)
        let named = entry.replacingOccurrences(of: "ID", with: String(decoding: blob, as: UTF8.self))
        let tree = try await git.run(["mktree"], input: Array((named + "\n").utf8)).output.prefix(40)
        let identity = GitEnvironment.identity("x", email: "x", seconds: 1)
        let output = try await git.with(identity).run(
            ["commit-tree", "-m", "evil", String(decoding: tree, as: UTF8.self)]
        ).output
        let evil = try #require(Revision(hex: String(decoding: output.prefix(40), as: UTF8.self)))
        try mesh[0].workspace.store.update([RefChange(name: "refs/baton/captures/evil", new: ObjectID(evil))])
        let pack = try await git.run(
            ["pack-objects", "--revs", "--stdout", "-q"], input: Array("\(evil.hex)\n".utf8))
        await #expect(throws: WorkspaceError.self) { try await receive(mesh, evil, pack.output) }
        #expect(await !mesh[1].workspace.has(evil))
    }

    @Test func `what no ref reaches is not served`() async throws {
        let (mesh, revision) = try await unsynced()
        let store = mesh[0].workspace.store
        let tree = try store.tree(of: revision)
        let identity = GitEnvironment.identity("x", email: "x", seconds: 1)
        let output = try await store.git.with(identity).run(["commit-tree", "-m", "loose", tree.hex]).output
        let loose = try #require(Revision(hex: String(decoding: output.prefix(40), as: UTF8.self)))
        let sockets = try Sockets()
        for want in [loose, Revision(number: 77)] {
            await #expect(throws: WorkspaceError.self) {
                try await mesh[0].workspace.servePack(want: want, have: [], descriptor: sockets.near)
            }
        }
        for want in [loose, Revision(number: 77)] { #expect(await !(fetch(mesh, want))) }
        #expect(await !mesh[1].workspace.has(loose))
        // An ancestor of a ref is served, and so is a ref's own value.
        let head = try #require(mesh.head)
        #expect(await fetch(mesh, head))
        #expect(await fetch(mesh, revision))
        #expect(await mesh[1].workspace.has(revision))
        #expect(leftovers(mesh[1].workspace).isEmpty)
    }

    /// git's own protocol over a socket pair.
    private func fetch(_ mesh: MeshFixture, _ want: Revision) async -> Bool {
        guard let sockets = try? Sockets() else { return false }
        let (server, client) = (mesh[0].workspace, mesh[1].workspace)
        async let serving: Bool = {
            defer { sockets.closeNear() }
            do { try await server.serveUploadPack(descriptor: sockets.near, deadline: .seconds(20)) } catch {
                return false
            }
            return true
        }()
        var isFetched = true
        do { try await client.fetchUploadPack(want: want, descriptor: sockets.far, deadline: .seconds(20)) } catch {
            isFetched = false
        }
        sockets.closeFar()
        _ = await serving
        return isFetched
    }

    @Test func `a half-open stream ends with the deadline`() async throws {
        let (mesh, revision) = try await unsynced()
        let sockets = try Sockets()
        let start = ContinuousClock.now
        await #expect(throws: WorkspaceError.self) {
            try await mesh[1].workspace.receivePack(
                want: revision, descriptor: sockets.far, deadline: .milliseconds(300))
        }
        await #expect(throws: WorkspaceError.self) {
            try await mesh[1].workspace.fetchUploadPack(
                want: revision, descriptor: sockets.far, deadline: .milliseconds(300))
        }
        #expect(ContinuousClock.now - start < .seconds(10))
        #expect(leftovers(mesh[1].workspace).isEmpty)
    }
}
