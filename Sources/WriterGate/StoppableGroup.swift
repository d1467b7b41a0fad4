import Primitives
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The process group of a wrapped command: stopped for one pause at a time, continued from anywhere.
///
/// Each signal is sent under the lock that decides about it: a pause that was given up cannot stop the group after
/// whoever gave it up has continued it. The leader is our child and not yet reaped, so the id is the group's.
final class StoppableGroup: Sendable {
    let id: Int32
    private let state = Mutex(State())

    private struct State {
        var pause: UInt64?
        var isHeld = false
        /// After a signal to the command it is not stopped for a while, so that it can act on it.
        var isSparedUntil = ContinuousClock.now
        var isOver = false
    }

    init(id: Int32) { self.id = id }

    /// The pause for which the group is to be stopped, or is.
    var pause: UInt64? { state.withLock { $0.pause } }

    /// Begins a pause; false if it is on already.
    func begin(_ pause: UInt64) -> Bool {
        state.withLock { state in
            guard state.pause != pause else { return false }
            state.pause = pause
            return true
        }
    }

    /// Stops the group if `pause` is still wanted.
    func stop(for pause: UInt64) -> Bool {
        state.withLock { state in
            guard state.pause == pause, !state.isOver, ContinuousClock.now >= state.isSparedUntil else { return false }
            return kill(-id, SIGSTOP) == 0
        }
    }

    /// Marks the stop as good; false if the pause ended meanwhile.
    func hold(for pause: UInt64) -> Bool {
        state.withLock { state in
            guard state.pause == pause, !state.isOver else { return false }
            state.isHeld = true
            return true
        }
    }

    /// Lets the group run on between two tries to stop it.
    func letRun(for pause: UInt64) {
        state.withLock { state in
            if state.pause == pause, !state.isOver { kill(-id, SIGCONT) }
        }
    }

    /// Ends the pause, or only `pause` if one is named; the group runs.
    func release(_ pause: UInt64? = nil) {
        state.withLock { state in
            guard pause == nil || state.pause == pause else { return }
            end(&state)
        }
    }

    /// Continues the group, then sends it `signal`. The pause that was held is returned: it is broken.
    func deliver(_ signal: Int32) -> UInt64? {
        state.withLock { state in
            guard !state.isOver else { return nil }
            let broken = state.isHeld ? state.pause : nil
            end(&state)
            state.isSparedUntil = .now + Limits.killGrace
            kill(-id, signal)
            return broken
        }
    }

    /// The leader ended: what is left of the group runs, and it is never signalled again.
    func finish() {
        state.withLock { state in
            end(&state)
            state.isOver = true
        }
    }

    private func end(_ state: inout State) {
        state.pause = nil
        state.isHeld = false
        if !state.isOver { kill(-id, SIGCONT) }
    }
}
