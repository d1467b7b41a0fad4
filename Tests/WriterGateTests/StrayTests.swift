import Foundation
import Primitives
import Testing

@testable import WriterGate

/// Writers that do not behave: each is paused or named, and none is left stopped, whatever is killed.
@Suite(.serialized) struct StrayTests {
    /// A daemon with a session of its own, whose parent is gone, beside a command that lives on or ends.
    static func daemon(thenEnds: Bool) -> String {
        """
        (setsid sh -c 'echo $$ > daemon; while :; do echo d >> workspace/d; sleep 0.002; done' > /dev/null 2>&1 &)
        while [ ! -s daemon ]; do sleep 0.01; done
        echo $$ > leader
        \(thenEnds ? "exit 3" : "while :; do echo a >> workspace/a; sleep 0.002; done")
        """
    }

    private func withGate(
        _ command: String, _ hold: String, _ body: (Place, WriterGate, RoleProcess, EarlyOpenings) async throws -> Void
    ) async throws {
        let place = try Place()
        defer { place.remove() }
        let openings = EarlyOpenings()
        let gate = makeGate(place, grace: Limits.quiesceGrace, openings: openings)
        let agent = SocketAgent(gate, at: place.socket)
        defer { agent.stop() }
        let wrapper = try RoleProcess.start(.run, place, shell: command, hold: hold)
        defer { wrapper.abandon() }
        _ = try await place.number("leader")
        #expect(await eventually { !gate.wrapped.isEmpty })
        try await body(place, gate, wrapper, openings)
    }

    @Test(arguments: WrappedProcessTests.holds, [false, true])
    func `W5 a daemon with a session of its own is held like its command, which may have ended`(
        hold: String, ends: Bool
    ) async throws {
        try await withGate(Self.daemon(thenEnds: ends), hold) { place, gate, wrapper, _ in
            let daemon = try await place.number("daemon")
            defer { kill(daemon, SIGKILL) }
            if ends {
                #expect(
                    await eventually { place.text("log.run")?.contains("sh has ended, but not what it left") == true })
            }
            for number in 1...3 as ClosedRange<UInt64> {
                #expect(await pause(gate, round: number, deadline: .seconds(8)) == ["sh"])
                let size = place.size("workspace/d")
                #expect(isStopped(daemon))
                try await Task.sleep(for: .milliseconds(50))
                #expect(place.size("workspace/d") == size)
                gate.open()
                #expect(await eventually { place.size("workspace/d") > size })
            }
            kill(daemon, SIGKILL)
            if !ends { kill(try await place.number("leader"), SIGKILL) }
            #expect(await wrapper.status() == (ends ? 3 : 137), "its own exit status, not the daemon's")
        }
    }

    /// Two that leave the control group: one for the one above it, as containers and user services do; one for a group
    /// below, with a file open for writing.
    static let leaves = """
        own=$(sed -n 's/^0:://p' /proc/self/cgroup)
        top=$(awk '$(NF-2) == "cgroup2" { print $5; exit }' /proc/self/mountinfo)
        (echo 0 > "$top${own%/*}/cgroup.procs"
         sh -c 'echo $$ > daemon; while :; do echo d >> workspace/d; sleep 0.002; done' &)
        while [ ! -s daemon ]; do sleep 0.01; done
        echo $$ > leader
        while :; do echo a >> workspace/a; sleep 0.002; done
        """

    @Test func `W5 what has left the control group of its command is held by signals`() async throws {
        try await withGate(Self.leaves, "freezer") { place, gate, wrapper, _ in
            let daemon = try await place.number("daemon")
            defer { kill(daemon, SIGKILL) }
            for number in 1...3 as ClosedRange<UInt64> {
                #expect(await pause(gate, round: number, deadline: .seconds(8)) == ["sh"])
                let size = place.size("workspace/d")
                #expect(isStopped(daemon))
                try await Task.sleep(for: .milliseconds(50))
                #expect(place.size("workspace/d") == size)
                gate.open()
                #expect(await eventually { place.size("workspace/d") > size })
            }
            kill(daemon, SIGKILL)
            kill(try await place.number("leader"), SIGKILL)
            #expect(await wrapper.status() == 137)
        }
    }

    @Test(arguments: WrappedProcessTests.holds)
    func `W5 a signal to the wrapper ends what the command left behind`(hold: String) async throws {
        try await withGate(Self.daemon(thenEnds: true), hold) { place, gate, wrapper, _ in
            let daemon = try await place.number("daemon")
            #expect(await eventually { place.text("log.run")?.contains("has ended, but not") == true })
            #expect(await pause(gate, round: 1, deadline: .seconds(20)) == ["sh"])
            kill(wrapper.pid, SIGTERM)
            #expect(await wrapper.status() == 3)
            #expect(ProcessTable.entry(daemon)?.isDead ?? true)
        }
    }

    @Test(arguments: WrappedProcessTests.holds)
    func `W5 a writer that ignores TERM runs on after it and is paused again`(hold: String) async throws {
        let command = "trap '' TERM; echo $$ > leader; while :; do echo a >> workspace/a; sleep 0.005; done"
        try await withGate(command, hold) { place, gate, wrapper, openings in
            let leader = try await place.number("leader")
            defer { kill(-leader, SIGKILL) }
            #expect(await pause(gate, round: 1, deadline: .seconds(20)) == ["sh"])
            kill(wrapper.pid, SIGTERM)
            #expect(await eventually { isRunning(leader) && !openings.all.isEmpty })
            // For a while it is spared, so that it could act on the signal; a round names it then.
            let report = await gate.close(round: round(50), deadline: .seconds(8))
            #expect(report.paused + report.unanswered == ["sh"])
            gate.open()
            #expect(
                await eventually(within: .seconds(15)) {
                    await pause(gate, round: UInt64.random(in: 1_000...9_000_000), deadline: .seconds(8)) == ["sh"]
                })
            #expect(isStopped(leader))
            gate.open()
            kill(-leader, SIGKILL)
            #expect(await wrapper.status() == 137)
        }
    }

    @Test(arguments: WrappedProcessTests.holds)
    func `W5 a writer that dies while it is held ends the wrapper and leaves no writer`(hold: String) async throws {
        try await withGate(WrappedProcessTests.busyWriter, hold) { place, gate, wrapper, openings in
            let leader = try await place.number("leader")
            #expect(await pause(gate, round: 1, deadline: .seconds(20)) == ["sh"])
            kill(-leader, SIGKILL)
            #expect(await wrapper.status() == 137)
            #expect(await eventually { gate.writers.isEmpty && gate.phase == .open && !openings.all.isEmpty })
        }
    }

    @Test(arguments: WrappedProcessTests.holds, ["agent", "wrapper", "both"])
    func `W5 kill -9 of the agent, of the wrapper, of both leaves no daemon stopped`(
        hold: String, killed: String
    ) async throws {
        let place = try Place()
        defer { place.remove() }
        let agent = try RoleProcess.start(.agent, place)
        defer { agent.abandon() }
        #expect(await eventually { place.exists("agent") })
        let wrapper = try RoleProcess.start(.run, place, shell: Self.daemon(thenEnds: false), hold: hold)
        defer { wrapper.abandon() }
        let leader = try await place.number("leader")
        let daemon = try await place.number("daemon")
        defer { for pid in [-leader, daemon] { kill(pid, SIGKILL) } }
        #expect(await eventually(within: .seconds(10)) { place.text("closed") == "sh" })
        #expect(isStopped(leader) && isStopped(daemon))
        // Stopped first, so that neither can act on the other's end.
        if killed == "both" { kill(wrapper.pid, SIGSTOP) }
        if killed != "wrapper" { kill(agent.pid, SIGKILL) }
        if killed != "agent" { kill(wrapper.pid, SIGKILL) }
        for (pid, file) in [(leader, "workspace/a"), (daemon, "workspace/d")] {
            #expect(await eventually { isRunning(pid) }, "\(file)")
            let size = place.size(file)
            #expect(await eventually { place.size(file) > size }, "\(file)")
        }
    }

    @Test(arguments: WrappedProcessTests.holds)
    func `W1 W5 fifty at once are paused or named, and none is left stopped after kill -9 of all`(
        hold: String
    ) async throws {
        let crowd = 50
        let place = try Place()
        defer { place.remove() }
        place.write("crowd", "\(crowd)")
        let agent = try RoleProcess.start(.agent, place)
        defer { agent.abandon() }
        #expect(await eventually(within: .seconds(20)) { place.exists("agent") })
        var wrappers: [RoleProcess] = []
        var leaders: [Int32] = []
        defer {
            for leader in leaders { kill(-leader, SIGKILL) }
            for wrapper in wrappers { wrapper.abandon() }
        }
        for number in 0..<crowd {
            let command = "echo $$ > leader\(number); while :; do echo a >> workspace/w\(number); sleep 0.1; done"
            wrappers.append(try RoleProcess.start(.run, place, shell: command, hold: hold))
        }
        for number in 0..<crowd {
            #expect(await eventually(within: .seconds(60)) { Int32(place.text("leader\(number)") ?? "") != nil })
            leaders.append(try await place.number("leader\(number)"))
        }
        #expect(await eventually(within: .seconds(60)) { place.text("closed") != nil })
        let counts = (place.text("closed") ?? "").split(separator: " ").compactMap { Int($0) }
        print("\(hold): of \(crowd) at once (paused, named): \(counts)")
        #expect(counts.reduce(0, +) == crowd)
        for wrapper in wrappers { kill(wrapper.pid, SIGSTOP) }
        kill(agent.pid, SIGKILL)
        for wrapper in wrappers { kill(wrapper.pid, SIGKILL) }
        #expect(await eventually(within: .seconds(20)) { leaders.allSatisfy(isRunning) })
    }
}
