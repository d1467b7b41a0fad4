import Primitives
import Testing

@testable import SyncRounds

/// A member's side of a round (protocol.md, section 5; behaviours W1, W3).
@Suite struct RoundMemberTests {
    static let leader = DeviceID(number: 1)
    static let round = RoundID(token: FencingToken(epoch: 1, counter: 4), sequence: 1)
    static let head = Revision(number: 100)
    static let merged = Revision(number: 200)
    let start = Instant.origin

    struct Driven {
        var member = RoundMember()
        var actions: [RoundMember.Action] = []

        mutating func give(_ input: RoundMember.Input, at now: Instant = .origin) {
            actions = []
            member.step(input, at: now, into: &actions)
        }

        mutating func hear(_ message: RoundMessage, at now: Instant = .origin) {
            give(.received(message, from: leader), at: now)
        }

        func isSending(_ message: RoundMessage) -> Bool { actions.contains(.send(message, to: leader)) }
    }

    /// With a closed gate and a capture, under way since the origin.
    func captured() -> Driven {
        var driven = Driven()
        driven.member.baseIs(Self.head)
        driven.hear(.prepare(Self.round, pauseBudget: .seconds(2)))
        driven.give(.gateClosed(Self.round, WriterReport(paused: ["codex"])))
        driven.give(.captured(Self.round, .done(CaptureReport(base: Self.head, revision: Revision(number: 7)))))
        return driven
    }

    @Test("W1 the capture comes after the gate is closed, and names the writers")
    func captureAfterGate() {
        var driven = Driven()
        driven.hear(.prepare(Self.round, pauseBudget: .seconds(2)))
        #expect(driven.actions == [.closeGate(Self.round, limit: Limits.leaderSilence)])
        driven.give(.gateClosed(Self.round, WriterReport(paused: ["codex"])))
        #expect(driven.actions == [.capture(Self.round)])
        driven.give(.captured(Self.round, .done(CaptureReport(base: nil, revision: nil))))
        let report = CaptureReport(base: nil, revision: nil, writers: WriterReport(paused: ["codex"]))
        #expect(driven.isSending(.captured(Self.round, report)))
    }

    @Test func nothingIsAppliedBeforeTheLogSaysSo() {
        var driven = captured()
        driven.hear(.stage(Self.round, Self.merged))
        #expect(driven.actions.contains(.stage(Self.round, Self.merged, from: Self.leader)))
        driven.give(.staged(Self.round, Self.merged, .done(true)))
        #expect(driven.actions == [.send(.staged(Self.round, Self.merged), to: Self.leader)])
        driven.give(.head(Self.head))
        #expect(driven.actions.isEmpty)
        driven.give(.head(Self.merged))
        #expect(driven.actions.contains(.apply(Self.round, Self.merged)))
        driven.give(.applied(Self.round, .done(ApplyReport(base: Self.merged, appliedFiles: 2))))
        #expect(driven.actions.contains(.openGate(Self.round)))
        #expect(driven.member.base == Self.merged)
        #expect(driven.member.current == nil)
    }

    @Test("W1 writers go on once the files are in place, before the apply is done")
    func writersGoOnBeforeTheApplyIsDone() {
        var driven = captured()
        driven.give(.filesInPlace(Self.round))
        #expect(driven.actions.isEmpty)
        driven.hear(.stage(Self.round, Self.merged))
        driven.give(.staged(Self.round, Self.merged, .done(true)))
        driven.give(.head(Self.merged))
        driven.give(.filesInPlace(Self.round), at: start + .milliseconds(40))
        let writers = WriterReport(paused: ["codex"])
        #expect(
            driven.actions == [
                .openGate(Self.round), .pauseEnded(Self.round, held: .milliseconds(40), early: false, writers),
            ])
        #expect(!driven.member.pausesWriters)
        #expect(driven.member.current != nil)
        // Another round waits until this one is done.
        let next = RoundID(token: Self.round.token, sequence: Self.round.sequence + 1)
        driven.hear(.prepare(next, pauseBudget: .seconds(2)))
        #expect(driven.isSending(.declined(next, .busy(Self.round))))
        let report = ApplyReport(base: Self.merged, appliedFiles: 2)
        driven.give(.applied(Self.round, .done(report)))
        #expect(driven.isSending(.applied(Self.round, report)))
        #expect(!driven.actions.contains(.openGate(Self.round)))
        #expect(driven.member.base == Self.merged)
    }

    @Test("W3 a leader that dies after the pause: the gate opens, the round is given up")
    func silentLeader() {
        var driven = captured()
        driven.give(.tick, at: start + .seconds(1))
        #expect(!driven.actions.contains(.openGate(Self.round)))
        driven.give(.tick, at: start + Limits.leaderSilence)
        #expect(driven.actions.contains(.openGate(Self.round)))
        #expect(driven.member.current == nil)
        #expect(Limits.leaderSilence < .seconds(15))
    }

    @Test func aWordOfTheLeaderKeepsThePauseWithinItsBounds() {
        var driven = captured()
        driven.hear(.working(Self.round), at: start + .seconds(1))
        #expect(driven.actions == [.extendGate(Self.round, limit: Limits.leaderSilence)])
    }

    @Test func beyondItsBudgetTheGateReopensAndTheCaptureStands() {
        var driven = captured()
        driven.give(.tick, at: start + .seconds(2))
        #expect(driven.actions.contains(.openGate(Self.round)))
        driven.hear(.stage(Self.round, Self.merged), at: start + .seconds(3))
        driven.give(.staged(Self.round, Self.merged, .done(true)), at: start + .seconds(3))
        driven.give(.head(Self.merged), at: start + .seconds(3))
        #expect(driven.actions == [.closeGate(Self.round, limit: Limits.leaderSilence)])
        driven.give(.gateClosed(Self.round, WriterReport()), at: start + .seconds(3))
        #expect(driven.actions == [.apply(Self.round, Self.merged)])
    }

    /// A gate's word of its own deadline waits behind a stalled disk, and comes after the gate was closed once more.
    @Test("W1 a late word that the gate opened lets nobody write while files are replaced")
    func aLateWordOfAnOpening() {
        var driven = captured()
        driven.give(.tick, at: start + .seconds(2))
        driven.hear(.stage(Self.round, Self.merged), at: start + .seconds(3))
        driven.give(.staged(Self.round, Self.merged, .done(true)), at: start + .seconds(3))
        driven.give(.head(Self.merged), at: start + .seconds(3))
        driven.give(.gateOpenedEarly(Self.round), at: start + .seconds(3))
        #expect(driven.actions == [.apply(Self.round, Self.merged)])
        driven.give(.gateClosed(Self.round, WriterReport()), at: start + .seconds(3))
        driven.give(.tick, at: start + .seconds(3) + Limits.roundWord)
        #expect(driven.actions.contains(.extendGate(Self.round, limit: Limits.leaderSilence)))
        driven.give(.filesInPlace(Self.round), at: start + .seconds(5))
        #expect(driven.actions.contains(.openGate(Self.round)))
    }

    @Test func aPauseThatEndsBeforeTheCaptureEndsThePart() {
        var driven = Driven()
        driven.hear(.prepare(Self.round, pauseBudget: .seconds(2)))
        driven.give(.gateClosed(Self.round, WriterReport()))
        driven.give(.gateOpenedEarly(Self.round))
        #expect(driven.member.current == nil)
        driven.give(.captured(Self.round, .done(CaptureReport(base: nil, revision: nil))))
        #expect(driven.actions.isEmpty)
    }

    @Test func aNewerRoundReplacesAnOlderAndNeverTheOtherWayRound() {
        var driven = captured()
        let newer = RoundID(token: FencingToken(epoch: 1, counter: 5), sequence: 1)
        driven.hear(.prepare(newer, pauseBudget: .seconds(2)))
        #expect(driven.member.current?.round == newer)
        driven.hear(.prepare(Self.round, pauseBudget: .seconds(2)))
        #expect(driven.member.current?.round == newer)
        #expect(driven.actions.isEmpty)
    }

    @Test("W1 the first message of a round that is over closes no gate when it comes again")
    func aRoundThatIsOverBeginsNoMore() {
        var driven = captured()
        driven.hear(.abort(Self.round))
        #expect(driven.member.current == nil)
        driven.hear(.prepare(Self.round, pauseBudget: .seconds(2)))
        #expect(driven.member.current == nil)
        #expect(driven.actions.isEmpty)
        let newer = RoundID(token: Self.round.token, sequence: Self.round.sequence + 1)
        driven.hear(.prepare(newer, pauseBudget: .seconds(2)))
        #expect(driven.member.current?.round == newer)
    }

    @Test func whileFilesAreReplacedNoOtherRoundBegins() {
        var driven = captured()
        driven.hear(.stage(Self.round, Self.merged))
        driven.give(.staged(Self.round, Self.merged, .done(true)))
        driven.give(.head(Self.merged))
        let newer = RoundID(token: FencingToken(epoch: 1, counter: 5), sequence: 1)
        driven.hear(.prepare(newer, pauseBudget: .seconds(2)))
        #expect(driven.isSending(.declined(newer, .busy(Self.round))))
        driven.hear(.abort(Self.round))
        #expect(driven.member.current?.round == Self.round)
    }

    @Test func aTreeThatWaitsForItsUserKeepsItsBase() {
        var driven = captured()
        driven.hear(.stage(Self.round, Self.merged))
        driven.give(.staged(Self.round, Self.merged, .done(true)))
        driven.give(.head(Self.merged))
        driven.give(.applied(Self.round, .done(ApplyReport(base: Self.head, waiting: "rebase in progress"))))
        #expect(driven.member.base == Self.head)
        #expect(driven.actions.contains(.openGate(Self.round)))
    }
}
