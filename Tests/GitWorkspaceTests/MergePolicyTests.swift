import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

@Suite struct MergePolicyTests {
    private let fixture: CaptureFixture
    private let leader = DeviceID(number: 1)

    init() async throws { fixture = try await CaptureFixture() }

    private func tree(_ files: [String: String], _ batch: ObjectBatch) throws -> ObjectID {
        var lines: [TreeLine] = []
        for (name, text) in files {
            let isLink = text.hasPrefix("-> ")
            let id = try batch.add(.blob, Array((isLink ? String(text.dropFirst(3)) : text).utf8))
            let mode = isLink ? TreeEntry.link : text.hasPrefix("#!") ? TreeEntry.executable : TreeEntry.file
            lines.append(TreeLine(path: Array(name.utf8), old: nil, new: Version(mode: mode, id: id)))
        }
        lines.sort { $0.path.lexicographicallyPrecedes($1.path) }
        return try TreeEdit(batch: batch).apply(lines, to: fixture.store.emptyTree)
    }

    private func commit(_ files: [String: String], _ parents: [Revision], round: UInt64) throws -> Revision {
        let batch = ObjectBatch(fixture.store)
        let revision = try batch.add(
            commit: ObjectBatch.Commit(
                tree: tree(files, batch), parents: parents, author: "t", email: "t@t", seconds: 1,
                message: "t\n\nBaton-Round: 1.1/\(round)\n"))
        try batch.finish()
        return revision
    }

    /// What two devices made of the same base.
    private func merge(
        _ base: [String: String], _ first: [String: String], _ second: [String: String], _ rules: [MergePolicies.Rule],
        leader: UInt64 = 1, rounds: (UInt64, UInt64) = (2, 2)
    ) throws -> (files: [String: String], conflicts: [Conflict]) {
        let root = try commit(base, [], round: 1)
        let captures = [
            DeviceCapture(
                device: DeviceID(number: 1), revision: try commit(first, [root], round: rounds.0), base: root),
            DeviceCapture(
                device: DeviceID(number: 2), revision: try commit(second, [root], round: rounds.1), base: root),
        ]
        let merger = Merger(
            store: fixture.store, head: root,
            round: RoundID(token: FencingToken(epoch: 1, counter: 1), sequence: 9), policies: MergePolicies(rules),
            leader: DeviceID(number: leader))
        let result = try #require(try merger.merge(captures))
        let again = try merger.merge(captures.reversed())
        #expect(again == result, "the order in which captures come does not matter")
        var files: [String: String] = [:]
        for (path, bytes) in try fixture.files(result.revision) {
            files[String(decoding: path, as: UTF8.self)] = String(decoding: bytes, as: UTF8.self)
        }
        // Whatever did not win is still there, by the record.
        #expect(try fixture.store.conflicts(of: result.revision) == result.conflicts)
        for conflict in result.conflicts {
            for entry in [conflict.ours, conflict.theirs].compactMap({ $0 }) {
                #expect(try fixture.store.kind(of: #require(ObjectID(hex: entry.blob))) == .blob)
            }
        }
        return (files, result.conflicts)
    }

    @Test func `M9 ours is the leader's version and theirs the other's, whoever comes first`() throws {
        for (policy, leader, expected) in [
            (MergePolicy.ours, UInt64(1), "one"), (.ours, 2, "two"), (.theirs, 1, "two"), (.theirs, 2, "one"),
        ] {
            let merged = try merge(
                ["a/x": "base\n"], ["a/x": "one\n"], ["a/x": "two\n"], [.init("a/*", policy)], leader: leader)
            #expect(merged.files == ["a/x": expected + "\n"])
            #expect(merged.conflicts.map(\.kind) == [.settled] && merged.conflicts.allSatisfy { !$0.isOpen })
            let devices = [merged.conflicts.first?.oursDevice, merged.conflicts.first?.theirsDevice]
            let winner: UInt64 = expected == "one" ? 1 : 2
            #expect(devices == [DeviceID(number: winner), DeviceID(number: 3 - winner)])
        }
    }

    @Test func `M9 newest-round takes the capture of the later round, by number and by no clock`() throws {
        for (rounds, expected) in [((2, 3), "two"), ((3, 2), "one"), ((2, 2), "one"), ((9, 10), "two")] {
            let merged = try merge(
                ["x": "base\n"], ["x": "one\n"], ["x": "two\n"], [.init("*", .newestRound)],
                rounds: (UInt64(rounds.0), UInt64(rounds.1)))
            #expect(merged.files == ["x": expected + "\n"])
        }
        // Against the head: a device that was away brings a capture older than what was published since.
        let root = try commit(["x": "base\n"], [], round: 1)
        let head = try commit(["x": "published\n"], [root], round: 5)
        for (round, expected) in [(UInt64(3), "published\n"), (7, "away\n")] {
            let away = try commit(["x": "away\n"], [root], round: round)
            let merger = Merger(
                store: fixture.store, head: head,
                round: RoundID(token: FencingToken(epoch: 1, counter: 1), sequence: 8),
                policies: MergePolicies([.init("*", .newestRound)]), leader: leader)
            let capture = DeviceCapture(device: DeviceID(number: 2), revision: away, base: root)
            let result = try #require(try merger.merge([capture]))
            #expect(try fixture.text(result.revision, "x") == expected)
        }
    }

    @Test func `M7 lines that both sides add to a jsonl are all kept, once, in a stable order`() throws {
        var merged = try merge(
            ["log.jsonl": "{1}\n"], ["log.jsonl": "{1}\n{2}\n{3}\n"], ["log.jsonl": "{1}\n{4}\n{3}\n"], [])
        #expect(merged.files == ["log.jsonl": "{1}\n{2}\n{3}\n{4}\n"] && merged.conflicts.isEmpty)
        // Both made it; no newline at the end; a change inside.
        merged = try merge([:], ["d/new.jsonl": "{a}"], ["d/new.jsonl": "{b}"], [])
        #expect(merged.files == ["d/new.jsonl": "{a}\n{b}\n"] && merged.conflicts.isEmpty)
        merged = try merge(["x.jsonl": "{1}"], ["x.jsonl": "{1}\n{2}"], ["x.jsonl": "{1}\n{3}"], [])
        #expect(merged.files == ["x.jsonl": "{1}\n{2}\n{3}\n"])
        merged = try merge(
            ["x.jsonl": "1\n2\n3\n"], ["x.jsonl": "1\nours\n3\nmore\n"], ["x.jsonl": "1\ntheirs\n3\n"], [])
        #expect(merged.files == ["x.jsonl": "1\nours\ntheirs\n3\nmore\n"] && merged.conflicts.isEmpty)
        // A path marked so; and a journal marked otherwise.
        merged = try merge(["n.txt": "1\n"], ["n.txt": "1\n2\n"], ["n.txt": "1\n3\n"], [.init("/n.txt", .union)])
        #expect(merged.files == ["n.txt": "1\n2\n3\n"])
        merged = try merge(
            ["l.jsonl": "1\n"], ["l.jsonl": "1\n2\n"], ["l.jsonl": "1\n3\n"], [.init("*.jsonl", .keepBoth)])
        #expect(merged.files == ["l.jsonl": "1\n2\n"] && merged.conflicts.map(\.kind) == [.content])
    }

    @Test func `M9 what is no text is never put together, whatever the policy`() throws {
        let merged = try merge(
            ["b.jsonl": "\0base"], ["b.jsonl": "\0one", "l": "-> a"], ["b.jsonl": "\0two", "l": "-> b"],
            [.init("*", .union)])
        #expect(merged.files == ["b.jsonl": "\0one", "l": "a"])
        #expect(merged.conflicts.map(\.kind) == [.content, .added])
    }

    @Test func `M4 a rename against an edit keeps the edit where it was made, and the new name`() throws {
        let text = "a long enough text\nto be found again\nby who guesses renames\n"
        let merged = try merge(
            ["old": text, "k": "k"], ["new": text, "k": "k"], ["old": text + "edited\n", "k": "k"], [])
        #expect(merged.files == ["old": text + "edited\n", "new": text, "k": "k"])
        #expect(merged.conflicts.map(\.kind) == [.editedAndDeleted])
        let both = try merge(["old": text], ["new1": text], ["new2": text], [])
        #expect(both.files == ["new1": text, "new2": text] && both.conflicts.isEmpty)
    }

    @Test func `M3 an executable bit of one and bytes of the other go together`() throws {
        let base = ["s": "line\n"]
        let merged = try merge(base, ["s": "line\n", "x": "-> s"], ["s": "line\nmore\n", "x": "-> s"], [])
        #expect(merged.files == ["s": "line\nmore\n", "x": "s"] && merged.conflicts.isEmpty)
    }

    @Test func `M8 a conflict is not made again, and its record is one`() async throws {
        var mesh = try await MeshFixture(2) { number, scratch in
            if number == 0 { try scratch.write("work/f", "base\n") }
        }
        try await mesh.round()
        try mesh[0].write("f", "one\n")
        try mesh[1].write("f", "two\n")
        let first = try await mesh.round()
        #expect(first.merge.conflicts.count == 1)
        for _ in 0..<3 { #expect(try await mesh.round().isSilent) }
        // The user of the second device wants theirs: an edit like any other.
        try mesh[1].write("f", "two\n")
        let second = try await mesh.round()
        #expect(second.merge.conflicts.isEmpty)
        #expect(try mesh[0].read("f") == "two\n")
        #expect(try mesh.trees()[0] == mesh.trees()[1])
    }

    @Test func `patterns are those of ignore files`() {
        for (pattern, path, isMatch) in [
            ("*.jsonl", "a/b/c.jsonl", true), ("*.jsonl", "a.jsonl.txt", false), ("/a/*", "a/b", true),
            ("/a/*", "a/b/c", false), ("a/**", "a/b/c", true), ("a/", "a/b/c", true), ("**/x", "x", true),
            ("**/x", "a/b/x", true), ("**/x", "a/bx", false), ("a/**/z", "a/z", true), ("a/**/z", "a/b/c/z", true),
            ("?.md", "a.md", true), ("?.md", "ab.md", false), ("a*b*c", "aXbYc", true), ("a*b*c", "acb", false),
            ("", "a", false), ("*", "anything/below", true),
        ] { #expect(PathPattern(pattern).matches(Array(path.utf8)) == isMatch, "\(pattern) \(path)") }
    }
}
