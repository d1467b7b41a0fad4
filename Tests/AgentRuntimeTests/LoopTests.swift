import ControlSocket
import Foundation
import Primitives
import Synchronization
import Testing

@testable import AgentRuntime

/// Loops in whole agents: a program that answers each sync with another change, and two that fight over a file.
@Suite(.serialized, .timeLimit(.minutes(5))) struct LoopTests {
    private struct Registration: Encodable { var name: String }

    private func start(_ names: [String]) async throws -> TestAgents {
        let mesh = try TestAgents()
        try await mesh.start(names)
        for (key, value) in [("sync.min-interval", "1s"), ("sync.settle", "0s"), ("sync.max-wait", "1s")] {
            _ = try await mesh.call(0, ControlCall.set, ConfigSetting(key: key, value: value), as: ConfigReport.self)
        }
        return mesh
    }

    private func rows(_ mesh: TestAgents, _ place: Int, _ kind: String) async throws -> [LogReport.Row] {
        try await mesh.call(place, ControlCall.log, LogCall(limit: 1000, kind: kind), as: LogReport.self).rows
    }

    /// Changes the file until it is told to end; what it wrote last.
    private func ticker(_ mesh: TestAgents, _ file: String, _ place: Int) -> Task<String, any Error> {
        let path = mesh.members[place].workspace + "/" + file
        return Task {
            var number = 0
            while !Task.isCancelled {
                number += 1
                try "tick \(number)\n".write(toFile: path, atomically: false, encoding: .utf8)
                _ = try? await Task.sleep(for: .milliseconds(150))
            }
            return "tick \(number)\n"
        }
    }

    @Test(
        "P2 a file that changes in round after round is set aside, its writer named, the others go on, it comes back"
    )
    func ticking() async throws {
        let mesh = try await start(["laptop", "desktop"])
        let writer = try await ControlClient.connect(home: mesh.members[0].home)
        _ = try await writer.call("gate.register", body: ControlJSON.encode(Registration(name: "ticker")))
        let ticker = ticker(mesh, "busy.md", 0)
        func held() async throws -> StatusReport.Held? {
            try await mesh.status(0).held.first { $0.path == "busy.md" && $0.reason.contains("set aside") }
        }
        let first = try await eventually("it is set aside", within: .seconds(60)) { try await held() }
        #expect(first.reason.contains("ticker on laptop") && first.can_be_allowed, "\(first.reason)")
        // The others go on.
        try mesh.write("work\n", to: "other.md", on: 0)
        try await eventually("other work reaches the desktop") { mesh.read("other.md", on: 1) == "work\n" ? true : nil }
        // By hand, until it is at it again.
        _ = try await mesh.call(
            0, ControlCall.allow, AllowCall(paths: ["busy.md"], deletions: false), as: AllowReport.self)
        let over = try await rows(mesh, 0, "loop-over")
        #expect(over.count == 1 && over[0].summary.contains("somebody said so"))
        try await eventually("it is set aside again", within: .seconds(60)) {
            try await rows(mesh, 0, "loop").count == 2 ? true : nil
        }
        // By itself, once nobody changes it: the last version is everywhere.
        ticker.cancel()
        let last = try await ticker.value
        try await eventually("the last version is there", within: .seconds(60)) {
            mesh.read("busy.md", on: 1) == last ? true : nil
        }
        let told = try await rows(mesh, 0, "loop")
        #expect(told.allSatisfy { AuditMemory.fields($0.details)["paths"] == "busy.md" })
        #expect(told.allSatisfy { AuditMemory.fields($0.details)["who"]?.contains("ticker on laptop") == true })
        // A round may have taken it before it counted as quiet.
        try await eventually("it goes on by itself", within: .seconds(60)) {
            try await rows(mesh, 0, "loop-over").last?.summary.contains("nobody changed it any more") == true
                ? true : nil
        }
        await writer.close()
        await mesh.end()
    }

    /// Rewrites the file in its own way whenever it finds it in another's.
    private func formatter(_ mesh: TestAgents, _ file: String, _ place: Int) -> Task<Void, any Error> {
        let (path, style) = (mesh.members[place].workspace + "/" + file, "styled by \(mesh.members[place].name)\n")
        return Task {
            while !Task.isCancelled {
                if let text = try? String(contentsOfFile: path, encoding: .utf8), text != style {
                    try style.write(toFile: path, atomically: false, encoding: .utf8)
                }
                _ = try? await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    @Test("P3 two formatters that fight over a file are set aside, both devices named, and no storm follows")
    func fight() async throws {
        let mesh = try await start(["laptop", "desktop"])
        try mesh.write("plain\n", to: "code.swift", on: 0)
        try await eventually("the file is on both") { mesh.read("code.swift", on: 1) }
        let formatters = [formatter(mesh, "code.swift", 0), formatter(mesh, "code.swift", 1)]
        let place = try await eventually("it is set aside", within: .seconds(90)) { () -> Int? in
            for place in 0..<2 where try await !rows(mesh, place, "loop").isEmpty { return place }
            return nil
        }
        let row = try #require(try await rows(mesh, place, "loop").first)
        #expect(row.summary.contains("code.swift"))
        #expect(row.summary.contains("laptop") && row.summary.contains("desktop"), "\(row.summary)")
        // Nothing is tried again before ten quiet seconds have passed: silence is the absence of rounds meanwhile.
        try await eventually("the round under way is over") {
            try await mesh.status(0).sync.phase == "idle" ? true : nil
        }
        let before = try await mesh.status(0).sync.round
        try await Task.sleep(for: .seconds(6))
        #expect(try await mesh.status(0).sync.round <= before + 3)
        try mesh.write("work\n", to: "other.md", on: 1)
        try await eventually("other work goes on") { mesh.read("other.md", on: 0) == "work\n" ? true : nil }
        for formatter in formatters { formatter.cancel() }
        for formatter in formatters { _ = try? await formatter.value }
        await mesh.end()
    }

    /// Until a file that is written again and again is set aside; it is written no more then.
    private func setAside(_ mesh: TestAgents, _ file: String) async throws -> String {
        let ticker = ticker(mesh, file, 0)
        try await eventually("it is set aside", within: .seconds(60)) {
            try await mesh.status(0).held.contains { $0.path == file && $0.reason.contains("set aside") } ? true : nil
        }
        ticker.cancel()
        return try await ticker.value
    }

    @Test("P4 a person's sync leaves nothing out, also not what is set aside, and that stays set aside")
    func byHand() async throws {
        let mesh = try await start(["laptop", "desktop"])
        let last = try await setAside(mesh, "busy.md")
        _ = try await mesh.sync(0)
        #expect(mesh.read("busy.md", on: 1) == last)
        try mesh.write("once more\n", to: "busy.md", on: 0)
        _ = try await mesh.sync(0)
        #expect(mesh.read("busy.md", on: 1) == "once more\n")
        #expect(try await rows(mesh, 0, "loop-over").isEmpty)
        await mesh.end()
    }

    @Test("P4 what is set aside goes with the round of an exit") func atExit() async throws {
        let mesh = try await start(["laptop", "desktop"])
        let last = try await setAside(mesh, "busy.md")
        let call = SyncCall(wait: true, reason: "exit")
        let report = try await mesh.call(0, ControlCall.sync, call, as: SyncReport.self)
        #expect(report.result == "in_step", "\(report)")
        // The other device may put it in place a moment later; by itself it goes on after ten seconds.
        try await eventually("it is there", within: .seconds(5)) {
            mesh.read("busy.md", on: 1) == last ? true : nil
        }
        await mesh.end()
    }

    @Test("P4 what is set aside goes with the last round of an agent that ends") func atEnd() async throws {
        let mesh = try await start(["laptop", "desktop"])
        let last = try await setAside(mesh, "busy.md")
        await mesh.stop(0)
        try await eventually("it is there", within: .seconds(5)) {
            mesh.read("busy.md", on: 1) == last ? true : nil
        }
        await mesh.end()
    }

    private func git(_ words: String, _ workspace: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/git")
        process.arguments = ["-C", workspace] + words.split(separator: " ").map(String.init)
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "git \(words)")
    }

    @Test("C5 a visit to another branch starts no round, says why, and its end lets everything go on")
    func visit() async throws {
        let mesh = try await start(["laptop", "desktop"])
        try mesh.write("1\n", to: "a.md", on: 0)
        try await eventually("it is there") { mesh.read("a.md", on: 1) == "1\n" ? true : nil }
        let head = try String(contentsOfFile: mesh.members[0].workspace + "/.git/HEAD", encoding: .utf8)
        let branch = head.split { $0 == "/" || $0 == "\n" }.last ?? "main"
        // What was synced is committed there, or the branch is not born yet: either way the visit is one.
        try git("checkout -q -b visit", mesh.members[0].workspace)
        try mesh.write("2\n", to: "a.md", on: 0)
        try await eventually("the reason is told") {
            try await mesh.status(0).devices.first { $0.name == "laptop" }?.sync.waiting?.contains("visit") == true
                ? true : nil
        }
        let before = try await rows(mesh, 0, "round").count
        try await Task.sleep(for: .seconds(4))
        #expect(try await rows(mesh, 0, "round").count <= before + 1)
        try git("symbolic-ref HEAD refs/heads/\(branch)", mesh.members[0].workspace)
        try await eventually("the change is everywhere") { mesh.read("a.md", on: 1) == "2\n" ? true : nil }
        #expect(try await mesh.status(0).devices.allSatisfy { $0.sync.waiting == nil })
        await mesh.end()
    }
}
