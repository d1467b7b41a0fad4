import Primitives
import Testing

@testable import SyncRounds

/// A leader that was away when the head was published (found by the simulator: seed 313, five devices).
@Suite struct HeadGatheringTests {
    static let ids = (1...3).map { DeviceID(number: $0) }
    static let round = RoundID(token: FencingToken(epoch: 1, counter: 4), sequence: 1)
    static let old = Revision(number: 90)
    static let head = Revision(number: 100)
    static let edit = Revision(number: 7)

    /// Every device has captured; the leader's tree is at an older revision than the head.
    private func collected(voters: [DeviceID] = ids, bases: [Revision]) -> (RoundLeader, [RoundLeader.Action]) {
        var leader = RoundLeader()
        var actions: [RoundLeader.Action] = []
        let plan = RoundPlan(
            round: Self.round, reason: .change, leader: Self.ids[0], members: Self.ids, voters: voters, head: Self.head,
            pauseBudget: .seconds(2))
        leader.step(.start(plan), at: .origin, into: &actions)
        for (place, base) in bases.enumerated() {
            let report = CaptureReport(base: base, revision: place == 0 ? Self.edit : nil)
            leader.step(.received(.captured(Self.round, report), from: Self.ids[place]), at: .origin, into: &actions)
        }
        actions = []
        leader.step(.fetched(Self.round, Self.edit, true), at: .origin, into: &actions)
        return (leader, actions)
    }

    @Test func `a leader that lacks the head fetches it from who is there before it merges`() {
        var (leader, actions) = collected(bases: [Self.old, Self.old, Self.head])
        #expect(actions.contains(.fetch(Self.round, Self.head, from: Self.ids[2])))
        actions = []
        leader.step(.fetched(Self.round, Self.head, false), at: .origin, into: &actions)
        #expect(actions.contains(.fetch(Self.round, Self.head, from: Self.ids[1])))
        actions = []
        leader.step(.fetched(Self.round, Self.head, true), at: .origin, into: &actions)
        let capture = DeviceCapture(device: Self.ids[0], revision: Self.edit, base: Self.old)
        #expect(actions.contains(.merge(Self.round, head: Self.head, captures: [capture])))
    }

    @Test func `a head that nobody in reach holds aborts the round`() {
        var (leader, actions) = collected(bases: [Self.old, Self.old, Self.old])
        for _ in Self.ids {
            actions = []
            leader.step(.fetched(Self.round, Self.head, false), at: .origin, into: &actions)
        }
        #expect(leader.current == nil)
        #expect(actions.contains(.send(.abort(Self.round), to: Self.ids[1])))
    }

    @Test func `a leader at the head merges at once`() {
        let (_, actions) = collected(bases: [Self.head, Self.old, Self.old])
        #expect(actions.contains(.phase(Self.round, .merge)))
    }

    /// Found by the simulator: seeds 27 and 69, a vote moved while the round was under way.
    @Test func `those who vote at the end must hold what is published`() {
        var (leader, actions) = collected(voters: [Self.ids[0]], bases: [Self.head, Self.head, Self.head])
        let merged = Revision(number: 200)
        leader.step(.merged(Self.round, .done(MergeReport(revision: merged))), at: .origin, into: &actions)
        leader.votersAre(Self.ids)
        actions = []
        leader.step(.received(.staged(Self.round, merged), from: Self.ids[0]), at: .origin, into: &actions)
        for away in Self.ids.dropFirst() { leader.step(.away(away), at: .origin, into: &actions) }
        #expect(leader.current == nil)
        #expect(!actions.contains { if case .publish = $0 { true } else { false } })
    }
}
