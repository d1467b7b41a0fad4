import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

/// Rounds with numbers, as a mesh counts them.
struct NumberedRounds {
    var mesh: MeshFixture
    private(set) var revisions: [Revision] = []

    init(_ mesh: MeshFixture) { self.mesh = mesh }

    var number: UInt64 { UInt64(revisions.count) }
    func revision(_ number: Int) -> Revision { revisions[number - 1] }

    @discardableResult
    mutating func round(undo number: Int? = nil) async throws -> MeshFixture.Report {
        let undo = number.map { RoundUndo(number: UInt64($0), revision: revision($0)) }
        let before = mesh.head
        let report = try await mesh.round(undo: undo)
        if let head = mesh.head, head != before { revisions.append(head) }
        return report
    }
}

@Suite struct UndoTests {
    private func three() async throws -> NumberedRounds {
        var rounds = NumberedRounds(
            try await MeshFixture(3) { number, scratch in
                guard number == 0 else { return }
                for name in ["a", "b", "c", "dir/d"] { try scratch.write("work/" + name, "base \(name)\n") }
            })
        try await rounds.round()
        return rounds
    }

    @Test func `U1 every device has the bytes before the round again, and the undo can be undone`() async throws {
        var rounds = try await three()
        let first = try rounds.mesh.trees()[0]
        try rounds.mesh[1].write("a", "changed\n")
        try rounds.mesh[2].write("new/file", "added\n")
        rounds.mesh[2].scratch.remove("work/dir/d")
        try await rounds.round()
        let second = try rounds.mesh.trees()[0]
        #expect(second["a"] == "changed\n" && second["new/file"] == "added\n" && second["dir/d"] == nil)
        let report = try await rounds.round(undo: 2)
        #expect(report.merge.undo.map { [$0.restored, $0.left] } == [3, 0])
        #expect(rounds.number == 3)
        for tree in try rounds.mesh.trees() { #expect(tree == first) }
        try await rounds.round(undo: 3)
        for tree in try rounds.mesh.trees() { #expect(tree == second) }
        for device in rounds.mesh.devices {
            #expect(try await device.workspace.dirt().changed == 0)
            #expect(try await device.userGit("status", "--porcelain").isEmpty)
            #expect(try await device.userGit("fsck", "--strict", "--no-dangling").isEmpty)
        }
        let silent = try await rounds.round()
        #expect(silent.isSilent && rounds.number == 4)
    }

    @Test func `U1 a file that was changed since stays and is listed, captured or published`() async throws {
        var rounds = try await three()
        for name in ["a", "b", "c"] { try rounds.mesh[0].write(name, "second \(name)\n") }
        try await rounds.round()
        try rounds.mesh[1].write("b", "third b\n")
        try await rounds.round()
        // Not captured yet: the undo's own round does that, before it looks.
        try rounds.mesh[2].write("c", "just now\n")
        let planned = try await rounds.mesh[0].workspace.undoPlan(rounds.revision(2), on: rounds.revision(3))
        #expect(planned.restored == [Array("a".utf8), Array("c".utf8)] && planned.left == [Array("b".utf8)])
        let report = try await rounds.round(undo: 2)
        #expect(report.merge.undo.map { [$0.restored, $0.left] } == [1, 2])
        for tree in try rounds.mesh.trees() {
            #expect(tree["a"] == "base a\n" && tree["b"] == "third b\n" && tree["c"] == "just now\n")
        }
        let listed = try #require(try await rounds.mesh[1].workspace.undone(by: rounds.revision(4)))
        #expect(listed.restored == [Array("a".utf8)])
        #expect(listed.left == [Array("b".utf8), Array("c".utf8)])
        // What was captured beside the undo is no part of it: the undo of the undo leaves it.
        try await rounds.round(undo: 4)
        for tree in try rounds.mesh.trees() {
            #expect(tree["a"] == "second a\n" && tree["b"] == "third b\n" && tree["c"] == "just now\n")
        }
    }

    @Test func `U1 asked for twice, the second finds nothing to do`() async throws {
        var rounds = try await three()
        try rounds.mesh[0].write("a", "second\n")
        try await rounds.round()
        try await rounds.round(undo: 2)
        let again = try await rounds.round(undo: 2)
        #expect(again.merge.undo.map { [$0.restored, $0.left] } == [0, 0])
        #expect(rounds.number == 3)
    }

    @Test func `U1 what would be in the way of a later change is left too`() async throws {
        var rounds = try await three()
        rounds.mesh[0].scratch.remove("work/a")
        try rounds.mesh[0].write("a/inside", "a is a folder\n")
        rounds.mesh[0].scratch.remove("work/dir/d")
        rmdir(rounds.mesh[0].root + "/dir")
        try rounds.mesh[0].write("dir", "dir is a file\n")
        try await rounds.round()
        try rounds.mesh[1].write("a/more", "later\n")
        try rounds.mesh[1].write("dir", "later\n")
        try await rounds.round()
        let report = try await rounds.round(undo: 2)
        let left = try #require(try await rounds.mesh[0].workspace.undone(by: rounds.revision(4))).left
        #expect(Set(left.map { String(decoding: $0, as: UTF8.self) }) == ["a", "dir", "dir/d"])
        #expect(report.applies.allSatisfy { $0.isComplete })
        for tree in try rounds.mesh.trees() {
            #expect(tree["a/more"] == "later\n" && tree["a/inside"] == nil && tree["dir"] == "later\n")
        }
    }

    @Test func `U1 the undo of a conflict's round brings the version before it back on every device`() async throws {
        var rounds = try await three()
        try rounds.mesh[0].write("a", "from 0\n")
        try rounds.mesh[1].write("a", "from 1\n")
        let report = try await rounds.round()
        #expect(report.merge.conflicts.count == 1)
        try await rounds.round(undo: 2)
        for tree in try rounds.mesh.trees() { #expect(tree["a"] == "base a\n") }
    }

    @Test func `U1 a round of another mesh is refused`() async throws {
        var rounds = try await three()
        var other = try await three()
        try other.mesh[0].write("a", "elsewhere\n")
        try await other.round()
        let foreign = RoundUndo(number: 2, revision: other.revision(2))
        await #expect(throws: WorkspaceError.self) { try await rounds.mesh.round(undo: foreign) }
    }

    @Test func `rounds are found by their numbers, and not beyond them`() async throws {
        var rounds = try await three()
        for text in ["second\n", "third\n", "fourth\n"] {
            try rounds.mesh[Int(rounds.number) % 3].write("a", text)
            try rounds.mesh[0].write("b", text)
            try await rounds.round()
        }
        let workspace = rounds.mesh[1].workspace
        for number in 1...4 {
            let found = try await workspace.revision(
                ofRound: UInt64(number), head: rounds.revision(4), number: rounds.number)
            #expect(found == rounds.revision(number))
        }
        for number: UInt64 in [0, 5, .max] {
            #expect(
                try await workspace.revision(ofRound: number, head: rounds.revision(4), number: rounds.number) == nil)
        }
    }
}
