import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

@Suite struct CaptureTests {
    @Test func `an empty workspace without a base is clean`() async throws {
        let fixture = try await CaptureFixture()
        #expect(try fixture.capture() == .clean(base: nil, held: []))
        #expect(try fixture.dirt() == Dirt(changed: 0, held: []))
    }

    @Test func `C2 GE7 the tree is the files, byte for byte, modes and odd names included`() async throws {
        let fixture = try await CaptureFixture()
        var expected: [[UInt8]: [UInt8]] = [:]
        let names: [[UInt8]] = [
            Array("plain".utf8), Array("-dash".utf8), Array("new\nline".utf8), Array("tab\tand \"quote\"\\".utf8),
            [0x66, 0xFF, 0xFE], Array("caf\u{E9}".utf8), Array("cafe\u{301}".utf8), Array("deep/er/-x/ ".utf8),
            Array(":(top)magic".utf8), Array("*".utf8),
        ]
        for (number, name) in names.enumerated() {
            expected[name] = Array("content \(number)\r\n$Id$\n".utf8)
            try fixture.write(name, expected[name] ?? [])
        }
        try fixture.write("run.sh", "#!/bin/sh\n", mode: 0o755)
        expected[Array("run.sh".utf8)] = Array("#!/bin/sh\n".utf8)
        symlink("../outside", fixture.root + "/link")
        expected[Array("link".utf8)] = Array("../outside".utf8)
        try fixture.write("empty", "")
        expected[Array("empty".utf8)] = []
        let revision = try fixture.captured()
        #expect(try fixture.files(revision) == expected)
        let modes = Dictionary(
            uniqueKeysWithValues: try fixture.store.list(fixture.store.tree(of: revision)).map {
                ($0.path, $0.new?.mode)
            })
        #expect(modes[Array("run.sh".utf8)] == TreeEntry.executable && modes[Array("link".utf8)] == TreeEntry.link)
        #expect(modes[Array("plain".utf8)] == TreeEntry.file)
        let check = try await fixture.store.git.run(["fsck", "--strict", "--no-dangling"])
        #expect(check.output.isEmpty)
    }

    @Test func `C2 filters, attributes, hooks and hostile configuration do not matter`() async throws {
        let fixture = try await CaptureFixture()
        try await fixture.userGit("init", "-q")
        try fixture.scratch.write(
            "home/.gitconfig",
            """
            [core]\n autocrlf = true\n hooksPath = \(fixture.scratch.path)/hooks
             excludesFile = \(fixture.scratch.path)/ex
            [filter "evil"]\n clean = touch \(fixture.scratch.path)/ran; cat\n required = true
            [url "/nowhere/"]\n insteadOf = /\n[commit]\n gpgSign = true\n[fetch]\n prune = true
            [alias]\n cat-file = false
            """)
        try fixture.scratch.write("ex", "*\n")
        for hook in ["pre-commit", "reference-transaction", "post-index-change"] {
            try fixture.scratch.write("hooks/" + hook, "#!/bin/sh\ntouch \(fixture.scratch.path)/ran\n", mode: 0o755)
            try fixture.write(".git/hooks/" + hook, "#!/bin/sh\ntouch \(fixture.scratch.path)/ran\n", mode: 0o755)
        }
        setenv("HOME", fixture.scratch.path + "/home", 1)
        setenv("GIT_DIR", "/nowhere", 1)
        setenv("GIT_CONFIG_GLOBAL", fixture.scratch.path + "/home/.gitconfig", 1)
        defer {
            unsetenv("GIT_DIR")
            unsetenv("GIT_CONFIG_GLOBAL")
        }
        try fixture.write(".gitattributes", "* text=auto eol=lf filter=evil ident working-tree-encoding=UTF-16\n")
        try fixture.write("crlf", "a\r\n$Id$\r\n")
        let revision = try fixture.captured()
        #expect(try fixture.text(revision, "crlf") == "a\r\n$Id$\r\n")
        #expect(try fixture.names(revision) == [".gitattributes", "crlf"])
        #expect(!fixture.scratch.exists("ran"))
    }

    @Test func `a second capture without changes is the same, and one after an apply is clean`() async throws {
        let fixture = try await CaptureFixture()
        try fixture.write("a/b", "1")
        let first = try fixture.captured()
        #expect(try fixture.captured() == first)
        try fixture.setBase(first)
        #expect(try fixture.capture() == .clean(base: first, held: []))
        // The same bytes written again: the stamp differs, the content does not.
        try fixture.write("a/b", "1")
        #expect(try fixture.dirt().changed == 0)
        #expect(try fixture.capture() == .clean(base: first, held: []))
        try fixture.write("a/b", "2")
        #expect(try fixture.dirt().changed == 1)
        let second = try fixture.captured()
        #expect(try fixture.store.commit(second).parents == [first])
        #expect(try fixture.text(second, "a/b") == "2")
    }

    @Test func `same size, same second: a racy change is never missed`() async throws {
        let fixture = try await CaptureFixture()
        try fixture.write("f", "00")
        try fixture.setBase(try fixture.captured())
        for number in 10..<60 {
            try fixture.write("f", "\(number)")
            #expect(try fixture.text(try fixture.captured(), "f") == "\(number)")
        }
    }

    @Test func `deletions, type changes and a file in place of a folder`() async throws {
        let fixture = try await CaptureFixture()
        for name in ["keep", "gone", "d/x", "d/y", "f", "l"] { try fixture.write(name, name) }
        try fixture.setBase(try fixture.captured())
        fixture.scratch.remove("work/gone")
        try FileManager.default.removeItem(atPath: fixture.root + "/d")
        try fixture.write("d", "now a file")
        fixture.scratch.remove("work/f")
        try fixture.write("f/inside", "now a folder")
        fixture.scratch.remove("work/l")
        symlink("keep", fixture.root + "/l")
        chmod(fixture.root + "/keep", 0o755)
        #expect(try fixture.dirt().changed == 8)
        let revision = try fixture.captured()
        #expect(try fixture.names(revision) == ["d", "f/inside", "keep", "l"])
        #expect(try fixture.text(revision, "l") == "keep")
    }

    @Test func `GE3 ignore rules decide what is added, never what is deleted`() async throws {
        let fixture = try await CaptureFixture()
        try await fixture.userGit("init", "-q")
        try fixture.write("tracked.log", "1")
        try fixture.write("build/out", "1")
        try fixture.setBase(try fixture.captured())
        try fixture.write(".gitignore", "*.log\nbuild/\n/cache/\n")
        try fixture.write(".git/info/exclude", "private\n")
        for name in ["other.log", "build/new", "cache/deep/er", "private", "seen", "sub/private"] {
            try fixture.write(name, "1")
        }
        try fixture.write("venv/.gitignore", "*\n")
        try fixture.write("venv/lib/x", "1")
        try fixture.write("tracked.log", "2")
        let revision = try fixture.captured()
        #expect(try fixture.names(revision) == [".gitignore", "build/out", "seen", "tracked.log"])
        #expect(try fixture.text(revision, "tracked.log") == "2")
        #expect(try fixture.captured() == revision)
        // Rules change: what was ignored is added now.
        try fixture.write(".gitignore", "*.log\nbuild/\n")
        #expect(try fixture.names(try fixture.captured()).contains("cache/deep/er"))
    }

    @Test func `C6 GE5 pipes, nested repositories and forbidden names are reported and nothing else suffers`()
        async throws
    {
        let fixture = try await CaptureFixture()
        try fixture.write("ok", "1")
        try fixture.write("replaced", "1")
        try fixture.write("nested/file", "1")
        try fixture.setBase(try fixture.captured())
        fixture.scratch.remove("work/replaced")
        mkfifo(fixture.root + "/replaced", 0o600)
        mkfifo(fixture.root + "/pipe", 0o600)
        try fixture.write("nested/.git/HEAD", "ref: refs/heads/main\n")
        try fixture.write("nested/file", "2")
        try fixture.write("a/.GIT/config", "x")
        try fixture.write("ok", "2")
        let result = try fixture.capture()
        let revision = try #require(result.revision)
        #expect(try fixture.names(revision) == ["nested/file", "ok", "replaced"])
        #expect(try fixture.text(revision, "nested/file") == "1")
        let reasons = result.held.map { "\(String(decoding: $0.path, as: UTF8.self)) \($0.reason)" }
        #expect(
            reasons == [
                "a/.GIT git refuses its name", "nested it is a git repository of its own",
                "pipe it is a pipe, socket or device", "replaced it is a pipe, socket or device",
            ])
    }

    @Test func `an unreadable file keeps its last version`() async throws {
        let fixture = try await CaptureFixture()
        try fixture.write("secret", "1")
        try fixture.setBase(try fixture.captured())
        try fixture.write("secret", "2")
        chmod(fixture.root + "/secret", 0)
        let result = try fixture.capture()
        if geteuid() == 0 { return }
        #expect(result.isClean)
        #expect(result.held.map(\.reason) == [.unreadable(EACCES)])
    }

    @Test func `a superseded capture keeps a ref`() async throws {
        let fixture = try await CaptureFixture()
        try fixture.write("f", "1")
        let first = try fixture.captured()
        try fixture.write("f", "2")
        let second = try fixture.captured()
        #expect(first != second)
        let refs = try fixture.store.refs(under: RefName.prefix).map(\.id.hex)
        #expect(Set(refs) == [first.hex, second.hex])
    }

    @Test func `the manifest survives a restart and a damaged one is dropped`() async throws {
        let fixture = try await CaptureFixture()
        for name in ["a", "b/c", "b/d/e"] { try fixture.write(name, name) }
        symlink("a", fixture.root + "/l")
        try fixture.setBase(try fixture.captured())
        let bytes = try #require(ManifestFile.encode(fixture.manifest))
        fixture.manifest = try #require(ManifestFile.decode(bytes))
        #expect(try fixture.dirt().changed == 0)
        try fixture.write("b/c", "changed")
        #expect(try fixture.names(try fixture.captured()) == ["a", "b/c", "b/d/e", "l"])
        for offset in 0..<bytes.count {
            var damaged = bytes
            damaged[offset] ^= 0x10
            #expect(ManifestFile.decode(damaged) == nil)
        }
    }
}
