import CSystemCalls
import DeviceCore
import Dispatch
import Primitives
import Synchronization

/// The one owner of the `Device` value: inputs go in from any thread, are stepped one at a time in their order, and
/// each output is carried out in its order - persist first.
final class DeviceLoop: Sendable {
    /// Carries out what is not persistence. Called on the loop's queue, in the order of the steps; must be quick.
    struct Effects: Sendable {
        var persist: @Sendable (DeviceUpdate) throws -> Void
        var send: @Sendable ([PeerEnvelope], Epoch) -> Void
        var act: @Sendable ([DeviceAction]) -> Void
        var note: @Sendable ([DeviceEvent]) -> Void
        /// The state, and the log's index up to which it is applied.
        var rosterChanged: @Sendable (MeshState, LogIndex) -> Void
        var settingsChanged: @Sendable ([Setting]) -> Void
        /// The disk refused an update: nothing of that step may have an effect, and no later step either.
        var failed: @Sendable (any Error) -> Void
        var stopped: @Sendable () -> Void
    }

    private struct State {
        var device: Device
        var output = DeviceOutput()
        var answers: [UInt64: @Sendable (ClientReply) -> Void] = [:]
        var lastTag: UInt64 = 0
        var armed: Instant?
        var isDead = false
        /// What came before `start`, in its order.
        var early: [DeviceInput] = []
        var changes: UInt64 = 0
    }

    private let state: Mutex<State>
    private let queue = DispatchQueue(label: "baton.device", qos: .userInitiated)
    private let waiting = Atomic<Int>(0)
    private let effects: Mutex<Effects?>

    init(device: Device) {
        state = Mutex(State(device: device))
        effects = Mutex(nil)
    }

    /// The moment on the clock that counts suspend.
    static var now: Instant { Instant(sinceOrigin: .nanoseconds(csystem_boot_nanoseconds())) }

    /// Begins to step: first what was posted before. A link may well be up by now; the device hears of it once.
    func start(_ effects: Effects) {
        queue.async { [self] in
            self.effects.withLock { $0 = effects }
            let early = state.withLock { state in
                defer { state.early = [] }
                return state.early
            }
            for input in early { step(input) }
            step(.tick)
        }
    }

    /// After this nothing is stepped any more.
    func end() {
        queue.sync { state.withLock { $0.isDead = true } }
    }

    /// A peer's message may be dropped when too much waits (it is retried); everything else is taken.
    func post(_ input: DeviceInput) {
        if case .received = input, waiting.load(ordering: .relaxed) > Limits.inboundInputs { return }
        waiting.add(1, ordering: .relaxed)
        queue.async { [self] in
            waiting.subtract(1, ordering: .relaxed)
            step(input)
        }
    }

    /// Asks for a client and calls `answer` for each reply (a lock is first granted, perhaps lost later), on the queue.
    func request(_ request: ClientRequest, answer: @escaping @Sendable (ClientReply) -> Void) -> UInt64 {
        let tag = state.withLock { state in
            state.lastTag += 1
            state.answers[state.lastTag] = answer
            return state.lastTag
        }
        post(.request(tag: tag, request))
        return tag
    }

    /// Asks once more under a tag that is in use (the release of a lock that it acquired).
    func request(_ request: ClientRequest, tag: UInt64, answer: @escaping @Sendable (ClientReply) -> Void) {
        state.withLock { $0.answers[tag] = answer }
        post(.request(tag: tag, request))
    }

    func cancel(_ tag: UInt64) {
        state.withLock { _ = $0.answers.removeValue(forKey: tag) }
        post(.cancelled(tag: tag))
    }

    /// One request, one reply.
    func ask(_ request: ClientRequest) async -> ClientReply {
        await withCheckedContinuation { continuation in
            let once = Mutex<CheckedContinuation<ClientReply, Never>?>(continuation)
            let sent = self.request(request) { reply in
                once.withLock { waiter in
                    waiter?.resume(returning: reply)
                    waiter = nil
                }
            }
            _ = sent
        }
    }

    /// Looks at the device; short.
    func read<Value: Sendable>(_ body: (Device) -> Value) -> Value {
        state.withLock { body($0.device) }
    }

    /// Tells the device a fact outside of a step (what the workspace shell found).
    func tell(_ body: @escaping @Sendable (inout Device) -> Void) {
        queue.async { [self] in
            state.withLock { body(&$0.device) }
            step(.tick)
        }
    }

    /// Returns when everything that was posted before has been stepped.
    func turn() async { await withCheckedContinuation { waiter in queue.async { waiter.resume() } } }

    /// Grows with every step that could be seen from outside.
    var changeCount: UInt64 { state.withLock { $0.changes } }

    private func step(_ input: DeviceInput) {
        guard let effects = effects.withLock({ $0 }) else { return keep(input) }
        state.withLock { state in
            guard !state.isDead else { return }
            let now = Self.now
            state.output.removeAll()
            state.device.step(input, at: now, into: &state.output)
            if !state.output.sendAhead.isEmpty { effects.send(state.output.sendAhead, state.output.epoch) }
            if !state.output.persist.isEmpty {
                do {
                    try effects.persist(state.output.persist)
                } catch {
                    state.isDead = true
                    effects.failed(error)
                    return
                }
            }
            carryOut(&state, effects)
            arm(&state, now)
        }
    }

    private func keep(_ input: DeviceInput) {
        state.withLock { state in
            if case .received = input, state.early.count >= Limits.inboundInputs { return }
            state.early.append(input)
        }
    }

    private func carryOut(_ state: inout State, _ effects: Effects) {
        let output = state.output
        if output.rosterChanged {
            effects.rosterChanged(state.device.state, state.device.raft.appliedIndex)
        }
        if output.settingsChanged { effects.settingsChanged(state.device.state.settings) }
        if !output.send.isEmpty { effects.send(output.send, output.epoch) }
        if !output.actions.isEmpty { effects.act(output.actions) }
        for reply in output.replies {
            guard let answer = state.answers[reply.tag] else { continue }
            if case .granted = reply.reply {} else { state.answers[reply.tag] = nil }
            queue.async { answer(reply.reply) }
        }
        if !output.events.isEmpty {
            state.changes += 1
            effects.note(output.events)
        }
        if output.stopped { effects.stopped() }
    }

    /// One timer. Dispatch's clock stops in suspend; the device reads its own clock and notices that it slept.
    private func arm(_ state: inout State, _ now: Instant) {
        let due = state.device.nextDeadline
        if let armed = state.armed, armed <= due, armed > now { return }
        state.armed = due
        let wait = max(due - now, .milliseconds(1)).wholeNanoseconds
        queue.asyncAfter(deadline: .now() + .nanoseconds(Int(wait))) { [weak self] in self?.timerFired(due) }
    }

    private func timerFired(_ due: Instant) {
        let isCurrent = state.withLock { state in
            guard state.armed == due else { return false }
            state.armed = nil
            return true
        }
        if isCurrent { step(.tick) }
    }
}
