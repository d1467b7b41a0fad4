import Primitives

/// The gate of one device as a value: writers, their sections, and whether a round holds it closed.
///
/// A gate that is not open has a deadline at which it opens by itself: every step first does what is due by then, so
/// that no order of inputs can keep it closed (protocol.md, section 5).
package struct GateState: Hashable, Sendable {
    package enum Phase: Hashable, Sendable {
        case open
        /// Writers are asked; the gate counts as closed when all answered or at `until`.
        case closing(GatePause, until: Instant)
        case closed(GatePause)

        package var pause: GatePause? {
            switch self {
            case .open: nil
            case .closing(let pause, _), .closed(let pause): pause
            }
        }
    }

    package enum Input: Hashable, Sendable {
        case registered(writer: UInt64, name: String, GateWriter.Kind)
        case disappeared(writer: UInt64)
        case enter(writer: UInt64, request: UInt64, wait: Duration, lifetime: Duration)
        /// The caller of `request` no longer waits.
        case withdrawn(request: UInt64)
        case leave(writer: UInt64, section: UInt64)
        case renew(writer: UInt64, section: UInt64, lifetime: Duration)
        case paused(writer: UInt64, pause: UInt64)
        /// A writer that had answered had to go on.
        case resumed(writer: UInt64, pause: UInt64)
        case close(RoundID, limit: Duration, request: UInt64)
        case extend(RoundID, limit: Duration)
        case open(RoundID)
        case emergency
        case tick
    }

    /// In the order in which they must be done.
    package enum Action: Hashable, Sendable {
        case showClosed(GatePause)
        case showOpen
        case ask(writer: UInt64, GatePause)
        case resume(writer: UInt64, GatePause)
        case thaw(ProcessGroupID)
        case entered(request: UInt64, section: UInt64)
        case refused(request: UInt64, GateRefusal)
        /// The answer to `close`, exactly one for each.
        case closeEnded(request: UInt64, GateReport)
        case openedEarly(RoundID, GateEarlyOpening)
    }

    private struct Waiter: Hashable, Sendable {
        let writer: UInt64
        let request: UInt64
        let expires: Instant
        let lifetime: Duration
    }

    package private(set) var phase = Phase.open
    /// In the order of their registration.
    package private(set) var writers: [GateWriter] = []
    /// First come, first served.
    private var waiters: [Waiter] = []
    private var lastPause: UInt64 = 0
    private var lastSection: UInt64 = 0
    private let grace: Duration
    private let longest: Duration

    package init(grace: Duration = Limits.quiesceGrace, longest: Duration = Limits.pauseMax) {
        self.grace = grace
        self.longest = longest
    }

    /// When a `tick` is due, at the latest.
    package var nextDeadline: Instant? {
        var times = waiters.map(\.expires) + writers.flatMap { $0.sections.map(\.expires) }
        switch phase {
        case .open: break
        case .closing(let pause, let until): times += [pause.deadline, until]
        case .closed(let pause): times.append(pause.deadline)
        }
        return times.min()
    }

    package mutating func step(_ input: Input, at now: Instant, into actions: inout [Action]) {
        expire(at: now, into: &actions)
        switch input {
        case .registered(let writer, let name, let kind): register(writer, name, kind, into: &actions)
        case .disappeared(let writer): disappear(writer, at: now, into: &actions)
        case .enter(let writer, let request, let wait, let lifetime):
            let waiter = Waiter(writer: writer, request: request, expires: now + wait, lifetime: lifetime)
            enter(waiter, at: now, into: &actions)
        case .withdrawn(let request): waiters.removeAll { $0.request == request }
        case .leave(let writer, let section): leave(writer, section)
        case .renew(let writer, let section, let lifetime):
            update(writer) { writer in
                guard let place = writer.sections.firstIndex(where: { $0.number == section }) else { return }
                writer.sections[place].expires = now + lifetime
            }
        case .paused(let writer, let pause): acknowledge(writer, pause)
        case .resumed(let id, let pause):
            guard phase.pause?.number == pause, let writer = writers.first(where: { $0.id == id }),
                writer.answer == .paused
            else { break }
            open(early: .writerResumed(writer.name), at: now, into: &actions)
        case .close(let round, let limit, let request): close(round, limit, request, at: now, into: &actions)
        case .extend(let round, let limit): extend(round, limit, at: now, into: &actions)
        case .open(let round): if phase.pause?.round == round { open(early: nil, at: now, into: &actions) }
        case .emergency: open(early: .emergency, at: now, into: &actions)
        case .tick: break
        }
        settle(at: now, into: &actions)
    }

    private mutating func update(_ writer: UInt64, _ change: (inout GateWriter) -> Void) {
        guard let place = writers.firstIndex(where: { $0.id == writer }) else { return }
        change(&writers[place])
    }
}

// Writers.
extension GateState {
    /// A second registration of a session changes its name and kind.
    private mutating func register(
        _ id: UInt64, _ name: String, _ kind: GateWriter.Kind, into actions: inout [Action]
    ) {
        guard !writers.contains(where: { $0.id == id }) else {
            return update(id) { writer in
                writer.name = name
                writer.kind = kind
            }
        }
        let answer: GateWriter.Answer = phase.pause == nil ? .running : .asked
        writers.append(GateWriter(id: id, name: name, kind: kind, answer: answer, sections: []))
        if let pause = phase.pause { actions.append(.ask(writer: id, pause)) }
    }

    /// A writer without connection has left. A stopped group is continued, and then writes: its pause is over.
    private mutating func disappear(_ id: UInt64, at now: Instant, into actions: inout [Action]) {
        for waiter in waiters where waiter.writer == id {
            actions.append(.refused(request: waiter.request, .notRegistered))
        }
        waiters.removeAll { $0.writer == id }
        guard let writer = writers.first(where: { $0.id == id }) else { return }
        if case .wrapped(let group) = writer.kind {
            if writer.answer == .paused { open(early: .writerResumed(writer.name), at: now, into: &actions) }
            // Opening continues whoever was seen to stand still.
            if !actions.contains(.thaw(group)) { actions.append(.thaw(group)) }
        }
        writers.removeAll { $0.id == id }
    }

    private mutating func enter(_ waiter: Waiter, at now: Instant, into actions: inout [Action]) {
        guard let writer = writers.first(where: { $0.id == waiter.writer }) else {
            return actions.append(.refused(request: waiter.request, .notRegistered))
        }
        guard waiters.count < Limits.gateWaiters, writer.sections.count < Limits.gateSections else {
            return actions.append(.refused(request: waiter.request, .tooMany))
        }
        guard let pause = phase.pause else { return admit(waiter, at: now, into: &actions) }
        guard waiter.expires > now else {
            return actions.append(.refused(request: waiter.request, .timedOut(pause.round)))
        }
        waiters.append(waiter)
    }

    private mutating func admit(_ waiter: Waiter, at now: Instant, into actions: inout [Action]) {
        lastSection += 1
        let section = GateWriter.Section(number: lastSection, expires: now + waiter.lifetime)
        update(waiter.writer) { $0.sections.append(section) }
        actions.append(.entered(request: waiter.request, section: section.number))
    }

    /// Leaving the last section while the gate closes is an answer, but not of a group that runs on.
    private mutating func leave(_ writer: UInt64, _ section: UInt64) {
        update(writer) { writer in
            let count = writer.sections.count
            writer.sections.removeAll { $0.number == section }
            guard writer.kind == .client, writer.sections.isEmpty, count > 0, writer.answer == .asked else { return }
            writer.answer = .paused
        }
    }

    /// An answer from within a section does not count: the writer is about to write.
    private mutating func acknowledge(_ writer: UInt64, _ pause: UInt64) {
        guard phase.pause?.number == pause else { return }
        update(writer) { if $0.answer == .asked, $0.sections.isEmpty { $0.answer = .paused } }
    }
}

// Closing and opening.
extension GateState {
    private mutating func close(
        _ round: RoundID, _ limit: Duration, _ request: UInt64, at now: Instant, into actions: inout [Action]
    ) {
        if let pause = phase.pause, round < pause.round {
            return actions.append(.closeEnded(request: request, .notClosed))
        }
        endClosing(into: &actions)
        let since = phase.pause?.since ?? now
        lastPause += 1
        let pause = GatePause(
            number: lastPause, round: round, since: since, deadline: min(now + limit, since + longest),
            request: request)
        phase = .closing(pause, until: min(now + grace, pause.deadline))
        actions.append(.showClosed(pause))
        for place in writers.indices {
            writers[place].answer = .asked
            actions.append(.ask(writer: writers[place].id, pause))
        }
        if pause.deadline <= now { open(early: .deadline, at: now, into: &actions) }
    }

    /// Moves the deadline of the round that holds the gate, never beyond the longest pause; writers are told.
    private mutating func extend(_ round: RoundID, _ limit: Duration, at now: Instant, into actions: inout [Action]) {
        guard var pause = phase.pause, pause.round == round else { return }
        pause.deadline = min(now + limit, pause.since + longest)
        switch phase {
        case .open: return
        case .closing(_, let until): phase = .closing(pause, until: min(until, pause.deadline))
        case .closed: phase = .closed(pause)
        }
        actions.append(.showClosed(pause))
        for writer in writers { actions.append(.ask(writer: writer.id, pause)) }
    }

    private mutating func open(early: GateEarlyOpening?, at now: Instant, into actions: inout [Action]) {
        guard let pause = phase.pause else { return }
        endClosing(into: &actions)
        phase = .open
        // Who watches for writes in the pause hears of its end before the first writer goes on.
        if let early { actions.append(.openedEarly(pause.round, early)) }
        for place in writers.indices {
            if case .wrapped(let group) = writers[place].kind, writers[place].answer == .paused {
                actions.append(.thaw(group))
            }
            actions.append(.resume(writer: writers[place].id, pause))
            writers[place].answer = .running
        }
        let admitted = waiters
        waiters = []
        for waiter in admitted { admit(waiter, at: now, into: &actions) }
        // At last: it writes a file, which can take its time on a slow disk, and nobody is to stand still for that.
        actions.append(.showOpen)
    }

    /// Who still waits for a closing hears that it will not be.
    private func endClosing(into actions: inout [Action]) {
        guard case .closing(let pause, _) = phase else { return }
        actions.append(.closeEnded(request: pause.request, .notClosed))
    }

    private mutating func expire(at now: Instant, into actions: inout [Action]) {
        settle(at: now, into: &actions)
        if let pause = phase.pause, pause.deadline <= now { open(early: .deadline, at: now, into: &actions) }
        for place in writers.indices { writers[place].sections.removeAll { $0.expires <= now } }
        let late = waiters.filter { $0.expires <= now }
        guard !late.isEmpty else { return }
        waiters.removeAll { $0.expires <= now }
        for waiter in late {
            actions.append(.refused(request: waiter.request, .timedOut(phase.pause?.round)))
        }
    }

    private mutating func settle(at now: Instant, into actions: inout [Action]) {
        guard case .closing(let pause, let until) = phase, pause.deadline > now else { return }
        guard until <= now || writers.allSatisfy({ $0.answer == .paused }) else { return }
        phase = .closed(pause)
        let report = GateReport(
            paused: writers.filter { $0.answer == .paused }.map(\.name),
            unanswered: writers.filter { $0.answer != .paused }.map(\.name), closedAt: now)
        actions.append(.closeEnded(request: pause.request, report))
    }
}
