import Primitives

/// The sync leader's side of the hub: when to look at it, when to push to it, when to leave it alone (protocol.md,
/// section 5, phase 7, and section 6).
///
/// A round never waits for it: it looks before a round is started and pushes after one was published. It decides
/// nothing about the lease; whoever drives it says whether the device may act.
package struct HubMirror: Hashable, Sendable {
    /// What the device knows at this moment.
    package struct Context: Hashable, Sendable {
        package var record: HubRecord?
        package var device: DeviceID
        /// Of this device's sync lease; nil without one.
        package var token: FencingToken?
        /// False while the lease is not confirmed: nothing is begun.
        package var mayAct: Bool
        package var published: Revision?
        /// The number of the newest published round.
        package var number: UInt64
        /// Added to the count of orders to make a push's sequence: grows over restarts.
        package var sequenceBase: UInt64

        package init(
            record: HubRecord?, device: DeviceID, token: FencingToken?, mayAct: Bool, published: Revision?,
            number: UInt64, sequenceBase: UInt64
        ) {
            self.record = record
            self.device = device
            self.token = token
            self.mayAct = mayAct
            self.published = published
            self.number = number
            self.sequenceBase = sequenceBase
        }
    }

    /// What git was asked and has not answered.
    struct Work: Hashable, Sendable {
        var number: UInt64
        var order: HubOrder
        var since: Instant
        /// The number of the newest round when it was given.
        var published: UInt64
    }

    /// By how many rounds the hub was behind when `number` was the newest.
    struct Lag: Hashable, Sendable {
        var rounds: UInt32
        var number: UInt64
    }

    private(set) var context: Context?
    /// What stands there, as far as is sure.
    private(set) var sight: HubReport?
    private var lag: Lag?
    private(set) var work: Work?
    private var orders: UInt64 = 0
    private var lookedAt: Instant?
    private var isLookWanted = false
    private var failures: UInt64 = 0
    private var races: UInt64 = 0
    private var notBefore: Instant?
    private var why: String?
    /// The round for which a look was wanted.
    private var lookedFor: UInt64?
    /// The hub's head that the round under way merges.
    private var offered: Revision?
    private var offersFailed: UInt64 = 0
    private var offerNotBefore: Instant?
    private var told: HubFacts?

    package init() {}

    /// Whether it knows of a leadership that has not ended.
    package var isLeading: Bool { context?.token != nil }

    package var nextDeadline: Instant? {
        guard let context, context.record != nil, context.token != nil, context.mayAct else { return nil }
        let next = work.map { $0.since + Limits.hubAnswer } ?? notBefore ?? lookedAt.map { $0 + Limits.hubPoll }
        guard let offerNotBefore else { return next }
        return min(next ?? offerNotBefore, offerNotBefore)
    }

    /// Takes in what the device knows now, and says what is to be done.
    package mutating func step(_ new: Context, at now: Instant, into events: inout [HubEvent]) -> HubOrder? {
        take(new)
        if let offerNotBefore, now >= offerNotBefore { self.offerNotBefore = nil }
        defer { tellChange(into: &events) }
        guard let context, let record = context.record, let token = context.token, context.mayAct else { return nil }
        if let work {
            guard now >= work.since + Limits.hubAnswer else { return nil }
            failed("git did not answer", at: now)
        }
        if let notBefore, now < notBefore { return nil }
        notBefore = nil
        let isOld = lookedAt.map { now >= $0 + Limits.hubPoll } ?? true
        guard let sight, !isLookWanted, !isOld else {
            isLookWanted = false
            let look = HubLook(address: record.address, fencing: record.fencing, published: context.published)
            return begin(at: now) { .look($0, look) }
        }
        guard case .push(let push) = verdict(sight, record, token, context) else { return nil }
        return begin(at: now) { .push($0, push) }
    }

    private mutating func begin(at now: Instant, _ make: (UInt64) -> HubOrder) -> HubOrder {
        orders &+= 1
        let order = make(orders)
        work = Work(number: orders, order: order, since: now, published: context?.number ?? 0)
        return order
    }

    /// Another hub or another leadership begins with a look; a new head only makes the sight older.
    private mutating func take(_ new: Context) {
        guard new != context else { return }
        defer { context = new.record == nil ? nil : new }
        let isSame =
            new.record?.address == context?.record?.address && new.record?.fencing == context?.record?.fencing
            && new.token == context?.token
        guard isSame else {
            let orders = orders
            self = HubMirror()
            // Answers to what was asked before are strangers.
            self.orders = orders
            return
        }
        if new.record?.acceptance != context?.record?.acceptance { (isLookWanted, notBefore) = (true, nil) }
        if new.published != context?.published { headMoved(to: new.published) }
    }

    private mutating func headMoved(to revision: Revision?) {
        guard let head = sight?.head else { return }
        if offered == head || head == revision { sight?.isPublished = true }
        sight?.holdsPublished = head == revision
        offered = nil
    }
}

// MARK: - Answers

extension HubMirror {
    package mutating func answered(_ answer: HubAnswer, at now: Instant, into events: inout [HubEvent]) {
        guard let work else { return }
        defer { tellChange(into: &events) }
        switch (answer, work.order) {
        case (.looked(let number, let result), .look(_, let look)):
            guard number == work.number else { return }
            self.work = nil
            looked(result, look, work, at: now)
        case (.pushed(let number, let result), .push(_, let push)):
            guard number == work.number else { return }
            self.work = nil
            pushed(result, push, work, at: now, into: &events)
        case (.looked, .push), (.pushed, .look): return
        }
        tellChange(into: &events)
    }

    private mutating func looked(_ result: Completion<HubReport>, _ look: HubLook, _ work: Work, at now: Instant) {
        switch result {
        case .failed(let why): failed(why, at: now)
        case .done(var report):
            // A round was published meanwhile: what it merged of the hub is no news, what is behind is more so.
            if look.published != context?.published {
                report.holdsPublished = report.head != nil && report.head == context?.published
                report.isPublished = report.isPublished || report.holdsPublished
            }
            sight = report
            lag = Lag(rounds: report.roundsBehind, number: work.published)
            reached(at: now)
        }
    }

    private mutating func pushed(
        _ result: Completion<HubPushOutcome>, _ push: HubPush, _ work: Work, at now: Instant,
        into events: inout [HubEvent]
    ) {
        switch result {
        case .failed(let why): failed(why, at: now)
        case .done(.refused(let why)): failed(why, at: now)
        case .done(.moved):
            races += 1
            sight = nil
            if races > Limits.hubRaces { failed("others push to the hub all the time", at: now) }
        case .done(.landed(let head, let fence)):
            events.append(push.branch.map { .mirrored($0, push.token) } ?? .tookOver(push.token))
            landed(push, head, fence, work)
            reached(at: now)
        }
    }

    private mutating func landed(_ push: HubPush, _ head: Revision?, _ fence: HubFence, _ work: Work) {
        guard var report = sight else { return }
        report.fence = .found(fence)
        report.holdsMirrored = true
        if let branch = push.branch {
            report.isPublished = true
            report.holdsPublished = branch == context?.published
            report.bringsChanges = false
            report.base = branch
            lag = Lag(rounds: 0, number: work.published)
        } else if head != report.head {
            // An empty commit of ours on top.
            report.isPublished = false
        }
        report.head = head
        sight = report
        races = 0
    }

    private mutating func reached(at now: Instant) {
        lookedAt = now
        failures = 0
        notBefore = nil
        why = nil
    }

    /// Nothing is sure of what stands there: the next work is a look.
    private mutating func failed(_ why: String, at now: Instant) {
        work = nil
        sight = nil
        notBefore = now + Limits.hubBackOff * (1 << Int(failures))
        failures = min(failures + 1, Limits.backOffDoublings)
        races = 0
        self.why = why
    }
}

// MARK: - Verdict

extension HubMirror {
    private enum Verdict {
        case rest(HubState)
        case push(HubPush)
    }

    private func verdict(
        _ report: HubReport, _ record: HubRecord, _ token: FencingToken, _ context: Context
    ) -> Verdict {
        let acceptance = record.acceptance.flatMap { $0.head == report.head ? $0 : nil }
        let fence: HubFence?
        switch report.fence {
        case .absent:
            fence = nil
            if record.fencing == .fenceRef, acceptance == nil { return .rest(.fenceGone) }
        case .foreign:
            fence = nil
            if acceptance == nil { return .rest(.otherMesh) }
        case .found(let found):
            fence = found
            let isOthers = found.token == token && found.device != context.device
            if found.token > token || isOthers { return .rest(.staleToken) }
        }
        if !report.holdsMirrored, acceptance == nil { return .rest(.rewritten) }
        var push = HubPush(
            address: record.address, fencing: record.fencing, token: token,
            sequence: context.sequenceBase | (orders &+ 1) & (1 << Limits.sequenceBits - 1), device: context.device,
            branch: nil, mirrored: fence?.mirrored, oldHead: report.head, oldFence: report.fence.revision)
        // What a person accepted is the new ground; it is said on the fence before anything else.
        if let acceptance, !acceptance.replaces, !report.holdsMirrored || fence == nil {
            push.mirrored = report.head
            if report.head != nil { return .push(push) }
        }
        push.replaces = acceptance?.replaces ?? false
        if let published = context.published, published != report.head {
            guard report.isPublished || report.head == nil || push.replaces else {
                return isTakenOver(fence, record, token) ? .rest(.news) : .push(push)
            }
            push.branch = published
            push.mirrored = published
            return .push(push)
        }
        // A person's push that became the head unchanged: the fence says so, or a rewrite of it would go unnoticed.
        let isNoted = context.published == nil || record.fencing == .branchAlone || fence?.mirrored == report.head
        if context.published != nil { push.mirrored = report.head }
        if !isTakenOver(fence, record, token) || !isNoted { return .push(push) }
        return .rest(report.isPublished || report.head == nil ? .current : .news)
    }

    /// Whether the fence carries this leader's token already. A hub without a fence carries it on the branch, and an
    /// empty branch carries nothing yet.
    private func isTakenOver(_ fence: HubFence?, _ record: HubRecord, _ token: FencingToken) -> Bool {
        if fence?.token == token { return true }
        return record.fencing == .branchAlone && sight?.head == nil
    }
}

// MARK: - Rounds

extension HubMirror {
    /// What the next round has to merge of the hub; nil if there is nothing, or the last try failed a moment ago.
    package func news(at now: Instant) -> DeviceCapture? {
        guard let context, let record = context.record, let token = context.token, let report = sight,
            let head = report.head, !report.isPublished, offerNotBefore.map({ now >= $0 }) ?? true
        else { return nil }
        switch verdict(report, record, token, context) {
        case .rest(.news): return DeviceCapture(device: .hub, revision: head, base: report.base)
        case .rest: return nil
        case .push(let push):
            return push.replaces ? nil : DeviceCapture(device: .hub, revision: head, base: report.base)
        }
    }

    /// True if `news` is worth a round of its own: it changes files, or keeps the hub from being brought up to date.
    package func wantsRound(at now: Instant) -> Bool {
        guard news(at: now) != nil, let report = sight else { return false }
        return report.bringsChanges || !report.holdsPublished
    }

    /// A round that would start now may wait a moment for a fresh look at the hub, since nobody is paused yet. True
    /// until that is over. A hub that is away is not waited for.
    package mutating func holdsRound(_ sequence: UInt64, isManual: Bool, at now: Instant) -> Bool {
        guard let context, context.record != nil, context.mayAct else { return false }
        if lookedFor != sequence {
            lookedFor = sequence
            if isManual { notBefore = nil }
            let isFresh = !isManual && (lookedAt.map { now < $0 + Limits.hubFresh } ?? false)
            guard failures == 0 || isManual, !isFresh, work == nil else { return isHolding(at: now) }
            isLookWanted = true
            return failures == 0
        }
        return isHolding(at: now)
    }

    /// Until when a round that is due may be held.
    package func holdEnds(at now: Instant) -> Instant? { isHolding(at: now) ? patienceEnds : nil }

    private func isHolding(at now: Instant) -> Bool { failures == 0 && (patienceEnds.map { now < $0 } ?? false) }

    private var isLooking: Bool { if case .look = work?.order { true } else { false } }
    private var patienceEnds: Instant? { isLooking ? work.map { $0.since + Limits.hubPatience } : nil }

    package mutating func roundStarted(with news: DeviceCapture?) { offered = news?.revision }

    /// A round that cannot merge what stands on the hub must not keep the devices from syncing without it.
    package mutating func roundEnded(isPublished: Bool, at now: Instant) {
        guard offered != nil || isPublished else { return }
        if isPublished {
            (offersFailed, offerNotBefore) = (0, nil)
        } else {
            offersFailed = min(offersFailed + 1, Limits.backOffDoublings)
            offerNotBefore = now + Limits.hubBackOff * (1 << Int(offersFailed))
            offered = nil
        }
    }
}

// MARK: - Facts

extension HubMirror {
    /// Nil on a device that does not lead, or without a hub. As of the last step or answer.
    package var facts: HubFacts? { told }

    private var view: HubFacts? {
        guard let context, let record = context.record, let token = context.token else { return nil }
        guard let report = sight else {
            return HubFacts(state: failures > 0 ? .away : .unknown, roundsBehind: behind, why: why)
        }
        var facts = HubFacts(state: .behind, roundsBehind: behind, head: report.head)
        if case .found(let fence) = report.fence { facts.token = fence.token }
        switch verdict(report, record, token, context) {
        case .rest(let state): facts.state = state
        case .push(let push):
            guard push.branch == nil else { break }
            facts.state = report.isPublished || report.head == nil ? .current : .news
        }
        if facts.state == .current { facts.roundsBehind = 0 }
        return facts
    }

    /// By how many rounds the hub is behind.
    private var behind: UInt32 {
        guard let lag, let context else { return 0 }
        let since = context.number >= lag.number ? context.number - lag.number : 0
        return UInt32(clamping: UInt64(lag.rounds) &+ since)
    }

    private mutating func tellChange(into events: inout [HubEvent]) {
        guard let facts = view else { return told = nil }
        if told?.state != facts.state || told?.why != facts.why { events.append(.changed(facts)) }
        told = facts
    }
}

extension HubFenceView {
    /// Of the commit that stands there.
    package var revision: Revision? {
        switch self {
        case .absent: nil
        case .found(let fence): fence.revision
        case .foreign(let revision): revision
        }
    }
}
