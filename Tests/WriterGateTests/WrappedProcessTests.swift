import Foundation
import Primitives
import Testing

@testable import WriterGate

/// Real wrappers in processes of their own, real groups, and an agent that can be killed.
@Suite(.serialized) struct WrappedProcessTests {
    /// The freezer is there only where a control group may be divided; signals do it elsewhere.
    static let holds = ["freezer", "signals"]

    /// Appends to a file of the workspace every few milliseconds, as does a child of it, and says its pid.
    static let busyWriter = """
        (while :; do echo b >> workspace/b; sleep 0.002; done) &
        echo $$ > leader; while :; do echo a >> workspace/a; sleep 0.002; done
        """

    @Test(arguments: holds)
    func `W5 a stopped command writes nothing until the release`(hold: String) async throws {
        try await withWrapper(Self.busyWriter, hold, ends: 137) { scene, gate, _ in
            for number in 1...3 as ClosedRange<UInt64> {
                #expect(await pause(gate, round: number, deadline: .seconds(8)) == ["sh"])
                let sizes = [scene.place.size("workspace/a"), scene.place.size("workspace/b")]
                #expect(isStopped(scene.leader))
                try await Task.sleep(for: .milliseconds(50))
                #expect([scene.place.size("workspace/a"), scene.place.size("workspace/b")] == sizes)
                gate.open()
                #expect(
                    await eventually {
                        scene.place.size("workspace/a") > sizes[0] && scene.place.size("workspace/b") > sizes[1]
                    })
            }
        }
    }

    @Test(arguments: holds)
    func `W5 the deadline that the wrapper itself keeps continues the command`(hold: String) async throws {
        try await withWrapper(Self.busyWriter, hold, ends: 137) { scene, gate, _ in
            #expect(await pause(gate, round: 1, deadline: .seconds(1)) == ["sh"])
            #expect(isStopped(scene.leader))
            #expect(await eventually { isRunning(scene.leader) })
        }
    }

    @Test(arguments: holds)
    func `W5 a termination is delivered after the thaw and ends the pause`(hold: String) async throws {
        let command = "trap 'echo got > term; exit 7' TERM; echo $$ > leader; while :; do sleep 0.01; done"
        try await withWrapper(command, hold, ends: 7) { scene, gate, openings in
            #expect(await pause(gate, round: 1, deadline: .seconds(20)) == ["sh"])
            #expect(isStopped(scene.leader))
            kill(scene.wrapper, SIGTERM)
            #expect(await eventually { scene.place.text("term") == "got" })
            #expect(await eventually { openings.all.first?.1 == .writerResumed("sh") })
            #expect(gate.phase == .open)
        }
    }

    @Test(arguments: holds)
    func `W5 a wrapper killed with -9 leaves a running command`(hold: String) async throws {
        try await withWrapper(Self.busyWriter, hold, ends: 137) { scene, gate, openings in
            #expect(await pause(gate, round: 1, deadline: .seconds(20)) == ["sh"])
            #expect(isStopped(scene.leader))
            kill(scene.wrapper, SIGKILL)
            #expect(await eventually { isRunning(scene.leader) })
            #expect(await eventually { openings.all.first?.1 == .writerResumed("sh") && gate.writers.isEmpty })
        }
    }

    /// The agent alone, then agent and wrapper at once, killed with -9 while the group is stopped.
    @Test(arguments: holds, [false, true])
    func `W5 an agent killed with -9 leaves a running command`(hold: String, wrapperToo: Bool) async throws {
        let place = try Place()
        defer { place.remove() }
        let agent = try RoleProcess.start(.agent, place)
        defer { agent.abandon() }
        #expect(await eventually { place.exists("agent") })
        let wrapper = try RoleProcess.start(.run, place, shell: Self.busyWriter, hold: hold)
        defer { wrapper.abandon() }
        let leader = try await place.number("leader")
        #expect(await eventually { place.text("closed") == "sh" })
        #expect(isStopped(leader))
        if wrapperToo {
            // Stopped first, so that neither can act on the other's end.
            kill(wrapper.pid, SIGSTOP)
            kill(agent.pid, SIGKILL)
            kill(wrapper.pid, SIGKILL)
        } else {
            kill(agent.pid, SIGKILL)
        }
        #expect(await eventually { isRunning(leader) })
        let size = place.size("workspace/a")
        #expect(await eventually { place.size("workspace/a") > size })
        kill(-leader, SIGKILL)
        #expect(await agent.status() == 137)
        #expect(await wrapper.status() == 137)
    }

    @Test(arguments: holds)
    func `W5 a file open for writing is waited for and not captured`(hold: String) async throws {
        let command = """
            exec 3>> workspace/f; echo $$ > leader
            while [ ! -e asked ]; do sleep 0.01; done
            sleep 0.12; exec 3>&-; echo closed > file-closed; while :; do sleep 0.01; done
            """
        try await withWrapper(command, hold, ends: 137) { scene, gate, _ in
            scene.place.write("asked", "now")
            #expect(await pause(gate, round: 1, deadline: .seconds(8)) == ["sh"])
            #expect(scene.place.exists("file-closed"))
        }
    }

    @Test(arguments: holds)
    func `W5 a file that stays open keeps its writer running and named`(hold: String) async throws {
        let command = "exec 3>> workspace/f; echo $$ > leader; while :; do echo x >> alive; sleep 0.01; done"
        try await withWrapper(command, hold, ends: 137) { scene, gate, _ in
            let report = await gate.close(round: round(1), deadline: .seconds(8))
            #expect(report.paused == [] && report.unanswered == ["sh"])
            let size = scene.place.size("alive")
            #expect(await eventually { scene.place.size("alive") > size + 6 })
            #expect(!isStopped(scene.leader))
        }
    }

    @Test func aWrapperJoinsAnAgentThatStartsLaterAndAgainAfterItsEnd() async throws {
        let place = try Place()
        defer { place.remove() }
        let wrapper = try RoleProcess.start(.run, place, shell: Self.busyWriter)
        defer { wrapper.abandon() }
        let leader = try await place.number("leader")
        for number in 1...2 as ClosedRange<UInt64> {
            let gate = makeGate(place, grace: Limits.quiesceGrace)
            let agent = SocketAgent(gate, at: place.socket)
            #expect(await eventually { gate.writers.count == 1 })
            #expect(await pause(gate, round: number, deadline: .seconds(20)) == ["sh"])
            #expect(isStopped(leader))
            agent.stop()
            #expect(await eventually { isRunning(leader) })
        }
        kill(-leader, SIGKILL)
        #expect(await wrapper.status() == 137)
    }

    @Test func aCommandDoesNotStartWhileTheGateIsClosed() async throws {
        let place = try Place()
        defer { place.remove() }
        let gate = makeGate(place)
        let agent = SocketAgent(gate, at: place.socket)
        defer { agent.stop() }
        _ = await gate.close(round: round(1), deadline: .seconds(20))
        let wrapper = try RoleProcess.start(.run, place, shell: "echo $$ > leader; exit 4")
        #expect(await eventually { gate.writers.count == 1 })
        try await Task.sleep(for: .milliseconds(50))
        #expect(!place.exists("leader"))
        gate.open(round: round(1))
        #expect(await wrapper.status() == 4 && place.exists("leader"))
    }

    @Test(arguments: [
        (["sh", "-c", "exit 5"], 5), (["sh", "-c", "kill $$"], 143), (["/no/such"], 127), (["/tmp"], 126),
    ])
    func exitStatusesArePassedOn(command: [String], status: Int) async throws {
        let place = try Place()
        defer { place.remove() }
        #expect(try await RoleProcess.start(.run, place, command).status() == Int32(status))
    }

    /// Runs a wrapper of `sh -c command` beside a gate in this process. `body` gets the pids of the wrapper and of the
    /// command's shell; then the group is killed, if `body` did not see to its end.
    private func withWrapper(
        _ command: String, _ hold: String, ends status: Int32,
        _ body: (Scene, WriterGate, EarlyOpenings) async throws -> Void
    ) async throws {
        let place = try Place()
        defer { place.remove() }
        let openings = EarlyOpenings()
        let gate = makeGate(place, grace: Limits.quiesceGrace, openings: openings)
        let agent = SocketAgent(gate, at: place.socket)
        defer { agent.stop() }
        let wrapper = try RoleProcess.start(.run, place, shell: command, hold: hold)
        defer { wrapper.abandon() }
        let leader = try await place.number("leader")
        #expect(await eventually { !gate.wrapped.isEmpty })
        do {
            try await body(Scene(place: place, wrapper: wrapper.pid, leader: leader), gate, openings)
        } catch {
            Issue.record(error)
        }
        kill(-leader, SIGKILL)
        #expect(await wrapper.status() == status)
    }

    struct Scene {
        let place: Place
        let wrapper: Int32
        let leader: Int32
    }
}
