import Primitives
import Testing

@testable import ToolHooks

/// The stale-write guard by value.
@Suite struct HookMemoryTests {
    private func at(_ seconds: Int) -> Instant { Instant(sinceOrigin: .seconds(seconds)) }
    private func change(_ seconds: Int) -> HookMemory.Change {
        HookMemory.Change(round: "round 7", device: "desktop", at: at(seconds))
    }

    @Test func aChangeAfterTheReadIsToldOnce() {
        var memory = HookMemory()
        memory.saw(["plan.md"], session: "a", at: at(1), now: at(1))
        memory.changed(["plan.md", "other.md"], change(2))
        #expect(memory.stale(["plan.md"], session: "a", now: at(3)).map(\.path) == ["plan.md"])
        #expect(memory.stale(["plan.md"], session: "a", now: at(4)) == [])
        memory.changed(["plan.md"], change(5))
        #expect(memory.stale(["plan.md"], session: "a", now: at(6)).count == 1)
    }

    @Test func whatWasNeverReadOrReadAgainPasses() {
        var memory = HookMemory()
        memory.changed(["plan.md"], change(2))
        #expect(memory.stale(["plan.md"], session: "a", now: at(3)) == [])
        memory.saw(["plan.md"], session: "a", at: at(1), now: at(3))
        memory.saw(["plan.md"], session: "a", at: at(4), now: at(4))
        #expect(memory.stale(["plan.md"], session: "a", now: at(5)) == [])
        #expect(memory.stale(["plan.md"], session: "b", now: at(5)) == [])
    }

    @Test func sessionsEndExpireAndAreBounded() {
        var memory = HookMemory()
        for number in 0...Limits.hookSessions {
            memory.saw(["x"], session: "s\(number)", at: at(number), now: at(number))
        }
        #expect(memory.sessionCount == Limits.hookSessions)
        memory.ended(session: "s5")
        #expect(memory.sessionCount == Limits.hookSessions - 1)
        memory.saw(["x"], session: "late", at: at(100_000), now: at(100_000))
        #expect(memory.sessionCount == 1)
    }

    @Test func forgottenReadsLetPass() {
        var memory = HookMemory()
        memory.saw(["old"], session: "a", at: at(0), now: at(0))
        for number in 1...Limits.hookSeenPaths { memory.saw(["f\(number)"], session: "a", at: at(1), now: at(1)) }
        memory.changed(["old"], change(2))
        #expect(memory.stale(["old"], session: "a", now: at(3)) == [])
    }
}
