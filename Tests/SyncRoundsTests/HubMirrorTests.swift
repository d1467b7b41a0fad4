import Primitives
import Testing

@testable import SyncRounds

/// When the leader looks at the hub, when it pushes, and when it leaves it alone (protocol.md, section 6).
@Suite struct HubMirrorTests {
    static let me = DeviceID(number: 1)
    static let token = FencingToken(epoch: 1, counter: 7)
    static let published = Revision(number: 30)
    static let mirrored = Revision(number: 20)

    var mirror = HubMirror()
    var events: [HubEvent] = []
    var now = Instant.origin + .seconds(100)

    static func record(_ fencing: HubFencing = .fenceRef) throws -> HubRecord {
        HubRecord(address: try HubAddress(url: "/srv/hub.git", branch: "main"), fencing: fencing)
    }

    static func fence(_ counter: UInt64, device: DeviceID = me, mirrored: Revision? = mirrored) -> HubFence {
        HubFence(
            revision: Revision(number: 900 + counter), token: FencingToken(epoch: 1, counter: counter), sequence: 1,
            device: device, mirrored: mirrored)
    }

    static func context(_ record: HubRecord?, token: FencingToken? = token, published: Revision? = published)
        -> HubMirror.Context
    {
        HubMirror.Context(
            record: record, device: me, token: token, mayAct: token != nil, published: published, number: 3,
            sequenceBase: 1 << 20)
    }

    /// What is wanted after a look that found this.
    mutating func after(_ report: HubReport, _ record: HubRecord) -> HubOrder? {
        guard case .look(let number, _) = mirror.step(Self.context(record), at: now, into: &events) else { return nil }
        mirror.answered(.looked(number, .done(report)), at: now, into: &events)
        return mirror.step(Self.context(record), at: now, into: &events)
    }

    /// A hub that has what was last mirrored, one round behind.
    static func behind(fence: HubFenceView = .found(fence(7))) -> HubReport {
        var report = HubReport(head: mirrored, fence: fence, published: published)
        report.isPublished = true
        report.roundsBehind = 1
        return report
    }

    @Test mutating func aPushNamesWhatItExpectsOfBranchAndFence() throws {
        guard case .push(_, let push)? = after(Self.behind(), try Self.record()) else {
            Issue.record("nothing is pushed")
            return
        }
        #expect(push.oldHead == Self.mirrored && push.oldFence == Self.fence(7).revision)
        #expect(push.branch == Self.published && push.mirrored == Self.published && !push.replaces)
        #expect(push.token == Self.token && push.sequence > 1 << 20)
        #expect(mirror.facts?.state == .behind && mirror.facts?.roundsBehind == 1)
    }

    @Test mutating func aNewLeaderAdvancesTheFenceAlsoWhenTheBranchIsRight() throws {
        var report = HubReport(
            head: Self.published, fence: .found(Self.fence(5, mirrored: Self.published)), published: Self.published)
        (report.isPublished, report.holdsPublished) = (true, true)
        guard case .push(_, let push)? = after(report, try Self.record()) else {
            Issue.record("no takeover")
            return
        }
        #expect(push.branch == nil && push.mirrored == Self.published && push.token == Self.token)
    }

    @Test(arguments: [(8, 1), (9, 2), (7, 2)])
    mutating func aNewerTokenOnTheFenceStopsEverything(counter: UInt64, device: UInt64) throws {
        let fence = Self.fence(counter, device: DeviceID(number: device))
        _ = after(Self.behind(fence: .found(fence)), try Self.record())
        #expect(mirror.work == nil)
        #expect(mirror.facts?.state == .staleToken && mirror.facts?.token == fence.token)
    }

    @Test mutating func aMissingFenceStopsUntilAPersonDecides() throws {
        var record = try Self.record()
        _ = after(Self.behind(fence: .absent), record)
        #expect(mirror.work == nil)
        #expect(mirror.facts?.state == .fenceGone)
        record.acceptance = HubAcceptance(head: Self.mirrored, replaces: false)
        guard case .push(_, let push)? = after(Self.behind(fence: .absent), record) else {
            Issue.record("the person's word changes nothing")
            return
        }
        #expect(push.oldFence == nil && push.mirrored == Self.mirrored)
    }

    @Test mutating func aRewrittenBranchIsNeverOverwritten() throws {
        var report = Self.behind()
        report.head = Revision(number: 77)
        (report.holdsMirrored, report.isPublished) = (false, false)
        _ = after(report, try Self.record())
        #expect(mirror.work == nil)
        #expect(mirror.facts?.state == .rewritten && mirror.news(at: now) == nil)
        // A word about another head is no word about this one.
        var record = try Self.record()
        record.acceptance = HubAcceptance(head: Revision(number: 76), replaces: true)
        _ = after(report, record)
        #expect(mirror.work == nil)
        record.acceptance = HubAcceptance(head: Revision(number: 77), replaces: true)
        guard case .push(_, let push)? = after(report, record) else {
            Issue.record("the person's word changes nothing")
            return
        }
        #expect(push.replaces && push.branch == Self.published && push.oldHead == Revision(number: 77))
    }

    @Test mutating func whatSomebodyPushedIsMergedAndNotOverwritten() throws {
        var report = Self.behind()
        report.head = Revision(number: 55)
        (report.isPublished, report.bringsChanges, report.base) = (false, true, Self.mirrored)
        _ = after(report, try Self.record())
        #expect(mirror.work == nil)
        #expect(mirror.facts?.state == .news)
        #expect(
            mirror.news(at: now) == DeviceCapture(device: .hub, revision: Revision(number: 55), base: Self.mirrored))
        #expect(mirror.wantsRound(at: now))
        mirror.roundStarted(with: mirror.news(at: now))
        // The round published a merge of it: now the branch may go forward.
        let merged = Self.context(try Self.record(), published: Revision(number: 60))
        guard case .push(_, let push)? = mirror.step(merged, at: now, into: &events) else {
            Issue.record("nothing is pushed")
            return
        }
        #expect(push.branch == Revision(number: 60) && push.oldHead == Revision(number: 55))
        #expect(mirror.news(at: now) == nil)
    }

    @Test mutating func aPersonsPushThatBecameTheHeadIsNotedOnTheFence() throws {
        var report = HubReport(head: Self.published, fence: .found(Self.fence(7)), published: Self.published)
        (report.isPublished, report.holdsPublished) = (true, true)
        guard case .push(_, let push)? = after(report, try Self.record()) else {
            Issue.record("the fence still says that something else was mirrored")
            return
        }
        #expect(push.branch == nil && push.mirrored == Self.published)
    }

    @Test mutating func newsThatCannotBeMergedLeavesTheNextRoundAlone() throws {
        var report = Self.behind()
        report.head = Revision(number: 55)
        (report.isPublished, report.bringsChanges) = (false, true)
        _ = after(report, try Self.record())
        mirror.roundStarted(with: mirror.news(at: now))
        mirror.roundEnded(isPublished: false, at: now)
        #expect(mirror.news(at: now) == nil && !mirror.wantsRound(at: now))
        #expect(mirror.news(at: now + Limits.hubBackOff * 2) != nil)
    }

    @Test mutating func aHubThatIsAwayIsAskedAgainEverLaterAndHoldsNoRound() throws {
        let context = Self.context(try Self.record())
        var waits: [Duration] = []
        for _ in 0..<12 {
            guard case .look(let number, _) = mirror.step(context, at: now, into: &events) else {
                Issue.record("no look at \(now)")
                return
            }
            mirror.answered(.looked(number, .failed("no route")), at: now, into: &events)
            _ = mirror.step(context, at: now, into: &events)
            #expect(mirror.work == nil)
            let held1 = mirror.holdsRound(UInt64(waits.count), isManual: false, at: now)
            #expect(!held1)
            let next = try #require(mirror.nextDeadline)
            waits.append(next - now)
            now = next
        }
        #expect(waits.first == Limits.hubBackOff && waits.last == Limits.hubBackOff * 256)
        #expect(mirror.facts?.state == .away && mirror.facts?.why == "no route")
        let told = events.filter { if case .changed(let facts) = $0 { facts.state == .away } else { false } }
        #expect(told.count == 1)
    }

    @Test mutating func anAnswerToAnOlderQuestionIsAStranger() throws {
        let record = try Self.record()
        guard case .look(let number, _) = mirror.step(Self.context(record), at: now, into: &events) else { return }
        let next = FencingToken(epoch: 1, counter: 9)
        guard case .look(let second, _) = mirror.step(Self.context(record, token: next), at: now, into: &events) else {
            Issue.record("a new leadership looks first")
            return
        }
        #expect(second != number)
        mirror.answered(.looked(number, .done(Self.behind())), at: now, into: &events)
        _ = mirror.step(Self.context(record, token: next), at: now, into: &events)
        #expect(mirror.work?.number == second)
        #expect(mirror.facts?.state == .unknown)
    }

    @Test mutating func whoDoesNotLeadDoesNothing() throws {
        _ = mirror.step(Self.context(try Self.record(), token: nil), at: now, into: &events)
        #expect(mirror.work == nil)
        #expect(mirror.facts == nil && mirror.nextDeadline == nil)
    }

    @Test mutating func aRoundWaitsForALookButNotForLong() throws {
        let context = Self.context(try Self.record())
        _ = after(Self.behind(), try Self.record())
        guard case .push(let number, _) = mirror.work?.order else { return }
        mirror.answered(.pushed(number, .failed("cut")), at: now, into: &events)
        // After a failure nobody waits for the hub.
        let held2 = mirror.holdsRound(1, isManual: false, at: now)
        #expect(!held2)
        now = now + Limits.hubBackOff
        guard case .look(let again, _) = mirror.step(context, at: now, into: &events) else { return }
        mirror.answered(.looked(again, .done(Self.behind())), at: now, into: &events)
        now = now + Limits.hubFresh
        let held3 = mirror.holdsRound(2, isManual: false, at: now)
        #expect(held3)
        _ = mirror.step(context, at: now, into: &events)
        let held4 = mirror.holdsRound(2, isManual: false, at: now)
        #expect(held4)
        let held5 = mirror.holdsRound(2, isManual: false, at: now + Limits.hubPatience)
        #expect(!held5)
    }

    @Test mutating func aHubWithoutFenceGetsTheTokenOnItsBranch() throws {
        let record = try Self.record(.branchAlone)
        var report = HubReport(head: Self.published, fence: .found(Self.fence(5)), published: Self.published)
        (report.isPublished, report.holdsPublished) = (true, true)
        guard case .push(let number, let push)? = after(report, record) else {
            Issue.record("no takeover")
            return
        }
        #expect(push.branch == nil && push.oldHead == Self.published)
        let top = Revision(number: 31)
        let fence = HubFence(revision: top, token: Self.token, sequence: 1, device: Self.me, mirrored: nil)
        mirror.answered(.pushed(number, .done(.landed(head: top, fence))), at: now, into: &events)
        // Its empty commit is merged with the next round, but is worth none.
        _ = mirror.step(Self.context(record), at: now, into: &events)
        #expect(mirror.work == nil)
        #expect(mirror.news(at: now)?.revision == top && !mirror.wantsRound(at: now))
    }
}
