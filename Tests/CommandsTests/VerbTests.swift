import ControlSocket
import Foundation
import Testing

@testable import AgentRuntime
@testable import Commands

/// Verbs in this process, against a scripted agent behind a real socket.
@Suite struct VerbTests {
    @Test("S1 status") func status() async throws {
        let report = try Sample.status()
        try await FakeAgent.serve(["status": always(report)]) { agent in
            let plain = await agent.run("status")
            #expect(plain.code == 0)
            #expect(plain.out.hasPrefix("notes  * healthy   3 of 4 devices online   last sync 12 s ago (round 1843)\n"))
            #expect(plain.error == "")
            let json = await agent.run("status", "--json")
            #expect(decoded(json.out, as: StatusReport.self) == report)
            #expect(json.out.split(separator: "\n").count == 1)
            let front = await agent.run("--json", "--home", agent.home, "status", environment: [:])
            #expect(front.out == json.out)
        }
    }

    @Test func checkSetsTheExitCode() async throws {
        try await FakeAgent.serve(["status": always(try Sample.status(health: "no_quorum"))]) { agent in
            #expect(await agent.run("status", "--check").code == 5)
            #expect(await agent.run("status").code == 0)
        }
    }

    @Test func watchRepaintsOnEvents() async throws {
        let reports = [try Sample.status(), try Sample.status(), try Sample.status(health: "syncing")]
        let answer: FakeAgent.Answer = { _, session in
            for report in reports { try await session.item(ControlJSON.encode(report)) }
            return ControlJSON.empty
        }
        try await FakeAgent.serve(["status.watch": answer]) { agent in
            let pipe = await agent.run("status", "--watch")
            #expect(pipe.code == 3)
            #expect(pipe.error == "baton: the agent stopped; start it: baton up\n")
            #expect(pipe.out.ranges(of: "healthy").count == 1)
            #expect(pipe.out.ranges(of: "syncing").count == 1)
            let terminal = await agent.run("status", "--watch", columns: 80)
            #expect(terminal.out.ranges(of: "\u{1B}[H\u{1B}[J").count == 2)
            let lines = await agent.run("status", "--watch", "--json").out.split(separator: "\n")
            #expect(lines.count == 2)
        }
    }

    @Test func noMeshIsDecidedBeforeNoAgent() async throws {
        let scratch = try Scratch()
        for words in ["status", "sync --now", "handoff", "invite", "log", "devices", "config list", "up", "down"] {
            let recorder = Recorder()
            let console = recorder.console(environment: ["BATON_HOME": scratch.path])
            #expect(await CommandLineEntry.run(words.split(separator: " ").map(String.init), on: console) == 4)
            #expect(recorder.error.hasPrefix("baton: there is no mesh in \(scratch.path); found one: baton init DIR"))
        }
        let home = try scratch.home()
        for words in ["status", "sync --now", "handoff", "invite", "log", "devices", "config list", "lock a -- true"] {
            let recorder = Recorder()
            let console = recorder.console(environment: ["BATON_HOME": home])
            #expect(await CommandLineEntry.run(words.split(separator: " ").map(String.init), on: console) == 3)
            #expect(recorder.error == "baton: the agent is not running; start it: baton up\n")
        }
    }

    @Test func downOfNothingIsDone() async throws {
        let scratch = try Scratch()
        let recorder = Recorder()
        let console = recorder.console(environment: ["BATON_HOME": try scratch.home()])
        #expect(await CommandLineEntry.run(["down"], on: console) == 0)
        #expect(recorder.error == "the agent is not running\n")
    }

    private static func sync(_ result: String, conflicts: Int = 0, more: String = "") -> String {
        """
        {"result":"\(result)","round":12,"changed_files":14,"conflicts":\(conflicts),"participants":["laptop","desktop"],
         "left_out":["nas"],"took_s":1.94\(more)}
        """
    }

    @Test(
        arguments: [
            (
                sync("published"), 0, 0,
                "round 12: 14 files, 2 devices; took 1.9 s; without nas, who follow when they are back\n"
            ),
            (sync("published", conflicts: 1), 1, 6, "round 12: 14 files, 2 devices, 1 conflict; took 1.9 s"),
            (sync("nothing_to_do"), 0, 0, "nothing to do, round 12 stands; took 1.9 s; without nas"),
            (sync("nothing_to_do"), 2, 6, "nothing to do"), (sync("caught_up"), 0, 0, "brought devices to round 12"),
            (sync("aborted", more: #","why":"nas went away""#), 0, 1, ""),
        ] as [(String, UInt32, Int32, String)])
    func syncWait(report: String, open: UInt32, code: Int32, line: String) async throws {
        let status = try Sample.status { $0.conflicts = .init(open: open, paths: open > 0 ? ["plan.md"] : []) }
        try await FakeAgent.serve(["sync": json(report), "status": always(status)]) { agent in
            let result = await agent.run("sync", "--now", "--wait")
            #expect(result.code == code)
            #expect(result.out.hasPrefix(line))
            #expect(agent.body("sync", as: SyncCall.self) == SyncCall(wait: true, reason: "manual"))
            let told = "open: plan.md, both versions are kept; see: baton conflicts"
            if code == 6 { #expect(result.error.contains(told)) }
            if code == 1 {
                #expect(result.error.hasPrefix("baton: the round was given up: nas went away; try again: "))
            }
            let asJSON = await agent.run("sync", "--wait", "--json")
            #expect(asJSON.code == code)
            #expect(decoded(asJSON.out, as: SyncReport.self)?.round == 12)
        }
    }

    @Test func syncWithoutWaiting() async throws {
        try await FakeAgent.serve(["sync": json(Self.sync("requested"))]) { agent in
            let result = await agent.run("sync", "--reason", "exit")
            #expect(result.code == 0)
            #expect(result.out == "a round was asked for (the last one is 12)\n")
            #expect(agent.body("sync", as: SyncCall.self) == SyncCall(wait: false, reason: "exit"))
            #expect(agent.kinds == ["sync"])
        }
    }

    @Test func `P4 a call that keeps the interval says when, and whoever waits for it hears 75`() async throws {
        var report = try #require(decoded(Self.sync("not_now"), as: SyncReport.self))
        report.why = "interval: last round 12 s ago (least 300 s), in 288 s"
        try await FakeAgent.serve(["sync": always(report)]) { agent in
            let asked = await agent.run("sync", "--reason", "startup")
            #expect(asked.code == 0 && asked.out == "no round now: \(report.why ?? "")\n")
            let waited = await agent.run("sync", "--reason", "exit", "--wait")
            #expect(waited.code == 75 && waited.error.hasPrefix("baton: no round now: interval: last round 12 s ago"))
            #expect(waited.error.contains("sync --now --wait"))
            _ = await agent.run("sync", "--reason", "startup", "--now")
            #expect(agent.body("sync", as: SyncCall.self)?.reason == "manual")
        }
    }

    @Test func theAgentsRefusalsKeepCodeAndHint() async throws {
        let answers = [
            "sync": failing(5, "no quorum can be reached", "see: baton status"),
            "handoff": failing(1, "not handed off: nas\u{1B} is behind\nby 3", nil),
        ]
        try await FakeAgent.serve(answers) { agent in
            let sync = await agent.run("sync", "--now", "--wait")
            #expect(sync.code == 5)
            #expect(sync.error == "baton: no quorum can be reached; see: baton status\n")
            let handoff = await agent.run("handoff", "nas")
            #expect(handoff.code == 1)
            #expect(handoff.error == "baton: not handed off: nas\\u{1B} is behind by 3\n")
        }
    }

    @Test func handoff() async throws {
        let report = #"{"device":"bb","name":"desktop","token":"1.8","took_s":0.0193}"#
        try await FakeAgent.serve(["handoff": json(report)]) { agent in
            #expect(await agent.run("handoff").out == "desktop leads now, token 1.8; took 19 ms\n")
            #expect(agent.body("handoff", as: HandoffCall.self) == HandoffCall(device: nil))
            _ = await agent.run("handoff", "desktop", "--json")
            #expect(agent.body("handoff", as: HandoffCall.self)?.device == "desktop")
        }
    }

    @Test func anInviteStandsAloneInAPipe() async throws {
        let report = #"{"invite":"baton1-abc","expires_s":600,"workspace_name":"notes"}"#
        try await FakeAgent.serve(["invite": json(report)]) { agent in
            let pipe = await agent.run("invite")
            #expect(pipe.out == "baton1-abc\n")
            #expect(pipe.error == "works once, for 10 min; use it there: baton join DIR\n")
            let terminal = await agent.run("invite", columns: 80)
            #expect(terminal.out.contains("  BATON_INVITE=baton1-abc baton join ~/notes\n"))
        }
    }

    @Test func devicesAndSettings() async throws {
        let config = #"{"items":[{"key":"sync.settle","value":"1s","standard":"2s","source":"mesh","about":"quiet"}]}"#
        let answers = [
            "status": always(try Sample.status()), "devices.remove": json("{}"), "config": json(config),
            "config.set": json(config),
        ]
        try await FakeAgent.serve(answers) { agent in
            #expect(await agent.run("devices").out.contains("  DEVICE    ROLE"))
            #expect(await agent.run("devices", "--json").out.contains(#""schema":"baton.devices/1""#))
            #expect(await agent.run("devices", "remove", "nas").code == 0)
            #expect(agent.body("devices.remove", as: RemoveCall.self)?.device == "nas")
            #expect(await agent.run("config", "get", "sync.settle").out == "1s\n")
            #expect(await agent.run("config", "list", "--json").out.contains(#""value":"1s""#))
            #expect(await agent.run("config", "set", "sync.settle", "1s").code == 0)
            #expect(
                await agent.run("config", "explain", "sync.settle").out.hasPrefix("sync.settle = 1s (set for the mesh"))
            let unknown = await agent.run("config", "get", "nonsense")
            #expect(unknown.code == 64)
            #expect(unknown.error == "baton: there is no setting 'nonsense'; see: baton config list\n")
        }
    }

    @Test func log() async throws {
        try await FakeAgent.serve(["log": always(try Sample.log())]) { agent in
            let result = await agent.run("log", "-n", "4", "--device", "desktop", "--since", "2h")
            #expect(result.out.hasPrefix("OP      WHEN"))
            let call = agent.body("log", as: LogCall.self)
            #expect(call == LogCall(limit: 4, device: "desktop", since_s: 7200, operations: true))
            _ = await agent.run("log", "--kind", "handoff")
            #expect(agent.body("log", as: LogCall.self) == LogCall(limit: 20, kind: "handoff"))
            let json = await agent.run("log", "--json").out
            #expect(decoded(json, as: LogReport.self)?.rows.map(\.id) == [7, 8, 9, 10, 11, 12])
            _ = await agent.run("log", "show", "1841")
            #expect(agent.body("log", as: LogCall.self) == LogCall(limit: 1000, op: "1841"))
            #expect(await agent.run("log", "--verify", "--rows").code == 64)
        }
        let nothing = LogReport(rows: [], operations: [])
        try await FakeAgent.serve(["log": always(nothing)]) { agent in
            let result = await agent.run("log")
            #expect(result.out == "")
            #expect(result.error == "nothing in the log yet\n")
            let none = await agent.run("log", "show", "k0001")
            #expect(none.code == 1)
            #expect(none.error == "baton: there is no operation 'k0001' in the log; see: baton log\n")
        }
    }

    @Test("U3 log --verify says where the chain breaks, and by its exit status that it does")
    func verifyLog() async throws {
        let whole = LogVerdict(whole: true, rows: 12, first: 4, last: 15, cut_before: 3, unchained: 0, tip: "abcd")
        try await FakeAgent.serve(["log.verify": always(whole)]) { agent in
            let result = await agent.run("log", "--verify")
            #expect(result.code == 0)
            #expect(
                result.out
                    == "whole: 12 rows, 4 to 15; older ones were dropped by age, their last hash is kept\n"
                    + "newest hash abcd\n")
        }
        var broken = whole
        broken.whole = false
        broken.broken_row = 9
        broken.broken_op = "k0008"
        broken.why = "it was changed"
        try await FakeAgent.serve(["log.verify": always(broken)]) { agent in
            let result = await agent.run("log", "--verify")
            #expect(result.code == 1)
            #expect(result.out == "BROKEN at row 9 (operation k0008): it was changed\n12 rows before it are whole\n")
        }
    }

    @Test func aWorkspaceThatIsAnother() async throws {
        try await FakeAgent.serve(["status": always(try Sample.status())]) { agent in
            #expect(await agent.run("status", "--workspace", "/home/ann/notes").code == 0)
            let other = await agent.run("--workspace", "/tmp", "status")
            #expect(other.code == 4)
            #expect(other.error.hasPrefix("baton: the agent keeps /home/ann/notes in step, not /tmp; "))
        }
    }

    @Test func downWaitsForTheEnd() async throws {
        // A process that is not there: the agent is gone already.
        let status = try Sample.status { $0.agent.pid = 0x3FFF_FFFE }
        try await FakeAgent.serve(["status": always(status), "stop": json("{}")]) { agent in
            let result = await agent.run("down")
            #expect(result.code == 0)
            #expect(result.error == "the agent has stopped\n")
            #expect(agent.kinds == ["status", "stop"])
        }
    }

    @Test func upIsDoneIfItRuns() async throws {
        try await FakeAgent.serve(["status": always(try Sample.status())]) { agent in
            let result = await agent.run("up")
            #expect(result.code == 0)
            #expect(result.error == "the agent is running already (process 4242)\n")
            #expect(await agent.run("up", "--json").out.contains(#""pid":4242"#))
        }
    }

    @Test func testLink() async throws {
        try await FakeAgent.serve(["test.link": json("{}")]) { agent in
            #expect(await agent.run("test-link", "cut", "nas").code == 0)
            #expect(agent.body("test.link", as: LinkCall.self) == LinkCall(device: "nas", cut: true))
        }
    }
}
