import CSystemCalls
import Primitives
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// How the processes of a wrapped command are held.
package enum WriterHold: Sendable {
    /// By a cgroup v2 of its own where one may be made, else by signals.
    case freezerOrSignals
    case signals
}

/// `baton run -- CMD`: runs `arguments` in a process group of its own, which stops while the agent's gate is closed,
/// as does what leaves the group. Needs this process for itself: every descendant of it counts as the command's.
///
/// The standard streams are the caller's. At a terminal the group is handed it; elsewhere it is a session of its own.
/// Without an agent it runs ungated, with a warning, and joins when one appears. The command is continued when the
/// pause or its deadline ends, when the connection ends, when a signal is passed on, when this process ends, also by
/// `kill -9` (behaviour W5). Daemons that outlive the command are waited for; at a terminal they are named and left.
///
/// Returns the command's exit status, 128 + n for signal n, 127 or 126 if it cannot be started.
package func runWrapped(
    arguments: [String], name: String?, hold: WriterHold = .freezerOrSignals, connect: @escaping GateConnector
) async -> Int32 {
    signal(SIGPIPE, SIG_IGN)
    let name = name ?? arguments.first?.split(separator: "/").last.map(String.init) ?? "command"
    let entrance = await WriterEntrance.enter(name: name, connect: connect)
    if entrance == nil { warn("the agent is not running: \(name) is not paused until it is (start it: baton up)") }
    let terminal = CallersTerminal()
    let heard = SignalRelay.heard(of: [SIGTERM, SIGINT, SIGHUP, SIGQUIT])
    // Where orphans do not come back to us, one that left the group is found as long as its parents live.
    _ = csystem_adopt_orphans()
    let child: ChildProcess
    let freezer: CgroupFreezer?
    do {
        // A group in our session would be orphaned by our death: when it is stopped, the kernel then sends it HUP.
        // Only a command at a terminal must stay in the session.
        let placement = terminal.isForeground ? ChildProcess.Placement.ownGroup : .ownSession
        (child, freezer) = try start(arguments, placement, defaults: heard, hold)
    } catch {
        warn("\(error)")
        await entrance?.link.close()
        return error.code
    }
    return await WrappedProcess(child: child, freezer: freezer, name: name, connect: connect, terminal: terminal)
        .run(signals: heard, entrance: entrance)
}

/// Starts the command, within a freezer if one can be had: we enter it for the moment of the start.
private func start(
    _ arguments: [String], _ placement: ChildProcess.Placement, defaults: [Int32], _ hold: WriterHold
) throws(GateFailure) -> (ChildProcess, CgroupFreezer?) {
    var freezer: CgroupFreezer?
    switch hold {
    case .freezerOrSignals: freezer = CgroupFreezer()
    case .signals: break
    }
    let hasEntered = freezer?.enter() ?? false
    do {
        let child = try ChildProcess.start(arguments, placement, defaults: defaults)
        guard let made = freezer else { return (child, nil) }
        if hasEntered, made.leave() { return (child, made) }
        made.remove()
        return (child, nil)
    } catch {
        _ = freezer?.leave()
        freezer?.remove()
        throw error
    }
}

/// A wrapped command from its start to its end.
private final class WrappedProcess: Sendable {
    private let child: ChildProcess
    private let freezer: CgroupFreezer?
    private let group: StoppableGroup
    private let name: String
    private let connect: GateConnector
    private let terminal: CallersTerminal
    private let link = Mutex<(any GateLink)?>(nil)

    init(
        child: ChildProcess, freezer: CgroupFreezer?, name: String, connect: @escaping GateConnector,
        terminal: CallersTerminal
    ) {
        self.child = child
        self.freezer = freezer
        group = StoppableGroup(id: child.pid, freezer: freezer)
        self.name = name
        self.connect = connect
        self.terminal = terminal
    }

    func run(signals: [Int32], entrance: WriterEntrance?) async -> Int32 {
        let watchdog = ThawWatchdog(group: child.pid, freezer: freezer)
        group.watch(by: watchdog)
        let relay = SignalRelay(signals) { self.passOn($0) }
        terminal.give(to: child.pid)
        let serving = Task { await self.serve(entrance) }
        let burying = Task {
            while (try? await Task.sleep(for: Limits.orphanPause)) != nil { self.group.buryOrphans() }
        }
        var status: Int32 = 1
        for await change in child.changes {
            switch change {
            case .ended(let code): status = code
            case .stopped(let signal): terminal.follow(stop: signal, of: child.pid)
            }
        }
        await leaderEnded()
        burying.cancel()
        group.finish()
        watchdog?.dismiss()
        child.reap()
        relay.stop()
        terminal.takeBack()
        serving.cancel()
        await serving.value
        return status
    }

    /// What the command left behind still writes, so it is still held; at a terminal somebody waits for the prompt.
    private func leaderEnded() async {
        group.leaderEnded()
        group.buryOrphans()
        let left = group.processes.filter { !$0.isDead }
        guard !left.isEmpty else { return }
        let pids = left.prefix(5).map { "\($0.pid)" }.joined(separator: " ") + (left.count > 5 ? " ..." : "")
        guard !terminal.isForeground else {
            return warn("\(name) left processes behind that are no longer paused: \(pids) (see them: ps \(pids))")
        }
        warn("\(name) has ended, but not what it left behind; waiting for: \(pids)")
        while group.processes.contains(where: { !$0.isDead }) {
            // Never cancelled: this is the process's own end.
            try? await Task.sleep(for: Limits.leftoverPause)
            group.buryOrphans()
        }
    }

    /// The command gets the signal running, and time to act on it; the agent hears that the pause is broken.
    private func passOn(_ signal: Int32) {
        guard let pause = group.deliver(signal), let link = link.withLock({ $0 }) else { return }
        Task { await link.tell("gate.resumed", GatePauseBody(pause: pause)) }
    }

    /// Serves one connection after another until cancelled.
    private func serve(_ entrance: WriterEntrance?) async {
        if let entrance { await serve(entrance.link, section: entrance.section) }
        var wait = Limits.reconnectFloor
        while !Task.isCancelled {
            // Cancelled while it sleeps: the loop ends.
            try? await Task.sleep(for: wait)
            wait = min(wait * 2, Limits.reconnectCeiling)
            guard !Task.isCancelled, let link = try? await connect() else { continue }
            wait = Limits.reconnectFloor
            await serve(link, section: nil)
        }
    }

    /// The group runs when this returns.
    private func serve(_ link: any GateLink, section: UInt64?) async {
        defer { group.release() }
        let leader = ProcessTable.entry(child.pid)
        let registration = GateRegistration(name: name, group: child.pid, leaderStart: leader?.start)
        guard let registered = try? await link.call("gate.register", registration, as: GateRegistered.self) else {
            return await link.close()
        }
        if let section { await link.tell("gate.leave", GateSectionBody(section: section)) }
        self.link.withLock { $0 = link }
        await withTaskGroup(of: Void.self) { tasks in
            let pauses = PauseDeadlines()
            while let notice = await link.nextNotice() {
                guard let body = try? GateJSON.decode(GatePauseBody.self, notice.body) else { continue }
                switch notice.kind {
                case "gate.pause":
                    let left = Duration(boundedSeconds: body.deadlineSeconds ?? 0)
                    pauses.set(body.pause, .now + left)
                    guard group.begin(body.pause) else { continue }
                    tasks.addTask { await self.pause(body.pause, link, pauses, below: registered.workspace) }
                case "gate.resume": group.release(body.pause)
                default: continue
                }
            }
            group.release()
            tasks.cancelAll()
        }
        self.link.withLock { $0 = nil }
        await link.close()
    }

    /// Stops the group, answers, and watches the deadline; or gives up and leaves it running.
    private func pause(_ pause: UInt64, _ link: any GateLink, _ pauses: PauseDeadlines, below workspace: String) async {
        defer { group.release(pause) }
        guard await freeze(pause, below: workspace), group.hold(for: pause) else { return }
        await link.tell("gate.paused", GatePauseBody(pause: pause))
        while group.pause == pause, let deadline = pauses.deadline(of: pause), deadline > .now {
            // Cancelled: the connection ended, the group is released.
            guard (try? await Task.sleep(until: min(deadline, .now + .milliseconds(100)), clock: .continuous)) != nil
            else { return }
        }
    }

    /// True when every process of the command is seen to be stopped and none has a file of the workspace open for
    /// writing. Otherwise the command is let run for a moment and stopped again, ever more patiently: besides an open
    /// file that cures a `vfork` caught half-way, whose parent waits in the kernel for its stopped child.
    private func freeze(_ pause: UInt64, below workspace: String) async -> Bool {
        let giveUp = ContinuousClock.now + Limits.freezeAttempts
        var thaw = Limits.thawBetweenTries.lowerBound
        var patience = Limits.stillWithin.lowerBound
        while group.stop(for: pause) {
            if let still = await still(pause, until: min(giveUp, .now + patience)),
                ProcessTable.openForWriting(below: workspace, by: still) == nil
            {
                return true
            }
            group.letRun(for: pause)
            guard .now + thaw < giveUp, (try? await Task.sleep(for: thaw)) != nil else { return false }
            thaw = min(thaw * 2, Limits.thawBetweenTries.upperBound)
            patience = min(patience * 2, Limits.stillWithin.upperBound)
        }
        return false
    }

    /// The processes once all hold still; nil if they do not in time.
    private func still(_ pause: UInt64, until deadline: ContinuousClock.Instant) async -> [ProcessTable.Entry]? {
        var wait = Duration.milliseconds(1)
        while true {
            if let processes = group.still(for: pause) { return processes }
            guard .now < deadline, group.pause == pause, (try? await Task.sleep(for: wait)) != nil else { return nil }
            // A look costs more the more processes the machine has, and many writers look at once.
            wait = min(wait * 2, Limits.stillWithin.lowerBound)
        }
    }
}

/// Deadlines of pauses as the agent last said them.
private final class PauseDeadlines: Sendable {
    private let latest = Mutex<(pause: UInt64, deadline: ContinuousClock.Instant)?>(nil)

    func set(_ pause: UInt64, _ deadline: ContinuousClock.Instant) { latest.withLock { $0 = (pause, deadline) } }

    func deadline(of pause: UInt64) -> ContinuousClock.Instant? {
        latest.withLock { $0?.pause == pause ? $0?.deadline : nil }
    }
}
