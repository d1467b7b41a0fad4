import AgentRuntime
import Foundation
import Testing

/// What a command must answer: its exit code, and words that its one line must have.
struct Answer: CustomTestStringConvertible {
    var arguments: [String]
    var code: Int32
    var words: String

    var testDescription: String { arguments.joined(separator: " ") }
}

extension EndToEnd {
    @Test(
        "E9 wrong arguments: 64, one line, what to type",
        arguments: [
            Answer(arguments: ["no-such-verb"], code: 64, words: "no-such-verb"),
            Answer(arguments: ["status", "--no-such-flag"], code: 64, words: "--no-such-flag"),
            Answer(arguments: ["init", "--profile", "moon"], code: 64, words: "moon"),
            Answer(arguments: ["init", "--listen", "nonsense"], code: 64, words: "nonsense"),
            Answer(arguments: ["lock"], code: 64, words: "baton"),
            Answer(arguments: ["simulate", "--runs", "-1"], code: 64, words: "runs"),
        ])
    func wrongArguments(answer: Answer) async throws {
        let directory = try Scratch()
        defer { directory.remove() }
        try await directory.expect(answer, ["BATON_HOME": directory.path + "/state"])
    }

    @Test("E9 no mesh, no agent, a workspace that cannot be one, a garbled invite: one line and the code")
    func beforeAnyMesh() async throws {
        let directory = try Scratch()
        defer { directory.remove() }
        let home = ["BATON_HOME": directory.path + "/state"]
        try await directory.expect(Answer(arguments: ["status"], code: 4, words: "baton init"), home)
        try await directory.expect(Answer(arguments: ["up"], code: 4, words: "baton init"), home)
        try Data().write(to: URL(fileURLWithPath: directory.path + "/file"))
        try await directory.expect(
            Answer(arguments: ["init", directory.path + "/file", "--no-start"], code: 1, words: "not a folder"), home)
        try await directory.expect(
            Answer(arguments: ["init", directory.path + "/no/such/parent", "--no-start"], code: 1, words: "not there"),
            home)
        for (invite, words) in [("garbage", "no invite"), ("baton1-aaaaaaaa", "checksum")] {
            try await directory.expect(
                Answer(arguments: ["join", directory.path + "/w", "--no-start"], code: 1, words: words),
                home.merging(["BATON_INVITE": invite]) { $1 })
        }
        let inside = ["BATON_HOME": directory.path + "/w/state"]
        try await directory.expect(
            Answer(arguments: ["init", directory.path + "/w", "--no-start"], code: 64, words: "inside"), inside)
        try await directory.expect(
            Answer(arguments: ["init", directory.path + "/w", "--no-start"], code: 0, words: ""), home)
        try await directory.expect(Answer(arguments: ["status"], code: 3, words: "baton up"), home)
        try await directory.expect(Answer(arguments: ["down"], code: 0, words: "not running"), home)
    }

    @Test("E9 a git that is too old is said before anything is made")
    func gitIsTooOld() async throws {
        let directory = try Scratch()
        defer { directory.remove() }
        let tools = directory.path + "/tools"
        try FileManager.default.createDirectory(atPath: tools, withIntermediateDirectories: true)
        let environment = ["BATON_HOME": directory.path + "/state", "PATH": tools + ":/usr/bin:/bin"]
        let script = "#!/bin/sh\necho git version 2.20.1\n"
        try Data(script.utf8).write(to: URL(fileURLWithPath: tools + "/git"))
        try await run("/bin/chmod", ["755", tools + "/git"])
        try await directory.expect(
            Answer(arguments: ["init", directory.path + "/w", "--no-start"], code: 1, words: "2.38"), environment)
        try await directory.expect(Answer(arguments: ["status"], code: 4, words: ""), environment)
    }

    @Test("E9 without git: one line that says how to get it, nothing is made")
    func gitIsMissing() async throws {
        guard geteuid() == 0 else { return print("skipped: only root can hide the system's git") }
        let directory = try Scratch()
        defer { directory.remove() }
        // In a mount namespace of its own, every git of the search path is an empty file that cannot be run.
        let script = """
            set -e
            for git in $(which -a git); do mount --bind /dev/null "$git"; done
            exec "$0" init "$1/w" --no-start
            """
        let outcome = try await run(
            "/usr/bin/unshare", ["--mount", "bash", "-c", script, Mesh.baton, directory.path],
            environment: ["BATON_HOME": directory.path + "/state"], directory: directory.path)
        #expect(outcome.status == 1 && Scratch.isOneLine(outcome.errors), "\(outcome.errors)")
        #expect(outcome.errors.contains("git") && outcome.errors.contains("install"), "\(outcome.errors)")
        #expect(!FileManager.default.fileExists(atPath: directory.path + "/state/device.db"))
    }

    @Test("E9 a damaged or foreign database is refused and left as it is, never begun afresh")
    func damagedDatabase() async throws {
        let directory = try Scratch()
        defer { directory.remove() }
        let home = ["BATON_HOME": directory.path + "/state"]
        let database = directory.path + "/state/device.db"
        try await directory.expect(
            Answer(arguments: ["init", directory.path + "/w", "--no-start"], code: 0, words: ""), home)
        var bytes = try Data(contentsOf: URL(fileURLWithPath: database))
        for offset in stride(from: 4096, to: bytes.count, by: 97) { bytes[offset] ^= 0x5A }
        try bytes.write(to: URL(fileURLWithPath: database))
        try await directory.expect(Answer(arguments: ["up"], code: 1, words: "damaged"), home)
        #expect(try Data(contentsOf: URL(fileURLWithPath: database)) == bytes)
        let foreign = Data(String(repeating: "this is no database, whatever its name says\n", count: 200).utf8)
        try foreign.write(to: URL(fileURLWithPath: database))
        try await directory.expect(Answer(arguments: ["up"], code: 1, words: "device.db"), home)
        #expect(try Data(contentsOf: URL(fileURLWithPath: database)) == foreign)
    }

    @Test("E9 a taken port, a second agent, a used or expired invite, no quorum: one line and the code")
    func withAMesh() async throws {
        try await Mesh.with(2) { mesh in
            let listen = try await mesh.status(0).agent.listen
            let other = ["BATON_HOME": mesh.directory + "/other-home"]
            let scratch = Scratch(path: mesh.directory)
            try await scratch.expect(
                Answer(
                    arguments: ["init", mesh.directory + "/other", "--listen", listen], code: 1, words: "listens on"),
                other)
            let invite = try await mesh.baton(0, ["invite"]).output.trimmingCharacters(in: .whitespacesAndNewlines)
            for (name, code) in [("third", Int32(0)), ("fourth", 9)] {
                try await scratch.expect(
                    Answer(
                        arguments: ["join", "\(mesh.directory)/\(name)", "--no-start", "--listen", "127.0.0.1:0"],
                        code: code, words: code == 0 ? "" : "used"),
                    ["BATON_HOME": "\(mesh.directory)/\(name)-home", "BATON_INVITE": invite])
            }
            let short = try await mesh.baton(0, ["invite", "--for", "1s"]).output
            try await Task.sleep(for: .seconds(1))
            try await scratch.expect(
                Answer(
                    arguments: ["join", "\(mesh.directory)/late", "--no-start", "--listen", "127.0.0.1:0"],
                    code: 9, words: "expired"),
                [
                    "BATON_HOME": "\(mesh.directory)/late-home",
                    "BATON_INVITE": short.trimmingCharacters(in: .whitespacesAndNewlines),
                ])
            try await mesh.baton(0, ["up"], expecting: 0)
            let second = try await mesh.baton(0, ["up", "--foreground"], expecting: nil)
            #expect(second.status != 0 && second.errors.contains("another agent"))
            // The one voter of a mesh of two goes away: the other keeps the work and says so.
            let voter = try #require(try await mesh.status(0).devices.firstIndex { $0.role != "learner" })
            let name = try await mesh.status(0).devices[voter].name
            let place = try #require(mesh.members.firstIndex { $0.name == name })
            let pid = try await mesh.pid(place)
            mesh.signal(place, SIGKILL, pid: pid)
            let left = 1 - place
            try await eventually("the quorum is missed") {
                try await mesh.status(left).health == "no_quorum" ? true : nil
            }
            let refused = try await mesh.baton(left, ["sync", "--now", "--wait"], expecting: 5)
            #expect(refused.errors.contains("quorum"))
            try await mesh.baton(left, ["status", "--check"], expecting: 5)
        }
    }

    @Test("E9 a full disk: one line, nothing lost")
    func fullDisk() async throws {
        guard geteuid() == 0 else { return print("skipped: only root can mount a small disk") }
        let directory = try Scratch()
        defer { directory.remove() }
        let home = directory.path + "/state"
        try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
        guard try await run("/bin/mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", home]).status == 0 else {
            return print("skipped: this machine mounts no tmpfs")
        }
        try Data("kept\n".utf8).write(to: URL(fileURLWithPath: directory.path + "/file"))
        let workspace = directory.path + "/w"
        try FileManager.default.createDirectory(atPath: workspace, withIntermediateDirectories: true)
        try Data("kept\n".utf8).write(to: URL(fileURLWithPath: workspace + "/file"))
        let outcome = try await directory.baton(["init", workspace, "--no-start"], ["BATON_HOME": home])
        #expect(outcome.status == 1)
        #expect(Scratch.isOneLine(outcome.errors), "\(outcome.errors)")
        #expect(try String(contentsOfFile: workspace + "/file", encoding: .utf8) == "kept\n")
        try await run("/bin/umount", ["-l", home])
    }
}

/// A directory that a test removes.
struct Scratch {
    let path: String

    init(path: String) { self.path = path }

    init() throws {
        path = NSTemporaryDirectory() + "baton-bad-" + UUID().uuidString.prefix(8)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }

    func baton(_ arguments: [String], _ environment: [String: String]) async throws -> Outcome {
        try await run(Mesh.baton, arguments, environment: environment, directory: path)
    }

    /// One line on standard error that says what happened and what to do, and the documented code.
    func expect(_ answer: Answer, _ environment: [String: String]) async throws {
        let outcome = try await baton(answer.arguments, environment)
        #expect(outcome.status == answer.code, "\(answer.testDescription): \(outcome.errors)")
        let said = outcome.errors + outcome.output
        #expect(said.lowercased().contains(answer.words.lowercased()) || answer.words.isEmpty, "\(answer): \(said)")
        if answer.code != 0 { #expect(Self.isOneLine(outcome.errors), "\(answer.testDescription): \(outcome.errors)") }
    }

    static func isOneLine(_ text: String) -> Bool {
        // Steps that were done before it failed are told before.
        let lines = text.split(separator: "\n")
        return lines.count { $0.hasPrefix("baton: ") } == 1 && lines.last?.hasPrefix("baton: ") == true
    }
}
