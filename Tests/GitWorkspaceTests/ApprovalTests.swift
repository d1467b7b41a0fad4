import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

@Suite struct ApprovalTests {
    @Test func `A5 many deletions ask by the name of their set, a move does not`() async throws {
        for (files, deleted, isAsked) in [
            (40, 9, false), (40, 10, false), (40, 11, true), (900, 200, false), (900, 201, true),
        ] {
            let fixture = try await CaptureFixture()
            for number in 0..<files { try fixture.write("f\(number)", "\(number)\n") }
            let base = try fixture.captured()
            try fixture.setBase(base)
            func check(allowed: Set<Name> = []) throws -> DeletionSet? {
                let before = try fixture.store.tree(of: base)
                let lines = try fixture.store.compare(before, fixture.store.tree(of: fixture.captured()))
                return try DeletionSet.check(fixture.store, before: before, lines: lines, allowed: allowed)
            }
            mkdir(fixture.root + "/moved", 0o755)
            for number in 0..<deleted { rename("\(fixture.root)/f\(number)", "\(fixture.root)/moved/f\(number)") }
            #expect(try check() == nil)
            for number in 0..<deleted { unlink("\(fixture.root)/moved/f\(number)") }
            let set = try check()
            #expect((set != nil) == isAsked, "\(deleted) of \(files)")
            guard let set else { continue }
            #expect(set.paths.count == deleted && set.files == files)
            #expect(try check(allowed: Set(set.paths.map { Name($0) })) == nil)
            unlink("\(fixture.root)/f\(deleted)")
            #expect(try check()?.id != set.id, "another set is another question")
        }
    }

    @Test func `A5 deletions wait for a word on the device, everything else goes on, and nothing comes back`()
        async throws
    {
        var mesh = try await MeshFixture(2) { number, scratch in
            if number == 0 { for file in 0..<40 { try scratch.write("work/f\(file)", "\(file)\n") } }
        }
        try await mesh.round()
        for file in 0..<30 { mesh[1].scratch.remove("work/f\(file)") }
        try mesh[1].write("mine", "new\n")
        try mesh[0].write("f39", "other\n")
        let held = try await mesh.round()
        guard case .withheld(_, _, let reason, _) = held.captures[1] else {
            Issue.record("not held back: \(held.captures[1])")
            return
        }
        #expect(reason.contains("30 of 40") && reason.contains("baton allow --deletions"))
        #expect(held.applies[1].waiting == reason)
        #expect(try mesh[0].read("f3") == "3\n" && mesh[0].read("f39") == "other\n")
        #expect(!mesh[1].scratch.exists("work/f3"))
        // It is asked about once, and no reason for rounds: also after a restart.
        #expect(try await mesh[1].workspace.dirt().changed == 0)
        await mesh[1].workspace.close()
        mesh.devices[1] = try await MeshFixture.open(mesh[1].scratch, number: 1)
        let set = try #require(await mesh[1].workspace.heldDeletions)
        #expect(set.paths.count == 30)
        // A yes to other deletions is none to these.
        #expect(try await mesh[1].workspace.allowDeletions(DeletionSet(paths: [[97]], files: 9).id) == false)
        #expect(try await mesh[1].workspace.allowDeletions(set.id))
    }

    @Test func `A5 what was allowed is deleted everywhere with the next round, and the word is used up`() async throws {
        var mesh = try await MeshFixture(2) { number, scratch in
            if number == 0 { for file in 0..<60 { try scratch.write("work/f\(file)", "\(file)\n") } }
        }
        try await mesh.round()
        for file in 0..<30 { mesh[1].scratch.remove("work/f\(file)") }
        try await mesh.round()
        let set = try #require(await mesh[1].workspace.heldDeletions)
        #expect(try await mesh[1].workspace.allowDeletions(set.id))
        #expect(await mesh[1].workspace.allowedDeletions == set.id)
        mesh.allowed = [set.id]
        let done = try await mesh.round()
        #expect(done.merge.brake == nil && done.merge.changedFiles == 30)
        #expect(try mesh.trees()[0] == mesh.trees()[1])
        #expect(!mesh[0].scratch.exists("work/f3"))
        #expect(await mesh[1].workspace.allowedDeletions == nil)
        for file in 30..<50 { mesh[1].scratch.remove("work/f\(file)") }
        _ = try await mesh.round()
        #expect(await mesh[1].workspace.heldDeletions?.paths.count == 20)
        // Put back, they are no question any more.
        for file in 30..<50 { try mesh[1].write("f\(file)", "\(file)\n") }
        #expect(try await mesh[1].workspace.dirt().changed == 0)
        #expect(await mesh[1].workspace.heldDeletions == nil)
    }

    @Test func `A5 deletions of several devices that are too many in sum stop the round`() async throws {
        var mesh = try await MeshFixture(3) { number, scratch in
            if number == 0 { for file in 0..<120 { try scratch.write("work/f\(file)", "\(file)\n") } }
        }
        try await mesh.round()
        for number in 0..<3 {
            for file in 0..<12 { mesh[number].scratch.remove("work/f\(number * 12 + file)") }
        }
        let (braked, _) = try await mesh.merged()
        let set = try #require(braked.brake)
        #expect(set.paths.count == 36 && set.files == 120)
        mesh.allowed = [DeletionSet(paths: [[97]], files: 9).id]
        #expect(try await mesh.merged().0.brake == set)
        mesh.allowed = [set.id]
        #expect(try await mesh.merged().0.brake == nil)
        mesh.allowed = []
        // Who led the round knows its paths: a few more do not make another question.
        #expect(try await mesh.merged().0.brake == set)
        #expect(try await mesh[0].workspace.allowDeletions(set.id))
        mesh[0].scratch.remove("work/f100")
        #expect(try await mesh.merged().0.brake == nil)
    }

    @Test func `A5 a folder that is empty where there were files is no capture, until somebody says so`() async throws {
        var mesh = try await MeshFixture(1) { _, scratch in
            for number in 0..<3 { try scratch.write("work/f\(number)", "1\n") }
        }
        try await mesh.round()
        for number in 0..<3 { mesh[0].scratch.remove("work/f\(number)") }
        let workspace = mesh[0].workspace
        guard case .withheld(_, _, let reason, _) = try await workspace.capture(round: mesh.nextRound()) else {
            Issue.record("an empty folder was captured for the round")
            return
        }
        #expect(reason.contains("every file is gone"))
        try mesh[0].write("f0", "1\n")
        guard case .captured = try await workspace.capture(round: mesh.nextRound()) else {
            Issue.record("still held back")
            return
        }
        mesh[0].scratch.remove("work/f0")
        _ = try await workspace.capture(round: mesh.nextRound())
        let set = try #require(await workspace.heldDeletions)
        #expect(try await workspace.allowDeletions(set.id))
        guard case .captured = try await workspace.capture(round: mesh.nextRound()) else {
            Issue.record("held back although it was meant")
            return
        }
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

    @Test func `A7 what waits is replaced by a newer change, and deleted with the file`() async throws {
        var mesh = try await mesh()
        try mesh[0].write(code, "new\n")
        try await mesh.round()
        try mesh[0].write(code, "newer\n")
        try await mesh.round()
        #expect(try mesh[1].read(code) == "old\n")
        #expect(await mesh[1].workspace.quarantined.count == 1)
        #expect(try await mesh[1].workspace.approve([Array(code.utf8)]).applied == 1)
        #expect(try mesh[1].read(code) == "newer\n")
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
