import AgentRuntime
import ControlSocket
import Foundation
import Testing

extension EndToEnd {
    @Test("E9 a hub over git daemon: mirrored, taken over, pushed to by a person, rewritten, away and caught up")
    func hub() async throws {
        try await Mesh.with { mesh in
            let daemon = try await HubDaemon(mesh.directory)
            defer { daemon.stop() }
            try mesh.write("first\n", to: "a.md", on: 0)
            try await mesh.converge()
            let added = try await mesh.call(
                1, ControlCall.hubAdd, HubAddCall(url: daemon.url, branch: "main", merge: true, take_over: false),
                as: HubReply.self)
            #expect(added.probe?.atomic_push == true && added.hub?.fencing == "fence-ref")
            try await mesh.untilHubIs("current", daemon)

            // A leader that dies: the next one takes the fence.
            let old = try #require(try await mesh.leader(seenFrom: 0))
            let before = try #require(try await mesh.status(0).hub?.token)
            kill(try await mesh.pid(old), SIGKILL)
            let witness = (old + 1) % 3
            try await eventually("the fence carries a newer token") {
                let token = try await mesh.status(witness).hub?.token
                return token != nil && token != before ? true : nil
            }
            try await mesh.up(old)

            // A person's push reaches every device.
            let clone = mesh.directory + "/person"
            try await daemon.git("clone", "--quiet", daemon.url, clone)
            try "from a person\n".write(toFile: clone + "/person.md", atomically: true, encoding: .utf8)
            try await daemon.git("-C", clone, "add", ".")
            try await daemon.git("-C", clone, "commit", "--quiet", "-m", "mine")
            try await daemon.git("-C", clone, "push", "--quiet", "origin", "HEAD:main")
            _ = try await mesh.call(witness, ControlCall.sync, SyncCall(wait: true), as: SyncReport.self)
            try await mesh.converge()
            for member in mesh.members {
                let text = try String(contentsOfFile: member.workspace + "/person.md", encoding: .utf8)
                #expect(text == "from a person\n")
            }
            try await mesh.untilHubIs("current", daemon)

            try await Self.rewriteAndAccept(mesh, daemon, clone)
            try await Self.awayAndBack(mesh, daemon)
        }
    }

    /// A force-push is noticed and stays until somebody decides; rounds go on.
    private static func rewriteAndAccept(_ mesh: Mesh, _ daemon: HubDaemon, _ clone: String) async throws {
        try await daemon.git("-C", clone, "commit", "--quiet", "--amend", "-m", "rewritten")
        try await daemon.git("-C", clone, "push", "--quiet", "--force", "origin", "HEAD:main")
        let forced = try await daemon.head()
        try mesh.write("second\n", to: "a.md", on: 2)
        try await mesh.converge()
        try await mesh.untilHubIs("rewritten")
        #expect(try await daemon.head() == forced)
        _ = try await mesh.call(2, ControlCall.hubAccept, HubAcceptCall(replace: false), as: HubReply.self)
        try await mesh.untilHubIs("current", daemon)
    }

    /// Rounds do not wait for a hub that is away, and it is caught up.
    private static func awayAndBack(_ mesh: Mesh, _ daemon: HubDaemon) async throws {
        daemon.stop()
        for text in ["third\n", "fourth\n"] {
            try mesh.write(text, to: "a.md", on: 0)
            try await mesh.converge()
        }
        try await mesh.untilHubIs("away")
        #expect((try await mesh.status(1).hub?.rounds_behind ?? 0) >= 2)
        try daemon.start()
        try await mesh.untilHubIs("current", daemon)
    }
}

extension Mesh {
    /// Every device says so; and with a hub given, its branch is the mesh's head.
    func untilHubIs(_ state: String, _ hub: HubDaemon? = nil) async throws {
        try await eventually("the hub is \(state)", within: .seconds(60)) {
            for place in members.indices {
                let status = try await status(place)
                guard status.hub?.state == state else { return nil as Bool? }
                if let hub, try await hub.head() != status.head { return nil }
            }
            return true
        }
    }
}

/// A bare repository behind `git daemon`.
final class HubDaemon {
    let folder: String
    let port: Int
    /// Not `git daemon`, which would leave the daemon behind when it is killed.
    private var program = ""
    private var process: Process?

    var url: String { "git://127.0.0.1:\(port)/hub.git" }

    init(_ directory: String) async throws {
        folder = directory + "/srv"
        port = 20_000 + Int.random(in: 0..<20_000)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try await git("init", "--quiet", "--bare", "--initial-branch=main", folder + "/hub.git")
        program = try await git("--exec-path") + "/git-daemon"
        try start()
    }

    func start() throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = [
            "--reuseaddr", "--base-path=\(folder)", "--export-all", "--enable=receive-pack",
            "--listen=127.0.0.1", "--port=\(port)", folder,
        ]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        self.process = process
    }

    func stop() {
        // Children inherit the signals that this process holds back.
        if let process { kill(process.processIdentifier, SIGKILL) }
        process = nil
    }

    @discardableResult
    func git(_ arguments: String...) async throws -> String {
        let person = [
            "GIT_AUTHOR_NAME": "p", "GIT_AUTHOR_EMAIL": "p@localhost", "GIT_COMMITTER_NAME": "p",
            "GIT_COMMITTER_EMAIL": "p@localhost",
        ]
        let outcome = try await run("/usr/bin/env", ["git"] + arguments, environment: person)
        #expect(outcome.status == 0, "git \(arguments): \(outcome.errors)")
        return outcome.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    func head() async throws -> String? {
        let outcome = try await run(
            "/usr/bin/env", ["git", "-C", folder + "/hub.git", "rev-parse", "--verify", "refs/heads/main"])
        return outcome.status == 0 ? outcome.output.trimmingCharacters(in: .whitespacesAndNewlines) : nil
    }
}
