import Primitives
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The processes of a wrapped command: stopped for one pause at a time, continued from anywhere.
///
/// They are its process group and whatever descends from this process, the watchdog excepted: orphans come back to us,
/// so that a daemon with a session of its own is found, too. Where there is a freezer it holds them; signals hold the
/// others, and what has left the freezer's control group.
///
/// Each signal is sent under the lock that decides about it: a pause that was given up cannot stop the group after
/// whoever gave it up has continued it. The leader is our child and not yet reaped, so the id is the group's.
final class StoppableGroup: Sendable {
    let id: Int32
    private let freezer: CgroupFreezer?
    private let state = Mutex(State())

    private struct State {
        var pause: UInt64?
        var isHeld = false
        /// After a signal to the command it is not stopped for a while, so that it can act on it.
        var isSparedUntil = ContinuousClock.now
        var isLeaderGone = false
        var isOver = false
        /// Processes outside of the group that we stopped; each is continued when the pause ends.
        var strays: [ProcessTable.Entry] = []
        var watchdog: ThawWatchdog?
    }

    init(id: Int32, freezer: CgroupFreezer?) {
        self.id = id
        self.freezer = freezer
    }

    /// Who continues the command when we are killed: told of each process before that is stopped.
    func watch(by watchdog: ThawWatchdog?) { state.withLock { $0.watchdog = watchdog } }

    /// The pause for which the group is to be stopped, or is.
    var pause: UInt64? { state.withLock { $0.pause } }

    /// Every process of the command that has not been reaped, its leader included.
    var processes: [ProcessTable.Entry] { state.withLock { family($0) } }

    /// Begins a pause; false if it is on already.
    func begin(_ pause: UInt64) -> Bool {
        state.withLock { state in
            guard state.pause != pause else { return false }
            state.pause = pause
            return true
        }
    }

    /// Stops the command if `pause` is still wanted.
    func stop(for pause: UInt64) -> Bool {
        state.withLock { state in
            guard state.pause == pause, !state.isOver, ContinuousClock.now >= state.isSparedUntil else { return false }
            if let freezer {
                guard freezer.freeze() else { return false }
                stopStrays(among: outside(freezer.processes, state), &state)
                return true
            }
            guard kill(-id, SIGSTOP) == 0 else { return false }
            stopStrays(among: family(state), &state)
            return true
        }
    }

    /// The processes of the command if nothing of it can execute, else nil. What has left the group meanwhile is
    /// stopped. Two looks must agree: one may miss a process that was made while it went on.
    func still(for pause: UInt64) -> [ProcessTable.Entry]? {
        state.withLock { state in
            guard state.pause == pause, !state.isOver else { return nil }
            guard freezer?.isFrozen ?? true else { return nil }
            // What is frozen starts nothing; whoever else is of the family may.
            let frozen = freezer?.processes ?? []
            let first = outside(frozen, state)
            guard first.allSatisfy(ProcessTable.isStill) else {
                stopStrays(among: first, &state)
                return nil
            }
            let second = outside(frozen, state)
            guard second.map(\.pid) == first.map(\.pid) else {
                stopStrays(among: second, &state)
                return nil
            }
            return frozen + second
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

    /// Lets the command run on between two tries to stop it.
    func letRun(for pause: UInt64) {
        state.withLock { state in
            if state.pause == pause, !state.isOver { letGo(&state) }
        }
    }

    /// Ends the pause, or only `pause` if one is named; the command runs.
    func release(_ pause: UInt64? = nil) {
        state.withLock { state in
            guard pause == nil || state.pause == pause else { return }
            end(&state)
        }
    }

    /// Continues the command, then sends `signal` to its group; to what it left behind, too, once its leader has ended.
    /// The pause that was held is returned: it is broken.
    func deliver(_ signal: Int32) -> UInt64? {
        state.withLock { state in
            guard !state.isOver else { return nil }
            let broken = state.isHeld ? state.pause : nil
            end(&state)
            state.isSparedUntil = .now + Limits.killGrace
            kill(-id, signal)
            if state.isLeaderGone {
                for process in family(state) where process.group != id { ProcessTable.signal(process, signal) }
            }
            return broken
        }
    }

    /// The leader ended; its group and what left it may run on, and are still stopped for each pause.
    func leaderEnded() { state.withLock { $0.isLeaderGone = true } }

    /// Nothing is left, or it is left alone from now on: it runs, and is never signalled again.
    func finish() {
        state.withLock { state in
            end(&state)
            state.isOver = true
            state.watchdog = nil
        }
        freezer?.remove()
    }

    /// Buries descendants that ended and whose parent ended before: they are our children.
    func buryOrphans() {
        let own = getpid()
        for process in processes where process.isDead && process.parent == own && process.pid != id {
            waitpid(process.pid, nil, WNOHANG)
        }
    }

    private func family(_ state: State) -> [ProcessTable.Entry] {
        ProcessTable.family(group: id, root: getpid(), except: state.watchdog?.pid)
    }

    /// Those that nothing but a signal holds.
    private func outside(_ frozen: [ProcessTable.Entry], _ state: State) -> [ProcessTable.Entry] {
        let frozen = Set(frozen.map(\.pid))
        return family(state).filter { !frozen.contains($0.pid) }
    }

    /// One that somebody else stopped is left as it is, and not continued either.
    private func stopStrays(among processes: [ProcessTable.Entry], _ state: inout State) {
        for process in processes where (freezer != nil || process.group != id) && !process.isStill {
            let isKnown = state.strays.contains { $0.pid == process.pid && $0.start == process.start }
            if !isKnown {
                guard state.strays.count < Limits.strayProcesses else { return }
                state.strays.append(process)
                state.watchdog?.willStop(process)
            }
            ProcessTable.signal(process, SIGSTOP)
        }
    }

    private func letGo(_ state: inout State) {
        freezer?.thaw()
        kill(-id, SIGCONT)
        for stray in state.strays { ProcessTable.signal(stray, SIGCONT) }
        if !state.strays.isEmpty { state.watchdog?.allContinued() }
        state.strays = []
    }

    private func end(_ state: inout State) {
        state.pause = nil
        state.isHeld = false
        if !state.isOver { letGo(&state) }
    }
}
