import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

@Suite struct CaptureGateTests {
    private func held(_ result: CaptureResult) -> [String] {
        result.held.map { "\(String(decoding: $0.path, as: UTF8.self)): \($0.reason)" }
    }

    @Test func `C6 a new file over the size is held and listed, one word lets it through, an old one may grow`()
        async throws
    {
        let fixture = try await CaptureFixture()
        let large = [UInt8](repeating: 65, count: 11 << 20)
        try fixture.write(Array("big".utf8), large)
        try fixture.write("grown", "small\n")
        var result = try fixture.capture()
        #expect(held(result) == ["big: it is new and has 11 MiB"])
        var revision = try #require(result.revision)
        #expect(try fixture.names(revision) == ["grown"])
        try fixture.setBase(revision)
        try fixture.write(Array("grown".utf8), large)
        result = try fixture.capture()
        revision = try #require(result.revision)
        #expect(try fixture.names(revision) == ["grown"])
        #expect(held(result).count == 1)
        fixture.gates.allowed.insert(Array("big".utf8))
        result = try fixture.capture()
        revision = try #require(result.revision)
        #expect(try fixture.names(revision) == ["big", "grown"] && result.held.isEmpty)
    }

    @Test func `C6 what looks like a secret is held, by its name or by what is in it`() async throws {
        let fixture = try await CaptureFixture()
        let body = String(repeating: "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", count: 4)
        // In pieces, so that nothing takes this file for a key.
        let kind = ["RSA", "PRIVATE", "KEY-----"].joined(separator: " ")
        let (begin, end) = ("-----BEGIN " + kind, "-----END " + kind)
        let key = "\(begin)\n\(body)\n\(end)\n"
        for (name, text) in [
            (".env", "A=1\n"), ("a/.env.local", "A=1\n"), ("k/id_ed25519", "x\n"), ("server.pem", key),
            ("notes.txt", "the token is ghp_" + String(repeating: "a1B2", count: 9) + " of mine\n"),
            ("aws.ini", "key = AKIA" + "ABCDEFGH01234567\n"),
            ("one-line.json", "\"\(key.replacingOccurrences(of: "\n", with: "\\n"))\""),
            (".env.example", "A=\n"), ("id_ed25519.pub", "ssh-ed25519 AAAA\n"),
            ("source.swift", "let marker = \"\(begin)\"\nlet other = 1\n"),
            ("xAKIA.txt", "AKIA and ghp_ are prefixes\n"),
        ] { try fixture.write(name, text) }
        var result = try fixture.capture()
        let names = result.held.map { String(decoding: $0.path, as: UTF8.self) }
        #expect(
            names == [".env", "a/.env.local", "aws.ini", "k/id_ed25519", "notes.txt", "one-line.json", "server.pem"])
        let first = try #require(result.revision)
        #expect(try fixture.names(first) == [".env.example", "id_ed25519.pub", "source.swift", "xAKIA.txt"])
        // A change that brings one in: the last version stays.
        try fixture.setBase(first)
        try fixture.write("source.swift", key)
        result = try fixture.capture()
        #expect(result.isClean && held(result).contains("source.swift: it looks like a secret: a private key"))
        fixture.gates.allowed.formUnion([Array("source.swift".utf8), Array(".env".utf8)])
        result = try fixture.capture()
        let revision = try #require(result.revision)
        #expect(try fixture.text(revision, "source.swift") == key)
        #expect(try fixture.text(revision, ".env") == "A=1\n")
        // It has left: a later edit of it is no news.
        try fixture.setBase(revision)
        fixture.gates.allowed = []
        try fixture.write("source.swift", key + "more\n")
        #expect(try fixture.captured() != revision)
    }

    @Test func `C6 GE7 names that another member cannot hold are held, the first of two twins goes`() async throws {
        let fixture = try await CaptureFixture()
        for name in ["Readme", "dir/x", "cafe\u{301}", "plain"] { try fixture.write(name, "1\n") }
        try fixture.setBase(fixture.captured())
        fixture.gates.names.ignoresCase = true
        fixture.gates.names.composesUnicode = true
        fixture.gates.names.isWindows = true
        for name in ["README", "Dir/y", "caf\u{E9}", "con.txt", "a:b", "end.", "fine"] {
            try fixture.write(name, "2\n")
        }
        let result = try fixture.capture()
        let names = result.held.map { String(decoding: $0.path, as: UTF8.self) }
        #expect(names.sorted() == ["Dir", "README", "a:b", "caf\u{E9}", "con.txt", "end."].sorted())
        let revision = try #require(result.revision)
        #expect(try fixture.names(revision) == ["Readme", "cafe\u{301}", "dir/x", "fine", "plain"].sorted())
        fixture.gates.allowed = [Array("README".utf8)]
        let after = try fixture.capture()
        #expect(after.held.count == result.held.count - 1)
        #expect(try fixture.names(#require(after.revision)).contains("README"))
    }

    @Test func `C6 of two new twins one goes, and a name whose letters change takes its place`() async throws {
        let fixture = try await CaptureFixture()
        for name in ["readme.md", "plain"] { try fixture.write(name, "1\n") }
        try fixture.setBase(fixture.captured())
        fixture.gates.names = NameLimits(words: ["case"])
        rename(fixture.root + "/readme.md", fixture.root + "/README.md")
        for name in ["new", "NEW"] { try fixture.write(name, "2\n") }
        let result = try fixture.capture()
        #expect(result.held.count == 1 && String(decoding: result.held[0].path, as: UTF8.self).lowercased() == "new")
        let names = try fixture.names(#require(result.revision))
        #expect(names.count == 3 && names.contains("README.md") && names.contains("plain"))
    }

    @Test func `C6 what a disk cannot hold is found by trying`() throws {
        let scratch = try Scratch()
        let limits = NameLimits.probe(scratch.path)
        try scratch.write("Case", "")
        #expect(limits.ignoresCase == scratch.exists("case"))
        #expect(!limits.isWindows && NameLimits(words: limits.words) == limits)
        #expect(NameLimits(words: ["windows", "unicode", "other"]).words == ["unicode", "windows"])
        #expect(NameLimits.probe(scratch.path + "/none") == NameLimits())
    }

    @Test func `C3 a file that stays hot is captured in the fifth round, once, and said to be unsettled`() async throws
    {
        let fixture = try await CaptureFixture()
        try fixture.write("hot", "0\n")
        try fixture.setBase(fixture.captured())
        let path = fixture.root + "/hot"
        let stop = Cancellation()
        let begun = DispatchSemaphore(value: 0)
        let writer = Thread {
            let descriptor = open(path, O_WRONLY)
            begun.signal()
            var number: UInt8 = 0
            while !stop.isCancelled {
                number &+= 1
                // Never the "0" that stands in the base: that capture would bring no news.
                _ = pwrite(descriptor, [49 + number % 9], 1, 0)
                usleep(200)
            }
            close(descriptor)
        }
        writer.start()
        begun.wait()
        // On a busy machine the writer may rest for a moment: then the file is captured, and the count begins again.
        var reasons: [HeldPath.Reason] = []
        for _ in 0..<2000 where reasons.last != .unsettled {
            let result = try fixture.capture()
            if let reason = result.held.first?.reason { reasons.append(reason) } else { reasons = [] }
            #expect(result.isClean == (reasons.last == .hot) || reasons.isEmpty)
        }
        #expect(reasons == [HeldPath.Reason](repeating: .hot, count: Limits.hotRounds - 1) + [.unsettled])
        let next = try fixture.capture()
        stop.cancel()
        #expect(!next.isClean, "what was captured stays captured")
    }

    @Test
    func `C5 GE14 what a sparse checkout keeps off the disk is not deleted, and changes to it arrive without a file`()
        async throws
    {
        var mesh = try await MeshFixture(2) { number, scratch in
            for name in ["in/a", "out/b", "top"] where number == 0 { try scratch.write("work/" + name, "1\n") }
        }
        try await mesh.round()
        try await mesh[1].userGit("sparse-checkout", "set", "in")
        #expect(!mesh[1].scratch.exists("work/out/b"))
        try mesh[1].write("in/a", "2\n")
        var report = try await mesh.round()
        #expect(try mesh[0].read("out/b") == "1\n")
        #expect(try mesh[0].read("in/a") == "2\n")
        try mesh[0].write("out/b", "changed\n")
        report = try await mesh.round()
        #expect(report.applies.count { $0.isComplete } == 2)
        #expect(!mesh[1].scratch.exists("work/out/b"))
        #expect(try await mesh[1].userGit("show", "HEAD:out/b") == "changed")
        #expect(try await mesh[1].userGit("status", "--porcelain").isEmpty)
        #expect(try await mesh.round().isSilent)
    }

    @Test func `C5 GE13 GE15 a shallow clone and a linked worktree are synced like any other`() async throws {
        let origin = try Scratch()
        try origin.write("work/a", "1\n")
        let installation = try await HermeticGit.locate()
        func git(_ root: String, _ arguments: String...) async throws {
            let identity = GitEnvironment.identity("User", email: "user@example.org", seconds: 1_700_000_000)
            let git = HermeticGit(
                installation: installation, gitDirectory: root + "/.git", workTree: root,
                extra: identity + ["GIT_CONFIG_PARAMETERS='protocol.file.allow=always'"])
            _ = try await git.run(arguments)
        }
        let source = origin.path + "/work"
        try await git(source, "init", "-q", "-b", "main")
        for number in 1...3 {
            try origin.write("work/a", "\(number)\n")
            try await git(source, "add", "a")
            try await git(source, "commit", "-q", "-m", "\(number)")
        }
        // Linked: a branch of its own, checked out beside.
        try await git(source, "worktree", "add", "-q", "-b", "side", origin.path + "/linked")
        // Shallow: the last commit alone.
        mkdir(origin.path + "/shallow", 0o755)
        try await git(origin.path + "/shallow", "init", "-q", "-b", "main")
        try await git(
            origin.path + "/shallow", "-c", "protocol.file.allow=always", "fetch", "-q", "--depth=1",
            "file://" + source, "main")
        try await git(origin.path + "/shallow", "reset", "-q", "--hard", "FETCH_HEAD")
        for (kind, branch) in [("shallow", "main"), ("linked", "side")] {
            let workspace = try await Workspace.open(
                root: origin.path + "/" + kind, state: origin.path + "/state-" + kind, device: DeviceID(number: 1),
                name: kind, create: false)
            #expect(workspace.branch == branch)
            let base = try await workspace.importHistory()
            #expect((base == nil) == (kind == "shallow"))
            try origin.write("\(kind)/b", "new\n")
            let round = RoundID(token: FencingToken(epoch: 1, counter: 1), sequence: 1)
            let revision = try #require(try await workspace.capture(round: round).revision)
            let merged = try await workspace.merge(
                head: base, captures: [DeviceCapture(device: DeviceID(number: 1), revision: revision, base: base)],
                round: round)
            #expect(try workspace.store.list(workspace.store.tree(of: merged.revision)).count == 2)
            #expect(try workspace.store.git.runBlocking(["fsck", "--strict"]).output.isEmpty)
            await workspace.close()
        }
    }
}
