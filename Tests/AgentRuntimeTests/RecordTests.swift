import ControlSocket
import Foundation
import Primitives
import Testing

@testable import AgentRuntime

/// Status, audit and metrics of whole agents.
@Suite(.serialized) struct RecordTests {
    private func operations(_ mesh: TestAgents, _ place: Int, _ call: LogCall) async throws -> LogReport {
        try await mesh.call(place, ControlCall.log, call, as: LogReport.self)
    }

    private func fields(_ row: LogReport.Row) -> [String: String] { AuditMemory.fields(row.details) }

    @Test("U3 the leader's record has a row for each device and phase of a round; whole, outside the tree, no contents")
    func recordOfARound() async throws {
        let mesh = try TestAgents()
        try await mesh.start(["laptop", "desktop", "nas"]) { workspace in
            try "hello\n".write(toFile: workspace + "/readme.md", atomically: true, encoding: .utf8)
        }
        _ = try await eventually("three voters") {
            try await mesh.status(0).devices.count { $0.role != "learner" && $0.state == "online" } == 3 ? true : nil
        }
        _ = try await mesh.sync(0)
        try mesh.write("a sentence that no record may hold\n", to: "secret-plan.md", on: 2)
        let report = try await mesh.sync(0)
        #expect(report.result == "published")
        let shown = try await operations(mesh, 0, LogCall(limit: 10, op: "\(report.round)"))
        let operation = try #require(shown.operations.first)
        #expect(operation.what == "round \(report.round): 1 file, 3 devices" && operation.result == "ok")
        #expect(operation.by_name == "laptop" && operation.round_id == report.round_id)
        for device in ["laptop", "desktop", "nas"] {
            for kind in ["captured", "staged", "applied"] {
                let row = shown.rows.first { $0.device_name == device && $0.kind == kind }
                let found = try #require(row, "\(kind) of \(device)")
                #expect(found.token == report.round_id?.split(separator: "/").first.map(String.init))
                #expect(fields(found)["leader"] == "laptop" && fields(found)["reason"] == "manual")
                #expect(fields(found)["after_ms"] != nil)
            }
        }
        let nas = try #require(shown.rows.first { $0.device_name == "nas" && $0.kind == "captured" })
        #expect(fields(nas)["files"] == "1" && fields(nas)["held"] == "0")
        #expect(fields(nas)["from"]?.count ?? 0 >= 40 && fields(nas)["to"]?.count ?? 0 >= 40)
        let end = try #require(shown.rows.first { $0.kind == "round" })
        for phase in ["prepare", "collect", "merge", "stage", "publish"] { #expect(fields(end)["\(phase)_ms"] != nil) }
        // The member's own record has its own part, under its own operation.
        let there = try await operations(mesh, 2, LogCall(limit: 10, op: "\(report.round)"))
        #expect(there.rows.map(\.kind).contains("pause"))
        #expect(Set(there.rows.map(\.device_name)) == ["nas"])
        try await holdsNoSecret(mesh)
        for place in 0..<3 {
            let verdict: LogVerdict = try await mesh.call(
                place, ControlCall.verifyLog, EmptyBody(), as: LogVerdict.self)
            #expect(verdict.whole && verdict.rows > 5)
        }
        await mesh.end()
    }

    @Test
    func
        `P4 U3 why a round started is in its record, why none did has its own row, startup keeps the interval`()
        async throws
    {
        let mesh = try TestAgents()
        try await mesh.start(["laptop"])
        try mesh.write("one\n", to: "a.md", on: 0)
        try await eventually("a round by itself") {
            try await operations(mesh, 0, LogCall(limit: 100, kind: "round-started")).rows.last
        }
        try await eventually("the round is over") { try await mesh.status(0).sync.phase == "idle" ? true : nil }
        try await eventually("it has a number") { try await mesh.status(0).sync.round == 1 ? true : nil }
        let started = try #require(
            try await operations(mesh, 0, LogCall(limit: 100, kind: "round-started")).rows.last)
        #expect(["settling", "behind"].contains(fields(started)["rule"]))
        #expect(fields(started)["rules"]?.split(separator: "\n").count == 16)
        // The least interval is five minutes: what comes now is put off, whoever asks but a person.
        try mesh.write("two\n", to: "a.md", on: 0)
        let put = try await eventually("it is put off") {
            try await operations(mesh, 0, LogCall(limit: 100, kind: "no-round")).rows.first {
                fields($0)["rule"] == "minInterval"
            }
        }
        #expect(put.summary.hasPrefix("no round yet: interval: last round ") && put.summary.contains("(limit 300 s)"))
        for reason in ["startup", "exit"] {
            for wait in [false, true] {
                let report = try await mesh.call(
                    0, ControlCall.sync, SyncCall(wait: wait, reason: reason), as: SyncReport.self)
                #expect(report.result == "not_now" && report.why?.hasPrefix("interval: ") == true, "\(report)")
            }
        }
        let shown = try await operations(mesh, 0, LogCall(limit: 50, operations: true)).operations
        #expect(shown.contains { $0.kind == "no-round" && $0.result == "waits" })
        #expect(try await mesh.sync(0).result == "published")
        let report = try await mesh.call(
            0, ControlCall.sync, SyncCall(wait: true, reason: "startup"), as: SyncReport.self)
        #expect(report.result == "in_step")
        let rows = try await operations(mesh, 0, LogCall(limit: 1000, kind: "no-round")).rows
        #expect(rows.count < 8, "a row for each look, not for each change of mind")
        await mesh.end()
    }

    private func holdsNoSecret(_ mesh: TestAgents) async throws {
        let invite = try await mesh.call(0, ControlCall.invite, EmptyBody(), as: InviteReport.self)
        for place in 0..<3 {
            let log = try await operations(mesh, place, LogCall(limit: 2000))
            let text = log.rows.map { $0.summary + $0.details }.joined(separator: "\n")
            #expect(!text.contains("a sentence that no record may hold"))
            #expect(!text.contains("PRIVATE KEY") && !text.contains(invite.invite.dropFirst(7).prefix(26)))
            #expect(!mesh.tree(place).keys.contains { $0.contains("device.db") })
        }
    }

    @Test("S1 status answers in under 100 ms with every other device dead, and knows them still after a restart")
    func statusAlone() async throws {
        let mesh = try TestAgents()
        try await mesh.start(["laptop", "desktop", "nas"]) { workspace in
            try "hello\n".write(toFile: workspace + "/readme.md", atomically: true, encoding: .utf8)
        }
        _ = try await eventually("three voters") {
            try await mesh.status(2).devices.count { $0.role != "learner" && $0.state == "online" } == 3 ? true : nil
        }
        let round = try await mesh.sync(0).round
        try await eventually("the round is known on the nas") {
            try await mesh.status(2).sync.round == round ? true : nil
        }
        for place in 0..<3 { await mesh.stop(place) }
        try await mesh.run(2)
        let status = try await mesh.status(2)
        #expect(status.devices.map(\.name).sorted() == ["desktop", "laptop", "nas"])
        #expect(
            status.health == "no_quorum" && status.view == "local" && status.leader?.device == nil
                || status.leader != nil)
        #expect(status.sync.round == round && status.head != nil)
        #expect(status.sync.last_ok_at != nil)
        // The quickest: a loaded machine says nothing about what an answer waits for.
        var quickest: Duration = .seconds(60)
        for _ in 0..<20 {
            let begun = ContinuousClock.now
            _ = try await mesh.status(2)
            quickest = min(quickest, ContinuousClock.now - begun)
        }
        print("status alone, quickest of 20: \(quickest)")
        #expect(quickest < .milliseconds(100))
        // What the log told before is not told again.
        let published = try await operations(mesh, 2, LogCall(limit: 100, kind: "published"))
        #expect(Set(published.rows.map(\.round)).count == published.rows.count)
        await mesh.end()
    }

    @Test func anElectionOfOneRepeatsNoRow() async throws {
        let mesh = try TestAgents()
        try await mesh.start(["laptop"])
        try mesh.write("one\n", to: "a.md", on: 0)
        _ = try await mesh.sync(0)
        let before = try await operations(mesh, 0, LogCall(limit: 500)).rows.filter {
            AuditMemory.logKinds.contains($0.kind) && $0.kind != "lock-granted"
        }
        await mesh.stop(0)
        try await mesh.run(0)
        _ = try await mesh.sync(0)
        let after = try await operations(mesh, 0, LogCall(limit: 500)).rows
        for row in before {
            let same = after.filter {
                $0.kind == row.kind && $0.summary == row.summary && $0.round == row.round && $0.token == row.token
            }
            #expect(same.count == 1, "\(row.kind) \(row.summary)")
        }
        await mesh.end()
    }

    @Test func metricsAreWhatPrometheusReads() async throws {
        let mesh = try TestAgents()
        try await mesh.start(["laptop"])
        try mesh.write("one\n", to: "a.md", on: 0)
        _ = try await mesh.sync(0)
        let report: MetricsReport = try await mesh.call(0, ControlCall.metrics, EmptyBody(), as: MetricsReport.self)
        let families = try ExpositionReader.read(report.text)
        #expect(families["baton_rounds_total"]?.type == "counter")
        #expect(families["baton_rounds_total"]?.samples["{result=\"published\"}"] == 1)
        #expect(families["baton_round_duration_seconds"]?.type == "histogram")
        #expect(families["baton_health"]?.samples["{state=\"healthy\"}"] == 1)
        for (name, family) in families {
            #expect(name.hasPrefix("baton_") && !family.help.isEmpty)
            #expect((family.type == "counter") == name.hasSuffix("_total"), "\(name)")
            #expect(family.samples.count <= 128, "\(name) has too many label sets")
        }
        await mesh.end()
    }
}
