import DeviceCore
import Primitives
import Testing

@testable import Simulation

/// Histories with a known verdict, and those of a run.
@Suite struct LockHistoryTests {
    private static func token(_ counter: UInt64) -> FencingToken { FencingToken(epoch: 1, counter: counter) }

    private static func history(_ calls: [LockHistory.Call]) -> LockHistory {
        var history = LockHistory()
        for call in calls { history.add(call) }
        return history
    }

    private static func isImpossible(_ history: LockHistory, as model: LockHistory.Model = .fencedMutex) -> Bool {
        if case .impossible = history.check(as: model) { true } else { false }
    }

    @Test func `calls that overlap may have happened in either order`() {
        let history = Self.history([
            .init(client: 1, .acquire(Self.token(2)), called: 0, answered: 100),
            .init(client: 2, .acquire(Self.token(1)), called: 10, answered: 20),
            .init(client: 2, .release(Self.token(1)), called: 30, answered: 40),
        ])
        #expect(history.check(as: .fencedMutex) == .explained)
        #expect(history.check(as: .mutex) == .explained)
    }

    @Test func `a lower token that is granted later is impossible`() {
        #expect(
            Self.isImpossible(
                Self.history([
                    .init(client: 1, .acquire(Self.token(2)), called: 0, answered: 10),
                    .init(client: 2, .acquire(Self.token(1)), called: 20, answered: 30),
                ])))
    }

    @Test func `a lease that ran out is possible for a fenced mutex, and for no plain one`() {
        let history = Self.history([
            .init(client: 1, .acquire(Self.token(1)), called: 0, answered: 10),
            .init(client: 2, .acquire(Self.token(2)), called: 20, answered: 30),
            .init(client: 1, .release(Self.token(1)), .refused, called: 40, answered: 50),
        ])
        #expect(history.check(as: .fencedMutex) == .explained)
        #expect(Self.isImpossible(history, as: .mutex))
    }

    @Test func `a stale release that succeeds is impossible`() {
        #expect(
            Self.isImpossible(
                Self.history([
                    .init(client: 1, .acquire(Self.token(1)), called: 0, answered: 10),
                    .init(client: 2, .acquire(Self.token(2)), called: 20, answered: 30),
                    .init(client: 1, .release(Self.token(1)), called: 40, answered: 50),
                ])))
    }

    @Test func `a resource that takes a lower token after a higher is found out`() {
        let uses: [LockHistory.Call] = [
            .init(client: 2, .use(Self.token(2)), called: 40, answered: 40),
            .init(client: 1, .use(Self.token(1)), called: 50, answered: 50),
        ]
        let grants: [LockHistory.Call] = [
            .init(client: 1, .acquire(Self.token(1)), called: 0, answered: 10),
            .init(client: 2, .acquire(Self.token(2)), called: 20, answered: 30),
        ]
        #expect(Self.isImpossible(Self.history(grants + uses)))
        var refused = uses[1]
        refused.answer = .refused
        #expect(Self.history(grants + [uses[0], refused]).check(as: .fencedMutex) == .explained)
        #expect(Self.isImpossible(Self.history([uses[0]])))
    }

    @Test func `an unanswered call happened at any time, or never`() {
        let calls: [LockHistory.Call] = [
            .init(client: 1, .acquire(Self.token(1)), called: 0, answered: 10),
            .init(client: 1, .release(Self.token(1)), .missing, called: 20, answered: 0),
            .init(client: 2, .acquire(Self.token(2)), called: 30, answered: 40),
        ]
        #expect(Self.history(calls).check(as: .mutex) == .explained)
        #expect(Self.history(Array(calls.prefix(2))).check(as: .mutex) == .explained)
    }

    /// A holder of a user lock sleeps through its lease, and another one gets it.
    @Test func `a run with leases is a fenced mutex, and no plain one`() {
        var scenario = Scenario(seed: 1, devices: 3, faultTime: .seconds(40))
        let lock = ClientPlan.lock(0, ttl: .seconds(3), hold: .seconds(20), waits: true)
        let events: [(Int64, ScenarioEvent)] = [
            (8, .client(.node(1), lock)), (12, .suspend(.node(1), .seconds(15))), (13, .client(.node(2), lock)),
        ]
        scenario.events = events.map { TimedEvent(at: TrueTime(.seconds($0.0)), event: $0.1) }
        var world = World(scenario)
        world.run()
        #expect(world.violation == nil)
        let history = world.histories.users.first ?? LockHistory()
        #expect(history.calls.count >= 2)
        #expect(history.check(as: .fencedMutex) == .explained)
        #expect(Self.isImpossible(history, as: .mutex))
        #expect(world.histories.effects.allSatisfy { !$0.isEmpty })
    }
}
