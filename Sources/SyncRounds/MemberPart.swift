import Primitives

/// A member's part in one round, from `prepare` until its gate is open again.
struct MemberPart: Hashable, Sendable {
    enum Stage: Hashable, Sendable {
        case closing
        case capturing
        case captured(CaptureReport)
        case staging(CaptureReport, Revision)
        case staged(CaptureReport, Revision)
        /// The pause budget had run out: the gate closes once more for the apply.
        case reclosing(Revision)
        case applying(Revision)
        case over
    }

    enum Gate: Hashable, Sendable {
        case closing(since: Instant)
        case closed(since: Instant)
        case open

        var isClosing: Bool {
            switch self {
            case .closing, .closed: true
            case .open: false
            }
        }

        var since: Instant? {
            switch self {
            case .closing(let since), .closed(let since): since
            case .open: nil
            }
        }
    }

    let round: RoundID
    let leader: DeviceID
    let budget: Duration
    let pauseMax: Duration
    var stage = Stage.closing
    var gate: Gate
    var heard: Instant
    var lastWord: Instant
    var lastExtension: Instant
    var writers = WriterReport()
    private(set) var report: ApplyReport?

    private let mutants: MutantSet

    init(
        round: RoundID, leader: DeviceID, budget: Duration, pauseMax: Duration, mutants: MutantSet = .none,
        now: Instant
    ) {
        self.mutants = mutants
        self.round = round
        self.leader = leader
        self.budget = budget
        self.pauseMax = min(pauseMax, Limits.pauseMax)
        gate = .closing(since: now)
        heard = now
        lastWord = now
        lastExtension = now
    }

    var isOver: Bool { stage == .over }

    var isApplying: Bool {
        switch stage {
        case .applying, .reclosing: true
        case .closing, .capturing, .captured, .staging, .staged, .over: false
        }
    }

    /// Whether the leader waits for this device (so it says that it is at work).
    private var atWork: Bool {
        switch stage {
        case .closing, .capturing, .staging, .reclosing, .applying: true
        case .captured, .staged, .over: false
        }
    }

    var nextDeadline: Instant? {
        guard !isOver else { return nil }
        var next = heard + Limits.leaderSilence
        if atWork { next = min(next, lastWord + Limits.roundWord) }
        if let since = gate.since { next = min(next, since + pauseMax) }
        if let reopens { next = min(next, reopens) }
        return isApplying ? lastWord + Limits.roundWord : next
    }

    /// When the soft budget reopens the gate: only after the capture, and not while files are replaced.
    private var reopens: Instant? {
        switch stage {
        case .captured, .staging, .staged: mutants.has(.budgetIgnored) ? nil : gate.since.map { $0 + budget }
        case .closing, .capturing, .reclosing, .applying, .over: nil
        }
    }
}

// MARK: - Inputs

extension MemberPart {
    typealias Actions = [RoundMember.Action]

    mutating func hear(_ message: RoundMessage, at now: Instant, into actions: inout Actions) {
        heard = now
        switch message {
        case .stage(_, let revision):
            guard case .captured(let capture) = stage else { return }
            stage = .staging(capture, revision)
            actions.append(.stage(round, revision, from: leader))
        case .finish, .abort:
            guard !isApplying || mutants.has(.endInterruptsApply) else { return }
            close(early: false, at: now, into: &actions)
        case .working, .prepare, .captured, .declined, .staged, .applied: break
        }
        extend(at: now, into: &actions)
    }

    mutating func handle(_ input: RoundMember.Input, at now: Instant, into actions: inout Actions) {
        switch input {
        case .gateClosed(let round, let writers) where round == self.round:
            gateClosed(writers, at: now, into: &actions)
        case .gateOpenedEarly(let round) where round == self.round:
            openedEarly(at: now, into: &actions)
        case .captured(let round, let result) where round == self.round:
            captured(result, at: now, into: &actions)
        case .staged(let round, let revision, let result) where round == self.round:
            staged(revision, result, at: now, into: &actions)
        case .filesInPlace(let round) where round == self.round:
            if case .applying = stage { open(early: false, at: now, into: &actions) }
        case .applied(let round, let result) where round == self.round:
            applied(result, at: now, into: &actions)
        case .tick: tick(at: now, into: &actions)
        case .gateClosed, .gateOpenedEarly, .captured, .staged, .filesInPlace, .applied, .received, .head, .stop,
            .epochLeft:
            break
        }
    }

    private mutating func gateClosed(_ report: WriterReport, at now: Instant, into actions: inout Actions) {
        guard case .closing(let since) = gate else { return }
        gate = .closed(since: since)
        writers = report
        switch stage {
        case .closing:
            stage = .capturing
            actions.append(.capture(round))
        case .reclosing(let revision):
            stage = .applying(revision)
            actions.append(.apply(round, revision))
        case .capturing, .captured, .staging, .staged, .applying, .over: break
        }
    }

    /// What a mutant does: it does not wait for the gate.
    mutating func gateIsTakenForClosed(into actions: inout Actions) {
        guard case .closing = stage else { return }
        stage = .capturing
        actions.append(.capture(round))
    }

    private mutating func captured(_ result: Completion<CaptureReport>, at now: Instant, into actions: inout Actions) {
        guard case .capturing = stage else { return }
        switch result {
        case .failed(let why): giveUp(.failed(why), at: now, into: &actions)
        case .done(var capture):
            // Who wrote from outside is known only now.
            writers.outside = capture.writers.outside
            capture.writers = writers
            stage = .captured(capture)
            actions.append(.send(.captured(round, capture), to: leader))
        }
    }

    private mutating func staged(
        _ revision: Revision, _ result: Completion<Bool>, at now: Instant, into actions: inout Actions
    ) {
        guard case .staging(let capture, revision) = stage else { return }
        switch mutants.has(.failedStageTaken) ? .done(true) : result {
        case .failed(let why): giveUp(.failed(why), at: now, into: &actions)
        case .done(false): giveUp(.failed("the revision is not complete"), at: now, into: &actions)
        case .done(true):
            stage = .staged(capture, revision)
            actions.append(.send(.staged(round, revision), to: leader))
        }
    }

    /// The commit point: applies what was staged, with a closed gate.
    mutating func headIs(_ head: Revision, at now: Instant, into actions: inout Actions) {
        guard case .staged(_, head) = stage else { return }
        lastWord = now
        switch gate {
        case .closed:
            stage = .applying(head)
            actions.append(.extendGate(round, limit: Limits.leaderSilence))
            actions.append(.apply(round, head))
        case .open, .closing:
            stage = .reclosing(head)
            gate = .closing(since: now)
            actions.append(.closeGate(round, limit: Limits.leaderSilence))
        }
    }

    private mutating func applied(_ result: Completion<ApplyReport>, at now: Instant, into actions: inout Actions) {
        guard case .applying = stage else { return }
        switch result {
        case .failed(let why): giveUp(.failed(why), at: now, into: &actions)
        case .done(let outcome):
            report = outcome
            actions.append(.applied(round, outcome))
            actions.append(.send(.applied(round, outcome), to: leader))
            close(early: false, at: now, into: &actions)
        }
    }

    /// The gate's own deadline, or a person, ended the pause. Before the capture is done that ends this device's part;
    /// after it, the capture stands, and the apply compares before it replaces anything.
    private mutating func openedEarly(at now: Instant, into actions: inout Actions) {
        guard let since = gate.since else { return }
        if case .reclosing(let revision) = stage {
            // It may be a late word of the first closing. Closed or not, the gate counts as closed: it is kept so while
            // files are replaced, and opened in the end.
            stage = .applying(revision)
            return actions.append(.apply(round, revision))
        }
        gate = .open
        actions.append(.pauseEnded(round, held: now - since, early: true, writers))
        switch stage {
        case .closing, .capturing:
            if mutants.has(.captureOutlivesPause) { return }
            giveUp(.failed("the pause ended before the capture was done"), at: now, into: &actions)
        case .captured, .staging, .staged, .reclosing, .applying, .over: break
        }
    }
}

// MARK: - Deadlines

extension MemberPart {
    private mutating func tick(at now: Instant, into actions: inout Actions) {
        if atWork, now >= lastWord + Limits.roundWord {
            lastWord = now
            actions.append(.send(.working(round), to: leader))
            extend(at: now, into: &actions)
        }
        guard !isApplying else { return }
        if let reopens, now >= reopens { open(early: true, at: now, into: &actions) }
        let silent = now >= heard + Limits.leaderSilence
        let tooLong = gate.since.map { now >= $0 + pauseMax } ?? false
        if silent || tooLong {
            giveUp(.failed(silent ? "the leader fell silent" : "the pause took too long"), at: now, into: &actions)
        }
    }

    /// A sign of life moves the gate's own deadline, at most once a `roundWord`.
    private mutating func extend(at now: Instant, into actions: inout Actions) {
        guard gate.isClosing, !isOver, now >= lastExtension + Limits.roundWord else { return }
        // Without a word from the leader nothing is extended, except while files are replaced.
        guard isApplying || now < heard + Limits.leaderSilence else { return }
        if isApplying, mutants.has(.expiryDuringApply) { return }
        lastExtension = now
        let limit = isApplying ? Limits.leaderSilence : heard + Limits.leaderSilence - now
        let left = gate.since.map { $0 + pauseMax - now } ?? limit
        if left > .zero { actions.append(.extendGate(round, limit: min(limit, left))) }
    }

    /// Ends this device's part. Captures and staged objects stay pinned; a later round merges them.
    mutating func giveUp(_ reason: RoundDecline?, at now: Instant, into actions: inout Actions) {
        guard !isOver else { return }
        if let reason {
            actions.append(.declined(round, reason))
            actions.append(.send(.declined(round, reason), to: leader))
        }
        close(early: true, at: now, into: &actions)
    }

    /// Writers go on, and this part ends; what is being put in place is finished, as it compares before it replaces.
    mutating func stop(at now: Instant, into actions: inout Actions) {
        guard isApplying else { return giveUp(.stopped, at: now, into: &actions) }
        open(early: true, at: now, into: &actions)
        guard case .reclosing(let revision) = stage else { return }
        stage = .applying(revision)
        actions.append(.apply(round, revision))
    }

    /// Ends, unless files are being replaced: that goes on behind the closed gate, as it compares before it replaces.
    mutating func epochLeft(at now: Instant, into actions: inout Actions) {
        if case .applying = stage { return }
        giveUp(nil, at: now, into: &actions)
    }

    private mutating func open(early: Bool, at now: Instant, into actions: inout Actions) {
        guard let since = gate.since else { return }
        gate = .open
        actions.append(.openGate(round))
        actions.append(.pauseEnded(round, held: now - since, early: early, writers))
    }

    private mutating func close(early: Bool, at now: Instant, into actions: inout Actions) {
        open(early: early, at: now, into: &actions)
        actions.append(.endRound(round))
        stage = .over
    }
}
