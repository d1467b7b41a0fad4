import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

/// A base and two sides of it in one store.
private struct Sides {
    let fixture: CaptureFixture
    let base: Revision
    var captures: [DeviceCapture] = []

    init(_ prepare: (CaptureFixture) throws -> Void) async throws {
        fixture = try await CaptureFixture()
        try prepare(fixture)
        base = try fixture.captured()
        try fixture.setBase(base)
    }

    /// What the next device made of the base.
    mutating func side(_ change: (CaptureFixture) throws -> Void) async throws {
        let tree = fixture.root
        let kept = fixture.scratch.path + "/kept"
        try FileManager.default.copyItem(atPath: tree, toPath: kept)
        try change(fixture)
        let revision = try fixture.captured()
        captures.append(
            DeviceCapture(device: DeviceID(number: UInt64(captures.count + 1)), revision: revision, base: base))
        try FileManager.default.removeItem(atPath: tree)
        try FileManager.default.moveItem(atPath: kept, toPath: tree)
        fixture.previous = nil
    }

    func merge(head: Revision? = nil) throws -> MergeResult {
        let merger = Merger(
            store: fixture.store, head: head ?? base,
            round: RoundID(token: FencingToken(epoch: 1, counter: 2), sequence: 3))
        return try #require(try merger.merge(captures))
    }
}

@Suite struct MergeTests {
    private let text = (1...9).map { "line \($0)\n" }.joined()

    @Test func `M2 of 500 files 2 conflict: 498 are merged, both versions are kept by id`() async throws {
        var sides = try await Sides { fixture in
            for number in 0..<500 { try fixture.write("f\(number)", "base \(number)\n") }
        }
        try await sides.side { fixture in
            for number in 0..<250 { try fixture.write("f\(number)", "ours \(number)\n") }
        }
        try await sides.side { fixture in
            for number in 248..<500 { try fixture.write("f\(number)", "theirs \(number)\n") }
        }
        let result = try sides.merge()
        let files = try sides.fixture.files(result.revision)
        for number in 0..<500 {
            let side = number < 250 ? "ours" : "theirs"
            #expect(files[Array("f\(number)".utf8)] == Array("\(side) \(number)\n".utf8))
        }
        #expect(result.changedFiles == 500)
        #expect(result.conflicts.map(\.path) == [Array("f248".utf8), Array("f249".utf8)])
        let store = sides.fixture.store
        for conflict in result.conflicts {
            #expect(conflict.kind == .content && conflict.isOpen)
            #expect(conflict.oursDevice == DeviceID(number: 1) && conflict.theirsDevice == DeviceID(number: 2))
            let batch = ObjectBatch(store)
            try batch.finish(refs: [#require(try store.pin(conflict, in: batch))])
            let kept = try #require(try store.reader.contents("\(RefName.conflicts)\(conflict.id):theirs"))
            #expect(String(decoding: kept.bytes, as: UTF8.self).hasPrefix("theirs 24"))
        }
        #expect(try store.conflicts(of: result.revision) == result.conflicts)
        #expect(try store.commit(result.revision).parents == [sides.base] + sides.captures.map(\.revision))
    }

    /// Two sides that are at odds in every way that git knows.
    private func atOdds() async throws -> Sides {
        var sides = try await Sides { fixture in
            for name in ["both", "mode", "type", "edit-dir/x", "file", "gone", "keep/x", "bin"] {
                try fixture.write(name, self.text)
            }
        }
        try await sides.side { fixture in
            try fixture.write("both", self.text.replacingOccurrences(of: "line 5", with: "ours"))
            chmod(fixture.root + "/mode", 0o755)
            fixture.scratch.remove("work/type")
            symlink("both", fixture.root + "/type")
            try fixture.write("edit-dir/x", "edited\n")
            try fixture.write("file", "edited file\n")
            try fixture.write("gone", "edited gone\n")
            try fixture.write("new", "ours new\n")
            try fixture.write("thing", "ours is a file\n")
            try fixture.write("other/inside", "ours is a folder\n")
            try fixture.write("bin", "\0ours\n")
        }
        try await sides.side { fixture in
            try fixture.write("both", self.text.replacingOccurrences(of: "line 5", with: "theirs"))
            try fixture.write("mode", self.text + "more\n")
            try fixture.write("type", "still a file\n")
            try FileManager.default.removeItem(atPath: fixture.root + "/edit-dir")
            try fixture.write("edit-dir", "theirs is a file\n")
            fixture.scratch.remove("work/file")
            try fixture.write("file/inside", "theirs is a folder\n")
            fixture.scratch.remove("work/gone")
            try fixture.write("new", "theirs new\n")
            try fixture.write("thing/inside", "theirs is a folder\n")
            try fixture.write("other", "theirs is a file\n")
            try fixture.write("bin", "\0theirs\n")
        }
        return sides
    }

    @Test func `M1 no marker and no made-up name is ever in a merged tree`() async throws {
        var sides = try await atOdds()
        let result = try sides.merge()
        let fixture = sides.fixture
        #expect(
            try fixture.names(result.revision) == [
                "bin", "both", "edit-dir/x", "file/inside", "gone", "keep/x", "mode", "new", "other/inside",
                "thing/inside", "type",
            ])
        for (path, bytes) in try fixture.files(result.revision) {
            #expect(!bytes.starts(with: Array("<<<<<<<".utf8)) && !path.contains(126))
            #expect(!String(decoding: bytes, as: UTF8.self).contains("<<<<<<<"))
        }
        #expect(try fixture.text(result.revision, "both")?.contains("ours") == true)
        #expect(try fixture.text(result.revision, "mode") == text + "more\n")
        #expect(try fixture.text(result.revision, "type") == "both")
        let kinds = result.conflicts.map { "\(String(decoding: $0.path, as: UTF8.self)) \($0.kind.rawValue)" }
        #expect(
            kinds == [
                "bin content", "both content", "edit-dir file-and-folder", "edit-dir/x edited-and-deleted",
                "file file-and-folder", "gone edited-and-deleted", "new added", "other file-and-folder",
                "thing file-and-folder", "type type",
            ])
        for conflict in result.conflicts where conflict.isOpen { #expect(conflict.theirs != nil) }
        #expect(try fixture.store.git.runBlocking(["fsck", "--strict"]).status == 0)
        // Seen from the other side: the same names, and where both have a file, the other's stands.
        let devices = sides.captures.map(\.device)
        for (offset, device) in devices.reversed().enumerated() { sides.captures[offset].device = device }
        let mirrored = try sides.merge()
        #expect(
            try fixture.names(mirrored.revision) == [
                "bin", "both", "edit-dir/x", "file/inside", "gone", "keep/x", "mode", "new", "other/inside",
                "thing/inside", "type",
            ])
        #expect(try fixture.text(mirrored.revision, "new") == "theirs new\n")
        #expect(try fixture.text(mirrored.revision, "gone") == "edited gone\n")
    }

    @Test func `M3 the same bytes on both sides are no conflict`() async throws {
        var sides = try await Sides { try $0.write("a", "1\n") }
        for _ in 0..<2 {
            try await sides.side { fixture in
                try fixture.write("a", "2\n")
                try fixture.write("new/file", "same\n")
            }
        }
        let result = try sides.merge()
        #expect(result.conflicts.isEmpty && result.changedFiles == 2)
        #expect(try sides.fixture.text(result.revision, "a") == "2\n")
    }

    @Test func `M4 edit beats delete, whoever comes first, and the delete is noted`() async throws {
        var sides = try await Sides { fixture in
            try fixture.write("a", "1\n")
            try fixture.write("b", "1\n")
        }
        try await sides.side { fixture in
            try fixture.write("a", "edited\n")
            fixture.scratch.remove("work/b")
        }
        try await sides.side { fixture in
            fixture.scratch.remove("work/a")
            try fixture.write("b", "edited\n")
        }
        let result = try sides.merge()
        #expect(try sides.fixture.text(result.revision, "a") == "edited\n")
        #expect(try sides.fixture.text(result.revision, "b") == "edited\n")
        #expect(result.conflicts.map(\.kind) == [.editedAndDeleted, .editedAndDeleted])
        #expect(result.conflicts.allSatisfy { !$0.isOpen })
    }

    @Test func `M5 the same inputs give the same tree and the same commit on another device`() async throws {
        var sides = try await Sides { try $0.write("a", self.text) }
        for number in 1...3 {
            try await sides.side { fixture in
                try fixture.write("a", self.text.replacingOccurrences(of: "line \(number)\n", with: "side \(number)\n"))
                try fixture.write("new\(number)", "x")
            }
        }
        let other = try await CaptureFixture()
        for capture in sides.captures {
            let sockets = try Sockets()
            try sides.fixture.store.update([RefChange(name: "refs/baton/captures/x", new: ObjectID(capture.revision))])
            let sender = PackTransfer(
                store: sides.fixture.store, cancellation: Cancellation(), deadline: .seconds(20))
            try sender.send(want: capture.revision, have: [], to: sockets.near)
            try PackTransfer(store: other.store, cancellation: Cancellation(), deadline: .seconds(20))
                .receive(want: capture.revision, from: sockets.far)
        }
        let here = try sides.merge()
        let round = RoundID(token: FencingToken(epoch: 1, counter: 2), sequence: 3)
        let merger = Merger(store: other.store, head: sides.base, round: round)
        let there = try merger.merge(sides.captures.reversed())
        #expect(there == here)
        #expect(here.changedFiles == 4)
    }

    @Test func `a head that moved on is merged with a capture of an older base`() async throws {
        var sides = try await Sides { try $0.write("a", self.text) }
        try await sides.side { try $0.write("a", self.text.replacingOccurrences(of: "line 2", with: "two")) }
        let first = try sides.merge()
        #expect(first.revision == sides.captures[0].revision)
        sides.captures = []
        try await sides.side { try $0.write("a", self.text.replacingOccurrences(of: "line 8", with: "eight")) }
        sides.captures[0].device = DeviceID(number: 2)
        let second = try sides.merge(head: first.revision)
        let expected = text.replacingOccurrences(of: "line 2", with: "two")
            .replacingOccurrences(of: "line 8", with: "eight")
        #expect(try sides.fixture.text(second.revision, "a") == expected)
        #expect(second.conflicts.isEmpty && second.changedFiles == 1)
    }

    @Test func `nothing brought is the head itself`() async throws {
        let sides = try await Sides { try $0.write("a", "1\n") }
        #expect(try sides.merge() == MergeResult(revision: sides.base, changedFiles: 0, conflicts: []))
    }

    @Test func `a device that joins with files of its own is merged as a union`() async throws {
        var sides = try await Sides { try $0.write("shared", "head\n") }
        try await sides.side { _ = try $0.write("shared", "changed\n") }
        let joiner = try await CaptureFixture(device: 2, store: sides.fixture.store)
        try joiner.write("shared", "mine\n")
        try joiner.write("odd \n%name", "mine\n")
        sides.captures = [DeviceCapture(device: DeviceID(number: 2), revision: try joiner.captured(), base: nil)]
        let result = try sides.merge()
        #expect(try sides.fixture.text(result.revision, "shared") == "head\n")
        #expect(try sides.fixture.text(result.revision, "odd \n%name") == "mine\n")
        #expect(result.conflicts.map(\.kind) == [.added])
    }

    @Test func `a conflict record reads back, and garbage does not`() throws {
        let id = try #require(ObjectID(hex: String(repeating: "ab", count: 20)))
        let conflict = Conflict(
            path: [0x20, 0xFF, 0x0A, 0x25, 0x61], kind: .type, base: nil, ours: Version(mode: 0o120000, id: id),
            theirs: Version(mode: 0o100644, id: id), oursDevice: nil, theirsDevice: DeviceID(number: 3))
        let value = String(conflict.line.dropFirst("Baton-Conflict: ".count))
        #expect(Conflict(value) == conflict)
        #expect(Conflict("") == nil && Conflict(value + " x") == nil && Conflict("x" + value) == nil)
        #expect(Conflict(String(value.dropLast(2))) == nil)
    }
}
