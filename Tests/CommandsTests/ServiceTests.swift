import Foundation
import Logging
import Synchronization
import Testing

@testable import AgentRuntime
@testable import Commands

@Suite struct ServiceTests {
    private func console(_ recorder: Recorder, home: String, path: String = "/usr/bin:/bin") -> Console {
        recorder.console(environment: ["HOME": home, "BATON_HOME": home + "/b 100%", "PATH": path])
    }

    private func unit(_ manager: ServiceManager) -> ServiceUnit {
        ServiceUnit(
            manager: manager, name: manager == .systemd ? "baton.service" : "dev.baton.agent.plist",
            folder: "/home/ann/units", home: "/home/ann/.local/state/baton & \"100%\"", program: "/usr/bin/baton")
    }

    @Test func whatTheUnitsSay() throws {
        try Golden.check("service-systemd", unit(.systemd).text)
        try Golden.check("service-launchd", unit(.launchd).text)
    }

    /// systemd's own check, where it is installed.
    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/systemd-analyze")))
    func systemdTakesTheUnit() async throws {
        let scratch = try Scratch()
        let unit = ServiceUnit(
            manager: .systemd, name: "baton.service", folder: scratch.path, home: scratch.path + "/a b",
            program: "/bin/true")
        _ = try unit.install()
        let run = await ToolRun.of("systemd-analyze", ["--user", "verify", unit.path], path: "/usr/bin:/bin")
        let faults = run.output.split(separator: "\n").filter { $0.contains("baton.service") }
        #expect(faults.isEmpty || run.status == 0, "\(run.output)")
    }

    @Test func installIsIdempotentAndRemoveTakesItAway() async throws {
        let scratch = try Scratch()
        let home = scratch.path
        let recorder = Recorder()
        let console = console(recorder, home: home)
        try FileManager.default.createDirectory(atPath: home + "/b 100%", withIntermediateDirectories: true)
        try Data().write(to: URL(fileURLWithPath: home + "/b 100%/device.db"))
        #expect(await CommandLineEntry.run(["service", "install", "--no-start"], on: console) == 0)
        let folder = home + "/.config/systemd/user"
        let name = try #require(try FileManager.default.contentsOfDirectory(atPath: folder).first)
        #expect(name.hasPrefix("baton-") && name.hasSuffix(".service"))
        let mode = try FileManager.default.attributesOfItem(atPath: folder + "/" + name)[.posixPermissions] as? Int
        #expect(mode == 0o644)
        let text = try String(contentsOfFile: folder + "/" + name, encoding: .utf8)
        #expect(text.contains("--home \"\(home)/b 100%%\""))
        #expect(await CommandLineEntry.run(["service", "install", "--no-start"], on: console) == 0)
        #expect(recorder.error.contains("is as it should be"))
        #expect(await CommandLineEntry.run(["service", "status"], on: console) == 0)
        #expect(recorder.out.contains("\(name) installed"))
        #expect(await CommandLineEntry.run(["service", "remove"], on: console) == 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
    }

    /// A stand-in for systemctl that notes what it is asked.
    @Test func theManagerIsAsked() async throws {
        let scratch = try Scratch()
        let home = scratch.path
        try await tool(home + "/bin/systemctl", "echo \"$*\" >> '\(home)/calls'")
        try FileManager.default.createDirectory(atPath: home + "/b 100%", withIntermediateDirectories: true)
        try Data().write(to: URL(fileURLWithPath: home + "/b 100%/device.db"))
        let recorder = Recorder()
        let console = console(recorder, home: home, path: home + "/bin:/usr/bin:/bin")
        #expect(await CommandLineEntry.run(["service", "install"], on: console) == 0)
        let calls = try String(contentsOfFile: home + "/calls", encoding: .utf8).split(separator: "\n")
        #expect(
            calls.count == 2 && calls[0] == "--user daemon-reload" && calls[1].hasPrefix("--user enable --now baton-"))
        try await tool(home + "/bin/systemctl", "echo 'Failed to connect to bus' >&2; exit 1")
        let failed = Recorder()
        let again = self.console(failed, home: home, path: home + "/bin:/usr/bin:/bin")
        #expect(await CommandLineEntry.run(["service", "install"], on: again) == 1)
        #expect(failed.error.contains("Failed to connect to bus"))
    }

    /// Written by a process of its own: children that other tests start meanwhile would hold a file of ours open for
    /// writing until they are on their way, and nobody can run it then.
    private func tool(_ path: String, _ body: String) async throws {
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        let write = #"rm -f "$1"; printf '#!/bin/sh\n%s\n' "$2" > "$1" && chmod 755 "$1""#
        let run = await ToolRun.of("sh", ["-c", write, "sh", path, body], path: "/usr/bin:/bin")
        try #require(run.status == 0)
    }

    @Test func whatLogindSays() {
        let before = "/org/freedesktop/login1: org.freedesktop.login1.Manager.PrepareForSleep (true,)"
        #expect(SuspendWatch.signal(before) == true)
        #expect(SuspendWatch.signal(before.replacing("true", with: "false")) == false)
        #expect(SuspendWatch.signal("/org/freedesktop/login1: ...SeatNew ('seat0',)") == nil)
    }

    @Test(
        "P6 a metered link is what NetworkManager says of it, by whichever tool there is",
        arguments: ["busctl", "gdbus"])
    func meteredLink(name: String) async throws {
        let scratch = try Scratch()
        let folder = scratch.path + "/tools"
        let answer = { (number: Int) in name == "busctl" ? "u \(number)" : "(<uint32 \(number)>,)" }
        for (number, isMetered) in [(1, true), (2, false), (3, true), (4, false)] as [(Int, Bool)] {
            try await tool(
                folder + "/" + name,
                "case \"$*\" in *org.freedesktop.NetworkManager*Metered*) echo '\(answer(number))';; *) exit 1;; esac")
            #expect(await MeteredLink(searchPath: folder).answer() == isMetered)
        }
        try await tool(folder + "/" + name, "echo '\(answer(0))'")
        #expect(await MeteredLink(searchPath: folder).answer() == nil)
        // Without a NetworkManager the tool fails, and is left alone for a while.
        try await tool(folder + "/" + name, "echo asked >> '\(scratch.path)/asked'; echo 'no such name' >&2; exit 1")
        let link = MeteredLink(searchPath: folder)
        for _ in 0...MeteredLink.skipped { #expect(await link.answer() == nil) }
        #expect(try String(contentsOfFile: scratch.path + "/asked", encoding: .utf8) == "asked\n")
        _ = await link.answer()
        #expect(try String(contentsOfFile: scratch.path + "/asked", encoding: .utf8) == "asked\nasked\n")
        #expect(await MeteredLink(searchPath: scratch.path + "/none").answer() == nil)
    }

    @Test func `P6 a metered link stays one over a failed look, and is seen at once after a look that knew nothing`()
        async throws
    {
        let scratch = try Scratch()
        let link = MeteredLink(searchPath: scratch.path)
        try await tool(scratch.path + "/busctl", "echo 'u 0'")
        #expect(await link.answer() == nil)
        try await tool(scratch.path + "/busctl", "echo 'u 1'")
        #expect(await link.answer() == true)
        try await tool(scratch.path + "/busctl", "echo 'connection timed out' >&2; exit 1")
        for _ in 0..<MeteredLink.skipped { #expect(await link.answer() == true) }
        // One that fails for so long is gone.
        #expect(await link.answer() == nil)
        try await tool(scratch.path + "/busctl", "echo 'u 2'")
        for _ in 0..<MeteredLink.skipped { #expect(await link.answer() == nil) }
        #expect(await link.answer() == false)
    }

    /// Stand-ins for gdbus and systemd-inhibit: sleep is announced, and held up until the handoff was asked for.
    @Test func theLeaderHandsOffBeforeSleep() async throws {
        let calls = Mutex<[String]>([])
        let status = try Sample.status()
        let answers: [String: FakeAgent.Answer] = [
            "status": always(status),
            "handoff": { _, _ in
                calls.withLock { $0.append("handoff") }
                return Array(#"{"device":"b","name":"desktop","token":"1.2","took_s":0.1}"#.utf8)
            },
        ]
        try await FakeAgent.serve(answers) { agent in
            let folder = agent.home + "/tools"
            try await tool(
                folder + "/systemd-inhibit", "echo held >> '\(folder)/notes'; cat; echo let-go >> '\(folder)/notes'")
            try await tool(
                folder + "/gdbus",
                """
                while [ ! -e '\(folder)/notes' ]; do sleep 0.02; done
                echo "/org/freedesktop/login1: org.freedesktop.login1.Manager.PrepareForSleep (true,)"
                exec sleep 60
                """)
            let watch = SuspendWatch(
                home: agent.home, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
                searchPath: folder + ":/usr/bin:/bin")
            let task = Task { await watch.run() }
            let end = ContinuousClock.now + .seconds(20)
            while calls.withLock({ $0.isEmpty }), ContinuousClock.now < end {
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(calls.withLock { $0 } == ["handoff"])
            task.cancel()
            await task.value
        }
    }
}

@Suite struct ManTests {
    private static let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("docs/baton.1")

    @Test func theCommittedPageIsCurrent() throws {
        let text = try ManPage.text() + "\n"
        if ProcessInfo.processInfo.environment["REWRITE"] == "1" { try Data(text.utf8).write(to: Self.page) }
        #expect(try String(contentsOf: Self.page, encoding: .utf8) == text, "docs/baton.1: baton man > docs/baton.1")
        for verb in ["init", "status", "log", "doctor", "service", "sync"] { #expect(text.contains("baton \(verb)\n")) }
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/mandoc")))
    func mandocHasNothingToSay() async throws {
        let scratch = try Scratch()
        let file = scratch.path + "/baton.1"
        try (try ManPage.text() + "\n").write(toFile: file, atomically: true, encoding: .utf8)
        let run = await ToolRun.of("mandoc", ["-T", "lint", "-W", "warning", file], path: "/usr/bin")
        #expect(run.status == 0, "\(run.output)")
    }

    @Test(arguments: ["bash", "zsh", "fish"]) func completions(shell: String) async throws {
        let recorder = Recorder()
        #expect(await CommandLineEntry.run(["completions", shell], on: recorder.console()) == 0)
        #expect(recorder.out.contains("baton") && recorder.out.contains("doctor"))
        guard shell == "bash" else { return }
        let scratch = try Scratch()
        try recorder.out.write(toFile: scratch.path + "/baton", atomically: true, encoding: .utf8)
        #expect(await ToolRun.of("bash", ["-n", scratch.path + "/baton"], path: "/usr/bin:/bin").status == 0)
    }
}
