import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

@Suite struct RestoreTests {
    private func path(_ text: String) -> [UInt8] { Array(text.utf8) }

    private func two() async throws -> NumberedRounds {
        var rounds = NumberedRounds(
            try await MeshFixture(2) { number, scratch in
                guard number == 0 else { return }
                for name in ["a", "dir/b", "dir/c"] { try scratch.write("work/" + name, "first \(name)\n") }
            })
        try await rounds.round()
        for name in ["a", "dir/b", "dir/new"] { try rounds.mesh[0].write(name, "second \(name)\n") }
        try await rounds.round()
        return rounds
    }

    @Test func `U2 one file comes back, nothing else moves, and what stood there is captured first`() async throws {
        var rounds = try await two()
        let device = rounds.mesh[1]
        try device.write("a", "mine, never captured\n")
        try device.write("untouched", "beside it\n")
        let before = try rounds.mesh.trees()[1]
        var stamps: [String: Int] = [:]
        for name in ["dir/b", "dir/c", "dir/new", "untouched"] { stamps[name] = try modified(device, name) }
        let result = try await device.workspace.restore(path("a"), from: rounds.revision(1), label: "round 1")
        #expect(result.restored == [path("a")] && result.left.isEmpty)
        var wanted = before
        wanted["a"] = "first a\n"
        #expect(try rounds.mesh.trees()[1] == wanted)
        for (name, stamp) in stamps { #expect(try modified(device, name) == stamp) }
        // The bytes that were there are in the capture, and come back from there.
        let capture = try #require(result.capture)
        try await rounds.round()
        for tree in try rounds.mesh.trees() { #expect(tree == wanted) }
        let named = try #require(try await device.workspace.revision(named: String(capture.hex.prefix(12))))
        _ = try await device.workspace.restore(path("a"), from: named, label: "capture")
        #expect(try device.read("a") == "mine, never captured\n")
    }

    private func modified(_ device: MeshFixture.Device, _ name: String) throws -> Int {
        var raw = stat()
        try #require(lstat(device.root + "/" + name, &raw) == 0)
        return raw.st_mtim.tv_sec * 1_000_000_000 + raw.st_mtim.tv_nsec
    }

    @Test func `U2 a folder comes back file by file, and what is newer in it stays`() async throws {
        var rounds = try await two()
        rounds.mesh[0].scratch.remove("work/dir/c")
        let result = try await rounds.mesh[0].workspace.restore(path("dir"), from: rounds.revision(1), label: "round 1")
        #expect(Set(result.restored) == [path("dir/b"), path("dir/c")] && result.same == 0)
        let tree = try rounds.mesh.trees()[0]
        #expect(tree["dir/b"] == "first dir/b\n" && tree["dir/c"] == "first dir/c\n")
        #expect(tree["dir/new"] == "second dir/new\n" && tree["a"] == "second a\n")
        let again = try await rounds.mesh[0].workspace.restore(path("dir"), from: rounds.revision(1), label: "round 1")
        #expect(again.restored.isEmpty && again.same == 2)
        try await rounds.round()
        for tree in try rounds.mesh.trees() { #expect(tree["dir/b"] == "first dir/b\n") }
    }

    @Test func `U2 an unknown path, an unknown revision and a busy user are told the same each time`() async throws {
        let rounds = try await two()
        let device = rounds.mesh[0]
        for _ in 0..<2 {
            let error = await #expect(throws: WorkspaceError.self) {
                try await device.workspace.restore(path("dir/new"), from: rounds.revision(1), label: "round 1")
            }
            #expect(error?.message == "round 1 has no 'dir/new'")
            #expect(error?.hint.contains("baton log --path") == true)
        }
        for text in ["deadbeef", "zz", "HEAD", "refs/baton/main", "0000000000000000000000000000000000000000"] {
            #expect(try await device.workspace.revision(named: text) == nil)
        }
        try await device.userGit("checkout", "-q", "-b", "other")
        let error = await #expect(throws: WorkspaceError.self) {
            try await device.workspace.restore(path("a"), from: rounds.revision(1), label: "round 1")
        }
        #expect(error?.message.contains("branch other is checked out") == true)
        #expect(try device.read("a") == "second a\n")
    }

    @Test func `U2 a dry run writes nothing, not even a capture`() async throws {
        let rounds = try await two()
        try rounds.mesh[0].write("a", "edited\n")
        let before = try rounds.mesh.trees()[0]
        let result = try await rounds.mesh[0].workspace.restore(
            path("a"), from: rounds.revision(1), label: "round 1", dryRun: true)
        #expect(result.restored == [path("a")] && result.capture == nil)
        #expect(try rounds.mesh.trees()[0] == before)
    }

    @Test func `U2 a file that is held back and was edited is left alone`() async throws {
        var rounds = NumberedRounds(
            try await MeshFixture(1) { _, scratch in try scratch.write("work/a", "first\n") })
        try await rounds.round()
        try rounds.mesh[0].write("a", "AWS AKIAABCDEFGHIJKLMNOP\n")
        let result = try await rounds.mesh[0].workspace.restore(path("a"), from: rounds.revision(1), label: "round 1")
        // The store has the first version only; the bytes on disk are nowhere else.
        #expect(result.restored.isEmpty)
        #expect(try rounds.mesh[0].read("a") == "AWS AKIAABCDEFGHIJKLMNOP\n")
    }

    @Test func `U2 a deleted file comes back with its mode, and a link as a link`() async throws {
        var rounds = NumberedRounds(try await MeshFixture(1))
        let device = rounds.mesh[0]
        try device.write("run", "#!/bin/sh\n", mode: 0o755)
        symlink("run", device.root + "/link")
        try await rounds.round()
        device.scratch.remove("work/run")
        device.scratch.remove("work/link")
        for name in ["run", "link"] {
            // Every file is gone: what is asked for is to have them back.
            _ = try await device.workspace.restore(path(name), from: rounds.revision(1), label: "round 1")
        }
        var raw = stat()
        #expect(lstat(device.root + "/run", &raw) == 0 && raw.st_mode & 0o777 == 0o755)
        #expect(lstat(device.root + "/link", &raw) == 0 && raw.st_mode & S_IFMT == S_IFLNK)
    }
}

@Suite struct PathHistoryTests {
    @Test func `a path's history tells each round, who brought what, conflicts, undo and what waits`() async throws {
        var rounds = NumberedRounds(
            try await MeshFixture(3) { number, scratch in
                if number == 0 { try scratch.write("work/dir/a", "base\n") }
            })
        try await rounds.round()
        try rounds.mesh[1].write("other", "x\n")
        try await rounds.round()
        try rounds.mesh[0].write("dir/a", "from 0\n")
        try rounds.mesh[1].write("dir/a", "from 1\n")
        try await rounds.round()
        try await rounds.round(undo: 3)
        try rounds.mesh[2].write("dir/a", "captured only\n")
        let captured = try await rounds.mesh[2].workspace.capture(round: rounds.mesh.nextRound())
        guard case .captured(let capture, _, _, _) = captured else {
            Issue.record("not captured")
            return
        }
        let workspace = rounds.mesh[2].workspace
        let history = try await workspace.history(of: Array("dir/a".utf8), head: rounds.revision(4), number: 4)
        #expect(history.changes.map(\.number) == [4, 3, 1])
        #expect(history.changes[0].undoes == 3 && history.changes[0].after == history.changes[2].after)
        #expect(history.changes[1].brought.map(\.device) == [DeviceID(number: 1), DeviceID(number: 2)])
        #expect(history.changes[1].brought.allSatisfy { $0.version?.bytes == 7 })
        #expect(history.changes[1].conflicts.count == 1)
        #expect(history.changes[2].before == nil && history.changes[2].after?.bytes == 5)
        #expect(history.unpublished.map(\.capture) == [capture])
        #expect(history.unpublished.map(\.device) == [DeviceID(number: 3)])
        let folder = try await workspace.history(of: Array("dir".utf8), head: rounds.revision(4), number: 4)
        #expect(folder.changes.map(\.number) == [4, 3, 1] && folder.changes[0].files == 1)
        let none = try await workspace.history(of: Array("nowhere".utf8), head: rounds.revision(4), number: 4)
        #expect(none.changes.isEmpty && none.unpublished.isEmpty && none.now == nil)
    }

    @Test func `a conflict that changed nothing at the path is told, and names that only begin alike are not`()
        async throws
    {
        var rounds = NumberedRounds(
            try await MeshFixture(2) { number, scratch in
                if number == 0 { try scratch.write("work/a", "base\n") }
            })
        try await rounds.round()
        try rounds.mesh[1].write("a", "theirs\n")
        try rounds.mesh[0].write("a", "ours\n")
        try rounds.mesh[0].write("ab", "another name\n")
        try await rounds.round()
        let workspace = rounds.mesh[0].workspace
        let history = try await workspace.history(of: Array("ab".utf8), head: rounds.revision(2), number: 2)
        #expect(history.changes.count == 1 && history.changes[0].conflicts.isEmpty)
        let odd = Array("we ird\n%".utf8)
        #expect(try await workspace.history(of: odd, head: rounds.revision(2), number: 2).changes.isEmpty)
    }
}
