import Foundation
import Primitives
import Testing

@testable import GitWorkspace

/// A bare repository that is a hub, reached as a path, by `git daemon` or by git's own HTTP backend.
final class TestHub {
    enum Way: String, CaseIterable, Sendable { case path, daemon, http }

    let scratch: Scratch
    let address: HubAddress
    private var server: Process?

    var repository: String { scratch.path + "/srv/hub.git" }

    init(_ way: Way = .path, branch: String = "main") throws {
        scratch = try Scratch()
        mkdir(scratch.path + "/srv", 0o755)
        try Self.git(["init", "--quiet", "--bare", "--initial-branch=\(branch)", scratch.path + "/srv/hub.git"])
        guard way != .path else {
            address = try HubAddress(url: scratch.path + "/srv/hub.git", branch: branch)
            return
        }
        // Somebody else may have taken the port by the time that the server binds it.
        for _ in 0..<5 {
            let port = try Self.freePort()
            let url = "\(way == .daemon ? "git" : "http")://127.0.0.1:\(port)/hub.git"
            let started = try way == .daemon ? Self.daemon(scratch, port) : Self.http(scratch, port)
            if Self.waitUntilItAnswers(url, started) {
                (address, server) = (try HubAddress(url: url, branch: branch), started)
                return
            }
            kill(started.processIdentifier, SIGKILL)
        }
        throw Scratch.Failed(what: "the hub does not answer", code: 0)
    }

    deinit {
        // Asked politely it might not hear it: children inherit the signals that this process holds back.
        if let server { kill(server.processIdentifier, SIGKILL) }
    }

    /// Not `git daemon`, which would leave the daemon behind when it is killed.
    private static func daemon(_ scratch: Scratch, _ port: Int) throws -> Process {
        try start(
            git(["--exec-path"]) + "/git-daemon",
            [
                "--reuseaddr", "--base-path=\(scratch.path)/srv", "--export-all", "--enable=receive-pack",
                "--listen=127.0.0.1", "--port=\(port)",
            ])
    }

    /// git's HTTP backend as a CGI program of a small server.
    private static func http(_ scratch: Scratch, _ port: Int) throws -> Process {
        try git(["-C", scratch.path + "/srv/hub.git", "config", "http.receivepack", "true"])
        let script = """
            import http.server, os, subprocess, sys, zlib
            class Hub(http.server.BaseHTTPRequestHandler):
                protocol_version = "HTTP/1.0"
                def serve(self):
                    path, _, query = self.path.partition("?")
                    body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                    if self.headers.get("Transfer-Encoding") == "chunked":
                        while True:
                            size = int(self.rfile.readline().split(b";")[0], 16)
                            body += self.rfile.read(size)
                            self.rfile.readline()
                            if size == 0: break
                    env = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": sys.argv[1], "GIT_HTTP_EXPORT_ALL": "1",
                           "REQUEST_METHOD": self.command, "PATH_INFO": path, "QUERY_STRING": query,
                           "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
                           "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                           "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "REMOTE_ADDR": "127.0.0.1"}
                    out = subprocess.run(["git", "http-backend"], input=body, env=env, stdout=subprocess.PIPE).stdout
                    head, _, rest = out.partition(b"\\r\\n\\r\\n")
                    lines = [line.split(b": ", 1) for line in head.split(b"\\r\\n")]
                    status = [int(v.split()[0]) for k, v in lines if k == b"Status"] or [200]
                    self.send_response(status[0])
                    for k, v in lines:
                        if k != b"Status": self.send_header(k.decode(), v.decode())
                    self.end_headers()
                    self.wfile.write(rest)
                do_GET = do_POST = serve
                def log_message(self, *words): pass
            http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Hub).serve_forever()
            """
        try scratch.write("hub.py", script)
        return try start("/usr/bin/env", ["python3", scratch.path + "/hub.py", scratch.path + "/srv", "\(port)"])
    }

    private static func start(_ program: String, _ arguments: [String]) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        // A test beside this one may have set some of git's for the whole process.
        process.environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("GIT_") }
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        return process
    }

    private static func waitUntilItAnswers(_ url: String, _ server: Process) -> Bool {
        let end = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < end, server.isRunning {
            if (try? git(["ls-remote", url])) != nil { return true }
            usleep(20_000)
        }
        return false
    }

    private static func freePort() throws -> Int {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, length) == 0 && getsockname(socket, $0, &length) == 0
            }
        }
        guard bound else { throw Scratch.Failed(what: "no port", code: errno) }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    // MARK: What stands there, seen by plain git

    @discardableResult
    static func git(_ arguments: [String], input: String? = nil) throws -> String {
        let path = try GitInstallation.find(searchPath: HermeticGit.currentSearchPath)
        let installation = GitInstallation(path: path, version: .minimum)
        let person = GitEnvironment.identity("person", email: "person@localhost", seconds: 1_767_225_600)
        let git = HermeticGit(installation: installation, gitDirectory: "/", home: "/", extra: person)
            .with(settings: ["file", "git", "http"].map { ("protocol.\($0).allow", "always") }, [])
        var words = arguments
        if let place = words.firstIndex(of: "-C") {
            let directory = words[place + 1]
            words.removeSubrange(place...(place + 1))
            return try text(
                git.with(["GIT_DIR=\(directory)"]).runBlocking(words, from: .bytes(Array((input ?? "").utf8))))
        }
        return try text(git.runBlocking(words, from: .bytes(Array((input ?? "").utf8))))
    }

    private static func text(_ result: GitResult) -> String {
        String(decoding: result.output, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    func git(_ arguments: String...) throws -> String { try Self.git(["-C", repository] + arguments) }

    var head: Revision? {
        (try? git("rev-parse", "--verify", "refs/heads/\(address.branch)")).flatMap { Revision(hex: $0) }
    }
    var fence: Revision? {
        (try? git("rev-parse", "--verify", "refs/baton/fence/\(address.branch)")).flatMap { Revision(hex: $0) }
    }

    func hook(_ name: String, _ script: String) throws {
        try scratch.write("srv/hub.git/hooks/\(name)", "#!/bin/sh\n\(script)\n", mode: 0o755)
        try waitUntilNobodyWrites(to: repository + "/hooks/\(name)")
    }

    /// A commit that a person makes there.
    @discardableResult
    func personCommits(_ file: String, _ text: String, over parent: Revision?, force: Bool = false) throws -> Revision {
        let blob = try Self.git(["-C", repository, "hash-object", "-w", "--stdin"], input: text)
        var listing = ""
        if let parent { listing = try git("ls-tree", parent.hex) + "\n" }
        let tree = try Self.git(["-C", repository, "mktree"], input: listing + "100644 blob \(blob)\t\(file)\n")
        let parents = parent.map { ["-p", $0.hex] } ?? []
        let commit = try Self.git(["-C", repository, "commit-tree", tree, "-m", "a person's work"] + parents)
        _ = try git("update-ref", "refs/heads/\(address.branch)", commit)
        return try #require(Revision(hex: commit))
    }
}

/// One device as a hub sees it: a store, an identity, a token.
final class HubDevice: @unchecked Sendable {
    // Used by one thread at a time: a race of the tests gives each thread a device of its own.
    static let mesh = MeshID(Digest(7, 7, 7, 7))
    let id: DeviceID
    let scratch: Scratch
    let store: Store
    let address: HubAddress
    var token: FencingToken
    var fencing = HubFencing.fenceRef
    var settings: [(String, String)] = []
    private var sequence: UInt64 = 0

    init(_ number: UInt64, _ hub: TestHub, token: UInt64) throws {
        ProcessSignals.prepare()
        id = DeviceID(number: number)
        scratch = try Scratch()
        address = hub.address
        self.token = FencingToken(epoch: 1, counter: token)
        let path = try GitInstallation.find(searchPath: HermeticGit.currentSearchPath)
        store = try Store.open(
            state: scratch.path, installation: GitInstallation(path: path, version: .minimum), digits: 40)
    }

    deinit { store.reader.close() }

    private var hub: HubGit { HubGit(store, address, extra: settings) }

    /// A round's result with one file, kept by a ref as the published head is.
    func publish(_ text: String, over parents: [Revision]) throws -> Revision {
        let batch = ObjectBatch(store)
        let line = TreeLine(
            path: Array("notes.md".utf8),
            new: Version(mode: TreeEntry.file, id: try batch.add(.blob, Array(text.utf8))))
        let tree = try TreeEdit(batch: batch).apply([line], to: store.tree(of: parents.first))
        let revision = try batch.add(
            commit: ObjectBatch.Commit(
                tree: tree, parents: parents, author: "d", email: "d@localhost", seconds: 1_767_225_600,
                message: "Sync\n\nBaton-Round: \(token)/1\n"))
        try batch.finish(refs: [RefChange(name: RefName.main, new: ObjectID(revision))])
        return revision
    }

    func look(_ published: Revision?) throws -> HubReport {
        let look = HubLook(address: address, fencing: fencing, published: published)
        let refs = try HubReading(hub: hub, cancellation: Cancellation()).refs(withFence: fencing == .fenceRef)
        return try HubLooking(store: store, mesh: Self.mesh, device: id).report(look, refs)
    }

    /// The push that follows from a look.
    func order(_ branch: Revision?, after report: HubReport, replaces: Bool = false) -> HubPush {
        sequence += 1
        var mirrored = branch
        var fence: Revision?
        switch report.fence {
        case .absent: break
        case .found(let found):
            fence = found.revision
            if branch == nil { mirrored = found.mirrored }
        case .foreign(let revision): fence = revision
        }
        return HubPush(
            address: address, fencing: fencing, token: token, sequence: sequence, device: id, branch: branch,
            mirrored: mirrored, oldHead: report.head, oldFence: fencing == .fenceRef ? fence : nil, replaces: replaces)
    }

    func push(_ order: HubPush) throws -> HubPushOutcome {
        try HubPushing(hub: hub, mesh: Self.mesh, cancellation: Cancellation()).run(order)
    }

    @discardableResult
    func mirror(_ revision: Revision) throws -> HubPushOutcome { try push(order(revision, after: look(revision))) }

    func probe(_ published: Revision? = nil) throws -> HubProbe {
        try HubProbing(hub: hub, mesh: Self.mesh, device: id, cancellation: Cancellation()).run(published)
    }
}

extension HubPushOutcome {
    var hasLanded: Bool { if case .landed = self { true } else { false } }
}

/// A test that waits for processes and hooks: not on the few threads that carry all tests.
func onThreadOfItsOwn(_ body: @Sendable () throws -> Void) async throws {
    try await withTaskExecutorPreference(BlockingTasks(label: "baton.test.hub")) { () async throws in try body() }
}
