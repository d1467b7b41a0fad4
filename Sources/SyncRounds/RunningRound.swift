import Primitives

/// One round in the hands of its leader.
struct RunningRound: Hashable, Sendable {
    /// What the leader waits for now.
    enum Phase: Hashable, Sendable {
        case preparing
        case collecting
        /// The leader may lack the head that it merges onto: it was away when that was published. The devices still to
        /// be asked for it.
        case gatheringHead(sources: [DeviceID])
        case merging
        /// `publishes` is nil when the target is the present head and devices are only caught up.
        case staging(target: Revision, publishes: MergeReport?)
        case publishing(MergeReport)
        case applying(target: Revision, RoundResult)
    }

    /// How far one device is.
    enum Standing: Hashable, Sendable {
        case asked
        case captured(CaptureReport)
        /// Its capture is complete in the leader's store (or it was clean).
        case collected(CaptureReport)
        case staged(CaptureReport)
        case finished(CaptureReport)
        case leftOut
    }

    struct Member: Hashable, Sendable {
        var device: DeviceID
        var lastHeard: Instant
        var standing = Standing.asked
    }

    let plan: RoundPlan
    /// As the log has them now: a member may get or lose its vote while the round is under way.
    var voters: [DeviceID]
    let started: Instant
    var phase = Phase.preparing
    var members: [Member]
    var lastWord: Instant
    var result: RoundResult?

    private let mutants: MutantSet

    init(plan: RoundPlan, now: Instant, mutants: MutantSet = .none) {
        self.mutants = mutants
        self.plan = plan
        voters = plan.voters
        started = now
        lastWord = now
        members = plan.members.map { Member(device: $0, lastHeard: now) }
    }

    var phaseName: RoundPhase {
        switch phase {
        case .preparing: .prepare
        case .collecting, .gatheringHead: .collect
        case .merging: .merge
        case .staging: .stage
        case .publishing: .publish
        case .applying: .apply
        }
    }

    var nextDeadline: Instant {
        var next = min(lastWord + Limits.roundWord, started + Limits.roundTimeout)
        for member in members where waitsFor(member) { next = min(next, member.lastHeard + Limits.memberSilence) }
        return next
    }

    mutating func begin(at now: Instant, into actions: inout [RoundLeader.Action]) {
        enter(.preparing, into: &actions)
        for member in members {
            actions.append(.send(.prepare(plan.round, pauseBudget: plan.pauseBudget), to: member.device))
        }
    }

    mutating func handle(_ input: RoundLeader.Input, at now: Instant, into actions: inout [RoundLeader.Action]) {
        let before = phaseName
        switch input {
        case .start: break
        case .received(let message, let device):
            guard message.round == plan.round else { return }
            receive(message, from: device, at: now, into: &actions)
        case .away(let device): leaveOut(device, into: &actions)
        case .fetched(let round, let revision, let complete):
            guard round == plan.round else { return }
            fetched(revision, complete: complete || mutants.has(.incompleteFetchTaken), into: &actions)
        case .merged(let round, let report):
            guard round == plan.round, case .merging = phase else { return }
            merged(report, into: &actions)
        case .published(let round, let accepted, let why):
            guard round == plan.round, case .publishing(let report) = phase else { return }
            if accepted {
                enter(.applying(target: report.revision, .published(report)), into: &actions)
            } else {
                abort("the log refused the publication: \(why)", into: &actions)
            }
        case .tick: tick(at: now, into: &actions)
        case .abandon(let why): abandon(why, into: &actions)
        }
        advance(at: now, into: &actions)
        if phaseName != before { waitAnew(at: now) }
    }

    /// A phase that begins asks anew: a member that said nothing while nobody asked it was not silent.
    private mutating func waitAnew(at now: Instant) {
        for place in members.indices { members[place].lastHeard = now }
    }

    func summary(_ result: RoundResult, at now: Instant) -> RoundSummary {
        var summary = RoundSummary(
            round: plan.round, reason: plan.reason, result: result, participants: [], leftOut: [], changedFiles: 0,
            writers: WriterReport(), started: started, ended: now)
        for member in members {
            guard let report = member.report else {
                summary.leftOut.append(member.device)
                continue
            }
            summary.participants.append(member.device)
            summary.changedFiles &+= report.changedFiles
            summary.writers.paused += report.writers.paused
            summary.writers.unanswered += report.writers.unanswered
            summary.writers.outside += report.writers.outside
        }
        if plan.hub != nil, case .published(let merged) = result {
            summary.changedFiles = max(summary.changedFiles, merged.changedFiles)
        }
        return summary
    }
}

// MARK: - Messages and results

extension RunningRound {
    private mutating func receive(
        _ message: RoundMessage, from device: DeviceID, at now: Instant, into actions: inout [RoundLeader.Action]
    ) {
        guard let place = members.firstIndex(where: { $0.device == device }) else { return }
        members[place].lastHeard = now
        switch (message, members[place].standing) {
        case (.captured(_, let report), .asked):
            members[place].standing = report.revision == nil ? .collected(report) : .captured(report)
        case (.captured, .leftOut):
            actions.append(.send(.abort(plan.round), to: device))
        case (.declined, .asked), (.declined, .captured), (.declined, .collected), (.declined, .staged):
            members[place].standing = .leftOut
        case (.staged(_, let revision), .collected(let report)):
            guard case .staging(let target, _) = phase, revision == target else { return }
            members[place].standing = .staged(report)
        case (.applied, .collected(let report)), (.applied, .staged(let report)):
            members[place].standing = .finished(report)
        case (.captured, _), (.declined, _), (.staged, _), (.applied, _), (.working, _), (.prepare, _), (.stage, _),
            (.finish, _), (.abort, _):
            break
        }
    }

    private mutating func fetched(_ revision: Revision, complete: Bool, into actions: inout [RoundLeader.Action]) {
        if case .gatheringHead(let sources) = phase, revision == plan.head {
            return complete ? goOn(into: &actions) : gatherHead(from: sources, into: &actions)
        }
        for place in members.indices {
            guard case .captured(let report) = members[place].standing, report.revision == revision else { continue }
            if complete {
                members[place].standing = .collected(report)
            } else {
                leaveOut(members[place].device, into: &actions)
            }
        }
    }

    private mutating func merged(_ report: Completion<MergeReport>, into actions: inout [RoundLeader.Action]) {
        switch report {
        case .failed(let why): abort("merge failed: \(why)", into: &actions)
        case .done(let merged):
            let publishes = merged.revision == plan.head ? nil : merged
            stage(merged.revision, publishes: publishes, into: &actions)
        }
    }

    /// A device that does not answer in time, or whose link is gone, is left out; what it captured stays pinned there.
    private mutating func leaveOut(_ device: DeviceID, into actions: inout [RoundLeader.Action]) {
        guard let place = members.firstIndex(where: { $0.device == device }) else { return }
        switch members[place].standing {
        case .finished, .leftOut: return
        case .asked, .captured, .collected, .staged: break
        }
        members[place].standing = .leftOut
        // Once the log decides, only the log may tell a member that the round is off.
        switch phase {
        case .preparing, .collecting, .gatheringHead, .merging:
            actions.append(.send(.abort(plan.round), to: device))
        case .staging, .publishing, .applying:
            if mutants.has(.stagedToldOff) { actions.append(.send(.abort(plan.round), to: device)) }
        }
    }

    private mutating func tick(at now: Instant, into actions: inout [RoundLeader.Action]) {
        for member in members where waitsFor(member) && now >= member.lastHeard + Limits.memberSilence {
            leaveOut(member.device, into: &actions)
        }
        if now >= started + Limits.roundTimeout { return abandon("took longer than a round may", into: &actions) }
        guard now >= lastWord + Limits.roundWord else { return }
        lastWord = now
        for member in members where member.isIn {
            actions.append(.send(.working(plan.round), to: member.device))
        }
    }

    private mutating func abandon(_ why: String, into actions: inout [RoundLeader.Action]) {
        switch phase {
        case .preparing, .collecting, .gatheringHead, .merging, .staging: abort(why, into: &actions)
        // The publication may be accepted yet: members hear it from the log, or their own deadlines end the pause.
        case .publishing: result = .aborted("\(why); the log decides whether it was published")
        case .applying(_, let outcome): result = outcome
        }
    }

    private mutating func abort(_ why: String, into actions: inout [RoundLeader.Action]) {
        for member in members where member.isIn { actions.append(.send(.abort(plan.round), to: member.device)) }
        result = .aborted(why)
    }
}

// MARK: - Going on

extension RunningRound {
    /// Whether the present phase cannot go on without this member.
    private func waitsFor(_ member: Member) -> Bool {
        switch (phase, member.standing) {
        case (.preparing, .asked), (.staging, .collected), (.applying, .staged): true
        case (.applying, .collected), (.preparing, _), (.collecting, _), (.gatheringHead, _), (.merging, _),
            (.staging, _),
            (.publishing, _), (.applying, _):
            false
        }
    }

    private mutating func enter(_ next: Phase, into actions: inout [RoundLeader.Action]) {
        phase = next
        actions.append(.phase(plan.round, phaseName))
    }

    /// Goes on as far as what is known allows.
    private mutating func advance(at now: Instant, into actions: inout [RoundLeader.Action]) {
        guard result == nil else { return }
        switch phase {
        case .preparing:
            guard !members.contains(where: waitsFor) else { return }
            for member in members {
                guard case .captured(let report) = member.standing, let revision = report.revision else { continue }
                actions.append(.fetch(plan.round, revision, from: member.device))
            }
            enter(.collecting, into: &actions)
            advance(at: now, into: &actions)
        case .collecting:
            guard !members.contains(where: \.isBeingCollected) else { return }
            collected(into: &actions)
        case .gatheringHead: break
        case .merging: break
        case .staging(let target, let publishes): staged(target, publishes: publishes, at: now, into: &actions)
        case .publishing: break
        case .applying(_, let outcome):
            guard !members.contains(where: waitsFor) else { return }
            result = outcome
        }
    }

    private mutating func collected(into actions: inout [RoundLeader.Action]) {
        guard members.contains(where: \.isIn) else { return abort("nobody took part", into: &actions) }
        let isBehind = members.contains { $0.report.map { $0.base != plan.head } ?? false }
        guard !captures.isEmpty || (plan.head != nil && (isBehind || plan.undo != nil)) else {
            dismiss(members.map(\.device), into: &actions)
            result = .nothingToDo
            return
        }
        let own = members.first { $0.device == plan.leader }?.report
        guard plan.head != nil, own?.base != plan.head else { return goOn(into: &actions) }
        // Who is at the head has it for sure; others may have staged it; the leader itself may.
        let others = members.filter { $0.isIn && $0.device != plan.leader }
        let sources = others.filter { $0.report?.base == plan.head } + others.filter { $0.report?.base != plan.head }
        gatherHead(from: sources.map(\.device) + [plan.leader], into: &actions)
    }

    private mutating func gatherHead(from sources: [DeviceID], into actions: inout [RoundLeader.Action]) {
        guard let head = plan.head, let source = sources.first else {
            return abort("no device in reach holds the published head", into: &actions)
        }
        enter(.gatheringHead(sources: Array(sources.dropFirst())), into: &actions)
        actions.append(.fetch(plan.round, head, from: source))
    }

    private var captures: [DeviceCapture] {
        let own = members.compactMap { member -> DeviceCapture? in
            guard let report = member.report, let revision = report.revision else { return nil }
            return DeviceCapture(device: member.device, revision: revision, base: report.base)
        }
        return (plan.hub.map { [$0] } ?? []) + own
    }

    /// Everything that is needed is in the leader's store.
    private mutating func goOn(into actions: inout [RoundLeader.Action]) {
        let captures = captures
        if captures.isEmpty, plan.undo == nil, let head = plan.head {
            return stage(head, publishes: nil, into: &actions)
        }
        actions.append(.merge(plan.round, head: plan.head, captures: captures, undo: plan.undo))
        enter(.merging, into: &actions)
    }

    /// Members that are at the target already have nothing to do.
    private mutating func stage(_ target: Revision, publishes: MergeReport?, into actions: inout [RoundLeader.Action]) {
        var done: [DeviceID] = []
        for member in members {
            guard let report = member.report else { continue }
            if publishes == nil, report.revision == nil, report.base == target {
                done.append(member.device)
            } else {
                actions.append(.send(.stage(plan.round, target), to: member.device))
            }
        }
        enter(.staging(target: target, publishes: publishes), into: &actions)
        dismiss(done, into: &actions)
    }

    private mutating func dismiss(_ devices: [DeviceID], into actions: inout [RoundLeader.Action]) {
        for place in members.indices where devices.contains(members[place].device) {
            guard let report = members[place].report else { continue }
            members[place].standing = .finished(report)
            actions.append(.send(.finish(plan.round), to: members[place].device))
        }
    }

    /// Publishes when a quorum of voters holds the target and everybody else has it too, or has had time to get it.
    private mutating func staged(
        _ target: Revision, publishes: MergeReport?, at now: Instant, into actions: inout [RoundLeader.Action]
    ) {
        let waiting = members.contains(where: waitsFor)
        guard let publishes else {
            guard !waiting else { return }
            return enterApplyingHead(target, at: now, into: &actions)
        }
        var holders = members.filter(\.holdsTarget).map(\.device)
        let isMajority = mutants.has(.majorityForAll) && holders.count > members.count / 2
        guard !waiting || isMajority || mutants.has(.publishedTooSoon) else { return }
        if isMajority { holders = members.map(\.device) }
        if mutants.has(.publishedTooSoon) { holders = (holders + voters).sorted() }
        let voting = voters.count { holders.contains($0) }
        guard voting > voters.count / 2 else {
            return abort("only \(voting) of \(voters.count) voters hold the new revision", into: &actions)
        }
        actions.append(.publish(plan.round, old: plan.head, publishes, holders: holders))
        enter(.publishing(publishes), into: &actions)
    }

    private mutating func enterApplyingHead(
        _ target: Revision, at now: Instant, into actions: inout [RoundLeader.Action]
    ) {
        enter(.applying(target: target, .caughtUp), into: &actions)
        advance(at: now, into: &actions)
    }
}

extension RunningRound.Member {
    /// Its capture report while it takes part.
    var report: CaptureReport? {
        switch standing {
        case .captured(let report), .collected(let report), .staged(let report), .finished(let report): report
        case .asked, .leftOut: nil
        }
    }

    /// Still has a closed gate because of this round, as far as the leader knows.
    var isIn: Bool {
        switch standing {
        case .asked, .captured, .collected, .staged: true
        case .finished, .leftOut: false
        }
    }

    var isBeingCollected: Bool {
        switch standing {
        case .captured: true
        case .asked, .collected, .staged, .finished, .leftOut: false
        }
    }

    var holdsTarget: Bool {
        switch standing {
        case .staged, .finished: true
        case .asked, .captured, .collected, .leftOut: false
        }
    }
}
