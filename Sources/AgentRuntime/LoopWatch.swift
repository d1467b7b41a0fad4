import DeviceCore
import GitWorkspace
import Logging
import Primitives
import SyncRounds
import WriterGate

/// Keeps what goes round in circles out of the captures, as `LoopBreaker` decides, and says so: the paths, who wrote
/// them, when they go on.
actor LoopWatch {
    private let device: DeviceID
    private let workspace: Workspace
    private let loop: DeviceLoop
    private let gate: WriterGate
    private let hooks: HookDesk
    private let audit: AuditTrail
    private var breaker = LoopBreaker()
    /// Who wrote each path that is set aside.
    private var who: [[UInt8]: String] = [:]
    /// What this device brought to the newest round.
    private var brought: (round: RoundID, paths: [[UInt8]])?
    /// A person's own round is to take everything: until a capture that began since is done.
    private(set) var takesAll = false
    private var takenBy: RoundID?
    /// The newest round that is not counted, as a person asked for it.
    private var uncounted: RoundID?
    private var armed: Instant?
    private let look: @Sendable () -> Void

    /// - Parameter look: asks for a look at the files.
    init(
        device: DeviceID, workspace: Workspace, loop: DeviceLoop, gate: WriterGate, hooks: HookDesk, audit: AuditTrail,
        look: @escaping @Sendable () -> Void
    ) {
        self.device = device
        self.workspace = workspace
        self.loop = loop
        self.gate = gate
        self.hooks = hooks
        self.audit = audit
        self.look = look
    }

    /// What a look at the files leaves out now. Paths that became quiet go on with it.
    func leftOutOfLook() -> [[UInt8]: String] {
        let now = DeviceLoop.now
        let free = breaker.goOn(at: now)
        if !free.isEmpty { goesOn(free, "nobody changed it any more") }
        arm(now)
        return takesAll ? [:] : reasons(breaker.held(at: now))
    }

    func leftOutOfCapture(_ round: RoundID) -> [[UInt8]: String] {
        guard takesAll else { return reasons(breaker.heldByCapture(at: DeviceLoop.now)) }
        takenBy = round
        return [:]
    }

    /// Before a round that a person asks for, and before the last one of an agent that stops: those leave nothing out
    /// (behaviour P4 before P2). Afterwards what is set aside is so as before.
    /// - Returns: true if anything is.
    @discardableResult
    func takeAll() -> Bool {
        guard !breaker.list.isEmpty else { return false }
        takesAll = true
        takenBy = nil
        return true
    }

    func moved(_ paths: [[UInt8]]) {
        for path in paths { breaker.changed(path, at: DeviceLoop.now) }
    }

    func captured(_ round: RoundID) async {
        if takesAll, takenBy == round {
            takesAll = false
            uncounted = round
        }
        brought = (round, await workspace.capturedPaths(limit: Limits.loopPaths + 1))
    }

    /// A published round is in place.
    /// - Parameter late: what stayed as it was, since it was changed here.
    func applied(_ round: RoundID, _ paths: [[UInt8]], late: [[UInt8]]) async {
        let own = brought?.round == round ? brought?.paths ?? [] : []
        let now = DeviceLoop.now
        let free = breaker.collided(late, at: now)
        if !free.isEmpty { goesOn(free, "another device's version waits for it") }
        if round == uncounted { return breaker.taken(own + paths, at: now) }
        let news = breaker.published(own + paths, at: now)
        guard !news.isEmpty else { return }
        let open = OpenFile.forWriting(below: workspace.root, except: [])
        // What is known at once stands until the history was read.
        for path in news { who[path] = own.contains(path) ? programsHere(path, open) : "another device" }
        var all: [String] = []
        for path in news {
            let names = await writers(of: path, isOwn: own.contains(path), open)
            if who[path] != nil { who[path] = names }
            if !all.contains(names) { all.append(names) }
        }
        let names = all.prefix(Limits.loopNames).joined(separator: "; ") + (all.count > Limits.loopNames ? "; ..." : "")
        let first = String(decoding: news[0], as: UTF8.self)
        let more = news.count > 1 ? " and \(news.count - 1) more" : ""
        audit.add(
            "loop",
            "set aside: \(first)\(more), as \(Limits.loopRounds) rounds changed nothing else; written by \(names)",
            round: round, token: round.token, details: AuditPaths.details(news, ["who": names]))
        arm(now)
        look()
    }

    /// A person lets it go on.
    /// - Returns: those of the paths that were set aside.
    func release(_ paths: [[UInt8]]) -> [[UInt8]] {
        let released = breaker.release(paths)
        if !released.isEmpty { goesOn(released, "somebody said so") }
        return released
    }

    private func goesOn(_ paths: [[UInt8]], _ why: String) {
        for path in paths { who[path] = nil }
        let first = String(decoding: paths[0], as: UTF8.self)
        let more = paths.count > 1 ? " and \(paths.count - 1) more" : ""
        audit.add("loop-over", "goes on: \(first)\(more), as \(why)", details: AuditPaths.details(paths))
        look()
    }

    private func reasons(_ paths: [[UInt8]]) -> [[UInt8]: String] {
        Dictionary(uniqueKeysWithValues: paths.map { ($0, who[$0] ?? "another device") })
    }

    /// One look when the next path goes on.
    private func arm(_ now: Instant) {
        guard let due = breaker.nextDeadline(after: now), armed.map({ due < $0 || $0 <= now }) ?? true else { return }
        armed = due
        let look = look
        Task {
            guard (try? await Task.sleep(for: max(due - now, .milliseconds(1)))) != nil else { return }
            look()
        }
    }
}

// MARK: - Who wrote it

extension LoopWatch {
    /// The devices that brought a version of the path lately, and here the programs that may have made it.
    private func writers(of path: [UInt8], isOwn: Bool, _ open: [OpenFile]) async -> String {
        let head = loop.read { ($0.state.head.revision, $0.state.head.number) }
        var devices: [DeviceID] = []
        if let revision = head.0 {
            let history = try? await workspace.history(
                of: path, head: revision, number: head.1, limit: Limits.loopRounds)
            devices = (history?.changes ?? []).flatMap { $0.brought.map(\.device) }
        }
        if isOwn { devices.append(device) }
        var names: [String] = []
        for device in devices.filter({ $0 != self.device }) {
            let name = audit.name(of: device)
            if !names.contains(name) { names.append(name) }
        }
        guard names.isEmpty || devices.contains(device) else { return names.joined(separator: " and ") }
        return ([programsHere(path, open)] + names).joined(separator: " and ")
    }

    private func programsHere(_ path: [UInt8], _ open: [OpenFile]) -> String {
        "\(programs(path, open)) on \(audit.name(of: device))"
    }

    /// Whoever has it open, the tool whose hook told of it, or else the registered writers.
    private func programs(_ path: [UInt8], _ open: [OpenFile]) -> String {
        let text = String(decoding: path, as: UTF8.self)
        let writers = gate.writers
        var names = open.filter { $0.path == text }.map(\.name)
        if let tool = hooks.author(of: text) { names.append(tool) }
        if names.isEmpty { names = writers.map(\.name) }
        var shown: [String] = []
        for name in names where !shown.contains(name) { shown.append(name) }
        if shown.isEmpty { return "a program that takes no part in the gate" }
        let more = shown.count > Limits.loopNames ? ", ..." : ""
        return shown.prefix(Limits.loopNames).joined(separator: ", ") + more
    }
}
