import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

@Suite struct ApplyScaleTests {
    /// Which file stands at a path, and when it was last touched, for all but those of git.
    private func stamps(_ root: String) throws -> [String: Stamp] {
        var stamps: [String: Stamp] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: root) where !name.hasPrefix(".git") {
            var raw = stat()
            guard lstat("\(root)/\(name)", &raw) == 0, raw.st_mode & S_IFMT != S_IFDIR else { continue }
            stamps[name] = Stamp(raw)
        }
        return stamps
    }

    /// `BATON_FILES=100000` for the size of the promise.
    @Test func `A3 of many files ten change: ten get a new inode, and no other is touched`() async throws {
        let count = getenv("BATON_FILES").flatMap { Int(String(cString: $0)) } ?? 2000
        var mesh = try await MeshFixture(2) { number, scratch in
            for file in 0..<count where number == 0 {
                try scratch.write("work/d\(file % 89)/f\(file)", "base \(file)\n")
            }
        }
        await mesh[0].workspace.letNewFilesThrough()
        try await mesh.round()
        let before = try mesh.devices.map { try stamps($0.root) }
        #expect(before[1].count == count)
        let changed = Set((0..<10).map { $0 * (count / 10) }.map { "d\($0 % 89)/f\($0)" })
        for path in changed { try mesh[0].write(path, "changed\n") }
        let report = try await mesh.round()
        #expect(report.applies[1].applied == 10)
        for (number, device) in mesh.devices.enumerated() {
            let after = try stamps(device.root)
            let touched = Set(after.keys.filter { after[$0] != before[number][$0] })
            #expect(touched == changed && after.count == count)
        }
        let inodes = try stamps(mesh[1].root)
        #expect(changed.allSatisfy { inodes[$0]?.inode != before[1][$0]?.inode })
        #expect(try await mesh[1].userGit("status", "--porcelain").isEmpty)
    }

    @Test func `A6 nothing is written through a link that took a folder's place, and a link that leaves is not made`()
        async throws
    {
        var mesh = try await MeshFixture(2) { number, scratch in
            for name in ["dir/inner/file", "plain", "other"] where number == 0 {
                try scratch.write("work/" + name, "base\n")
            }
        }
        try await mesh.round()
        let outside = mesh[1].scratch.path + "/outside"
        try mesh[1].scratch.write("outside/file", "theirs\n")
        try mesh[1].scratch.write("outside/plain", "theirs\n")
        try mesh[0].write("dir/inner/file", "changed\n")
        try mesh[0].write("dir/inner/added", "added\n")
        try mesh[0].write("plain", "changed\n")
        symlink("../../outside", mesh[0].root + "/dir/leaves")
        symlink(outside, mesh[0].root + "/absolute")
        symlink("other", mesh[0].root + "/stays")
        let root = mesh[1].root
        let report = try await mesh.round {
            // Between the capture and the apply.
            try FileManager.default.removeItem(atPath: root + "/dir/inner")
            symlink(outside, root + "/dir/inner")
            try FileManager.default.removeItem(atPath: root + "/plain")
            symlink(outside + "/plain", root + "/plain")
        }
        #expect(!report.applies[1].isComplete)
        #expect(try mesh[1].scratch.read("outside/file") == Array("theirs\n".utf8))
        #expect(try mesh[1].scratch.read("outside/plain") == Array("theirs\n".utf8))
        #expect(DurableFile.names(in: outside) == ["file", "plain"])
        var raw = stat()
        #expect(lstat(root + "/dir/leaves", &raw) != 0 && lstat(root + "/absolute", &raw) != 0)
        #expect(lstat(root + "/stays", &raw) == 0 && raw.st_mode & S_IFMT == S_IFLNK)
        for _ in 0..<3 { try await mesh.round() }
        #expect(DurableFile.names(in: outside) == ["file", "plain"])
        #expect(try mesh[1].scratch.read("outside/file") == Array("theirs\n".utf8))
        // On the device that made them they stay as they are.
        #expect(lstat(mesh[0].root + "/absolute", &raw) == 0 && lstat(mesh[0].root + "/dir/leaves", &raw) == 0)
    }
}

extension Workspace {
    /// For tests and figures with more new files than go without a question.
    func letNewFilesThrough() {
        var gates = gates
        gates.newFiles = .max
        setGates(gates)
    }
}
