import CSystemCalls
import Foundation
import Glibc
import Primitives
import Testing

@testable import GitWorkspace

/// Rows of the table of edge cases (docs/behaviours.md) that have no better place, by whole rounds of two devices.
@Suite struct EdgeTests {
    private func pair(_ prepare: (Scratch) throws -> Void = { _ in }) async throws -> MeshFixture {
        var mesh = try await MeshFixture(2) { number, scratch in
            guard number == 0 else { return }
            try scratch.write("work/base", "base\n")
            try prepare(scratch)
        }
        try await mesh.round()
        return mesh
    }

    private func held(_ report: MeshFixture.Report, _ device: Int = 0) -> [String] {
        report.captures[device].held.map { "\(String(decoding: $0.path, as: UTF8.self)): \($0.reason)" }
    }

    @Test func `GE1 a nested repository is reported and is no empty folder anywhere, with or without a commit`()
        async throws
    {
        var mesh = try await pair()
        for (name, commits) in [("with", true), ("without", false)] {
            try mesh[0].write("\(name)/inside", "1\n")
            let git = HermeticGit(
                installation: mesh[0].workspace.store.installation, gitDirectory: "\(mesh[0].root)/\(name)/.git",
                workTree: "\(mesh[0].root)/\(name)",
                extra: GitEnvironment.identity("User", email: "user@example.org", seconds: 1_700_000_000))
            _ = try await git.run(["init", "-q"])
            if commits {
                _ = try await git.run(["add", "-A"])
                _ = try await git.run(["commit", "-qm", "inside"])
            }
        }
        try mesh[0].write("beside", "goes\n")
        let report = try await mesh.round()
        #expect(
            held(report) == ["with: it is a git repository of its own", "without: it is a git repository of its own"])
        #expect(try mesh[1].read("beside") == "goes\n")
        #expect(!mesh[1].scratch.exists("work/with") && !mesh[1].scratch.exists("work/without"))
        #expect(try mesh[0].read("with/inside") == "1\n")
        // A submodule of the user's, as an entry of their own commit: it stays in the tree, and nothing is made of it.
        try await mesh[0].userGit("-c", "advice.addEmbeddedRepo=false", "add", "with")
        try await mesh[0].userGit("commit", "-qm", "a gitlink")
        try await mesh.round()
        #expect(try await mesh[1].userGit("ls-tree", "HEAD", "with").hasPrefix("160000 commit"))
        #expect(!mesh[1].scratch.exists("work/with/inside"))
        try mesh[1].write("beside", "again\n")
        try await mesh.round()
        #expect(try await mesh[0].userGit("ls-tree", "HEAD", "with").hasPrefix("160000 commit"))
    }

    @Test func `GE2 an empty folder stays where it is, and a folder that we empty goes`() async throws {
        var mesh = try await pair { try $0.write("work/full/only", "1\n") }
        mkdir(mesh[0].root + "/empty", 0o755)
        mkdir(mesh[1].root + "/full/theirs", 0o755)
        mkdir(mesh[1].root + "/own", 0o755)
        try mesh[0].write("base", "2\n")
        try await mesh.round()
        #expect(mesh[0].scratch.exists("work/empty") && !mesh[1].scratch.exists("work/empty"))
        try FileManager.default.removeItem(atPath: mesh[0].root + "/full")
        try await mesh.round()
        // Theirs is in it: it is not empty, and not ours to remove.
        #expect(!mesh[1].scratch.exists("work/full/only") && mesh[1].scratch.exists("work/full/theirs"))
        #expect(mesh[1].scratch.exists("work/own"))
        #expect(try await mesh.round().isSilent)
    }

    @Test func `GE4 rules that one device alone has decide what it adds, and nothing is deleted by them`() async throws
    {
        var mesh = try await pair()
        try mesh[0].write(".git/info/exclude", "*.log\nbuild/\n")
        try mesh[1].write("run.log", "1\n")
        try mesh[1].write("build/out", "1\n")
        try await mesh.round()
        #expect(try mesh[0].read("run.log") == "1\n" && mesh[0].read("build/out") == "1\n")
        try mesh[0].write("own.log", "stays\n")
        #expect(try await mesh.round().isSilent)
        #expect(!mesh[1].scratch.exists("work/own.log"))
        try mesh[0].write("run.log", "2\n")
        try await mesh.round()
        #expect(try mesh[1].read("run.log") == "2\n" && mesh[1].read("build/out") == "1\n")
    }

    @Test func `GE5 pipes, sockets and devices are said and left, and a file that one replaced keeps its version`()
        async throws
    {
        var mesh = try await pair { try $0.write("work/became", "a file\n") }
        mkfifo(mesh[0].root + "/pipe", 0o600)
        let socketFile = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socketFile) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let path = Array((mesh[0].root + "/sock").utf8)
        try #require(path.count < 100)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socketFile, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(bound == 0)
        let hasDevice = mknod(mesh[0].root + "/null", S_IFCHR | 0o600, 0x103) == 0
        mesh[0].scratch.remove("work/became")
        mkfifo(mesh[0].root + "/became", 0o600)
        try mesh[0].write("base", "2\n")
        let report = try await mesh.round()
        let what = "it is a pipe, socket or device"
        let names = ["became", hasDevice ? "null" : nil, "pipe", "sock"].compactMap { $0 }
        #expect(held(report) == names.map { "\($0): \(what)" })
        #expect(try mesh[1].read("became") == "a file\n" && mesh[1].read("base") == "2\n")
        #expect(try await mesh.round().isSilent)
    }

    @Test func `GE10 a rename of letters alone arrives, whatever core.ignoreCase says`() async throws {
        var mesh = try await pair {
            try $0.write("work/Readme", "1\n")
            try $0.write("work/Dir/x", "1\n")
        }
        for device in mesh.devices { try await device.userGit("config", "core.ignoreCase", "true") }
        rename(mesh[0].root + "/Readme", mesh[0].root + "/README")
        rename(mesh[0].root + "/Dir", mesh[0].root + "/dir")
        try await mesh.round()
        #expect(try mesh.trees()[1].keys.sorted() == ["README", "base", "dir/x"])
        #expect(try await mesh.round().isSilent)
        #expect(
            try await mesh[1].workspace.store.git.run(["ls-tree", "-r", "--name-only", "refs/baton/main"]).output
                == Array("README\nbase\ndir/x\n".utf8))
    }

    @Test func `GE16 locks that a killed git left do not disturb a capture, are named, and are never removed`()
        async throws
    {
        var mesh = try await pair()
        let locks = [".git/refs/heads/main.lock", ".git/HEAD.lock", ".git/packed-refs.lock", ".git/config.lock"]
        for lock in locks { try mesh[1].write(lock, "") }
        try mesh[0].write("base", "2\n")
        try mesh[1].write("other", "from the locked one\n")
        let report = try await mesh.round()
        #expect(try mesh[1].read("base") == "2\n" && mesh[0].read("other") == "from the locked one\n")
        #expect(report.applies[1].branchWaiting != nil)
        try mesh[1].write(".git/index.lock", "")
        try mesh[1].write("other", "2\n")
        let second = try await mesh.round()
        #expect(try mesh[0].read("other") == "2\n")
        #expect(second.applies[1].waiting?.contains("index.lock") == true)
        for lock in locks + [".git/index.lock"] {
            #expect(mesh[1].scratch.exists("work/" + lock))
            mesh[1].scratch.remove("work/" + lock)
        }
        try await mesh.round()
        #expect(try await mesh[1].userGit("status", "--porcelain").isEmpty)
        #expect(try await mesh[1].userGit("rev-parse", "HEAD") == mesh.head?.hex)
    }

    @Test(.enabled(if: getuid() == 0))
    func `GE17 a repository of another owner is read and moved like any other`() async throws {
        var mesh = try await pair()
        let root = mesh[1].root
        for name in ["", "/.git"] + (try FileManager.default.subpathsOfDirectory(atPath: root)).map({ "/" + $0 }) {
            lchown(root + name, 65_534, 65_534)
        }
        try mesh[0].write("base", "2\n")
        try mesh[1].write("theirs", "1\n")
        let report = try await mesh.round()
        #expect(report.applies.allSatisfy { $0.isComplete && $0.branchWaiting == nil })
        #expect(try mesh[1].read("base") == "2\n" && mesh[0].read("theirs") == "1\n")
    }

    /// Reads as somebody to whom the file does not belong: permissions say nothing to root.
    @Test(.enabled(if: getuid() == 0)) func `GE6 an unreadable file or folder keeps its last version, and is said`()
        async throws
    {
        let fixture = try await CaptureFixture()
        for name in ["closed", "folder/inside", "open"] { try fixture.write(name, "1\n") }
        try fixture.setBase(fixture.captured())
        for name in ["closed", "folder/inside", "open"] { try fixture.write(name, "2\n") }
        chmod(fixture.root + "/closed", 0)
        chmod(fixture.root + "/folder", 0)
        let all = try FileManager.default.subpathsOfDirectory(atPath: fixture.scratch.path + "/state")
        for name in [""] + all.map({ "/" + $0 }) { chmod(fixture.scratch.path + "/state" + name, 0o777) }
        chmod(fixture.scratch.path, 0o777)
        // Of this thread alone; git's processes are not concerned.
        // The call is not in the Glibc module.
        typealias SetUser = @convention(c) (UInt32) -> Int32
        let setUser = unsafeBitCast(try #require(dlsym(nil, "setfsuid")), to: SetUser.self)
        _ = setUser(65_534)
        let result = Result { try fixture.capture() }
        _ = setUser(0)
        let captured = try result.get()
        #expect(captured.held.map { String(decoding: $0.path, as: UTF8.self) } == ["closed", "folder"])
        #expect(captured.held.allSatisfy { $0.reason == .unreadable(EACCES) })
        let files = try fixture.files(try #require(captured.revision)).values.map {
            String(decoding: $0, as: UTF8.self)
        }
        #expect(files.sorted() == ["1\n", "1\n", "2\n"])
    }

    @Test func `GE20 a folder with more new files than go unasked is held and named, and one word lets it through`()
        async throws
    {
        let fixture = try await CaptureFixture()
        #expect(fixture.gates.newFiles == 20_000)
        fixture.gates.newFiles = 50
        for file in 0..<200 { try fixture.write("modules/d\(file % 7)/f\(file)", "\(file)\n") }
        for file in 0..<30 { try fixture.write("src/f\(file)", "\(file)\n") }
        for file in 0..<15 { try fixture.write("f\(file)", "\(file)\n") }
        var result = try fixture.capture()
        #expect(result.held == [HeldPath(path: Array("modules".utf8), reason: .tooMany(200))])
        #expect(result.held[0].reason.canBeAllowed)
        let first = try #require(result.revision)
        #expect(try fixture.files(first).count == 45)
        try fixture.setBase(first)
        // Known files change as they like; new ones of other folders go on.
        try fixture.write("src/new", "1\n")
        #expect(try fixture.dirt().changed == 1)
        result = try fixture.capture()
        #expect(try fixture.files(try #require(result.revision)).count == 46 && result.held.count == 1)
        fixture.gates.allowed.insert(Array("modules".utf8))
        result = try fixture.capture()
        #expect(try fixture.files(try #require(result.revision)).count == 246 && result.held.isEmpty)
        // In the root itself.
        try fixture.setBase(try #require(result.revision))
        for file in 100..<180 { try fixture.write("f\(file)", "\(file)\n") }
        #expect(try fixture.capture().held == [HeldPath(path: Array(".".utf8), reason: .tooMany(80))])
    }

    @Test func `GE21 a file of 2 GiB is held unread; let through, a large one takes little memory`() async throws {
        let fixture = try await CaptureFixture()
        let path = fixture.root + "/huge"
        try fixture.write("huge", "")
        #expect(truncate(path, 2 << 30) == 0)
        try fixture.write("small", "1\n")
        let watch = ContinuousClock.now
        var result = try fixture.capture()
        #expect(result.held == [HeldPath(path: Array("huge".utf8), reason: .tooLarge(2 << 30))])
        #expect(ContinuousClock.now - watch < .seconds(10))
        #expect(try fixture.names(try #require(result.revision)) == ["small"])
        // Scaled: 192 MiB, captured in pieces.
        #expect(truncate(path, 192 << 20) == 0)
        fixture.gates.allowed.insert(Array("huge".utf8))
        let before = residentMebibytes()
        result = try fixture.capture()
        let line = try fixture.store.list(fixture.store.tree(of: result.revision)).first
        let id = try #require(line?.new?.id)
        #expect(try fixture.store.reader.info(id.hex)?.size == 192 << 20)
        #expect(residentMebibytes() - before < 120)
    }

    private func residentMebibytes() -> Int {
        let pages = DurableFile.read("/proc/self/statm").map { String(decoding: $0, as: UTF8.self) } ?? ""
        return (Int(pages.split(separator: " ").dropFirst().first ?? "") ?? 0) * 4096 >> 20
    }
}
