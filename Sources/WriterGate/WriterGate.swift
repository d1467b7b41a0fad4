// Module: WriterGate pauses and releases the writers of one device's workspace: the gate's rules as a value, the shell
// that drives it with a clock, the file that scripts read, and the commands that wrap a process. Never: a signal to a
// process that nobody wrapped, a path in the workspace, a socket. Start with GateState.swift, then
// WrappedProcess.swift.

import Dispatch
import Logging
import Primitives
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// One connection of the control socket, as the gate needs it.
package struct GateSession: Sendable {
    package let id: UInt64
    /// Sends a notice (kind, JSON); must not wait.
    package let notify: @Sendable (String, [UInt8]) -> Void
    /// True from before the gate is told `sessionClosed`.
    package let isClosed: @Sendable () -> Bool

    package init(
        id: UInt64, notify: @escaping @Sendable (String, [UInt8]) -> Void, isClosed: @escaping @Sendable () -> Bool
    ) {
        self.id = id
        self.notify = notify
        self.isClosed = isClosed
    }
}

/// Drives the gate of one device. Any thread may call it; nothing here waits but `close` and `gate.enter`.
///
/// Decisions are made under a lock; what follows from them is done in their order on the gate's own queue, which also
/// has the timer. The deadline therefore needs no task of the agent to be alive.
package final class WriterGate: Sendable {
    private let state: Mutex<State>
    private let queue = DispatchQueue(label: "writer-gate")
    private let file: GateFile?
    private let workspace: String
    private let logger: Logger
    private let onEarlyOpen: @Sendable (RoundID, GateEarlyOpening) -> Void
    private let clockOrigin = ContinuousClock.now

    private struct State {
        var gate: GateState
        var sessions: [UInt64: GateSession] = [:]
        var lastRequest: UInt64 = 0
        var closings: [UInt64: CheckedContinuation<GateReport, Never>] = [:]
        var entries: [UInt64: CheckedContinuation<Result<UInt64, GateFailure>, Never>] = [:]
        /// When the timer fires next.
        var armed: Instant?
    }

    /// - Parameters:
    ///   - file: `BATON_HOME/run/gate`; set to `open` here.
    ///   - workspace: told to wrappers, which look for files below it that are open for writing.
    ///   - longest: `pause.max`.
    ///   - onEarlyOpen: the gate opened although nobody called `open`. Must not wait.
    package init(
        file: GateFile?, workspace: String, logger: Logger, grace: Duration = Limits.quiesceGrace,
        longest: Duration = Limits.pauseMax,
        onEarlyOpen: @escaping @Sendable (RoundID, GateEarlyOpening) -> Void = { _, _ in }
    ) {
        state = Mutex(State(gate: GateState(grace: grace, longest: longest)))
        self.file = file
        self.workspace = workspace
        self.logger = logger
        self.onEarlyOpen = onEarlyOpen
        if let file { show(.open, in: file) }
    }

    /// The moment as the gate counts: on the clock that counts suspend, from the gate's making.
    package var now: Instant { Instant(sinceOrigin: ContinuousClock.now - clockOrigin) }
    package var writers: [GateWriter] { state.withLock { $0.gate.writers } }
    package var phase: GateState.Phase { state.withLock { $0.gate.phase } }

    /// Asks every writer to hold still; returns when all answered, or after the grace. The gate opens by itself after
    /// `deadline`. A round older than the one that holds the gate gets a report without `closedAt`.
    package func close(round: RoundID, deadline: Duration) async -> GateReport {
        await withCheckedContinuation { continuation in
            state.withLock { state in
                state.lastRequest += 1
                state.closings[state.lastRequest] = continuation
                step(.close(round, limit: deadline, request: state.lastRequest), &state)
            }
        }
    }

    /// Moves the deadline to `deadline` from now, if `round` holds the gate.
    package func extend(round: RoundID, deadline: Duration) { input(.extend(round, limit: deadline)) }

    /// Releases the writers, if `round` holds the gate: a late word of an old round opens nothing.
    package func open(round: RoundID) { input(.open(round)) }

    /// Releases the writers whoever holds the gate; `onEarlyOpen` is told.
    package func emergencyOpen() { input(.emergency) }

    /// The session's writer has left, its waiting entries are dropped, its stopped group is continued.
    package func sessionClosed(_ id: UInt64) {
        state.withLock { state in
            state.sessions[id] = nil
            step(.disappeared(writer: id), &state)
        }
    }

    func input(_ input: GateState.Input) { state.withLock { step(input, &$0) } }

    /// Registers unless the session has ended meanwhile: its end may have been told before.
    func register(_ session: GateSession, name: String, kind: GateWriter.Kind) -> GateRegistered {
        state.withLock { state in
            state.sessions[session.id] = session
            step(.registered(writer: session.id, name: name, kind), &state)
        }
        if session.isClosed() { sessionClosed(session.id) }
        return GateRegistered(workspace: workspace)
    }

    func enter(writer: UInt64, wait: Duration, lifetime: Duration) async -> Result<UInt64, GateFailure> {
        let request = state.withLock { state in
            state.lastRequest += 1
            return state.lastRequest
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                state.withLock { state in
                    state.entries[request] = continuation
                    step(.enter(writer: writer, request: request, wait: wait, lifetime: lifetime), &state)
                }
                if Task.isCancelled { withdraw(request) }
            }
        } onCancel: {
            withdraw(request)
        }
    }

    /// A section that was granted meanwhile ends with its lifetime or its session.
    private func withdraw(_ request: UInt64) {
        let continuation = state.withLock { state in
            step(.withdrawn(request: request), &state)
            return state.entries.removeValue(forKey: request)
        }
        continuation?.resume(
            returning: .failure(GateFailure(code: GateFailure.tryAgainCode, message: "the wait was given up")))
    }

    private func step(_ input: GateState.Input, _ state: inout State) {
        var actions: [GateState.Action] = []
        state.gate.step(input, at: now, into: &actions)
        for action in actions { carryOut(action, &state) }
        arm(&state)
    }

    /// Puts the effect on the queue; under the lock, so that effects keep the order of decisions.
    private func carryOut(_ action: GateState.Action, _ state: inout State) {
        switch action {
        case .showClosed(let pause):
            let milliseconds = max(0, (pause.deadline - now).wholeMilliseconds)
            show(.closed(round: "\(pause.round)", deadlineUnixSeconds: GateFile.unixSeconds(after: milliseconds)))
        case .showOpen: show(.open)
        case .ask(let writer, let pause): notify("gate.pause", state.sessions[writer], pause)
        case .resume(let writer, let pause): notify("gate.resume", state.sessions[writer], pause)
        case .thaw(let group): queue.async { _ = ProcessTable.thaw(group) }
        case .entered(let request, let section):
            let continuation = state.entries.removeValue(forKey: request)
            queue.async { continuation?.resume(returning: .success(section)) }
        case .refused(let request, let refusal):
            let continuation = state.entries.removeValue(forKey: request)
            queue.async { continuation?.resume(returning: .failure(GateFailure(refusal))) }
        case .closeEnded(let request, let report):
            let continuation = state.closings.removeValue(forKey: request)
            queue.async { continuation?.resume(returning: report) }
        case .openedEarly(let round, let reason):
            queue.async { self.onEarlyOpen(round, reason) }
        }
    }

    private func notify(_ kind: String, _ session: GateSession?, _ pause: GatePause) {
        guard let session else { return }
        let left = max(.zero, pause.deadline - now).fractionalSeconds
        let body = GatePauseBody(pause: pause.number, round: "\(pause.round)", deadlineSeconds: left)
        queue.async { session.notify(kind, GateJSON.encode(body)) }
    }

    private func show(_ line: GateFile.Line) {
        guard let file else { return }
        queue.async { self.show(line, in: file) }
    }

    private func show(_ line: GateFile.Line, in file: GateFile) {
        guard !file.write(line) else { return }
        logger.warning(
            "cannot write the gate file; scripts that read it are not paused",
            metadata: ["path": "\(file.path)", "error": "\(String(cString: strerror(errno)))"])
    }

    /// One timer at a time. Dispatch's clock stops in suspend, ours does not: a long wait is looked at every second.
    private func arm(_ state: inout State) {
        guard let next = state.gate.nextDeadline else { return }
        let due = min(next, now + .seconds(1))
        if let armed = state.armed, armed <= due { return }
        state.armed = due
        let wait = max(.zero, due - now).wholeNanoseconds
        queue.asyncAfter(deadline: .now() + .nanoseconds(Int(wait))) { [weak self] in self?.timerFired(due) }
    }

    private func timerFired(_ due: Instant) {
        state.withLock { state in
            if state.armed == due { state.armed = nil }
            step(.tick, &state)
        }
    }
}

extension GateFailure {
    init(_ refusal: GateRefusal) {
        switch refusal {
        case .timedOut(let round):
            let which = round.map { " for round \($0)" } ?? ""
            self.init(
                code: Self.tryAgainCode, message: "the gate is closed\(which)",
                hint: "try again in a moment, or: baton gate --wait 30s -- CMD")
        case .tooMany:
            self.init(code: Self.tryAgainCode, message: "too many writers wait at the gate", hint: "try again")
        case .notRegistered:
            self.init(
                code: Self.usageCode, message: "this connection is not a registered writer", hint: "gate.register first"
            )
        }
    }
}
