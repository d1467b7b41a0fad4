import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

@Suite struct WorkspaceRoundTests {
    @Test func `three devices come to one tree, and the round after is silent`() async throws {
        var mesh = try await MeshFixture(3) { number, scratch in
            guard number == 0 else { return }
            for file in 0..<20 { try scratch.write("work/src/f\(file)", "base \(file)\n") }
        }
        try await mesh.round()
        #expect(try mesh.trees()[1].count == 20)
        for number in 0..<3 {
            try mesh[number].write("src/f\(number)", "changed by \(number)\n")
            try mesh[number].write("new/\(number)", "added by \(number)\n")
            mesh[number].scratch.remove("work/src/f\(10 + number)")
        }
        let report = try await mesh.round()
        #expect(report.merge.changedFiles == 9 && report.merge.conflicts.isEmpty)
        #expect(report.applies.allSatisfy { $0.isComplete && $0.branchWaiting == nil })
        let trees = try mesh.trees()
        #expect(trees[0].count == 20 && trees[0] == trees[1] && trees[1] == trees[2])
        for device in mesh.devices {
            #expect(try await device.userGit("status", "--porcelain").isEmpty)
            #expect(try await device.userGit("rev-parse", "HEAD") == mesh.head?.hex)
            #expect(try await device.userGit("fsck", "--strict", "--no-dangling").isEmpty)
            #expect(await device.workspace.base == mesh.head)
            #expect(try await device.workspace.dirt() == Dirt(changed: 0, held: []))
        }
        let before = mesh.head
        let silent = try await mesh.round()
        #expect(silent.isSilent && mesh.head == before)
    }

    @Test func `an existing history travels and the user's commits enter as parents`() async throws {
        var mesh = try await MeshFixture(2) { number, scratch in
            guard number == 0 else { return }
            let git = HermeticGit(
                installation: try await HermeticGit.locate(), gitDirectory: scratch.path + "/work/.git",
                workTree: scratch.path + "/work",
                extra: GitEnvironment.identity("User", email: "u@example.org", seconds: 1_600_000_000))
            _ = try await git.run(["init", "-q", "-b", "trunk"])
            for step in 0..<3 {
                try scratch.write("work/a", "step \(step)\n")
                _ = try await git.run(["add", "-A"])
                _ = try await git.run(["commit", "-qm", "step \(step)"])
            }
        }
        let imported = try #require(try await mesh[0].workspace.importHistory())
        #expect(try await mesh[0].workspace.capture(round: mesh.nextRound()).isClean)
        mesh.head = imported
        try await mesh.round()
        #expect(mesh.head == imported)
        #expect(try mesh[1].read("a") == "step 2\n")
        try mesh[0].write("b", "by hand\n")
        try await mesh[0].userGit("add", "b")
        try await mesh[0].userGit("commit", "-qm", "mine")
        let own = try await mesh[0].userGit("rev-parse", "HEAD")
        try mesh[0].write("c", "not committed\n")
        let report = try await mesh.round()
        #expect(report.applies.allSatisfy { $0.branchWaiting == nil })
        let revision = try #require(Revision(hex: own))
        #expect(await mesh[1].workspace.has(revision))
        #expect(try mesh[1].read("b") == "by hand\n" && mesh[1].read("c") == "not committed\n")
        #expect(try await mesh[0].userGit("rev-parse", "HEAD") == mesh.head?.hex)
        #expect(try await mesh[0].userGit("status", "--porcelain").isEmpty)
        #expect(try await mesh[0].userGit("log", "--format=%s", "-1", own) == "mine")
    }

    @Test(arguments: [false, true])
    func `a device that missed an apply is at odds with nobody about its own files`(alone: Bool) async throws {
        var mesh = try await MeshFixture(2) { number, scratch in
            if number == 0 { try scratch.write("work/a", "base\n") }
        }
        try await mesh.round()
        try mesh[1].write("a", "first\n")
        // With another capture in the round the head is a merge; alone it is the capture itself.
        if !alone { try mesh[0].write("other", "from the leader\n") }
        try await mesh.round(skipping: [1])
        try mesh[1].write("a", "second\n")
        let report = try await mesh.round()
        #expect(report.merge.conflicts.isEmpty)
        #expect(try mesh[0].read("a") == "second\n" && mesh[1].read("a") == "second\n")
        let trees = try mesh.trees()
        #expect(trees[0] == trees[1])
        #expect(try await mesh[0].userGit("merge-base", "--is-ancestor", "HEAD~1", "HEAD").isEmpty)
        // Unchanged since: it brings nothing, and the head stays.
        try mesh[1].write("a", "third\n")
        let third = try await mesh.round(skipping: [1])
        let again = try await mesh.round()
        #expect(again.merge.revision == third.merge.revision && again.merge.conflicts.isEmpty)
    }

    @Test func `A1 a late edit is kept, and both versions survive the next round`() async throws {
        var mesh = try await MeshFixture(2) { number, scratch in
            guard number == 0 else { return }
            try scratch.write("work/shared", "one\ntwo\nthree\nfour\nfive\n")
            try scratch.write("work/other", "x")
        }
        try await mesh.round()
        try mesh[0].write("shared", "ONE\ntwo\nthree\nfour\nfive\n")
        try mesh[0].write("other", "y")
        let second = mesh[1]
        let report = try await mesh.round {
            // After the capture, before the apply: a writer that ignored the gate.
            try second.write("shared", "one\ntwo\nthree\nfour\nFIVE\n")
        }
        #expect(report.applies[1].late == [Array("shared".utf8)])
        #expect(report.applies[1].applied == 1)
        #expect(try mesh[1].read("shared") == "one\ntwo\nthree\nfour\nFIVE\n")
        #expect(try await mesh[1].workspace.dirt().changed == 1)
        let next = try await mesh.round()
        #expect(next.merge.conflicts.isEmpty)
        #expect(try mesh.trees()[0] == mesh.trees()[1])
        #expect(try mesh[0].read("shared") == "ONE\ntwo\nthree\nfour\nFIVE\n")
        #expect(await mesh[1].workspace.base == mesh.head)
    }

    @Test func `A1 C5 a withheld capture is no part of the round: its edits stand when the round is applied after all`()
        async throws
    {
        var mesh = try await MeshFixture(2) { number, scratch in
            for name in ["a", "b", "c"] where number == 0 { try scratch.write("work/" + name, "base\n") }
        }
        try await mesh.round()
        try await mesh[1].userGit("checkout", "-q", "-b", "side")
        for name in ["a", "b"] { try mesh[1].write(name, "written beside\n") }
        try mesh[1].write("new", "written beside\n")
        for name in ["b", "c"] { try mesh[0].write(name, "from the leader\n") }
        let second = mesh[1]
        let report = try await mesh.round {
            // The user is back before the apply.
            try second.write(".git/HEAD", "ref: refs/heads/main\n")
        }
        #expect(report.captures[1].revision != nil, "it is kept on this device")
        #expect(report.applies[1].waiting == nil)
        #expect(try mesh[1].read("a") == "written beside\n" && mesh[1].read("new") == "written beside\n")
        #expect(try mesh[1].read("b") == "written beside\n" && mesh[1].read("c") == "from the leader\n")
        let next = try await mesh.round()
        #expect(next.merge.conflicts.map(\.path) == [Array("b".utf8)])
        #expect(try mesh[0].read("a") == "written beside\n" && mesh[0].read("new") == "written beside\n")
        #expect(try mesh.trees()[0] == mesh.trees()[1])
    }

    @Test func `a deferred path is no revert and comes with the next apply`() async throws {
        var mesh = try await MeshFixture(2) { number, scratch in
            if number == 0 { try scratch.write("work/held", "old\n") }
        }
        try await mesh.round()
        try mesh[0].write("held", "new\n")
        let descriptor = open(mesh[1].root + "/held", O_RDWR | O_CLOEXEC)
        let report = try await mesh.round()
        #expect(report.applies[1].deferred == [Array("held".utf8)])
        let silent = try await mesh.round()
        #expect(silent.isSilent)
        close(descriptor)
        try waitUntilNobodyWrites(to: mesh[1].root + "/held")
        try await mesh.round()
        #expect(try mesh[1].read("held") == "new\n" && mesh[0].read("held") == "new\n")
        #expect(await mesh[1].workspace.base == mesh.head)
    }

    @Test func `C1 a capture leaves no trace in the user's repository`() async throws {
        let mesh = try await MeshFixture(1)
        let device = mesh[0]
        try device.write("a", "1")
        try device.write("b", "1")
        try await device.userGit("add", "-A")
        try await device.userGit("commit", "-qm", "one")
        try device.write("a", "stashed")
        try await device.userGit("stash", "-q")
        try device.write("a", "staged")
        try await device.userGit("add", "a")
        try device.write("b", "unstaged")
        try device.write("c", "untracked")
        let before = try snapshot(device.root + "/.git")
        let result = try await device.workspace.capture(round: RoundID(token: .none, sequence: 1))
        #expect(try snapshot(device.root + "/.git") == before)
        #expect(before.keys.contains("refs/stash") && !before.keys.contains { $0.hasSuffix(".lock") })
        let revision = try #require(result.revision)
        let refs = try device.workspace.store.refs(under: RefName.prefix)
        #expect(refs.map(\.id.hex) == [revision.hex])
    }

    /// Names, bytes and times of everything in a folder.
    private func snapshot(_ folder: String) throws -> [String: String] {
        var found: [String: String] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: folder) {
            var raw = stat()
            guard lstat(folder + "/" + name, &raw) == 0 else { continue }
            let bytes = raw.st_mode & S_IFMT == S_IFREG ? DurableFile.read(folder + "/" + name) ?? [] : []
            found[name] = "\(raw.st_ino) \(raw.st_mtim.tv_sec) \(raw.st_mtim.tv_nsec) \(bytes)"
        }
        return found
    }

    @Test func `C5 GE11 during a rebase the capture is withheld, apply waits, nothing of the user's is touched`()
        async throws
    {
        var mesh = try await MeshFixture(2)
        let device = mesh[0]
        try device.write("a", "1\n")
        try await mesh.round()
        try await device.userGit("checkout", "-qb", "side")
        try device.write("a", "side\n")
        try await device.userGit("commit", "-qam", "side")
        try await device.userGit("checkout", "-q", "main")
        try device.write("a", "main\n")
        try await device.userGit("commit", "-qam", "main")
        let git = HermeticGit(
            installation: device.workspace.store.installation, gitDirectory: device.root + "/.git",
            workTree: device.root, extra: GitEnvironment.identity("U", email: "u@e", seconds: 1_700_000_000))
        #expect(try await git.run(["rebase", "side"], accepting: [0, 1]).status == 1)
        let before = try snapshot(device.root + "/.git")
        let round = mesh.nextRound()
        guard case .withheld(let revision, _, let reason, _) = try await device.workspace.capture(round: round) else {
            Issue.record("a capture during a rebase was offered")
            return
        }
        #expect(reason.contains("rebase"))
        let bytes = try device.workspace.store.list(device.workspace.store.tree(of: revision))
        #expect(bytes.count == 1)
        let head = try #require(mesh.head)
        let applied = try await device.workspace.apply(head, round: round)
        #expect(applied.waiting?.contains("rebase in progress (since") == true)
        #expect(try snapshot(device.root + "/.git") == before)
        _ = try await git.run(["rebase", "--abort"])
        try Data().write(to: URL(fileURLWithPath: device.root + "/.git/index.lock"))
        #expect(try await device.workspace.capture(round: round).revision != nil)
        #expect(try await device.workspace.apply(head, round: round).waiting?.contains("index.lock") == true)
        #expect(device.scratch.exists("work/.git/index.lock"))
    }

    @Test func `A3 who could read a file can read it after a round, and new files are like any other`() async throws {
        var mesh = try await MeshFixture(2)
        for name in ["shared", "own", "tool"] { try mesh[0].write(name, "1\n") }
        try await mesh.round()
        let root = mesh[1].root
        for (name, mode) in [("shared", 0o664), ("own", 0o600), ("tool", 0o640)] as [(String, mode_t)] {
            chmod("\(root)/\(name)", mode)
            try mesh[0].write(name, "2\n", mode: name == "tool" ? 0o755 : 0o644)
        }
        try mesh[0].write("folder/new", "1\n")
        try await mesh.round()
        let mode = { (path: String) -> mode_t in
            var raw = stat()
            return lstat(path, &raw) == 0 ? raw.st_mode & 0o777 : 0
        }
        #expect(mode(root + "/shared") == 0o664 && mode(root + "/own") == 0o600 && mode(root + "/tool") == 0o750)
        #expect(try mesh[1].read("shared") == "2\n" && mesh[1].read("own") == "2\n")
        // As this process makes them.
        close(open(root + "/.git/file", O_CREAT | O_WRONLY, 0o666))
        mkdir(root + "/.git/folder", 0o777)
        #expect(mode(root + "/folder/new") == mode(root + "/.git/file"))
        #expect(mode(root + "/folder") == mode(root + "/.git/folder"))
    }

    @Test func `captures in flight survive the user's gc`() async throws {
        var mesh = try await MeshFixture(2)
        try mesh[0].write("a", "1\n")
        try await mesh.round()
        try mesh[0].write("a", "2\n")
        let result = try await mesh[0].workspace.capture(round: mesh.nextRound())
        try await mesh[0].userGit("gc", "-q", "--prune=now")
        let revision = try #require(result.revision)
        try await mesh.transfer(revision, from: 0, to: 1)
        #expect(await mesh[1].workspace.has(revision))
        #expect(try await mesh[0].workspace.store.git.run(["fsck", "--strict"]).status == 0)
    }

    @Test func `A2 an apply that a crash cut off is finished at the next start`() async throws {
        var mesh = try await MeshFixture(1)
        for number in 0..<4 { try mesh[0].write("f\(number)", "old") }
        try await mesh.round()
        let old = try #require(mesh.head)
        for number in 0..<4 { try mesh[0].write("f\(number)", "new") }
        try await mesh.round()
        let new = try #require(mesh.head)
        // As after a crash in the middle of going back to the older revision: two of the files are in place.
        let store = mesh[0].workspace.store
        try ApplyMarker(round: mesh.nextRound(), revision: old, from: store.tree(of: new))
            .write(mesh[0].scratch.path + "/state")
        for number in 0..<2 { try mesh[0].write("f\(number)", "old") }
        await mesh[0].workspace.close()
        let again = try await MeshFixture.open(mesh[0].scratch, number: 0)
        try await again.workspace.recover()
        #expect(try await again.workspace.dirt().changed == 0)
        let base = try #require(await again.workspace.base)
        #expect(try store.commit(base).parents == [old])
        #expect(ApplyMarker.read(again.scratch.path + "/state") == nil)
    }

    @Test func `a root that is missing, a file or replaced is said in one line`() async throws {
        let scratch = try Scratch()
        func open(_ root: String) async throws -> Workspace {
            try await Workspace.open(
                root: root, state: scratch.path + "/state", device: DeviceID(number: 1), name: "x", create: false)
        }
        await #expect(throws: WorkspaceError.self) { try await open(scratch.path + "/none") }
        try scratch.write("file", "")
        await #expect(throws: WorkspaceError.self) { try await open(scratch.path + "/file") }
        mkdir(scratch.path + "/work", 0o755)
        try scratch.write("work/a", "1")
        let workspace = try await open(scratch.path + "/work")
        rename(scratch.path + "/work", scratch.path + "/moved")
        mkdir(scratch.path + "/work", 0o755)
        do {
            _ = try await workspace.capture(round: RoundID(token: .none, sequence: 1))
            Issue.record("an empty folder in place of the root was captured")
        } catch {
            #expect(!error.description.contains("\n"))
        }
    }

    @Test func `A8 an index made without git is the one that git would make`() async throws {
        var mesh = try await MeshFixture(2)
        for number in 0..<30 { try mesh[0].write("d\(number % 5)/e/f\(number)", "\(number)\n") }
        try await mesh.round()
        for step in 1...4 {
            for number in 0..<6 { try mesh[0].write("d\(number % 5)/e/f\(number)", "\(number) in \(step)\n") }
            try mesh[1].write("d\(step)/new/\(step)", "new\n", mode: 0o755)
            mesh[1].scratch.remove("work/d\(step)/e/f\(step + 20)")
            try await mesh.round()
            for device in mesh.devices {
                let bytes = try #require(DurableFile.read(device.root + "/.git/index"))
                let head = try #require(mesh.head)
                let tree = try device.workspace.store.tree(of: head)
                #expect(IndexFile(bytes, showing: tree) != nil, "it is one that we can read")
                #expect(try await device.userGit("status", "--porcelain").isEmpty)
                #expect(try await device.userGit("diff-index", "--cached", "HEAD").isEmpty)
                #expect(try await device.userGit("write-tree") == tree.hex)
                // git's own check of the trees that an index names.
                let git = device.workspace.repository.git.with(["GIT_TEST_CHECK_CACHE_TREE=1"])
                #expect(try await git.run(["diff-index", "--cached", "--quiet", "HEAD"]).status == 0)
                #expect(try await device.userGit("fsck", "--strict").isEmpty)
            }
        }
        // Something staged: then the index is git's to make.
        try mesh[0].write("staged", "x")
        try await mesh[0].userGit("add", "staged")
        let bytes = try #require(DurableFile.read(mesh[0].root + "/.git/index"))
        #expect(try IndexFile(bytes, showing: mesh[0].workspace.store.tree(of: mesh.head)) == nil)
        try mesh[1].write("d1/other", "y")
        try await mesh.round()
        #expect(try await mesh[0].userGit("status", "--porcelain").isEmpty)
    }
}
