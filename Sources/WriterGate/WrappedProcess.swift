import Primitives
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// `baton run -- CMD`: runs `arguments` in a process group of its own, which stops while the agent's gate is closed.
///
/// The standard streams are the caller's. At a terminal the group is handed it; elsewhere it is a session of its own.
/// Without an agent it runs ungated, with a warning, and joins when one appears. The group is continued when the pause
/// or its deadline ends, when the connection ends, when a signal is passed on, when this process ends, also by
/// `kill -9` (behaviour W5). Processes that leave the group, such as the jobs of an interactive shell, are not stopped.
///
/// Returns the command's exit status, 128 + n for signal n, 127 or 126 if it cannot be started.
package func runWrapped(arguments: [String], name: String?, connect: @escaping GateConnector) async -> Int32 {
    signal(SIGPIPE, SIG_IGN)
    let name = name ?? arguments.first?.split(separator: "/").last.map(String.init) ?? "command"
    let entrance = await WriterEntrance.enter(name: name, connect: connect)
    if entrance == nil { warn("the agent is not running: \(name) is not paused until it is (start it: baton up)") }
    let terminal = CallersTerminal()
    let heard = SignalRelay.heard(of: [SIGTERM, SIGINT, SIGHUP, SIGQUIT])
    let child: ChildProcess
    do {
        // A group in our session would be orphaned by our death: when it is stopped, the kernel then sends it HUP.
        // Only a command at a terminal must stay in the session.
        child = try ChildProcess.start(arguments, terminal.isForeground ? .ownGroup : .ownSession, defaults: heard)
    } catch {
        warn("\(error)")
        await entrance?.link.close()
        return error.code
    }
    return await WrappedProcess(child: child, name: name, connect: connect, terminal: terminal)
        .run(signals: heard, entrance: entrance)
}

/// A wrapped command from its start to its end.
private final class WrappedProcess: Sendable {
    private let child: ChildProcess
    private let group: StoppableGroup
    private let name: String
    private let connect: GateConnector
    private let terminal: CallersTerminal
    private let link = Mutex<(any GateLink)?>(nil)

    init(child: ChildProcess, name: String, connect: @escaping GateConnector, terminal: CallersTerminal) {
        self.child = child
        group = StoppableGroup(id: child.pid)
        self.name = name
        self.connect = connect
        self.terminal = terminal
    }

    func run(signals: [Int32], entrance: WriterEntrance?) async -> Int32 {
        let watchdog = ThawWatchdog(group: child.pid)
        let relay = SignalRelay(signals) { self.passOn($0) }
        terminal.give(to: child.pid)
        let serving = Task { await self.serve(entrance) }
        var status: Int32 = 1
        for await change in child.changes {
            switch change {
            case .ended(let code): status = code
            case .stopped(let signal): terminal.follow(stop: signal, of: child.pid)
            }
        }
        group.finish()
        watchdog?.dismiss()
        child.reap()
        relay.stop()
        terminal.takeBack()
        serving.cancel()
        await serving.value
        return status
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

    /// True when every process of the group is seen to be stopped and none has a file of the workspace open for
    /// writing. Otherwise the group is let run for a moment and stopped again, ever more patiently: besides an open
    /// file that cures a `vfork` caught half-way, whose parent waits in the kernel for its stopped child.
    private func freeze(_ pause: UInt64, below workspace: String) async -> Bool {
        let giveUp = ContinuousClock.now + Limits.freezeAttempts
        var thaw = Limits.thawBetweenTries.lowerBound
        var patience = Limits.stillWithin.lowerBound
        while group.stop(for: pause) {
            if await isStill(pause, until: min(giveUp, .now + patience)),
                ProcessTable.openForWriting(below: workspace, group: child.pid) == nil
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

    private func isStill(_ pause: UInt64, until deadline: ContinuousClock.Instant) async -> Bool {
        while !ProcessTable.isStill(group: child.pid) {
            guard .now < deadline, group.pause == pause, (try? await Task.sleep(for: .milliseconds(1))) != nil else {
                return false
            }
        }
        return true
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
