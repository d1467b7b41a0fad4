import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

@Suite struct ApprovalTests {
    @Test func `A5 a round that would delete too much is marked before it is published, a move is not`() async throws {
        for (files, deleted, isBraked) in [
            (40, 9, false), (40, 10, false), (40, 11, true), (900, 200, false), (900, 201, true),
        ] {
            let fixture = try await CaptureFixture()
            for number in 0..<files { try fixture.write("f\(number)", "\(number)\n") }
            let base = try fixture.captured()
            try fixture.setBase(base)
            func merge() throws -> MergeResult {
                let merger = Merger(
                    store: fixture.store, head: base,
                    round: RoundID(token: FencingToken(epoch: 1, counter: 1), sequence: 1))
                let revision = try fixture.captured()
                let capture = DeviceCapture(device: DeviceID(number: 1), revision: revision, base: base)
                return try #require(try merger.merge([capture]))
            }
            mkdir(fixture.root + "/moved", 0o755)
            for number in 0..<deleted { rename("\(fixture.root)/f\(number)", "\(fixture.root)/moved/f\(number)") }
            #expect(try merge().brake == nil)
            for number in 0..<deleted { unlink("\(fixture.root)/moved/f\(number)") }
            let brake = try merge().brake
            #expect((brake != nil) == isBraked, "\(deleted) of \(files)")
            if let brake { #expect(brake == Brake(deleted: deleted, files: files)) }
        }
    }

    @Test func `A5 a folder that is empty where there were files is no capture, until somebody says so`() async throws {
        var mesh = try await MeshFixture(1) { _, scratch in
            for number in 0..<3 { try scratch.write("work/f\(number)", "1\n") }
        }
        try await mesh.round()
        for number in 0..<3 { mesh[0].scratch.remove("work/f\(number)") }
        await #expect(throws: WorkspaceError.self) { try await mesh[0].workspace.capture(round: mesh.nextRound()) }
        try mesh[0].write("f0", "1\n")
        #expect(try await mesh[0].workspace.capture(round: mesh.nextRound()).revision != nil)
        mesh[0].scratch.remove("work/f0")
        await mesh[0].workspace.allowEmptyRoot()
        #expect(try await mesh[0].workspace.capture(round: mesh.nextRound()).revision != nil)
        await #expect(throws: WorkspaceError.self) { try await mesh[0].workspace.capture(round: mesh.nextRound()) }
    }

    private let code = ".claude/settings.json"

    private func mesh() async throws -> MeshFixture {
        var mesh = try await MeshFixture(2) { number, scratch in
            if number == 0 { try scratch.write("work/a", "1\n") }
            if number == 0 { try scratch.write("work/.claude/settings.json", "old\n") }
        }
        try await mesh.round()
        await mesh[1].workspace.quarantineCode()
        return mesh
    }

    @Test func `A7 a change that runs code waits for a word, the rest goes on, and it is no edit`() async throws {
        var mesh = try await mesh()
        try mesh[0].write(code, "new\n")
        try mesh[0].write("a", "2\n")
        try mesh[0].write("sub/.envrc", "rm -rf\n")
        let report = try await mesh.round()
        #expect(report.applies[1].quarantined == [Array(code.utf8), Array("sub/.envrc".utf8)])
        #expect(try mesh[1].read("a") == "2\n")
        #expect(try mesh[1].read(code) == "old\n")
        #expect(!mesh[1].scratch.exists("work/sub/.envrc"))
        // Here as objects, known to the history, and no reason for another round.
        #expect(await mesh[1].workspace.base == report.merge.revision)
        #expect(try await mesh.round().isSilent)
        #expect(try await mesh[1].workspace.dirt().changed == 0)
        #expect(try await mesh[1].userGit("show", "HEAD:" + code) == "new")
        #expect(try mesh[0].read(code) == "new\n")
        // Over a restart too.
        await mesh[1].workspace.close()
        mesh.devices[1] = try await MeshFixture.open(mesh[1].scratch, number: 1)
        await mesh[1].workspace.quarantineCode()
        #expect(await mesh[1].workspace.quarantined.count == 2)
        #expect(try await mesh.round().isSilent)
        // A word for one of them.
        let result = try await mesh[1].workspace.approve([Array(code.utf8), Array("a".utf8)])
        #expect(result.applied == 1 && result.isComplete)
        #expect(try mesh[1].read(code) == "new\n")
        #expect(await mesh[1].workspace.quarantined.map(\.path) == [Array("sub/.envrc".utf8)])
        #expect(try await mesh.round().isSilent)
        #expect(try await mesh[1].workspace.approve([Array("sub/.envrc".utf8)]).applied == 1)
        #expect(try mesh.trees()[0] == mesh.trees()[1])
        #expect(try await mesh[1].userGit("status", "--porcelain").isEmpty)
    }

    @Test func `A7 what waits is replaced by a newer change, deleted with the file, and an own edit goes on`()
        async throws
    {
        var mesh = try await mesh()
        try mesh[0].write(code, "new\n")
        try await mesh.round()
        try mesh[0].write(code, "newer\n")
        try await mesh.round()
        #expect(try mesh[1].read(code) == "old\n")
        #expect(await mesh[1].workspace.quarantined.count == 1)
        #expect(try await mesh[1].workspace.approve([Array(code.utf8)]).applied == 1)
        #expect(try mesh[1].read(code) == "newer\n")
        // An edit here, of what stands here, is an edit.
        try mesh[0].write(code, "third\n")
        try await mesh.round()
        try mesh[1].write(code, "mine\n")
        try await mesh.round()
        #expect(try mesh[0].read(code) == "mine\n")
        #expect(try mesh[1].read(code) == "mine\n")
        // Deleted: nothing waits any more.
        try mesh[0].write(code, "fourth\n")
        try await mesh.round()
        mesh[0].scratch.remove("work/" + code)
        try await mesh.round()
        #expect(!mesh[1].scratch.exists("work/" + code))
        #expect(await mesh[1].workspace.quarantined.isEmpty)
        #expect(try await mesh.round().isSilent)
    }
}
