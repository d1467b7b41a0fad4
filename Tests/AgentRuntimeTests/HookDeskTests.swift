import Logging
import Primitives
import Testing
import ToolHooks

@testable import AgentRuntime
@testable import WriterGate

/// The desk that answers hooks, before a real gate.
@Suite struct HookDeskTests {
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    private let round = RoundID(token: FencingToken(epoch: 1, counter: 1), sequence: 1)
    private let desk = HookDesk(workspace: "/nowhere/notes")

    private func gate() -> WriterGate { WriterGate(file: nil, workspace: "/nowhere/notes", logger: logger) }

    private func event(_ kind: HookEvent.Kind, _ path: String = "/nowhere/notes/plan.md") -> HookEvent {
        HookEvent(tool: .claude, session: "s", kind: kind, paths: [path])
    }

    private func ask(_ event: HookEvent, _ gate: WriterGate, wait: Duration = .seconds(20)) async -> HookVerdict {
        await desk.answer(event, gate: gate, wait: wait) {}
    }

    @Test func anOpenGatePassesAndTheWriteIsAWriterUntilItsEnd() async {
        let gate = gate()
        #expect(await ask(event(.beforeWrite), gate) == .pass)
        #expect(gate.writers.map(\.name) == ["Claude Code"])
        #expect(await ask(event(.afterWrite), gate) == .pass)
        #expect(gate.writers == [])
    }

    @Test func aRoundWaitsForTheEndOfAWrite() async {
        let gate = WriterGate(file: nil, workspace: "/nowhere/notes", logger: logger, grace: .seconds(20))
        #expect(await ask(event(.beforeWrite), gate) == .pass)
        async let report = gate.close(round: round, deadline: .seconds(30))
        while gate.phase.pause == nil { await Task.yield() }
        if case .closed = gate.phase { Issue.record("the gate did not wait for the write") }
        _ = await ask(event(.afterWrite), gate)
        #expect(await report.unanswered == [])
    }

    @Test func aClosedGateIsWaitedForAndThenDenied() async {
        let gate = gate()
        _ = await gate.close(round: round, deadline: .seconds(60))
        let verdict = await ask(event(.beforeWrite), gate, wait: .milliseconds(30))
        #expect(verdict == .deny(reason: HookReasons.closed))
        #expect(gate.writers == [])
        async let waiting = ask(event(.beforeWrite), gate)
        while gate.writers.isEmpty { await Task.yield() }
        gate.open(round: round)
        #expect(await waiting == .pass)
        #expect(desk.counts["deny_closed"] == 1 && desk.counts["waited"] == 1)
    }

    @Test func pathsOutsideOfTheWorkspacePassAClosedGate() async {
        let gate = gate()
        _ = await gate.close(round: round, deadline: .seconds(60))
        #expect(await ask(event(.beforeWrite, "/nowhere/notes-2/plan.md"), gate) == .pass)
        #expect(gate.writers == [])
    }

    @Test func aStaleWriteIsDeniedOnceWithWhatChangedIt() async {
        let gate = gate()
        _ = await ask(event(.read), gate)
        desk.changed(["plan.md"], round: "round 7", device: "desktop", at: DeviceLoop.now)
        guard case .deny(let reason) = await ask(event(.beforeWrite), gate) else {
            Issue.record("a stale write passed")
            return
        }
        #expect(reason.contains("plan.md (round 7, led by desktop, ") && reason.contains(" s ago)"))
        #expect(gate.writers == [])
        #expect(await ask(event(.beforeWrite), gate) == .pass)
    }

    @Test func theEndOfASessionEndsItsWrites() async {
        let gate = gate()
        _ = await ask(event(.beforeWrite), gate)
        _ = await desk.answer(HookEvent(tool: .claude, session: "s", kind: .sessionEnd, paths: []), gate: gate) {}
        #expect(gate.writers == [])
    }

    @Test func theProbeIsDenied() async {
        #expect(await desk.probe(event(.beforeWrite), logger: logger) == .deny(reason: HookReasons.closed))
    }

    /// The person's yes to a write takes longer than the gate waits for its end.
    @Test func aWriteThatRanOutIsStillMadeOnWhatWasThereWhenItBegan() async throws {
        let desk = HookDesk(workspace: "/nowhere/notes", lifetime: .milliseconds(20))
        let gate = gate()
        func ask(_ kind: HookEvent.Kind) async -> HookVerdict { await desk.answer(event(kind), gate: gate) {} }
        _ = await ask(.read)
        #expect(await ask(.beforeWrite) == .pass)
        while !gate.writers.isEmpty { try await Task.sleep(for: .milliseconds(1)) }
        desk.changed(["plan.md"], round: "round 7", device: "desktop", at: DeviceLoop.now)
        #expect(await ask(.afterWrite) == .pass)
        #expect(await ask(.beforeWrite) != .pass, "the round's version was never seen")
        // An end without a begin tells nothing.
        desk.changed(["plan.md"], round: "round 8", device: "desktop", at: DeviceLoop.now)
        #expect(await ask(.afterWrite) == .pass)
        #expect(await ask(.beforeWrite) != .pass)
    }

    @Test func whatRanOutIsBoundedAndHoldsNobodyUp() async throws {
        let desk = HookDesk(workspace: "/nowhere/notes", lifetime: .milliseconds(1))
        let gate = gate()
        for number in 0..<(Limits.hookWritesOver + 50) {
            let path = "/nowhere/notes/\(number).md"
            #expect(await desk.answer(event(.beforeWrite, path), gate: gate) {} == .pass)
            while !gate.writers.isEmpty { try await Task.sleep(for: .milliseconds(1)) }
        }
        #expect(desk.writesKnown <= Limits.hookWritesOver)
        _ = await desk.answer(HookEvent(tool: .claude, session: "s", kind: .sessionEnd, paths: []), gate: gate) {}
        #expect(desk.writesKnown == 0)
    }
}
