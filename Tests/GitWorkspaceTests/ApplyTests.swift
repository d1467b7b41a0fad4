import CSystemCalls
import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

@Suite struct ApplyTests {
    @Test func `blob ids are git's`() async throws {
        let git = HermeticGit(installation: try await HermeticGit.locate(), gitDirectory: "/nonexistent")
        for size in [0, 1, 54, 55, 56, 63, 64, 65, 119, 1000, 300_000] {
            let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ size) }
            let answer = try await git.run(["hash-object", "--stdin"], input: bytes).output
            #expect(BlobHash.id(of: bytes, digits: 40) + "\n" == String(decoding: answer, as: UTF8.self))
        }
        // Of `git hash-object` in a repository with extensions.objectFormat=sha256.
        #expect(
            BlobHash.id(of: [], digits: 64) == "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813")
        #expect(
            BlobHash.id(of: Array("hello\n".utf8), digits: 64)
                == "2cf8d83d9ee29543b34a87727421fdecb7e3f3a183d337639025de576db9ebb4")
    }

    @Test(arguments: ApplyBench.kinds)
    func `A1 every kind of change is applied, and what was there is kept`(_ kind: ApplyCapabilities) async throws {
        let bench = try ApplyBench()
        let changes = try bench.everyKind()
        let report = try await bench.apply(changes, kind)
        #expect(report.isComplete, "\(report)")
        #expect(report.applied.count == changes.count)
        for change in changes {
            #expect(bench.entry(String(decoding: change.path, as: UTF8.self)) == change.new)
        }
        #expect(
            try bench.listing() == [
                "change", "deep/", "deep/kept", "fresh/", "fresh/dir/", "fresh/dir/added", "link", "mode", "to-dir/",
                "to-dir/inside", "to-file", "to-link", "unlinked",
            ])
        let applier = try bench.applier(kind)
        #expect(try applier.keptRounds() == [bench.round])
        #expect(try applier.recover().isEmpty)
        #expect(try applier.discard(bench.round).isEmpty)
        #expect(try applier.keptRounds().isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: applier.stagingPath).isEmpty)
    }

    @Test func `A3 a path that does not change keeps inode and mtime, a new mode keeps the inode`() async throws {
        let bench = try ApplyBench()
        for number in 0..<50 { try bench.put("d/f\(number)", bench.file("\(number)")) }
        try bench.put("d/mode", bench.file("run"))
        let before = (0..<50).map { bench.status("d/f\($0)") }
        let mode = bench.status("d/mode")
        let changes = [
            bench.change("d/f3", bench.file("3"), bench.file("three")),
            bench.change("d/f4", bench.file("4"), bench.file("4")),
            bench.change("d/mode", bench.file("run"), bench.file("run", executable: true)),
        ]
        let report = try await bench.apply(changes)
        #expect(report.applied == [Array("d/f3".utf8), Array("d/mode".utf8)])
        for number in 0..<50 where number != 3 {
            let now = bench.status("d/f\(number)")
            #expect(now.st_ino == before[number].st_ino && now.st_ctim.tv_nsec == before[number].st_ctim.tv_nsec)
        }
        #expect(bench.status("d/f3").st_ino != before[3].st_ino)
        let after = bench.status("d/mode")
        #expect(after.st_ino == mode.st_ino && after.st_mtim.tv_nsec == mode.st_mtim.tv_nsec)
        #expect(after.st_mode & 0o777 == 0o755)
    }

    @Test func `A4 an untracked file in the way is adopted if equal and kept if not`() async throws {
        let bench = try ApplyBench()
        try bench.put("equal", bench.file("same"))
        try bench.put("other", bench.file("mine"))
        mkdir(bench.root + "/folder", 0o755)
        mkfifo(bench.root + "/pipe", 0o644)
        let inode = bench.status("equal").st_ino
        let report = try await bench.apply(
            ["equal", "other", "folder", "pipe", "free"].map { bench.change($0, nil, bench.file("same")) })
        #expect(report.applied == [Array("equal".utf8), Array("free".utf8)])
        #expect(report.late == [Array("other".utf8)])
        #expect(report.blocked.map(\.reason) == [.directoryInTheWay, .specialFile])
        #expect(bench.status("equal").st_ino == inode)
        #expect(bench.text("other") == "mine" && bench.text("free") == "same")
    }

    @Test func `W4 staging makes and changes no path in the workspace`() async throws {
        let bench = try ApplyBench()
        let changes = try bench.everyKind()
        let names = try bench.listing()
        let before = names.map { bench.status($0) } + [bench.status("")]
        _ = try await bench.stage(try bench.applier(), changes)
        #expect(try bench.listing() == names)
        for (old, now) in zip(before, names.map { bench.status($0) } + [bench.status("")]) {
            #expect(old.st_ino == now.st_ino && old.st_ctim.tv_nsec == now.st_ctim.tv_nsec)
            #expect(old.st_mtim.tv_nsec == now.st_mtim.tv_nsec)
        }
    }

    @Test func `A6 GE8 forbidden names, links that leave and gitlinks are refused`() async throws {
        let bench = try ApplyBench()
        let names = [
            "/etc/x", "../x", "a/../../x", "a//b", "", ".", ".git/hooks/x", "a/.GIT/config", "git~1/x", ".git. ",
            ".g\u{200C}it/x", "a\\.git\\x", ".git::$INDEX_ALLOCATION/x", "./x", "a/",
        ]
        var changes = names.map { bench.change($0, nil, bench.file("x")) }
        changes.append(bench.change("sub", nil, TreeEntry(mode: 0o160000, blob: bench.file("x").blob)))
        for (name, target) in [("up", ".."), ("d/up", "../../x"), ("abs", "/etc/passwd"), ("fine", "d/../x")] {
            changes.append(bench.change(name, nil, bench.link(target)))
        }
        changes.append(bench.change(".gitignore", nil, bench.file("x")))
        changes.append(bench.change("git~2", nil, bench.file("x")))
        let report = try await bench.apply(changes)
        let reasons = Dictionary(grouping: report.blocked, by: \.reason).mapValues(\.count)
        #expect(reasons == [.forbiddenName: names.count, .unsupportedMode(0o160000): 1, .leavingLink: 3])
        #expect(try bench.listing() == [".gitignore", "fine", "git~2"])
    }

    @Test(arguments: ApplyBench.kinds)
    func `A6 nothing is written through a link, whenever it appears`(_ kind: ApplyCapabilities) async throws {
        // The directory becomes a link to the outside at every step of the apply in turn.
        var step = 0
        while true {
            let bench = try ApplyBench()
            let outside = bench.scratch.path + "/outside"
            mkdir(outside, 0o755)
            try bench.scratch.write("outside/a", "outside a")
            try bench.scratch.write("outside/c", "outside c")
            try bench.put("d/a", bench.file("outside a"))
            try bench.put("d/c", bench.file("outside c"))
            let changes = [
                bench.change("d/a", bench.file("outside a"), bench.file("new a")),
                bench.change("d/b", nil, bench.file("new b")), bench.change("d/c", bench.file("outside c"), nil),
            ]
            var applier = try bench.applier(kind)
            let counter = StepCounter(stopAt: step)
            let root = bench.root
            applier.onStep = { _ throws(ApplyError) in
                guard counter.isNext() else { return }
                rename(root + "/d", root + "/moved")
                symlink(outside, root + "/d")
            }
            _ = try applier.exchange(try await bench.stage(applier, changes))
            #expect(try FileManager.default.contentsOfDirectory(atPath: outside).sorted() == ["a", "c"])
            #expect(try String(decoding: bench.scratch.read("outside/a"), as: UTF8.self) == "outside a")
            if counter.count <= step { break }
            step += 1
        }
        #expect(step > 6)
    }

    @Test func `A2 a thousand paths`() async throws {
        let bench = try ApplyBench()
        var changes: [PathChange] = []
        for number in 0..<1000 {
            let path = "d\(number % 37)/f\(number)"
            try bench.put(path, bench.file("old \(number)"))
            changes.append(bench.change(path, bench.file("old \(number)"), bench.file("new \(number)")))
        }
        let report = try await bench.apply(changes)
        #expect(report.isComplete && report.applied.count == 1000)
        for number in stride(from: 0, to: 1000, by: 7) {
            #expect(bench.text("d\(number % 37)/f\(number)") == "new \(number)")
        }
    }

    @Test(.enabled(if: getuid() == 0))
    func `A2 a full disk while staging leaves the workspace whole and the staging empty`() async throws {
        let bench = try ApplyBench()
        let small = bench.scratch.path + "/small"
        mkdir(small, 0o755)
        guard mount("tmpfs", small, "tmpfs", 0, "size=256k") == 0 else { return }
        defer { umount2(small, Int32(MNT_DETACH)) }
        mkdir(small + "/work", 0o755)
        try bench.scratch.write("small/work/a", "old")
        let big = String(repeating: "x", count: 200_000)
        let applier = try Applier(root: small + "/work", state: bench.state)
        #expect(applier.stagingPath == small + "/.work.baton-staging")
        let changes = [
            bench.change("a", bench.file("old"), bench.file(big + "1")), bench.change("b", nil, bench.file(big + "2")),
        ]
        let error = await #expect(throws: ApplyError.self) { _ = try await bench.stage(applier, changes) }
        guard case .system(_, _, ENOSPC) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: applier.stagingPath).isEmpty)
        #expect(try String(decoding: bench.scratch.read("small/work/a"), as: UTF8.self) == "old")
        // With less to write the very same applier goes on.
        let staged = try await bench.stage(applier, [bench.change("a", bench.file("old"), bench.file("new"))])
        #expect(try applier.exchange(staged).isComplete)
    }

    @Test(.enabled(if: getuid() == 0))
    func `a root that is a mount point stages inside its git directory or says that it cannot`() async throws {
        let bench = try ApplyBench()
        guard mount("tmpfs", bench.root, "tmpfs", 0, "size=1m") == 0 else { return }
        defer { umount2(bench.root, Int32(MNT_DETACH)) }
        #expect(throws: ApplyError.self) { try bench.applier() }
        mkdir(bench.root + "/.git", 0o755)
        #expect(try bench.applier().stagingPath == bench.root + "/.git/baton-staging")
        #expect(access(bench.scratch.path + "/.work.baton-staging", F_OK) != 0)
    }
}
