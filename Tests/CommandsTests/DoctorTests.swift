import Foundation
import Testing

@testable import AgentRuntime
@testable import Commands

@Suite struct DoctorTests {
    private let findings: [Finding] = [
        .ok("Agent", "running 3 d, user service"),
        .note(
            "Writers", "cron: nightly.sh did not hold still in 3 pauses of the last day", remedy: "baton run -- CMD"),
        .bad("Network", "nas -> laptop blocked (refused)", remedy: "on laptop: baton up"),
    ]

    @Test func asText() throws {
        let styles = [
            ("80", Style(hasColour: false, isUnicode: true, columns: 80)),
            ("40, ASCII", Style(hasColour: false, isUnicode: false, columns: 40)),
            ("a pipe", Style(hasColour: false, isUnicode: true)),
            ("80, colour", Style(hasColour: true, isUnicode: true, columns: 80)),
        ]
        let text = styles.map { name, style in
            "---- \(name)\n"
                + DoctorText.lines(findings, style).joined(separator: "\n").replacing("\u{1B}", with: "ESC")
        }
        try Golden.check("doctor", text.joined(separator: "\n"))
    }

    private func run(_ words: [String], home: String, more: [String: String] = [:]) async -> (Int32, Recorder) {
        let recorder = Recorder()
        let environment = ["BATON_HOME": home, "HOME": home, "PATH": "/usr/bin:/bin"].merging(more) { $1 }
        return (await CommandLineEntry.run(words, on: recorder.console(environment: environment)), recorder)
    }

    private func checks(_ text: String) throws -> [String: String] {
        guard case .list(let list)? = try JSONValue(text)["checks"] else { return [:] }
        var found: [String: String] = [:]
        for check in list {
            if case .text(let name)? = check["name"], case .text(let result)? = check["result"] { found[name] = result }
        }
        return found
    }

    @Test("S3 without a mesh the remedy is to found one; exit status 4") func noMesh() async throws {
        let scratch = try Scratch()
        let (code, out) = await run(["doctor"], home: scratch.path + "/none")
        #expect(code == 4)
        #expect(out.out.contains("there is no mesh in") && out.out.contains("baton init DIR"))
    }

    @Test("S3 without an agent the remedy is to start it; exit status 3") func noAgent() async throws {
        let scratch = try Scratch()
        let setup = SetupOptions(
            home: scratch.path + "/home", workspace: scratch.path + "/tree", name: "a", listen: "127.0.0.1:0")
        try FileManager.default.createDirectory(atPath: setup.workspace, withIntermediateDirectories: true)
        _ = try await MeshSetup.found(setup)
        let (code, out) = await run(["doctor", "--json"], home: setup.home)
        #expect(code == 3, "\(out.out)")
        let found = try checks(out.out)
        #expect(found["Agent"] == "bad" && found["Database"] == "ok" && found["Home"] == "ok" && found["Git"] == "ok")
        // The remedy for a home that others can reach mends it.
        chmod(setup.home + "/identity/device.pem", 0o644)
        let (worse, open) = await run(["doctor"], home: setup.home)
        #expect(worse == 1)
        let remedy = "chmod 600 '\(setup.home)/identity/device.pem'"
        #expect(open.out.contains(remedy))
        let shell = Process()
        shell.executableURL = URL(fileURLWithPath: "/bin/sh")
        shell.arguments = ["-c", remedy]
        try shell.run()
        shell.waitUntilExit()
        #expect(await run(["doctor"], home: setup.home).0 == 3)
    }

    @Test("S3 each remedy of a mesh that is ill applies to what is ill") func illMesh() async throws {
        let report = try Sample.status { report in
            report.devices[1].clock_offset_s = -61
            report.devices[2].state = "offline"
            report.devices[2].dial_failure = "10.0.0.2:47700: Connection refused (errno: 111)"
            report.devices[3].dial_failure = "10.0.0.3:47700: connect timed out"
            report.conflicts.open = 2
            report.held = [
                .init(path: "pipe", reason: "it is a pipe", can_be_allowed: false),
                .init(path: "big file", reason: "it is new and has 20 MiB", can_be_allowed: true),
            ]
            report.workspace.root = NSTemporaryDirectory()
            report.devices[0].writers.outside = [
                .init(name: "nightly.sh", pauses: 3, files: 4, last_s: 60),
                .init(name: "unknown", pauses: 1, files: 1, last_s: 60),
            ]
        }
        let row = LogReport.Row(
            id: 1, op: "k0001", at: "2026-01-31T21:30:05.000Z", age_s: 1, kind: "pause", device: "aa",
            device_name: "laptop", summary: "s", details: #"{"unanswered":"cron: nightly.sh"}"#, hash: "")
        let verdict = LogVerdict(whole: true, rows: 3, first: 1, last: 3, unchained: 0, tip: "")
        let answers: [String: FakeAgent.Answer] = [
            "status": always(report), "log": always(LogReport(rows: [row], operations: [])),
            "log.verify": always(verdict),
        ]
        try await FakeAgent.serve(answers) { agent in
            let (code, out) = await run(["doctor"], home: agent.home)
            #expect(code == 1 || code == 0)
            let text = out.out
            #expect(text.contains("laptop -> nas blocked (refused)") && text.contains("on nas: baton up"))
            #expect(text.contains("laptop -> tablet blocked (no answer)") && text.contains("allow TCP 47700 there"))
            #expect(text.contains("baton allow 'big file'") && !text.contains("baton allow 'pipe'"))
            #expect(text.contains("baton conflicts"))
            #expect(text.contains("nightly.sh wrote 4 files in 3 pauses      baton run -- nightly.sh"))
            #expect(text.contains("a program that nobody could name wrote 1 file in 1 pause"))
            #expect(!text.contains("baton run -- unknown"))
            #expect(text.contains("cron: nightly.sh did not hold still in 1 pause"))
            #expect(text.contains("desktop is 1 min behind") || text.contains("clock is 1 min"))
        }
    }

    @Test("S3 U3 a bundle holds no key and no invite") func bundleWithoutSecrets() async throws {
        let scratch = try Scratch()
        let setup = SetupOptions(
            home: scratch.path + "/home", workspace: scratch.path + "/tree", name: "a", listen: "127.0.0.1:0")
        try FileManager.default.createDirectory(atPath: setup.workspace, withIntermediateDirectories: true)
        _ = try await MeshSetup.found(setup)
        let invite = "baton1-ABCDEFGHJKMNPQRSTVWXYZ0123456789"
        let key = try String(contentsOfFile: setup.home + "/identity/device.pem", encoding: .utf8)
        try ("ts=1 msg=\"an invite \(invite)\"\n" + key + "ts=2 msg=end\n").write(
            toFile: setup.home + "/agent.log", atomically: true, encoding: .utf8)
        let file = scratch.path + "/bundle.tar"
        let (_, out) = await run(["doctor", "--bundle", file], home: setup.home, more: ["BATON_INVITE": invite])
        #expect(out.error.contains("written: \(file)"))
        let bytes = try Data(contentsOf: URL(fileURLWithPath: file))
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(text.contains("agent.log") && text.contains("ts=2 msg=end") && text.contains("[an invite was here]"))
        #expect(!text.contains(invite) && !text.contains("PRIVATE KEY"))
        for line in key.split(separator: "\n") where line.count > 20 { #expect(!text.contains(line)) }
        let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(await run(["doctor", "--bundle", file], home: setup.home).0 == 1)
        // tar itself reads it.
        let tar = Process()
        tar.executableURL = URL(fileURLWithPath: "/bin/tar")
        tar.arguments = ["-tf", file]
        let pipe = Pipe()
        tar.standardOutput = pipe
        try tar.run()
        tar.waitUntilExit()
        #expect(tar.terminationStatus == 0)
        let names = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        #expect(names.contains("baton-doctor/doctor.json") && names.contains("baton-doctor/version.txt"))
    }

    @Test("J4 a folder that another program keeps in step is refused with the reason") func otherKeepers() async throws
    {
        let scratch = try Scratch()
        for folder in ["Dropbox/notes", "OneDrive - Work/notes", "plain/notes", "st/notes"] {
            try FileManager.default.createDirectory(
                atPath: scratch.path + "/" + folder, withIntermediateDirectories: true)
        }
        try FileManager.default.createDirectory(
            atPath: scratch.path + "/st/.stfolder", withIntermediateDirectories: true)
        for verb in [["init"], ["join"]] {
            let recorder = Recorder()
            let console = recorder.console(
                environment: [
                    "BATON_HOME": scratch.path + "/state", "HOME": scratch.path, "BATON_INVITE": "baton1-nothing",
                ])
            let code = await CommandLineEntry.run(verb + [scratch.path + "/st/notes"], on: console)
            #expect(code == 9 && recorder.error.contains("Syncthing keeps its files in step too"), "\(recorder.error)")
            #expect(recorder.error.contains("--any-place"))
            #expect(access(scratch.path + "/state/identity", F_OK) != 0, "something was made")
        }
        #expect(OtherSync.keeper(of: scratch.path + "/Dropbox/notes") == "Dropbox")
        #expect(OtherSync.keeper(of: scratch.path + "/OneDrive - Work/notes") == "OneDrive")
        #expect(OtherSync.keeper(of: scratch.path + "/st/notes") == "Syncthing")
        #expect(OtherSync.keeper(of: scratch.path + "/plain/notes") == nil)
    }
}
