import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

/// The user is in the middle of something: it is named, and nothing of theirs is touched.
@Suite struct UserRepositoryBusyTests {
    /// A side branch whose commit conflicts with the one on `main`.
    private static let conflict =
        "git checkout -q -b side; echo side > d/f1; git commit -qam side; git checkout -q main; "
        + "echo main > d/f1; git commit -qam main; "

    static let operations: [(String, UserOperation.Kind)] = [
        (conflict + "git rebase side || true", .rebase), (conflict + "git rebase --apply side || true", .rebase),
        (conflict + "git rebase -i --exec false side~1 || true", .rebase),
        (conflict + "git merge side || true", .merge),
        (conflict + "git cherry-pick side || true", .cherryPick),
        (conflict + "git revert --no-commit HEAD~1 || true; git revert HEAD~1 || true", .revert),
        (conflict + "git format-patch -q -1 side; git am 0001-side.patch || true", .am),
        (
            "git commit -q --allow-empty -m two; git bisect start; git bisect bad; git bisect good HEAD~1 || true",
            .bisect
        ),
    ]

    @Test(arguments: operations)
    func `C5 an operation of the user under way makes the branch wait`(_ script: String, _ kind: UserOperation.Kind)
        async throws
    {
        var began = timespec()
        clock_gettime(CLOCK_REALTIME, &began)
        let bench = try await UserBench()
        try bench.begin()
        _ = try bench.user("git commit -q --allow-empty -m zero; git push -q ../store HEAD:refs/baton/main")
        _ = try bench.user(script + "; true", accepting: [0, 1])
        let next = try bench.peerCommit("echo peer > d/f4")
        let before = try bench.fingerprint()
        let answer = try await bench.fastForward(to: next)
        guard case .waiting(.operation(let operation)) = answer else {
            Issue.record("\(answer)")
            return
        }
        #expect(operation.kind == kind)
        #expect(operation.description.hasPrefix("\(kind.rawValue) in progress (since 20"))
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        // The system stamps files by a coarser clock.
        #expect((Int64(began.tv_sec) - 1...Int64(now.tv_sec)).contains(operation.since))
        #expect(try bench.fingerprint() == before)
    }

    /// What leaves paths in conflict, and no file that says so.
    static let unmerged = [
        "echo stashed > d/f1; git stash -q; echo main > d/f1; git commit -qam main; git stash pop || true",
        conflict + "git merge --squash side || true",
        conflict + "git diff main~1 side > ../patch; git apply -3 ../patch || true",
        conflict + "git checkout -q side; echo mine > d/f1; git checkout -m main; git branch",
        "git checkout -q -b side; echo side > d/f1; git commit -qam side; git checkout -q main; "
            + "git branch -q --set-upstream-to=side; echo mine > d/f1; git pull --rebase --autostash . side || true",
    ]

    @Test(arguments: unmerged)
    func `C5 paths in conflict make the branch wait, whatever left them`(_ script: String) async throws {
        let bench = try await UserBench()
        try bench.begin()
        let repository = try await bench.repository()
        #expect(try await repository.state().operation == nil)
        _ = try bench.user(script, accepting: [0, 1])
        #expect(try bench.user("git ls-files -u; cat d/f1").contains("<<<<<<<"))
        let next = try bench.peerCommit("echo peer > d/f4")
        let before = try bench.fingerprint()
        guard case .waiting(.operation(let operation)) = try await bench.fastForward(to: next) else {
            Issue.record("it did not wait")
            return
        }
        #expect(operation.kind == .unmerged)
        #expect(operation.description.hasPrefix("unmerged paths (since 20"))
        #expect(try bench.fingerprint() == before)
        // Refreshed, it is another index, and the same conflict.
        let since = try #require(try await repository.state().operation).since
        _ = try bench.user("sleep 1.1; touch d/f2; git update-index -q --refresh || true")
        #expect(try await repository.state().operation?.since == since)
        _ = try bench.user("echo settled > d/f1; git add d/f1")
        #expect(try await repository.state().operation == nil)
    }

    static let forms = [
        "git update-index --index-version 2", "git update-index --index-version 4",
        "echo new > d/new; git add -N d/new; git update-index --skip-worktree d/f0", "git update-index --split-index",
        "git update-index --untracked-cache; git config core.fsmonitor false",
        "printf x > \"$(printf 'l%.0s' $(seq 200))\"; mkdir -p d/$(printf 'e%.0s' $(seq 250)); "
            + "for i in $(seq 30); do echo $i > d/$(printf 'e%.0s' $(seq 250))/f$i; done; git add -A",
    ]

    @Test(arguments: forms, ["sha1", "sha256"])
    func `C5 paths in conflict are seen in an index of any form`(_ script: String, _ format: String) async throws {
        let bench = try await UserBench()
        let begin = "git init -q --object-format=\(format) work; cd work; mkdir d; "
        try bench.shell(begin + "for i in 0 1 2 3; do echo $i > d/f$i; done; git add .; git commit -qm first")
        let repository = try await bench.repository()
        for (more, isThere) in [
            ("true", false), (Self.conflict + "git merge -q --squash side || true", true),
            ("git reset -q --hard", false), (script, false),
        ] {
            _ = try bench.user("\(script); \(more)", accepting: [0, 1])
            #expect(try (await repository.state().operation?.kind == .unmerged) == isThere, "\(more)")
            let bytes = try #require(DurableFile.read(bench.root + "/.git/index"))
            let isSplit = script.contains("--split-index")
            #expect(UnmergedPaths.areThere(bytes) == (isSplit ? nil : isThere), "\(more)")
        }
    }

    @Test func `C5 an index of any bytes is read to its end or left to git`() async throws {
        let bench = try await UserBench()
        try bench.begin()
        let bytes = try #require(DurableFile.read(bench.root + "/.git/index"))
        #expect(UnmergedPaths.areThere(bytes) == false)
        for count in 0..<bytes.count { #expect(UnmergedPaths.areThere(Array(bytes[..<count])) != true) }
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            var other = bytes
            for _ in 0..<4 { other[Int.random(in: 4..<bytes.count, using: &generator)] = .random(in: 0...255) }
            _ = UnmergedPaths.areThere(other)
        }
    }

    @Test func `C5 conflict markers of a stash stay on their device`() async throws {
        var mesh = try await MeshFixture(2)
        try mesh[0].write("a", "1\n")
        try mesh[0].write("b", "1\n")
        try await mesh.round()
        let device = mesh[1]
        try device.write("a", "stashed\n")
        try await device.userGit("stash", "-q")
        try device.write("a", "2\n")
        try await mesh.round()
        _ = try? await device.userGit("stash", "pop")
        #expect(try device.read("a").contains("<<<<<<<"))
        try mesh[0].write("b", "2\n")
        let report = try await mesh.round()
        guard case .withheld(_, _, let reason, _) = report.captures[1] else {
            Issue.record("conflict markers were offered")
            return
        }
        #expect(reason.hasPrefix("unmerged paths (since 20"))
        #expect(report.applies[1].waiting == reason)
        #expect(try mesh[0].read("a") == "2\n" && device.read("b") == "1\n")
        #expect(try device.read("a").contains("<<<<<<<"))
        try device.write("a", "both\n")
        try await device.userGit("add", "a")
        try await mesh.round()
        #expect(try mesh.trees()[0] == mesh.trees()[1])
        #expect(try mesh[0].read("a") == "both\n" && device.read("b") == "2\n")
    }

    static let elsewhere: [(String, FastForward.Obstacle)] = [
        ("git checkout -q --detach", .detached(wanted: "main")),
        ("git checkout -q -b other", .otherBranch("other", wanted: "main")), ("touch .git/index.lock", .indexLocked),
    ]

    @Test(arguments: elsewhere)
    func `C5 GE12 detached, another branch or a held index lock makes the branch wait`(
        _ script: String, _ obstacle: FastForward.Obstacle
    ) async throws {
        let bench = try await UserBench()
        try bench.begin()
        _ = try bench.user(script)
        let next = try bench.peerCommit("echo peer > d/f4")
        let before = try bench.fingerprint()
        #expect(try await bench.fastForward(to: next) == .waiting(obstacle))
        #expect(try bench.fingerprint() == before)
    }

    @Test func `C1 reading the state changes nothing`() async throws {
        let bench = try await UserBench()
        try bench.begin()
        _ = try bench.user("echo x > d/f1; git add d/f1; echo y > d/f2; git stash -q; echo z > d/f2; touch d/f3")
        let before = try bench.fingerprint()
        let repository = try await bench.repository()
        let state = try await repository.state()
        #expect(state.branch == "main" && state.obstacle(to: "main") == nil)
        _ = try await repository.indexDiffersFromHead()
        _ = try await repository.skippedPaths()
        #expect(try bench.fingerprint() == before)
    }

    @Test func `A2 a crash before the branch moved lets the lock go`() async throws {
        let bench = try await UserBench()
        try bench.begin()
        let repository = try await bench.repository()
        let before = try bench.user("git ls-files -s")
        guard let lock = try IndexLock(in: repository.gitDirectory) else { return }
        #expect(try IndexLock(in: bench.scratch.path + "/store") != nil)
        #expect(try bench.user("git add . 2>&1", accepting: [128]).contains("index.lock"))
        try await lock.fill(with: bench.root + "/d/f1")
        try DurableFile.write(Array("\(Revision(number: 5).hex)\n".utf8), to: bench.state + "/fast-forward")
        _ = try await bench.repository()
        #expect(try bench.user("git status --porcelain; git ls-files -s") == before)
        #expect(try FileManager.default.contentsOfDirectory(atPath: bench.state) == [])
    }

    @Test func `A2 a crash after the branch moved gives the index its name`() async throws {
        let bench = try await UserBench()
        try bench.begin()
        let first = try bench.head()
        let next = try bench.peerCommit("echo peer > d/f1")
        let repository = try await bench.repository()
        #expect(try await bench.apply(from: first.hex, to: next).isComplete)
        // As far as a fast-forward gets before its last step.
        let keep = try await ObjectTransfer(repository: repository, store: bench.store).bring(next, without: first)
        #expect(keep != nil)
        guard let lock = try IndexLock(in: repository.gitDirectory) else { return }
        try await lock.fill(with: repository.makeIndex(of: next))
        try DurableFile.write(Array("\(next.hex)\n".utf8), to: bench.state + "/fast-forward")
        _ = try bench.user("git update-ref refs/heads/main \(next.hex)")
        #expect(try bench.user("git commit -qm revert 2>&1", accepting: [128]).contains("index.lock"))
        _ = try await bench.repository()
        #expect(
            try bench.user("git status --porcelain; git fsck 2>&1; ls .git/objects/pack/*.keep 2>/dev/null || true")
                == "")
        #expect(access(bench.root + "/.git/index.lock", F_OK) != 0)
    }

    @Test func `A2 a lock of somebody else is never removed`() async throws {
        let bench = try await UserBench()
        try bench.begin()
        try bench.scratch.write("work/.git/index.lock", "theirs")
        try bench.scratch.write("work/.git/baton-index", "left by a crash")
        try DurableFile.write(Array("\(try bench.head().hex)\n".utf8), to: bench.state + "/fast-forward")
        _ = try await bench.repository()
        #expect(try String(decoding: bench.scratch.read("work/.git/index.lock"), as: UTF8.self) == "theirs")
        #expect(access(bench.root + "/.git/baton-index", F_OK) != 0)
    }
}
