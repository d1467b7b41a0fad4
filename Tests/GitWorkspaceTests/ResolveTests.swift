import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

@Suite struct ResolveTests {
    /// Two devices at odds over `plan.md`; the first one's version stands.
    private func atOdds(
        _ path: String = "plan.md", _ ours: String = "one\n", _ theirs: String = "two\n"
    ) async throws -> (MeshFixture, Conflict) {
        var mesh = try await MeshFixture(2) { number, scratch in
            if number == 0 { try scratch.write("work/" + path, "base\n") }
        }
        try await mesh.round()
        try mesh[0].write(path, ours)
        try mesh[1].write(path, theirs)
        let report = try await mesh.round()
        return (mesh, try #require(report.merge.conflicts.first))
    }

    private func view(_ mesh: MeshFixture, _ conflict: Conflict, on device: Int) async throws -> ConflictView {
        let place = ConflictPlace(id: try #require(conflict.shortID), revision: try #require(mesh.head))
        return try #require(try await mesh[device].workspace.conflicts(at: [place]).first ?? nil)
    }

    @Test func `M2 both versions, whose they are, how far apart and what stands, the same on each device`() async throws
    {
        let (mesh, conflict) = try await atOdds("plan.md", "base\none\nmore\n", "two\n")
        for device in 0..<2 {
            let view = try await view(mesh, conflict, on: device)
            #expect(view.conflict == conflict && view.standing == .ours)
            #expect(view.ours.device == DeviceID(number: 1) && view.theirs.device == DeviceID(number: 2))
            #expect(view.ours.added == 2 && view.ours.removed == 0)
            #expect(view.theirs.added == 1 && view.theirs.removed == 1 && view.theirs.bytes == 4)
            #expect(view.ours.captured != nil && view.theirs.captured != nil)
            let text = try await mesh[device].workspace.difference(conflict.ours, conflict.theirs)
            #expect(text == "@@ -1,3 +1 @@\n-base\n-one\n-more\n+two\n")
        }
    }

    @Test func `M6 a version that is taken on one device reaches the others with the next round`() async throws {
        var (mesh, conflict) = try await atOdds()
        let result = try await mesh[1].workspace.resolve(conflict, .theirs)
        #expect(result == ResolveResult(wasWritten: true))
        #expect(try mesh[1].read("plan.md") == "two\n")
        let report = try await mesh.round()
        #expect(report.merge.conflicts.isEmpty && report.merge.changedFiles == 1)
        #expect(try mesh.trees()[0] == ["plan.md": "two\n"] && mesh.trees()[0] == mesh.trees()[1])
        #expect(try await mesh.round().isSilent)
        // What stands already is not touched, and nothing has to be synced.
        let again = try await mesh[0].workspace.resolve(conflict, .theirs)
        #expect(!again.wasWritten && !again.wasEdited)
        #expect(try await mesh.round().isSilent)
    }

    @Test func `M6 an edit since then is kept under the conflict, and the choice says what it replaces`() async throws {
        let (mesh, conflict) = try await atOdds()
        try mesh[0].write("plan.md", "edited since\n")
        #expect(try await view(mesh, conflict, on: 0).standing == .edited)
        let result = try await mesh[0].workspace.resolve(conflict, .theirs)
        #expect(result.wasWritten && result.wasEdited)
        #expect(try mesh[0].read("plan.md") == "two\n")
        let blob = BlobHash.id(of: Array("edited since\n".utf8), digits: 40)
        #expect(try mesh[0].workspace.store.pinned(conflict.id, "kept-\(blob.prefix(12))")?.hex == blob)
        // Gone: it comes back.
        mesh[0].scratch.remove("work/plan.md")
        #expect(try await view(mesh, conflict, on: 0).standing == .gone)
        #expect(try await mesh[0].workspace.resolve(conflict, .ours).wasWritten)
        #expect(try mesh[0].read("plan.md") == "one\n")
    }

    @Test func `M6 bytes from a file or an editor become an edit like any other, with the file's mode`() async throws {
        var (mesh, conflict) = try await atOdds()
        chmod(mesh[0].root + "/plan.md", 0o755)
        let result = try await mesh[0].workspace.resolve(conflict, .content(Array("together\n".utf8)))
        #expect(result.wasWritten)
        #expect(try mesh.trees()[0] == ["plan.md": "together\n+x"])
        try await mesh.round()
        #expect(try mesh.trees()[0] == mesh.trees()[1])
        #expect(try await mesh[0].workspace.resolve(conflict, .content(Array("together\n".utf8))).wasWritten == false)
    }

    @Test func `M8 both become two files, and a copy of a copy is named after the first file`() async throws {
        var (mesh, conflict) = try await atOdds("notes/plan.md")
        let both = ConflictChoice.both(oursName: "laptop", theirsName: "desk top")
        let result = try await mesh[1].workspace.resolve(conflict, both)
        #expect(result.copy == Array("notes/plan.conflict-desk-top.md".utf8) && !result.wasWritten)
        // Again, or on the other device too: the same file, no further one.
        #expect(try await mesh[0].workspace.resolve(conflict, both).copy == result.copy)
        let report = try await mesh.round()
        #expect(report.merge.conflicts.isEmpty)
        let kept = ["notes/plan.md": "one\n", "notes/plan.conflict-desk-top.md": "two\n"]
        #expect(try mesh.trees() == [kept, kept])
        // The copy is changed on both sides.
        try mesh[0].write("notes/plan.conflict-desk-top.md", "A\n")
        try mesh[1].write("notes/plan.conflict-desk-top.md", "B\n")
        conflict = try #require(try await mesh.round().merge.conflicts.first)
        let copy = try await mesh[0].workspace.resolve(conflict, .both(oursName: "laptop", theirsName: "nas")).copy
        #expect(copy == Array("notes/plan.conflict-nas.md".utf8))
        // The name is taken by something else: the conflict's name tells them apart.
        try mesh[0].write("notes/plan.conflict-nas.md", "other\n")
        let other = try await mesh[0].workspace.resolve(conflict, .both(oursName: "laptop", theirsName: "nas")).copy
        #expect(other == Array("notes/plan.conflict-nas-\(conflict.id.prefix(6)).md".utf8))
        #expect(try mesh[0].read("notes/plan.conflict-nas.md") == "other\n")
    }

    @Test func `M8 names of copies keep endings, hidden files and whole characters`() {
        for (name, expected) in [
            ("a", "a.conflict-nas"), ("a.tar.gz", "a.tar.conflict-nas.gz"), (".envrc", ".envrc.conflict-nas"),
            ("x.conflict-old", "x.conflict-nas"), ("x.conflict-old-12ab.md", "x.conflict-nas.md"),
            ("x.conflict-a.conflict-b.md", "x.conflict-nas.md"),
        ] {
            let made = String(decoding: ConflictCopy.name(of: Array(name.utf8), device: "nas"), as: UTF8.self)
            #expect(made == expected)
        }
        let long = ConflictCopy.name(of: Array(String(repeating: "ä", count: 127).utf8), device: "näs/..")
        #expect(long.count <= 255 && String(validating: long, as: UTF8.self)?.hasSuffix(".conflict-näs---") == true)
    }

    @Test func `M9 a file and a folder of one name: taking one is refused, both stand beside each other`() async throws
    {
        var mesh = try await MeshFixture(2) { number, scratch in
            if number == 0 { try scratch.write("work/a", "1\n") }
        }
        try await mesh.round()
        try mesh[0].write("d/inside", "folder\n")
        try mesh[1].write("d", "file\n")
        let conflict = try #require(try await mesh.round().merge.conflicts.first { $0.kind == .fileAndFolder })
        let result = try await mesh[0].workspace.resolve(conflict, .both(oursName: "laptop", theirsName: "nas"))
        let copy = String(decoding: try #require(result.copy), as: UTF8.self)
        try await mesh.round()
        #expect(copy == "d.conflict-nas")
        #expect(try mesh.trees()[1] == ["a": "1\n", "d/inside": "folder\n", "d.conflict-nas": "file\n"])
    }

    @Test func `M2 both versions are kept while a conflict is open and 30 days longer, over restarts`() async throws {
        var (mesh, conflict) = try await atOdds()
        let id = try #require(conflict.shortID)
        let place = ConflictPlace(id: id, revision: try #require(mesh.head))
        func pins() throws -> [String] {
            try mesh[1].workspace.store.refs(under: RefName.conflicts).flatMap { ref in
                try mesh[1].workspace.store.list(ref.id).map {
                    "\(ref.name.dropFirst(RefName.conflicts.count))/\(String(decoding: $0.path, as: UTF8.self))"
                }
            }.sorted()
        }
        let workspace = mesh[1].workspace
        try await workspace.keepConflicts([place], now: 1000)
        #expect(try pins() == ["record", "ours", "theirs"].map { "\(id)/\($0)" }.sorted())
        // The record is found by its pin alone, too.
        let elsewhere = ConflictPlace(id: id, revision: Revision(number: 7))
        #expect(try await workspace.conflicts(at: [elsewhere]).first??.conflict == conflict)
        let days = { (count: Int64) in 1000 + count * 86_400 }
        try await workspace.keepConflicts([place], now: days(400))
        try await workspace.keepConflicts([], now: days(401))
        await workspace.close()
        mesh.devices[1] = try await MeshFixture.open(mesh[1].scratch, number: 1)
        try await mesh[1].workspace.keepConflicts([], now: days(430))
        #expect(try pins().count == 3)
        try await mesh[1].workspace.keepConflicts([], now: days(432))
        #expect(try pins().isEmpty)
        // Pins of a merge that was staged and never published go as well, after the same time.
        let batch = ObjectBatch(mesh[1].workspace.store)
        try batch.finish(refs: [#require(try mesh[1].workspace.store.pin(conflict, in: batch))])
        try await mesh[1].workspace.keepConflicts([], now: days(500))
        try await mesh[1].workspace.keepConflicts([], now: days(529))
        #expect(try pins().count == 2)
        try await mesh[1].workspace.keepConflicts([], now: days(531))
        #expect(try pins().isEmpty)
    }

    @Test func `M2 an export for a merge tool has all versions, and marks only where lines clash`() async throws {
        let (mesh, conflict) = try await atOdds()
        let folder = mesh[1].scratch.path + "/export"
        mkdir(folder, 0o700)
        let labels = (ours: "laptop", theirs: "nas")
        #expect(try await mesh[1].workspace.export(conflict, to: folder, labels: labels))
        let read = { (name: String) in String(decoding: try mesh[1].scratch.read("export/" + name), as: UTF8.self) }
        #expect(try read("base") == "base\n" && read("ours") == "one\n" && read("theirs") == "two\n")
        #expect(try read("merged").contains("<<<<<<< laptop\none\n") && read("merged").hasSuffix(">>>>>>> nas\n"))
    }

    @Test func `lines are counted as the shortest script has them`() {
        for (old, new, added, removed) in [
            ("", "", 0, 0), ("a\n", "a\n", 0, 0), ("", "a\nb\n", 2, 0), ("a\nb\n", "", 0, 2),
            ("a\nb\nc\n", "a\nx\nc\n", 1, 1), ("a\nb\nc\nd\n", "b\nc\nd\ne\n", 1, 1), ("a", "a\nb", 1, 0),
            ("1\n2\n3\n4\n5\n6\n", "1\n3\n2\n4\nx\n6\n", 2, 2),
        ] {
            let counts = LineCounts.between(Array(old.utf8), Array(new.utf8))
            #expect(counts?.added == added && counts?.removed == removed, "\(old) -> \(new)")
        }
        #expect(LineCounts.between([0], [1]) == nil)
        let many = (0..<3000).map { "\($0)\n" }.joined()
        let others = (0..<3000).map { "x\($0)\n" }.joined()
        #expect(LineCounts.between(Array(many.utf8), Array(others.utf8)) == nil)
    }
}
