import ControlSocket
import Logging
import Primitives
import Synchronization
import ToolHooks
import WriterGate

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Answers the hooks of AI coding agents: holds their writes while the gate is closed, and knows what they have read.
/// All in memory: an agent that was started anew knows of no session and lets pass.
final class HookDesk: Sendable {
    private let workspace: String
    /// A write ended that nobody told the end of.
    private let ended: @Sendable () -> Void
    private let lifetime: Duration
    private let state = Mutex(State())

    private struct Write: Sendable {
        var session: String
        var paths: [String]
        var begun: Instant
        /// It counts as a writer of the gate.
        var isOpen = true
    }

    private struct State {
        var memory = HookMemory()
        var writes: [UInt64: Write] = [:]
        var last: UInt64 = 1 << 63
        var counts: [String: UInt64] = [:]
        /// Which tool wrote a file last.
        var authors: [String: String] = [:]
    }

    /// - Parameter workspace: its root; links are resolved here.
    init(
        workspace: String, lifetime: Duration = Limits.hookWriteLifetime, ended: @escaping @Sendable () -> Void = {}
    ) {
        self.lifetime = lifetime
        self.workspace = Self.resolved(workspace)
        self.ended = ended
    }

    /// Events by what was said to them, from the agent's start.
    static let words = ["pass", "waited", "deny_closed", "deny_stale", "broken"]
    var counts: [String: UInt64] { state.withLock { $0.counts } }

    /// Writes that have begun and were not told to have ended.
    var writesKnown: Int { state.withLock { $0.writes.count } }

    /// The tool whose hook told of the newest write of a path.
    func author(of path: String) -> String? { state.withLock { $0.authors[path] } }

    func broken() { count("broken") }

    /// A round brought these in place. Paths are relative to the workspace.
    func changed(_ paths: [String], round: String, device: String, at now: Instant) {
        state.withLock { $0.memory.changed(paths, HookMemory.Change(round: round, device: device, at: now)) }
    }

    /// - Parameter hears: called before a wait that may be long: the hook then knows that the agent lives.
    func answer(
        _ event: HookEvent, gate: WriterGate, wait: Duration = Limits.hookWait, hears: @Sendable () async -> Void
    ) async -> HookVerdict {
        let now = DeviceLoop.now
        let session = event.tool.rawValue + "/" + event.session
        let paths = event.paths.compactMap { HookPath.relative(Self.resolved($0), to: workspace) }
        switch event.kind {
        case .sessionEnd:
            for write in writes(of: session) { end(write, gate) }
            state.withLock { $0.memory.ended(session: session) }
        case .read: state.withLock { $0.memory.saw(paths, session: session, at: now, now: now) }
        case .afterWrite: written(paths, session, gate, now)
        case .beforeWrite:
            guard !paths.isEmpty else { break }
            return await begin(event.tool, session, paths, gate, wait, hears)
        }
        count("pass")
        return .pass
    }

    private func begin(
        _ tool: HookTool, _ session: String, _ paths: [String], _ gate: WriterGate, _ wait: Duration,
        _ hears: @Sendable () async -> Void
    ) async -> HookVerdict {
        let isClosed = gate.phase.pause != nil
        // Also at an open gate, which may close before the next line.
        await hears()
        guard let writer = reserve(session, paths) else {
            count("pass")
            return .pass
        }
        if await gate.beginToolWrite(writer, name: tool.title, wait: wait, lifetime: lifetime) != nil {
            forget(writer)
            count("deny_closed")
            return .deny(reason: HookReasons.closed)
        }
        // After the wait: the round that was waited for may have changed the very file.
        let now = DeviceLoop.now
        let stale = state.withLock { state in
            state.writes[writer]?.begun = now
            if state.authors.count > Limits.hookSeenPaths { state.authors = [:] }
            for path in paths { state.authors[path] = tool.title }
            return state.memory.stale(paths, session: session, now: now)
        }
        guard stale.isEmpty else {
            end(writer, gate)
            count("deny_stale")
            return .deny(reason: HookReasons.stale(stale, now: now))
        }
        Task { [weak self, lifetime] in
            try? await Task.sleep(for: lifetime)
            self?.expire(writer, gate)
        }
        count(isClosed ? "waited" : "pass")
        return .pass
    }

    /// What the session wrote it has seen, as of the moment when its write began. Of a write whose begin is not known
    /// nobody can tell what it was made on.
    private func written(_ paths: [String], _ session: String, _ gate: WriterGate, _ now: Instant) {
        let found = state.withLock { state in
            let mine = state.writes.filter { $0.value.session == session && $0.value.paths == paths }
            let open = mine.filter(\.value.isOpen).min { $0.key < $1.key }
            // Earlier ones that ran out were not allowed, or their end was told already.
            let found = open ?? mine.max { $0.key < $1.key }
            for number in mine.keys where !(mine[number]?.isOpen ?? true) { state.writes[number] = nil }
            return found
        }
        guard let found else { return }
        end(found.key, gate)
        state.withLock { $0.memory.saw(paths, session: session, at: found.value.begun, now: now) }
    }

    /// A number for a write; nil if too many have begun and not ended: then the tool is not held up.
    private func reserve(_ session: String, _ paths: [String]) -> UInt64? {
        state.withLock { state in
            guard state.writes.values.count(where: \.isOpen) < Limits.hookWrites else { return nil }
            state.last += 1
            state.writes[state.last] = Write(session: session, paths: paths, begun: DeviceLoop.now)
            return state.last
        }
    }

    private func writes(of session: String) -> [UInt64] {
        state.withLock { $0.writes.filter { $0.value.session == session }.keys.sorted() }
    }

    private func forget(_ writer: UInt64) { state.withLock { $0.writes[writer] = nil } }

    /// Rounds wait for it no more; a person who says yes after that is not forgotten.
    private func expire(_ writer: UInt64, _ gate: WriterGate) {
        let isKnown = state.withLock { state in
            guard state.writes[writer] != nil else { return false }
            state.writes[writer]?.isOpen = false
            let over = state.writes.filter { !$0.value.isOpen }.keys.sorted()
            for old in over.dropLast(Limits.hookWritesOver) { state.writes[old] = nil }
            return true
        }
        guard isKnown else { return }
        gate.endToolWrite(writer)
        ended()
    }

    private func end(_ writer: UInt64, _ gate: WriterGate) {
        forget(writer)
        gate.endToolWrite(writer)
    }

    private func count(_ word: String) { state.withLock { $0.counts[word, default: 0] += 1 } }

    /// Links in the directories above resolved; what is not there yet keeps its name.
    private static func resolved(_ path: String) -> String {
        var (front, names) = (path, [Substring]())
        while front.utf8.count > 1 {
            if let real = realpath(front, nil) {
                defer { free(real) }
                return ([String(cString: real)] + names.reversed().map(String.init)).joined(separator: "/")
            }
            guard let slash = front.lastIndex(of: "/") else { return path }
            names.append(front[front.index(after: slash)...])
            front = String(front[..<slash])
        }
        return path
    }
}

/// A gate and a desk of its own, so that nobody waits and nothing is counted: whether a closed gate really blocks.
extension HookDesk {
    func probe(_ event: HookEvent, logger: Logger) async -> HookVerdict {
        let gate = WriterGate(file: nil, workspace: workspace, logger: logger)
        let token = FencingToken(epoch: 1, counter: 1)
        let round = RoundID(token: token, sequence: 1)
        _ = await gate.close(round: round, deadline: Limits.hookFirstWord)
        defer { gate.open(round: round) }
        return await HookDesk(workspace: workspace).answer(event, gate: gate, wait: Limits.hookProbeWait) {}
    }
}

/// What the model is told.
enum HookReasons {
    static let closed =
        "Baton is syncing this workspace and its files must hold still. Nothing is wrong with your edit: wait a few "
        + "seconds, then make the same call again."

    static func stale(_ stale: [HookMemory.Stale], now: Instant) -> String {
        let shown = stale.prefix(3).map { one in
            let seconds = max(0, (now - one.change.at).wholeMilliseconds / 1000)
            return "\(one.path) (\(one.change.round), led by \(one.change.device), \(seconds) s ago)"
        }
        let more = stale.count > 3 ? " and \(stale.count - 3) more" : ""
        return "A sync of Baton changed \(shown.joined(separator: ", "))\(more) after you last read it. Read it again, "
            + "then make your edit on top of what is there now."
    }
}

// The control socket's calls of hooks.
extension AgentHandler {
    /// Nil: the call is none of these.
    func hook(_ kind: String, _ body: [UInt8], _ session: ControlSession) async -> [UInt8]? {
        switch kind {
        case HookWire.broken: agent.hooks.broken()
        case HookWire.event, HookWire.probe:
            guard let event = HookWire.event(body) else {
                agent.hooks.broken()
                return HookWire.body(.pass)
            }
            if kind == HookWire.probe { return HookWire.body(await agent.hooks.probe(event, logger: agent.logger)) }
            let verdict = await agent.hooks.answer(event, gate: agent.gate) {
                // The hook hears that somebody is here. If it left, the wait ends with its connection.
                try? await session.item(ControlJSON.empty)
            }
            agent.writersChanged()
            return HookWire.body(verdict)
        default: return nil
        }
        return ControlJSON.empty
    }
}
