import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

/// A user whose branch is behind what was published, and who checks out this and that meanwhile.
@Suite struct CheckoutTests {
    /// Two devices; the second one's branch could not follow the newest round, which edited, deleted and added a file.
    private func behind(meanwhile: ((MeshFixture.Device) async throws -> Void)? = nil) async throws -> MeshFixture {
        var mesh = try await MeshFixture(2)
        for name in ["edited", "deleted", "kept"] { try mesh[0].write(name, "1\n") }
        try await mesh.round()
        try mesh[0].write("edited", "2\n")
        mesh[0].scratch.remove("work/deleted")
        try mesh[0].write("added", "1\n")
        try await meanwhile?(mesh[1])
        try mesh[1].write(".git/refs/heads/main.lock", "")
        let report = try await mesh.round()
        #expect(report.applies[1].branchWaiting != nil)
        mesh[1].scratch.remove("work/.git/refs/heads/main.lock")
        return mesh
    }

    private func expectPublished(_ mesh: inout MeshFixture) async throws {
        try await mesh.round()
        try await mesh.round()
        for place in 0..<2 {
            #expect(try mesh[place].read("edited") == "2\n", "on \(place)")
            #expect(!mesh[place].scratch.exists("work/deleted"), "on \(place)")
            #expect(try mesh[place].read("added") == "1\n", "on \(place)")
            #expect(try await mesh[place].userGit("status", "--porcelain").isEmpty)
        }
        #expect(try await mesh.round().isSilent)
    }

    @Test func `C5 a visit to another branch from one that is behind undoes nothing that was published`() async throws {
        var mesh = try await behind()
        let device = mesh[1]
        try await device.userGit("checkout", "-q", "-b", "visit")
        try await device.userGit("add", "-A")
        try await device.userGit("commit", "-qm", "all of it")
        try await device.userGit("checkout", "-q", "main")
        #expect(try device.read("edited") == "1\n" && device.scratch.exists("work/deleted"))
        try await expectPublished(&mesh)
    }

    @Test func `C5 files that a stash brought back on a branch that is behind are no edits`() async throws {
        var mesh = try await behind()
        try await mesh[1].userGit("stash", "-q")
        #expect(try mesh[1].read("edited") == "1\n")
        try await expectPublished(&mesh)
    }

    @Test func `C5 what the user committed on the branch that is behind is merged with what was published`()
        async throws
    {
        var mesh = try await behind { device in
            try device.write("own", "1\n")
            try await device.userGit("add", "-A")
            try await device.userGit("commit", "-qm", "own")
        }
        let device = mesh[1]
        // Another commit, that no round has.
        try device.write("own", "2\n")
        try await device.userGit("commit", "-qm", "own again", "--", "own")
        try await device.userGit("checkout", "-q", "-b", "visit")
        try await device.userGit("add", "-A")
        try await device.userGit("commit", "-qm", "all of it", "--allow-empty")
        try await device.userGit("checkout", "-q", "main")
        try await mesh.round()
        try await mesh.round()
        for place in 0..<2 { #expect(try mesh[place].read("own") == "2\n", "on \(place)") }
        try await expectPublished(&mesh)
    }

    @Test func `C5 what the user takes away or sets back by hand while the branch is behind is a wish`() async throws {
        var mesh = try await behind()
        let device = mesh[1]
        try await device.userGit("checkout", "-q", "-b", "visit")
        try await device.userGit("checkout", "-q", "main")
        // Nothing changed by that: both branches are behind alike.
        #expect(try device.read("edited") == "2\n")
        device.scratch.remove("work/added")
        try await device.userGit("restore", "edited")
        try await mesh.round()
        try await mesh.round()
        for place in 0..<2 {
            #expect(!mesh[place].scratch.exists("work/added"), "on \(place)")
            #expect(try mesh[place].read("edited") == "1\n", "on \(place)")
        }
    }

    @Test func `C5 a file that the user takes away before a visit stays away`() async throws {
        var mesh = try await behind()
        let device = mesh[1]
        device.scratch.remove("work/added")
        try await device.userGit("checkout", "-q", "-b", "visit")
        try await device.userGit("checkout", "-q", "main")
        try await mesh.round()
        try await mesh.round()
        for place in 0..<2 { #expect(!mesh[place].scratch.exists("work/added"), "on \(place)") }
    }

    @Test func `C5 a commit on the branch that is behind, from what was published, conflicts with nothing`()
        async throws
    {
        var mesh = try await behind()
        let device = mesh[1]
        try device.write("edited", "2\n3\n")
        try await device.userGit("commit", "-qam", "on top")
        let report = try await mesh.round()
        #expect(report.merge.conflicts.isEmpty)
        for place in 0..<2 { #expect(try mesh[place].read("edited") == "2\n3\n", "on \(place)") }
    }

    @Test func `C5 a commit right after the visit does not hide it`() async throws {
        var mesh = try await behind()
        let device = mesh[1]
        try await device.userGit("checkout", "-q", "-b", "visit")
        try await device.userGit("add", "-A")
        try await device.userGit("commit", "-qm", "all of it")
        try await device.userGit("checkout", "-q", "main")
        try device.write("own", "1\n")
        try await device.userGit("add", "own")
        try await device.userGit("commit", "-qm", "own", "--", "own")
        try await mesh.round()
        try await expectPublished(&mesh)
    }

    @Test func `C5 a branch that was set back by hand is a wish`() async throws {
        var mesh = try await MeshFixture(2)
        try mesh[0].write("a", "1\n")
        try await mesh.round()
        try mesh[0].write("a", "2\n")
        try await mesh.round()
        try await mesh[1].userGit("reset", "-q", "--hard", "HEAD~1")
        try await mesh.round()
        for place in 0..<2 { #expect(try mesh[place].read("a") == "1\n", "on \(place)") }
    }

    @Test func `C5 a capture during which another branch was checked out is not offered`() async throws {
        var mesh = try await MeshFixture(1)
        try mesh[0].write("a", "1\n")
        try await mesh.round()
        try await mesh[0].userGit("checkout", "-q", "-b", "side")
        try mesh[0].write("a", "side\n")
        try await mesh[0].userGit("commit", "-qam", "side")
        try await mesh[0].userGit("checkout", "-q", "main")
        let workspace = mesh[0].workspace
        await workspace.look(atLocks: 3000)
        // Files of the other branch, as a checkout writes them; its `HEAD` comes while the capture waits for the lock.
        try mesh[0].write("a", "side\n")
        try mesh[0].write(".git/index.lock", "")
        let round = mesh.nextRound()
        let ref = workspace.store.path + "/" + RefName.device(workspace.device)
        let before = DurableFile.read(ref)
        async let captured = workspace.capture(round: round)
        let end = ContinuousClock.now + .seconds(30)
        while DurableFile.read(ref) == before, .now < end { try await Task.sleep(for: .milliseconds(1)) }
        _ = try await workspace.repository.git.run(["symbolic-ref", "HEAD", "refs/heads/side"])
        mesh[0].scratch.remove("work/.git/index.lock")
        guard case .withheld(_, _, let reason, _) = try await captured else {
            Issue.record("a capture of another branch's files was offered")
            return
        }
        #expect(reason.contains("side"))
    }

    @Test func `C5 while another branch is checked out nothing counts as changed, and the reason is told`()
        async throws
    {
        var mesh = try await MeshFixture(1)
        try mesh[0].write("a.md", "1\n")
        try await mesh.round()
        try mesh[0].write("a.md", "2\n")
        #expect(try await mesh[0].workspace.dirt().changed == 1)
        try await mesh[0].userGit("checkout", "-q", "-b", "visit")
        let visiting = try await mesh[0].workspace.dirt()
        #expect(visiting.changed == 0 && visiting.isBusy)
        #expect(visiting.withheld?.contains("visit") == true, "\(visiting.withheld ?? "no reason")")
        try await mesh[0].userGit("checkout", "-q", "main")
        let back = try await mesh[0].workspace.dirt()
        #expect(back.changed == 1 && back.withheld == nil && !back.isBusy)
    }
}

extension Workspace {
    fileprivate func look(atLocks looks: Int) { lockLooks = looks }
}
