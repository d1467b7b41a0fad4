import Foundation
import Glibc
import Logging
import Primitives
import Testing

@testable import GitWorkspace

@Suite struct FilterTests {
    private func setAll(_ mesh: MeshFixture, _ filter: PathFilter) async throws {
        for device in mesh.devices { try await device.workspace.setFilter(filter) }
    }

    @Test(arguments: [
        ("*.log", "a.log", true), ("*.log", "deep/er/a.log", true), ("*.log", "a.log.txt", false),
        ("build/", "build/x", true), ("build/", "deep/build/x/y", true), ("build/", "build", false),
        ("build", "build", true), ("build", "build/x", true), ("/build", "build/x", true),
        ("/build", "deep/build/x", false), ("docs/*.pdf", "docs/a.pdf", true), ("docs/*.pdf", "docs/x/a.pdf", false),
        ("docs/**/*.pdf", "docs/x/a.pdf", true), ("a?c", "abc", true), ("a?c", "a/c", false),
    ])
    func `patterns are those of gitignore`(pattern: String, path: String, matches: Bool) {
        let rule = PathFilter(exclude: [pattern]).rule(for: Array(path.utf8))
        #expect((rule != nil) == matches)
        if matches { #expect(rule == "filter.exclude \(pattern)") }
    }

    @Test func `include wins over exclude, and keep-here over both`() {
        let filter = PathFilter(exclude: ["build/"], include: ["build/report.md"], keepHere: ["*.local"])
        #expect(
            filter.rule(for: Array("build/x".utf8)) != nil && filter.rule(for: Array("build/report.md".utf8)) == nil)
        #expect(filter.mayIncludeBelow(Array("build".utf8)) && !filter.mayIncludeBelow(Array("other".utf8)))
        #expect(PathFilter(include: ["*.local"], keepHere: ["*.local"]).rule(for: Array("a.local".utf8)) != nil)
    }

    @Test func `what is excluded is neither captured nor scanned, and is listed with its rule`() async throws {
        var mesh = try await MeshFixture(2)
        try await setAll(mesh, PathFilter(exclude: ["*.log", "cache/"], include: ["cache/keep.txt"]))
        for name in ["a", "a.log", "cache/x", "cache/keep.txt", "cache/deep/y"] { try mesh[0].write(name, "\(name)\n") }
        try await mesh.round()
        #expect(try Set(mesh.trees()[1].keys) == ["a", "cache/keep.txt"])
        let left = await mesh[0].workspace.leftOut(limit: 10)
        let lines = left.paths.map { "\(String(decoding: $0.path, as: UTF8.self)) \($0.rule)" }
        #expect(left.count == 3)
        #expect(
            lines == [
                "a.log filter.exclude *.log", "cache/deep filter.exclude cache/", "cache/x filter.exclude cache/",
            ])
        mesh[0].scratch.remove("work/a.log")
        #expect(try await mesh[0].workspace.dirt().changed == 0)
        #expect(await mesh[0].workspace.leftOut(limit: 1).count == 2)
        try await setAll(mesh, PathFilter())
        try await mesh.round()
        #expect(try mesh.trees()[1] == mesh.trees()[0] && mesh.trees()[1].count == 4)
    }

    @Test func `a filter that begins to match deletes nothing, here or elsewhere, and its end brings both together`()
        async throws
    {
        var mesh = try await MeshFixture(2) { number, scratch in
            guard number == 0 else { return }
            for file in 0..<30 { try scratch.write("work/data/\(file)", "base\n") }
            try scratch.write("work/a", "base\n")
        }
        try await mesh.round()
        let before = try mesh.trees()[1]
        try await setAll(mesh, PathFilter(exclude: ["data/"]))
        #expect(try await mesh[0].workspace.capture(round: mesh.nextRound()).isClean)
        // Edits and deletions of what is left out go nowhere.
        for file in 0..<7 { mesh[0].scratch.remove("work/data/\(file)") }
        try mesh[0].write("data/20", "edited here\n")
        try mesh[0].write("a", "goes on\n")
        try await mesh.round()
        var wanted = before
        wanted["a"] = "goes on\n"
        #expect(try mesh.trees()[1] == wanted)
        #expect(try mesh[0].read("data/20") == "edited here\n")
        // In again: what was done meanwhile is an edit like any other.
        try await setAll(mesh, PathFilter())
        try await mesh.round()
        let trees = try mesh.trees()
        #expect(trees[0] == trees[1] && trees[1]["data/20"] == "edited here\n" && trees[1]["data/0"] == nil)
    }

    @Test func `a path that is kept here is left alone by what others publish, and merged when it comes back`()
        async throws
    {
        var mesh = try await MeshFixture(2) { number, scratch in
            guard number == 0 else { return }
            for name in ["mine", "untouched", "edited", "gone"] { try scratch.write("work/own/\(name)", "base\n") }
        }
        try await mesh.round()
        try await mesh[1].workspace.setFilter(PathFilter(keepHere: ["own/"]))
        for name in ["untouched", "edited", "gone", "added"] { try mesh[0].write("own/\(name)", "published\n") }
        try mesh[1].write("own/edited", "edited here\n")
        mesh[1].scratch.remove("work/own/gone")
        let report = try await mesh.round()
        #expect(report.applies[1].isComplete)
        let here = try mesh.trees()[1]
        #expect(here == ["own/mine": "base\n", "own/untouched": "base\n", "own/edited": "edited here\n"])
        #expect(try await mesh[1].workspace.dirt().changed == 0)
        let silent = try await mesh.round()
        #expect(silent.isSilent)
        // Over a restart too.
        let again = try await MeshFixture.open(mesh[1].scratch, number: 1)
        await mesh[1].workspace.close()
        mesh.devices[1] = again
        try await again.workspace.setFilter(PathFilter(keepHere: ["own/"]))
        #expect(try await again.workspace.dirt().changed == 0)
        #expect(try await again.workspace.setFilter(PathFilter()))
        try await mesh.round()
        let trees = try mesh.trees()
        #expect(trees[0] == trees[1])
        #expect(trees[0]["own/untouched"] == "published\n" && trees[0]["own/added"] == "published\n")
        // Both sides touched these: nobody's bytes are gone, and what was published is not reverted.
        #expect(trees[0]["own/edited"] == "published\n" && trees[0]["own/gone"] == "published\n")
        #expect(try await mesh[0].workspace.conflicts(of: try #require(mesh.head)).contains { $0.isOpen })
    }

    @Test func `what stood before a file was kept here may be gone for its age: then nothing is taken for its origin`()
        async throws
    {
        var mesh = try await MeshFixture(2) { number, scratch in
            if number == 0 { try scratch.write("work/own/edited", "base\n") }
        }
        try await mesh.round()
        try await mesh[1].workspace.setFilter(PathFilter(keepHere: ["own/"]))
        try mesh[0].write("own/edited", "published\n")
        try await mesh.round()
        try mesh[1].write("own/edited", "edited here\n")
        await mesh[1].workspace.close()
        let base = BlobHash.id(of: Array("base\n".utf8), digits: 40)
        let kept = String(decoding: try mesh[1].scratch.read("state/kept-here"), as: UTF8.self)
        #expect(kept.contains(base))
        let gone = kept.replacingOccurrences(of: base, with: String(repeating: "7", count: 40))
        try mesh[1].scratch.write("state/kept-here", gone)
        mesh.devices[1] = try await MeshFixture.open(mesh[1].scratch, number: 1)
        try await mesh[1].workspace.setFilter(PathFilter(keepHere: ["own/"]))
        try await mesh[1].workspace.setFilter(PathFilter())
        try await mesh.round()
        let trees = try mesh.trees()
        #expect(trees[0] == trees[1] && trees[0]["own/edited"] == "published\n")
        let conflicts = try await mesh[0].workspace.conflicts(of: try #require(mesh.head))
        let here = BlobHash.id(of: Array("edited here\n".utf8), digits: 40)
        #expect(conflicts.contains { $0.isOpen && $0.theirs?.blob == here })
        #expect(try mesh[1].workspace.store.git.runBlocking(["fsck", "--strict", "--no-dangling"]).status == 0)
    }

    @Test func `a filter that ended while nobody ran takes back nothing that was published`() async throws {
        var mesh = try await MeshFixture(2) { number, scratch in
            if number == 0 { try scratch.write("work/own/kept", "base\n") }
        }
        try await mesh.round()
        try await mesh[1].workspace.setFilter(PathFilter(keepHere: ["own/"]))
        try mesh[0].write("own/kept", "published\n")
        try await mesh.round()
        #expect(try mesh[1].read("own/kept") == "base\n")
        await mesh[1].workspace.close()
        mesh.devices[1] = try await MeshFixture.open(mesh[1].scratch, number: 1)
        #expect(try await mesh[1].workspace.setFilter(PathFilter()))
        try await mesh.round()
        #expect(try mesh[0].read("own/kept") == "published\n" && mesh[1].read("own/kept") == "published\n")
        #expect(try await mesh[1].workspace.setFilter(PathFilter()) == false)
    }

    @Test func `files over the size and kinds that are left out stay as they were published`() async throws {
        var mesh = try await MeshFixture(2)
        try mesh[0].write("grows", "small\n")
        try mesh[0].write("film.mp4", "film\n")
        try await mesh.round()
        try await setAll(mesh, PathFilter(maxBytes: 100, types: ["media", "links"]))
        try mesh[0].write("grows", String(repeating: "x", count: 101))
        try mesh[0].write("film.mp4", "another\n")
        try mesh[0].write("song.mp3", "song\n")
        symlink("grows", mesh[0].root + "/link")
        try mesh[0].write("fine", "fine\n")
        let report = try await mesh.round()
        guard case .captured(_, _, _, let held) = report.captures[0] else {
            Issue.record("not captured")
            return
        }
        #expect(held.map { String(decoding: $0.path, as: UTF8.self) } == ["grows", "link"])
        #expect(held.allSatisfy { "\($0.reason)".contains("filter.") && !$0.reason.canBeAllowed })
        #expect(try mesh.trees()[1] == ["grows": "small\n", "film.mp4": "film\n", "fine": "fine\n"])
        #expect(try mesh[0].read("film.mp4") == "another\n")
    }

    @Test func `what is included goes although the ignore rules leave it out`() async throws {
        var mesh = try await MeshFixture(2)
        try mesh[0].write(".gitignore", "build/\n*.tmp\n")
        for name in ["build/report.md", "build/object", "a.tmp", "b.tmp"] { try mesh[0].write(name, "x\n") }
        try await mesh.round()
        #expect(try Set(mesh.trees()[1].keys) == [".gitignore"])
        try await setAll(mesh, PathFilter(include: ["build/report.md", "a.tmp"]))
        try await mesh.round()
        #expect(try Set(mesh.trees()[1].keys) == [".gitignore", "build/report.md", "a.tmp"])
    }

    @Test func `a folder that is left out is not watched, and is again when it is wanted`() async throws {
        let scratch = try Scratch()
        for name in ["work/cache/deep/a", "work/wanted/b"] { try scratch.write(name, "1\n") }
        let watcher = WorkspaceWatcher(root: scratch.path + "/work", logger: Logger(label: "test"))
        watcher.skip { $0 == Array("cache".utf8) }
        _ = watcher.take()
        watcher.skip { $0 == Array("cache".utf8) }
        _ = watcher.take()
        try scratch.write("work/new/cache", "2\n")
        try scratch.write("work/wanted/b", "2\n")
        #expect(watcher.take().folders.contains(Array("wanted".utf8)))
        watcher.skip { _ in false }
        _ = watcher.take()
        try scratch.write("work/cache/deep/a", "3\n")
        #expect(watcher.take().folders.contains(Array("cache/deep".utf8)))
    }
}
