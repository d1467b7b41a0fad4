import Foundation
import Primitives
import Testing

@testable import GitWorkspace

/// Paths that captures leave as they were because they go round in circles, and what scans tell of writes.
@Suite struct SetAsideTests {
    private func text(_ paths: [[UInt8]]) -> [String] { paths.map { String(decoding: $0, as: UTF8.self) } }

    @Test func `P2 what is set aside stays in the tree as it was, the others go on, and it comes back whole`()
        async throws
    {
        let fixture = try await CaptureFixture()
        try fixture.write("busy.md", "one\n")
        try fixture.write("gone.md", "here\n")
        let base = try fixture.captured()
        try fixture.setBase(base)
        let busy = Array("busy.md".utf8)
        let aside = [busy: "tick", Array("gone.md".utf8): "tick", Array("new.md".utf8): "tick"]
        try fixture.write("busy.md", "two\n")
        try fixture.write("new.md", "never seen\n")
        try fixture.write("other.md", "work\n")
        fixture.scratch.remove("work/gone.md")
        fixture.notes.begin(setAside: aside)
        let dirt = try fixture.dirt()
        #expect(dirt.changed == 1 && text(dirt.moved).sorted() == ["busy.md", "new.md"])
        fixture.notes.begin(setAside: aside)
        let result = try fixture.capture()
        let revision = try #require(result.revision)
        #expect(try fixture.text(revision, "busy.md") == "one\n" && fixture.text(revision, "gone.md") == "here\n")
        #expect(try fixture.text(revision, "other.md") == "work\n" && fixture.text(revision, "new.md") == nil)
        let held = result.held.first { $0.path == busy }
        #expect(held?.reason == .loop("tick") && held?.reason.canBeAllowed == true)
        #expect(held?.reason.description.contains("5 rounds in 2 min") == true)
        // Nothing is lost by it.
        try fixture.setBase(revision)
        fixture.notes.begin(setAside: [:])
        let after = try fixture.captured()
        #expect(try fixture.text(after, "busy.md") == "two\n" && fixture.text(after, "gone.md") == nil)
        #expect(try fixture.text(after, "new.md") == "never seen\n")
    }

    @Test func `P2 a path that is set aside is told as changed once a change`() async throws {
        let fixture = try await CaptureFixture()
        try fixture.write("busy.md", "one\n")
        let base = try fixture.captured()
        try fixture.setBase(base)
        let aside = [Array("busy.md".utf8): "tick"]
        try fixture.write("busy.md", "two, longer\n")
        for expected in [["busy.md"], [], []] {
            fixture.notes.begin(setAside: aside)
            #expect(text(try fixture.dirt().moved) == expected)
        }
        try fixture.write("busy.md", "three, longer still\n")
        fixture.notes.begin(setAside: aside)
        #expect(text(try fixture.dirt().moved) == ["busy.md"])
    }

    @Test func `W1 a scan tells which files were written and when, once`() async throws {
        let fixture = try await CaptureFixture()
        try fixture.write("a.md", "one\n")
        _ = try fixture.captured()
        let first = fixture.notes.take()
        #expect(text(first.map(\.path)) == ["a.md"])
        _ = try fixture.dirt()
        #expect(fixture.notes.take().isEmpty)
        try fixture.write("a.md", "two\n")
        _ = try fixture.dirt()
        let second = fixture.notes.take()
        #expect(text(second.map(\.path)) == ["a.md"])
        let (before, after) = (try #require(first.first), try #require(second.first))
        #expect(after.at >= before.at)
    }
}
