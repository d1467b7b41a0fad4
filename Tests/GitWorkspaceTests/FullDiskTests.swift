import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

@Suite struct FullDiskTests {
    /// A device on a small disk of its own, filled up to some room that is left: wherever the writing stops by itself.
    @Test(.enabled(if: getuid() == 0))
    func `GE18 a disk with too little room for a round: it is given up, and made good when there is room`() async throws
    {
        let small = try Scratch()
        guard mount("tmpfs", small.path, "tmpfs", 0, "size=4m") == 0 else { return }
        defer { umount2(small.path, Int32(MNT_DETACH)) }
        var mesh = try await MeshFixture(1) { _, scratch in
            for file in 0..<20 { try scratch.write("work/f\(file)", "base \(file)\n") }
        }
        mkdir(small.path + "/work", 0o755)
        mesh.devices.append(try await MeshFixture.open(small, number: 1))
        try await mesh.round()
        var failures = 0
        for step in 0..<24 {
            for file in 0..<6 {
                let bytes = String(repeating: "\(step) \(file) \(UInt64.random(in: 0 ... .max))\n", count: 40)
                try mesh[0].write("f\(file)", bytes)
                try mesh[1].write("f\(file + 6)", bytes)
                try mesh[1].write("new/\(step)-\(file)", "new\n")
            }
            let ballast = small.path + "/ballast"
            try fill(ballast, leaving: step * 3, on: small.path)
            do { try await mesh.round() } catch {
                failures += 1
                #expect(!"\(error)".contains("\n"))
            }
            let round = RoundID(token: FencingToken(epoch: 1, counter: mesh.counter), sequence: mesh.sequence)
            for device in mesh.devices { await device.workspace.abandon(round: round) }
            unlink(ballast)
            try await settle(&mesh)
            let trees = try mesh.trees()
            #expect(trees[0] == trees[1], "with \(step * 3) pages left")
            #expect(trees[0]["f3"]?.hasPrefix("\(step) 3") == true && trees[0]["f9"]?.hasPrefix("\(step) 3") == true)
            #expect(try await mesh[1].userGit("status", "--porcelain").isEmpty)
        }
        #expect(failures > 1)
        for device in mesh.devices {
            #expect(try device.workspace.store.git.runBlocking(["fsck", "--strict", "--no-dangling"]).status == 0)
        }
    }

    /// Rounds until one is silent.
    private func settle(_ mesh: inout MeshFixture) async throws {
        mesh.head = try await mesh[0].workspace.head()
        for _ in 0..<6 {
            let report = try await mesh.round()
            let round = RoundID(token: FencingToken(epoch: 1, counter: mesh.counter), sequence: mesh.sequence)
            for device in mesh.devices { await device.workspace.abandon(round: round) }
            if report.isSilent, report.applies.allSatisfy({ $0.isComplete && $0.branchWaiting == nil }) { return }
        }
    }

    /// Takes all room but so many pages.
    private func fill(_ path: String, leaving pages: Int, on disk: String) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        defer { close(file) }
        var facts = statvfs()
        try #require(statvfs(disk, &facts) == 0)
        let room = Int64(facts.f_bavail) * Int64(facts.f_frsize) - Int64(pages * 4096)
        if room > 0 { #expect(posix_fallocate(file, 0, Int(room)) == 0) }
    }
}
