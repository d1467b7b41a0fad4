import Primitives
import Testing

@testable import SyncRounds

/// The leader's side of a round, step by step (protocol.md, section 5).
@Suite struct RoundLeaderTests {
    static let ids = (1...3).map { DeviceID(number: $0) }
    static let round = RoundID(token: FencingToken(epoch: 1, counter: 4), sequence: 1)
    static let head = Revision(number: 100)
    static let merged = Revision(number: 200)
    let start = Instant.origin

    /// A leader in the hands of a test: what it did last is kept.
    struct Driven {
        var leader = RoundLeader()
        var actions: [RoundLeader.Action] = []

        mutating func give(_ input: RoundLeader.Input, at now: Instant = .origin) {
            actions = []
            leader.step(input, at: now, into: &actions)
        }

        var summary: RoundSummary? {
            for case .ended(let summary) in actions { return summary }
            return nil
        }

        func isSending(_ message: RoundMessage, to device: DeviceID) -> Bool {
            actions.contains(.send(message, to: device))
        }
    }

    func begun(voters: [DeviceID] = ids) -> Driven {
        var driven = Driven()
        driven.give(
            .start(
                RoundPlan(
                    round: Self.round, reason: .manual, leader: Self.ids[0], members: Self.ids, voters: voters,
                    head: Self.head, pauseBudget: .seconds(2))))
        return driven
    }

    func clean(_ driven: inout Driven, _ place: Int, base: Revision? = head) {
        driven.give(.received(.captured(Self.round, CaptureReport(base: base, revision: nil)), from: Self.ids[place]))
    }

    func capture(_ driven: inout Driven, _ place: Int) {
        let report = CaptureReport(base: Self.head, revision: Revision(number: UInt64(place) + 1), changedFiles: 2)
        driven.give(.received(.captured(Self.round, report), from: Self.ids[place]))
    }

    func fetched(_ driven: inout Driven, _ place: Int, _ isWhole: Bool = true) {
        driven.give(.fetched(Self.round, Revision(number: UInt64(place) + 1), isWhole))
    }

    /// One capture of device 1, merged; every device is asked to stage.
    func staging() -> Driven {
        var driven = begun()
        clean(&driven, 0)
        clean(&driven, 2)
        capture(&driven, 1)
        fetched(&driven, 1)
        driven.give(.merged(Self.round, .done(MergeReport(revision: Self.merged, changedFiles: 2))))
        return driven
    }

    @Test func everyMemberIsAskedAndTheLeaderToo() {
        let driven = begun()
        for id in Self.ids { #expect(driven.isSending(.prepare(Self.round, pauseBudget: .seconds(2)), to: id)) }
    }

    @Test func allCleanMeansNothingIsMergedOrPublished() {
        var driven = begun()
        for place in 0..<3 { clean(&driven, place) }
        #expect(driven.summary?.result == .nothingToDo)
        for id in Self.ids { #expect(driven.isSending(.finish(Self.round), to: id)) }
    }

    @Test func aCleanDeviceThatIsBehindIsBroughtToTheHeadWithoutALogEntry() {
        var driven = begun()
        clean(&driven, 0)
        clean(&driven, 1)
        clean(&driven, 2, base: nil)
        #expect(driven.isSending(.stage(Self.round, Self.head), to: Self.ids[2]))
        #expect(driven.isSending(.finish(Self.round), to: Self.ids[0]))
        driven.give(.received(.staged(Self.round, Self.head), from: Self.ids[2]))
        driven.give(.received(.applied(Self.round, ApplyReport(base: Self.head)), from: Self.ids[2]))
        #expect(driven.summary?.result == .caughtUp)
    }

    @Test func publishedOnlyWhenEveryParticipantHoldsIt() {
        var driven = staging()
        driven.give(.received(.staged(Self.round, Self.merged), from: Self.ids[0]))
        driven.give(.received(.staged(Self.round, Self.merged), from: Self.ids[1]))
        #expect(driven.actions.isEmpty)
        driven.give(.received(.staged(Self.round, Self.merged), from: Self.ids[2]))
        let report = MergeReport(revision: Self.merged, changedFiles: 2)
        #expect(driven.actions.contains(.publish(Self.round, old: Self.head, report, holders: Self.ids)))
    }

    @Test func withoutAQuorumOfVotersNothingIsPublished() {
        var driven = staging()
        driven.give(.away(Self.ids[1]))
        driven.give(.away(Self.ids[2]))
        driven.give(.received(.staged(Self.round, Self.merged), from: Self.ids[0]))
        guard case .aborted = driven.summary?.result else {
            Issue.record("\(String(describing: driven.summary))")
            return
        }
    }

    @Test func aMemberThatFallsSilentIsLeftOutAndTheOthersGoOn() {
        var driven = begun()
        clean(&driven, 0)
        capture(&driven, 1)
        driven.give(.tick, at: start + .seconds(2))
        driven.give(.received(.working(Self.round), from: Self.ids[2]), at: start + .seconds(2))
        driven.give(.tick, at: start + .seconds(4))
        #expect(!driven.isSending(.abort(Self.round), to: Self.ids[2]))
        driven.give(.tick, at: start + .seconds(5))
        #expect(driven.isSending(.abort(Self.round), to: Self.ids[2]))
        #expect(driven.actions.contains(.fetch(Self.round, Revision(number: 2), from: Self.ids[1])))
    }

    @Test func aMemberThatWaitedForASilentOneIsNotSilentItself() {
        var driven = begun()
        capture(&driven, 0)
        capture(&driven, 1)
        let later = start + Limits.memberSilence
        driven.give(.tick, at: later)
        for place in 0..<2 {
            driven.give(.fetched(Self.round, Revision(number: UInt64(place) + 1), true), at: later)
        }
        driven.give(.merged(Self.round, .done(MergeReport(revision: Self.merged, changedFiles: 2))), at: later)
        driven.give(.tick, at: later + .milliseconds(100))
        let message = RoundMessage.staged(Self.round, Self.merged)
        for place in 0..<2 { driven.give(.received(message, from: Self.ids[place]), at: later) }
        #expect(driven.leader.current?.phase == .publish)
    }

    @Test func aCaptureThatCannotBeFetchedIsLeftForALaterRound() {
        var driven = begun()
        clean(&driven, 0)
        clean(&driven, 2)
        capture(&driven, 1)
        fetched(&driven, 1, false)
        #expect(driven.isSending(.abort(Self.round), to: Self.ids[1]))
        #expect(driven.summary?.result == .nothingToDo)
        #expect(driven.summary?.leftOut == [Self.ids[1]])
    }

    @Test func afterThePublicationIsProposedNobodyIsTold() {
        var driven = staging()
        for id in Self.ids { driven.give(.received(.staged(Self.round, Self.merged), from: id)) }
        driven.give(.abandon("the lease was lost"))
        #expect(driven.actions.allSatisfy { if case .send = $0 { false } else { true } })
        guard case .aborted = driven.summary?.result else {
            Issue.record("not over")
            return
        }
    }

    @Test func beforeThatEverybodyIsReleased() {
        var driven = staging()
        driven.give(.abandon("the lease was lost"))
        for id in Self.ids { #expect(driven.isSending(.abort(Self.round), to: id)) }
    }

    @Test func aLateCaptureOfALeftOutMemberIsTurnedAway() {
        var driven = begun()
        driven.give(.away(Self.ids[2]))
        capture(&driven, 2)
        #expect(driven.isSending(.abort(Self.round), to: Self.ids[2]))
    }

    @Test func messagesOfAnotherRoundDoNothing() {
        var driven = begun()
        let other = RoundID(token: Self.round.token, sequence: 9)
        driven.give(.received(.captured(other, CaptureReport(base: nil, revision: nil)), from: Self.ids[0]))
        driven.give(.merged(other, .done(MergeReport(revision: Self.merged))))
        #expect(driven.actions.isEmpty)
        #expect(driven.leader.current?.phase == .prepare)
    }
}
