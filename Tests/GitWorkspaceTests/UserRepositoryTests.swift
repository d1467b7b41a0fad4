import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

@Suite struct UserRepositoryTests {
    @Test func `A8 branch, index and tree become the published head and git status is clean`() async throws {
        let bench = try await UserBench()
        try bench.begin()
        let first = try bench.head()
        let next = try bench.peerCommit(
            """
            echo changed > d/f0; rm d/f1; mkdir -p new/dir; echo new > new/dir/x; chmod +x d/f2
            ln -s d/f2 link; rm d/f3; mkdir d/f3; echo inside > d/f3/y
            """)
        #expect(try await bench.apply(from: first.hex, to: next).isComplete)
        #expect(try await bench.fastForward(to: next, expected: first) == .moved(from: first, to: next))
        #expect(try bench.user("git status --porcelain") == "")
        #expect(try bench.user("git rev-parse HEAD") == next.hex)
        #expect(try bench.user("git symbolic-ref HEAD") == "refs/heads/main")
        #expect(try bench.user("git reflog -1 --format=%gs") == "baton: round 1.1/1")
        #expect(try bench.user("git fsck --strict 2>&1") == "")
        #expect(try bench.user("git diff-index --quiet HEAD --; git diff-files --quiet; git ls-files -u") == "")
        #expect(try await bench.fastForward(to: next) == .current)
        let names = try FileManager.default.subpathsOfDirectory(atPath: bench.root + "/.git")
        #expect(
            names.filter { $0.hasSuffix(".lock") || $0.hasSuffix(".keep") || $0 == "FETCH_HEAD" || $0 == "baton-index" }
                == [])
        #expect(try FileManager.default.contentsOfDirectory(atPath: bench.state).sorted() == ["index", "staging"])
    }

    @Test func `A8 the index has the stat data of the files, so that status reads no content`() async throws {
        let bench = try await UserBench()
        try bench.begin(files: 30)
        let first = try bench.head()
        let next = try bench.peerCommit("for i in 1 2 3; do echo changed > d/f$i; done")
        _ = try await bench.apply(from: first.hex, to: next)
        _ = try await bench.fastForward(to: next)
        let debug = try bench.user("git ls-files --debug d/f2")
        let size = debug.split(separator: "\n").last { $0.contains("size:") }
        #expect(size?.contains("size: 8") == true)
        var raw = stat()
        lstat(bench.root + "/d/f2", &raw)
        #expect(
            debug.contains("mtime: \(raw.st_mtim.tv_sec):\(raw.st_mtim.tv_nsec)") && debug.contains("\(raw.st_ino)"))
    }

    @Test func `A8 staged changes of the user that were captured are part of the new index`() async throws {
        let bench = try await UserBench()
        try bench.begin()
        let first = try bench.head()
        _ = try bench.user("echo staged > d/f1; git add d/f1; echo more > fresh; git add fresh")
        #expect(try await bench.repository().indexDiffersFromHead())
        // The capture took both from the files; the round published them with a peer's change.
        let next = try bench.peerCommit("echo staged > d/f1; echo more > fresh; echo peer > d/f4")
        #expect(try await bench.apply(from: first.hex, to: next).isComplete)
        _ = try await bench.fastForward(to: next, expected: first)
        #expect(try bench.user("git status --porcelain") == "")
        #expect(try await !bench.repository().indexDiffersFromHead())
    }

    @Test func `A8 a file that the apply left alone shows as modified, and nothing else does`() async throws {
        let bench = try await UserBench()
        try bench.begin()
        let first = try bench.head()
        let next = try bench.peerCommit("echo peer > d/f1; echo peer > d/f2")
        _ = try bench.user("echo late edit > d/f1")
        #expect(try await bench.apply(from: first.hex, to: next).late == [Array("d/f1".utf8)])
        _ = try await bench.fastForward(to: next)
        #expect(try bench.user("git status --porcelain") == " M d/f1")
        #expect(try bench.user("cat d/f1") == "late edit")
    }

    @Test func `A8 an unborn branch gets its first commit`() async throws {
        let bench = try await UserBench()
        try bench.begin()
        let first = try bench.head()
        try bench.shell("rm -rf work; mkdir work")
        let made = try await UserRepository.create(
            root: bench.root, scratch: bench.state, installation: bench.installation)
        #expect(try await made.state() == UserState(branch: "main", head: nil, operation: nil, indexLocked: false))
        #expect(try bench.user("git config core.worktree || true; git config core.bare") == "false")
        let empty = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
        #expect(try await bench.apply(from: empty, to: first).isComplete)
        #expect(try await bench.fastForward(to: first) == .moved(from: nil, to: first))
        #expect(try bench.user("git status --porcelain; git fsck 2>&1") == "")
        #expect(try bench.user("git log --format=%s") == "first")
        let again = try await UserRepository.create(
            root: bench.root, scratch: bench.state, installation: bench.installation)
        #expect(try await again.state().head == first)
    }

    @Test func `A8 a linked worktree moves its own index and the shared branch`() async throws {
        let bench = try await UserBench()
        try bench.begin()
        let first = try bench.head()
        try bench.shell(
            "mv work main-tree; cd main-tree; git checkout -q --detach; git worktree add -q ../work main")
        let repository = try await bench.repository()
        #expect(repository.gitDirectory.hasSuffix("/main-tree/.git/worktrees/work"))
        #expect(access(repository.objectDirectory + "/pack", F_OK) == 0)
        let next = try bench.peerCommit("echo peer > d/f1")
        #expect(try await bench.apply(from: first.hex, to: next).isComplete)
        #expect(try await bench.fastForward(to: next) == .moved(from: first, to: next))
        #expect(try bench.user("git status --porcelain; git fsck 2>&1") == "")
        #expect(try bench.shell("cd main-tree; git status --porcelain; git rev-parse HEAD") == first.hex)
    }

    @Test func `A8 a sparse checkout keeps its skipped paths`() async throws {
        let bench = try await UserBench()
        try bench.begin()
        _ = try bench.user("mkdir far; echo far > far/a; git add far; git commit -qm far")
        _ = try bench.user("git push -q ../store +HEAD:refs/baton/main; git sparse-checkout set d")
        let first = try bench.head()
        #expect(try await bench.repository().skippedPaths() == [Array("far/a".utf8)])
        let next = try bench.peerCommit("echo peer > d/f1; echo peer > far/a; echo peer > far/b")
        let changed = try await bench.apply(from: first.hex, to: next)
        // Whoever applies leaves the skipped paths out; here they are refused because their old file is absent.
        #expect(changed.late == [Array("far/a".utf8)])
        _ = try await bench.fastForward(to: next)
        #expect(try bench.user("git status --porcelain; ls far") == "b")
        #expect(try await bench.repository().skippedPaths() == [Array("far/a".utf8)])
    }

    @Test func `A8 commits of the user that the round does not contain are left alone`() async throws {
        let bench = try await UserBench()
        try bench.begin()
        let first = try bench.head()
        let next = try bench.peerCommit("echo peer > d/f1")
        _ = try bench.user("echo own > own; git add own; git commit -qm own")
        let own = try bench.head()
        let before = try bench.fingerprint()
        #expect(try await bench.fastForward(to: next, expected: first) == .waiting(.headMoved(own)))
        #expect(try await bench.fastForward(to: next) == .waiting(.notContained(own)))
        #expect(try bench.fingerprint() == before)
        // Once a round has taken it as a second parent, the branch moves.
        _ = try bench.user("git push -q ../store HEAD:refs/heads/user")
        let merged = try bench.peerCommit("git fetch -q origin user; git merge -q -m both FETCH_HEAD; echo m > m")
        #expect(try await bench.apply(from: own.hex, to: merged).isComplete)
        #expect(try await bench.fastForward(to: merged) == .moved(from: own, to: merged))
        #expect(try bench.user("git status --porcelain; git fsck 2>&1") == "")
    }

    @Test func `A8 a gc of the user at any moment takes nothing away`() async throws {
        let bench = try await UserBench()
        try bench.begin()
        let (work, home) = (bench.root, bench.scratch.path + "/home")
        let collector = Thread {
            while access(work + "/.git/stop", F_OK) != 0 {
                _ = system("cd '\(work)' && HOME='\(home)' git -c gc.pruneExpire=now gc -q --prune=now 2>/dev/null")
            }
            unlink(work + "/.git/stop")
        }
        collector.start()
        var head = try bench.head()
        for number in 0..<8 {
            let next = try bench.peerCommit("echo \(number) > d/f1; echo \(number) > d/n\(number)")
            #expect(try await bench.apply(from: head.hex, to: next).isComplete)
            try await bench.fastForwardAtLast(to: next)
            head = next
        }
        try bench.scratch.write("work/.git/stop", "")
        while access(work + "/.git/stop", F_OK) == 0 { usleep(1000) }
        #expect(try bench.head() == head)
        #expect(try bench.user("git status --porcelain; git fsck 2>&1 | grep -v '^dangling' || true") == "")
    }

    @Test func `no repository is nil, a damaged one is a clear error`() async throws {
        let bench = try await UserBench()
        mkdir(bench.root, 0o755)
        let none = try await UserRepository.open(
            root: bench.root, scratch: bench.state, installation: bench.installation)
        #expect(none.map(\.root) == nil)
        try bench.scratch.write("work/.git", "gitdir: /nowhere\n")
        await #expect(throws: GitError.self) { _ = try await bench.repository() }
    }
}
