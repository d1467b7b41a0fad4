import ControlSocket
import Foundation
import Testing

@testable import AgentRuntime
@testable import Commands

/// `gate` and `lock`: with real children. Their output goes to files, since a child has our own stdout.
@Suite(.serialized) struct WriterVerbTests {
    private let lock = #"{"name":"db","token":"1.9"}"#

    @Test func aGateThatStaysClosed() async throws {
        let answers: [String: FakeAgent.Answer] = [
            "gate.register": json(#"{"workspace":"/nowhere"}"#),
            "gate.enter": failing(75, "the gate is closed", "try again in a moment"),
        ]
        try await FakeAgent.serve(answers) { agent in
            let mark = agent.scratch.path + "/ran"
            #expect(await agent.run("gate", "--no-wait", "--", "touch", mark).code == 75)
            #expect(!FileManager.default.fileExists(atPath: mark))
        }
    }

    @Test func aGatedCommand() async throws {
        let answers: [String: FakeAgent.Answer] = [
            "gate.register": json(#"{"workspace":"/nowhere"}"#), "gate.enter": json(#"{"section":1}"#),
            "gate.leave": json("{}"),
        ]
        try await FakeAgent.serve(answers) { agent in
            #expect(await agent.run("gate", "--wait", "5s", "--", "sh", "-c", "exit 7").code == 7)
            #expect(agent.kinds == ["gate.register", "gate.enter", "gate.leave"])
        }
    }

    @Test func aLockIsThereForTheCommandAndReleased() async throws {
        try await FakeAgent.serve(["lock.acquire": json(lock), "lock.release": json("{}")]) { agent in
            let file = agent.scratch.path + "/token"
            let result = await agent.run(
                "lock", "db", "--ttl", "5s", "--no-wait", "--", "sh", "-c", "printf %s $BATON_TOKEN > '\(file)'; exit 3"
            )
            #expect(result.code == 3)
            let token = try Data(contentsOf: URL(fileURLWithPath: file))
            #expect(String(decoding: token, as: UTF8.self) == "1.9")
            #expect(agent.body("lock.acquire", as: LockCall.self) == LockCall(name: "db", ttl_s: 5, wait: false))
            #expect(agent.kinds == ["lock.acquire", "lock.release"])
            #expect(result.error == "")
        }
    }

    @Test func aLockThatIsHeld() async throws {
        try await FakeAgent.serve(["lock.acquire": failing(75, "held by nas, token 1.8", "wait for it")]) { agent in
            let result = await agent.run("lock", "db", "--no-wait", "--", "true")
            #expect(result.code == 75)
            #expect(result.error == "baton: held by nas, token 1.8; wait for it\n")
        }
    }

    @Test("lock: lost while the command runs", arguments: [true, false])
    func aLockThatIsLost(byNotice: Bool) async throws {
        let lock = lock
        let acquire: FakeAgent.Answer = { _, session in
            Task {
                // The notice must not overtake the reply.
                try await Task.sleep(for: .milliseconds(100))
                if byNotice { session.notify("lock.lost", Array(lock.utf8)) } else { session.close() }
            }
            return Array(lock.utf8)
        }
        try await FakeAgent.serve(["lock.acquire": acquire]) { agent in
            let file = agent.scratch.path + "/ended"
            // Its own child is ended too: the group is.
            let script = "trap 'echo term > \"\(file)\"; exit 0' TERM; sleep 60 & wait; exit 9"
            let result = await agent.run("lock", "db", "--", "sh", "-c", script)
            #expect(result.code == 1)
            let how = byNotice ? "token 1.9 no longer counts" : "the agent is gone"
            #expect(
                result.error == "baton: the lock db was lost (\(how)), and the command was ended; see why: baton log\n")
            #expect(FileManager.default.fileExists(atPath: file))
        }
    }

    @Test func aCommandThatDoesNotEndIsEnded() async throws {
        let lock = lock
        let acquire: FakeAgent.Answer = { _, session in
            Task {
                try await Task.sleep(for: .milliseconds(100))
                session.notify("lock.lost", Array(lock.utf8))
            }
            return Array(lock.utf8)
        }
        try await FakeAgent.serve(["lock.acquire": acquire]) { agent in
            #expect(
                await agent.run("lock", "db", "--", "sh", "-c", "trap '' TERM; while :; do sleep 1; done").code == 1)
        }
    }

    @Test(arguments: [("no-such-command-here", 127), ("/", 126)] as [(String, Int32)])
    func commandsThatCannotBeStarted(command: String, code: Int32) async throws {
        try await FakeAgent.serve(["lock.acquire": json(lock), "lock.release": json("{}")]) { agent in
            let result = await agent.run("lock", "db", "--", command)
            #expect(result.code == code)
            #expect(result.error.hasPrefix("baton: \(command): "))
        }
    }
}
