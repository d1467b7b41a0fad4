import ControlSocket
import Foundation
import Testing

@testable import AgentRuntime
@testable import Commands

@Suite struct RecoverTests {
    private static func report(done: Bool, refusal: String? = nil) -> RecoverReport {
        RecoverReport(
            epoch: done ? "2-4d" : "1", is_done: done, device: "nas", voters: 3, present: 1,
            lost: [
                RecoverReport.Lost(id: "aa", name: "lap\u{1B}top", votes: true, last_seen_s: 7200),
                RecoverReport.Lost(id: "bb", name: "phone", votes: false, last_seen_s: nil),
            ], rivals: [], round: 42, head: "f00", holds_head: false, age_s: 180, refusal: refusal, last_index: 99)
    }

    private static let agent: FakeAgent.Answer = { body, _ in
        let call = try ControlJSON.decode(RecoverCall.self, from: body)
        return try ControlJSON.encode(report(done: call.isConfirmed))
    }

    @Test func `RC1 without a terminal nobody is asked, and nothing is done`() async throws {
        try await FakeAgent.serve(["recover": Self.agent]) { agent in
            let asked = await agent.run("recover")
            #expect(asked.code == 64)
            #expect(asked.error.contains("1 of 2 needed voters answer"))
            #expect(asked.error.contains("voter, last seen 2 h ago"))
            #expect(asked.error.contains("phone  not seen since the agent started"))
            #expect(asked.error.contains("at round 42, the last complete round 3 min ago"))
            #expect(asked.error.contains("the files of round 42 never arrived here"))
            #expect(
                asked.error.hasSuffix(
                    "baton: not recovered: nobody confirmed it; if it is meant: baton recover --yes\n"))
            #expect(!asked.error.contains("\u{1B}"))
            #expect(agent.kinds == ["recover"])
        }
    }

    @Test func `RC1 a look does nothing and is printed as data`() async throws {
        try await FakeAgent.serve(["recover": Self.agent]) { agent in
            let look = await agent.run("recover", "--dry-run", "--json")
            #expect(look.code == 0)
            let faults = try SchemaReader.faults(look.out, "recover")
            #expect(faults == [])
            #expect(agent.kinds == ["recover"])
        }
    }

    @Test func `RC2 a confirmed one says what it came to, and is of the log that was shown`() async throws {
        try await FakeAgent.serve(["recover": Self.agent]) { agent in
            let done = await agent.run("recover", "--yes")
            #expect(done.code == 0)
            #expect(done.out == "recovered: epoch 2-4d, on the disk; nas is the only voter\n")
            let call = agent.body("recover", as: RecoverCall.self)
            #expect(call == RecoverCall(isConfirmed: true, isForced: false, last_index: 99))
            let json = await agent.run("recover", "--yes", "--force", "--json")
            let faults = try SchemaReader.faults(json.out, "recover")
            #expect(faults == [])
            let forced = agent.body("recover", as: RecoverCall.self)
            #expect(forced?.isForced == true)
        }
    }
}
