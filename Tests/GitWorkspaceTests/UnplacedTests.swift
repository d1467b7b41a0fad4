import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

/// What a device cannot put in place does not hold up the others, nor keep them busy.
@Suite struct UnplacedTests {
    /// Nobody has anything to bring, and nobody is behind.
    private func isAtRest(_ mesh: inout MeshFixture) async throws -> Bool {
        guard try await mesh.round().isSilent else { return false }
        for device in mesh.devices where await device.workspace.base != mesh.head { return false }
        return true
    }

    private func told(_ device: MeshFixture.Device) async throws -> [String] {
        try await device.workspace.dirt().held.map { "\(String(decoding: $0.path, as: UTF8.self)): \($0.reason)" }
    }

    @Test func `A6 a link that leaves the workspace is not applied, is told, and keeps nobody behind`() async throws {
        var mesh = try await MeshFixture(2)
        try mesh[0].write("a", "1\n")
        try await mesh.round()
        symlink("/usr/bin/env", mesh[0].root + "/python")
        try await mesh.round()
        #expect(!mesh[1].scratch.exists("work/python"))
        #expect(try await told(mesh[1]).count == 1)
        #expect(
            try await told(mesh[1])[0].contains("python: what was published cannot be put in place here: it is a link"))
        #expect(try await isAtRest(&mesh))
        // Over a restart, too.
        await mesh[1].workspace.close()
        mesh.devices[1] = try await MeshFixture.open(mesh[1].scratch, number: 1)
        #expect(try await isAtRest(&mesh))
        #expect(try await told(mesh[1]).count == 1)
        // Other work goes on, and the link is not taken for deleted.
        try mesh[1].write("b", "1\n")
        try await mesh.round()
        #expect(try mesh[0].read("b") == "1\n")
        var raw = stat()
        #expect(lstat(mesh[0].root + "/python", &raw) == 0)
        // A file instead of it arrives.
        unlink(mesh[0].root + "/python")
        try mesh[0].write("python", "a file now\n")
        try await mesh.round()
        #expect(try mesh[1].read("python") == "a file now\n")
        #expect(try await told(mesh[1]).isEmpty)
        #expect(try await isAtRest(&mesh))
    }

    @Test func `A4 an ignored file in the way conflicts, and what is held back stays here and is told`() async throws {
        var mesh = try await MeshFixture(2)
        try mesh[0].write("a", "1\n")
        try await mesh.round()
        try mesh[1].write(".git/info/exclude", "report.txt\n")
        for name in ["report.txt", ".env"] {
            try mesh[1].write(name, "of the second\n")
            try mesh[0].write(name, "of the first\n")
        }
        try await mesh[0].workspace.allow([Array(".env".utf8)])
        var conflicts: [[UInt8]] = []
        for step in 0..<4 {
            try mesh[0].write("a", "\(step)\n")
            conflicts += try await mesh.round().merge.conflicts.map(\.path)
        }
        // Published is the one that the ignore rules left out, as the other version of a conflict.
        #expect(conflicts == [Array("report.txt".utf8)])
        #expect(try mesh[1].read("report.txt") == mesh[0].read("report.txt"))
        #expect(try mesh[0].read(".env") == "of the first\n" && mesh[1].read(".env") == "of the second\n")
        #expect(try await told(mesh[1]).contains { $0.hasPrefix(".env: what was published") })
        #expect(try await isAtRest(&mesh))
        // Let through, it is the other version of a conflict, too.
        try await mesh[1].workspace.allow([Array(".env".utf8)])
        #expect(try await mesh.round().merge.conflicts.map(\.path) == [Array(".env".utf8)])
        try await mesh.round()
        #expect(try mesh.trees()[0] == mesh.trees()[1])
        #expect(try await told(mesh[1]).isEmpty)
        #expect(try await isAtRest(&mesh))
    }

    @Test func `A4 a folder with ignored files in the way stays, and the file comes when it is gone`() async throws {
        var mesh = try await MeshFixture(2)
        try mesh[0].write("a", "1\n")
        try await mesh.round()
        try mesh[1].write(".git/info/exclude", "*.o\n")
        try mesh[1].write("out/x.o", "an object\n")
        try mesh[0].write("out", "a file\n")
        try await mesh.round()
        #expect(try await isAtRest(&mesh))
        #expect(try mesh[1].read("out/x.o") == "an object\n" && mesh[0].read("out") == "a file\n")
        #expect(try await told(mesh[1]).contains { $0.hasPrefix("out: ") })
        mesh[1].scratch.remove("work/out/x.o")
        rmdir(mesh[1].root + "/out")
        try mesh[0].write("a", "2\n")
        try await mesh.round()
        #expect(try mesh[1].read("out") == "a file\n")
        #expect(try await told(mesh[1]).isEmpty)
        #expect(try await isAtRest(&mesh))
    }

    @Test func `A4 what a person puts where something could not be placed is theirs, and conflicts`() async throws {
        var mesh = try await MeshFixture(2)
        try mesh[0].write("a", "1\n")
        try await mesh.round()
        symlink("/usr/bin/env", mesh[0].root + "/python")
        try await mesh.round()
        try mesh[1].write("python", "my own\n")
        let report = try await mesh.round()
        #expect(report.merge.conflicts.map(\.path) == [Array("python".utf8)])
        #expect(try mesh[1].read("python") == "my own\n")
    }
}
