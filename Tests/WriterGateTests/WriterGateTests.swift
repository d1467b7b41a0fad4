import Foundation
import Primitives
import Testing

@testable import WriterGate

@Suite struct WriterGateTests {
    @Test func `W1 each writer gets round and deadline and counts only if it answers`() async throws {
        let gate = makeGate(grace: .seconds(1))
        let recorders = [Recorder(), Recorder(), Recorder()]
        for (number, recorder) in recorders.enumerated() {
            let registration = GateRegistration(name: ["claude", "codex", "cron"][number])
            try await gate.ask("gate.register", registration, recorder.session(UInt64(number + 1)))
        }
        let closing = Task { await gate.close(round: round(7), deadline: .seconds(8)) }
        for recorder in recorders {
            #expect(await eventually { recorder.pauses.count == 1 })
            let pause = try #require(recorder.pauses.first)
            #expect(pause.round == "1.7/1")
            #expect((4.0...8.0).contains(try #require(pause.deadlineSeconds)))
        }
        for number in [0, 2] {
            let answer = GatePauseBody(pause: try #require(recorders[number].pauses.first).pause)
            try await gate.ask("gate.paused", answer, recorders[number].session(UInt64(number + 1)))
        }
        let report = await closing.value
        #expect(report.paused == ["claude", "cron"] && report.unanswered == ["codex"] && report.closedAt != nil)
        gate.open(round: round(7))
        for recorder in recorders { #expect(await eventually { recorder.notices.last?.kind == "gate.resume" }) }
    }

    @Test func `W3 the deadline opens the gate while its leader is silent`() async throws {
        let place = try Place()
        defer { place.remove() }
        let openings = EarlyOpenings()
        let gate = makeGate(place, openings: openings)
        let recorder = Recorder()
        try await gate.ask("gate.register", GateRegistration(name: "w"), recorder.session(1))
        let start = ContinuousClock.now
        let closing = Task { await gate.close(round: round(1), deadline: .milliseconds(300)) }
        #expect(await eventually { recorder.pauses.count == 1 })
        let entry = Task { try await gate.ask("gate.enter", GateEntry(waitSeconds: 5), recorder.session(1)) }
        #expect(await eventually { gate.phase == .open })
        #expect((.milliseconds(300)...(.seconds(5))).contains(ContinuousClock.now - start))
        _ = try await entry.value
        _ = await closing.value
        #expect(await eventually { openings.all.count == 1 })
        #expect(openings.all.first?.0 == round(1) && openings.all.first?.1 == .deadline)
        #expect(await eventually { place.text("gate") == "open" })
        gate.open(round: round(1))
        gate.extend(round: round(1), deadline: .seconds(9))
        #expect(gate.phase == .open)
    }

    @Test func `W4 a pause touches nothing in the workspace`() async throws {
        let place = try Place()
        defer { place.remove() }
        for number in 0..<20 { place.write("workspace/file\(number)", "text \(number)") }
        let before = place.listing()
        place.write("gate", "closed 1.1/1 99999999999")
        let gate = makeGate(place)
        #expect(place.text("gate") == "open", "reset at start")
        _ = await gate.close(round: round(3), deadline: .seconds(8))
        #expect(await eventually { place.text("gate")?.hasPrefix("closed 1.3/1 ") == true })
        let deadline = try #require(place.text("gate")?.split(separator: " ").last.flatMap { Double($0) })
        #expect((5.0...9.5).contains(deadline - Date().timeIntervalSince1970 + 0.5))
        #expect(place.listing() == before)
        gate.open(round: round(3))
        #expect(await eventually { place.text("gate") == "open" })
        #expect(place.listing() == before && before.count == 20)
    }

    @Test func anEntryGivenUpOrRefusedIsAnsweredWithTryAgain() async throws {
        let gate = makeGate()
        let session = Recorder().session(1)
        try await gate.ask("gate.register", GateRegistration(name: "w"), session)
        _ = await gate.close(round: round(1), deadline: .seconds(5))
        await #expect(throws: GateFailure.self) {
            try await gate.ask("gate.enter", GateEntry(waitSeconds: 0.02), session)
        }
        let entry = Task { try await gate.ask("gate.enter", GateEntry(waitSeconds: nil), session) }
        entry.cancel()
        let failure = await #expect(throws: GateFailure.self) { try await entry.value }
        #expect(failure?.code == 75)
        let wild = Array("{\"wait_s\":1e300}".utf8)
        let wait = Task { try await gate.handle(kind: "gate.enter", body: wild, session: session) }
        gate.emergencyOpen()
        _ = try await wait.value
        await #expect(throws: GateFailure.self) {
            try await gate.handle(kind: "gate.enter", body: [1, 2, 3], session: session)
        }
        await #expect(throws: GateFailure.self) { try await gate.ask("gate.nothing", GateEntry(), session) }
    }

    @Test func aSessionThatEndedBeforeItRegisteredLeavesNoWriter() async throws {
        let gate = makeGate()
        let recorder = Recorder()
        recorder.end()
        gate.sessionClosed(1)
        try await gate.ask("gate.register", GateRegistration(name: "w"), recorder.session(1))
        #expect(gate.writers.isEmpty)
    }

    @Test func `W5 the agent continues a group whose wrapper ended but never a recycled id`() async throws {
        let gate = makeGate()
        let child = try ChildProcess.start(["/bin/sleep", "30"], .ownGroup)
        defer {
            kill(-child.pid, SIGKILL)
            child.reap()
        }
        let start = try #require(ProcessTable.entry(child.pid)).start
        kill(-child.pid, SIGSTOP)
        #expect(await eventually { isStopped(child.pid) })
        var registration = GateRegistration(name: "w", group: child.pid, leaderStart: start + 1)
        try await gate.ask("gate.register", registration, Recorder().session(1))
        gate.sessionClosed(1)
        #expect(!ProcessTable.thaw(ProcessGroupID(group: child.pid, leaderStart: start + 1)))
        #expect(isStopped(child.pid))
        registration.leaderStart = start
        try await gate.ask("gate.register", registration, Recorder().session(2))
        gate.sessionClosed(2)
        #expect(await eventually { !isStopped(child.pid) })
    }
}
