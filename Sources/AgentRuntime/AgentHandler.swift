import ControlSocket
import DeviceCore
import GitWorkspace
import Identity
import Locks
import Logging
import MeshTransport
import Primitives
import Storage
import SyncRounds
import Synchronization
import WriterGate

/// Answers the control socket: translates calls into requests of the device, and outcomes into reports.
final class AgentHandler: ControlHandler {
    let agent: AgentParts
    private let locks = Mutex<[UInt64: [HeldLockTag]]>([:])

    struct HeldLockTag: Sendable {
        var name: String
        var tag: UInt64
    }

    init(agent: AgentParts) { self.agent = agent }

    func handle(kind: String, body: [UInt8], session: ControlSession) async throws -> [UInt8] {
        if WriterGate.answers(kind) { return try await gate(kind, body, session) }
        if let answer = await hook(kind, body, session) { return answer }
        if let answer = try await record(kind, body) { return answer }
        if let answer = try await stops(kind, body) { return answer }
        switch kind {
        case ControlCall.status: return try ControlJSON.encode(await agent.status())
        case ControlCall.watch: return try await watch(session)
        case ControlCall.sync: return try ControlJSON.encode(await sync(ControlJSON.decode(SyncCall.self, from: body)))
        case ControlCall.handoff:
            return try ControlJSON.encode(await handoff(ControlJSON.decode(HandoffCall.self, from: body)))
        case ControlCall.invite: return try ControlJSON.encode(invite(ControlJSON.decode(InviteCall.self, from: body)))
        case ControlCall.allow:
            return try ControlJSON.encode(await allow(ControlJSON.decode(AllowCall.self, from: body)))
        case ControlCall.remove: return try await remove(ControlJSON.decode(RemoveCall.self, from: body))
        case ControlCall.config: return try ControlJSON.encode(try config())
        case ControlCall.set:
            return try ControlJSON.encode(await set(ControlJSON.decode(ConfigSetting.self, from: body)))
        case ControlCall.unset:
            return try ControlJSON.encode(await unset(ControlJSON.decode(ConfigKey.self, from: body)))
        case ControlCall.lock:
            return try ControlJSON.encode(await lock(ControlJSON.decode(LockCall.self, from: body), session))
        case ControlCall.unlock: return try await unlock(ControlJSON.decode(LockCall.self, from: body), session)
        case ControlCall.stop:
            await agent.stop()
            return ControlJSON.empty
        case ControlCall.link: return try link(ControlJSON.decode(LinkCall.self, from: body))
        default:
            if let reply = try await history(kind, body) { return reply }
            if let reply = try await conflictCall(kind, body) { return reply }
            if let reply = try await hub(kind, body) { return reply }
            if let reply = try await recovery(kind, body) { return reply }
            throw ControlFailure(
                code: ExitCode.usage, message: "this agent knows no call '\(kind)'",
                hint: "the command and the agent are of different versions: baton down, then baton up")
        }
    }

    func closed(_ session: ControlSession) {
        agent.gate.sessionClosed(session.id)
        agent.writersChanged()
        let held = locks.withLock { $0.removeValue(forKey: session.id) } ?? []
        for lock in held { agent.loop.cancel(lock.tag) }
    }

    private func gate(_ kind: String, _ body: [UInt8], _ session: ControlSession) async throws -> [UInt8] {
        let writer = GateSession(
            id: session.id, notify: { kind, body in session.notify(kind, body) }, isClosed: { session.isClosed })
        do throws(GateFailure) {
            let reply = try await agent.gate.handle(kind: kind, body: body, session: writer)
            agent.writersChanged()
            return reply
        } catch {
            throw ControlFailure(code: error.code, message: error.message, hint: error.hint)
        }
    }

    private func watch(_ session: ControlSession) async throws -> [UInt8] {
        var seen: UInt64?
        var quiet = 0
        while !Task.isCancelled {
            let changes = agent.loop.changeCount
            if changes != seen || quiet >= 10 {
                seen = changes
                quiet = 0
                try await session.item(ControlJSON.encode(await agent.status()))
            }
            quiet += 1
            try await Task.sleep(for: Limits.statusPause)
        }
        return ControlJSON.empty
    }
}

// MARK: - Sync and handoff

extension AgentHandler {
    private func sync(_ call: SyncCall) async throws -> SyncReport {
        try checkNotStopped()
        if let reason = call.reason.flatMap({ RoundReason(rawValue: $0) }), [.startup, .exit].contains(reason) {
            return try await hurried(reason, waits: call.wait)
        }
        await agent.watches.loops.takeAll()
        if !call.wait {
            _ = agent.loop.request(.sync) { _ in }
            let (number, head) = agent.loop.read { ($0.state.head.number, $0.state.head.revision?.hex) }
            return SyncReport(
                result: "requested", round: number, head: head, changed_files: 0, conflicts: 0, participants: [],
                left_out: [], took_s: 0)
        }
        // What was written before this call must be seen by the round: it captures, so nothing needs to be looked at
        // now.
        switch await agent.loop.ask(.sync) {
        case .synced(let outcome): return report(outcome)
        case .noQuorum: throw Self.noQuorum
        case .noLeader: throw Self.noLeader
        case .failed(let why):
            // Somebody may have stopped it while it waited.
            try checkNotStopped()
            throw ControlFailure(code: ExitCode.failed, message: why, hint: "try again: baton sync --now")
        case .handedOff, .handoffRefused, .granted, .lost, .lockRefused, .done, .refused, .recovered,
            .recoveryRefused:
            throw Self.unexpected
        }
    }

    private func report(_ outcome: RoundOutcome) -> SyncReport {
        let head = agent.loop.read { ($0.state.head.revision?.hex, $0.state.head.conflicts) }
        var report = SyncReport(
            result: "published", round: outcome.number, round_id: outcome.round.description, head: head.0,
            changed_files: outcome.changedFiles, conflicts: 0,
            participants: outcome.participants.map(agent.audit.name(of:)),
            left_out: outcome.leftOut.map(agent.audit.name(of:)), took_s: outcome.took.fractionalSeconds)
        switch outcome.result {
        case .published(let merged): report.conflicts = merged.conflicts
        case .nothingToDo: report.result = "nothing_to_do"
        case .caughtUp: report.result = "caught_up"
        case .aborted(let why):
            report.result = "aborted"
            report.why = why
        }
        return report
    }

    private func handoff(_ call: HandoffCall) async throws -> HandoffReport {
        let target = try call.device.map { try agent.device(named: $0) }
        let begun = DeviceLoop.now
        switch await agent.loop.ask(.handoff(to: target)) {
        case .handedOff(let device, let token):
            return HandoffReport(
                device: device.description, name: agent.audit.name(of: device), token: token.description,
                took_s: Double((DeviceLoop.now - begun).wholeNanoseconds) / 1_000_000_000)
        case .handoffRefused(let refusal): throw failure(refusal)
        case .noQuorum: throw Self.noQuorum
        case .noLeader: throw Self.noLeader
        case .synced, .granted, .lost, .lockRefused, .done, .refused, .failed, .recovered, .recoveryRefused:
            throw Self.unexpected
        }
    }

    private func failure(_ refusal: HandoffRefusal) -> ControlFailure {
        let name = agent.audit.name(of:)
        let (text, hint): (String, String) =
            switch refusal {
            case .notAMember(let device): ("\(name(device)) is no member of the mesh", "see: baton devices")
            case .unreachable(let device):
                ("\(name(device)) cannot be reached", "wake it, or choose another: baton devices")
            case .behind(let device, let why):
                (
                    "\(name(device)) is behind" + (why.map { " (\($0))" } ?? ""),
                    "let it catch up first: baton sync --now --wait"
                )
            case .alreadyLeader(let device): ("\(name(device)) leads already", "see: baton status")
            case .nobodyElse: ("no other device can take the leadership", "see: baton devices")
            case .leaseLost: ("the leadership changed meanwhile", "see: baton status")
            case .roundDidNotEnd: ("another handoff is under way", "try again in a moment")
            }
        return ControlFailure(code: ExitCode.failed, message: "not handed off: \(text)", hint: hint)
    }

    static let noQuorum = ControlFailure(
        code: ExitCode.noQuorum, message: "no quorum can be reached; work is saved here and syncs later",
        hint: "wake another device, then see: baton status")
    static let noLeader = ControlFailure(
        code: ExitCode.noQuorum, message: "no sync leader answers", hint: "see: baton status")
    static let unexpected = ControlFailure(
        code: ExitCode.failed, message: "the device gave an answer to another question", hint: "see the log: baton log")
}

// MARK: - Members

extension AgentHandler {
    private func invite(_ call: InviteCall) throws -> InviteReport {
        let wanted = Duration.seconds(min(max(call.for_s ?? .infinity, 1), Limits.inviteLifetime.fractionalSeconds))
        do {
            let invite = try agent.desk.invite(addresses: agent.advertised.map(\.description), for: wanted)
            return InviteReport(
                invite: invite.text, expires_s: wanted.fractionalSeconds,
                workspace_name: agent.store.mesh.name)
        } catch let refusal as InviteRefusal {
            throw ControlFailure(code: ExitCode.failed, message: refusal.message, hint: refusal.hint)
        } catch let error as InviteError {
            throw ControlFailure(code: ExitCode.failed, message: error.message, hint: error.hint)
        }
    }

    private func remove(_ call: RemoveCall) async throws -> [UInt8] {
        let device = try agent.device(named: call.device)
        guard device != agent.identity.id else {
            throw ControlFailure(
                code: ExitCode.notAllowed, message: "a device does not remove itself",
                hint: "run it on another device: baton devices remove \(call.device)")
        }
        try done(await agent.loop.ask(.removeDevice(device)))
        return ControlJSON.empty
    }

    func done(_ reply: ClientReply) throws {
        switch reply {
        case .done: return
        case .noQuorum: throw Self.noQuorum
        case .noLeader: throw Self.noLeader
        case .refused(let refusal):
            throw ControlFailure(
                code: ExitCode.notAllowed, message: "the mesh refused: \(refusal)", hint: "see: baton devices")
        case .failed(let why): throw ControlFailure(code: ExitCode.failed, message: why, hint: "see: baton status")
        case .synced, .handedOff, .handoffRefused, .granted, .lost, .lockRefused, .recovered,
            .recoveryRefused:
            throw Self.unexpected
        }
    }

    private func link(_ call: LinkCall) throws -> [UInt8] {
        guard agent.hasTestSwitches else {
            throw ControlFailure(
                code: ExitCode.notAllowed, message: "the agent was started without test switches",
                hint: "set BATON_TEST_SWITCHES=1 in its environment")
        }
        let device = try agent.device(named: call.device)
        if call.cut { agent.transport.cut(device) } else { agent.transport.heal(device) }
        return ControlJSON.empty
    }
}

// MARK: - Locks

extension AgentHandler {
    private func lock(_ call: LockCall, _ session: ControlSession) async throws -> LockReport {
        guard let name = LockName(call.name) else {
            throw ControlFailure(
                code: ExitCode.usage, message: "'\(call.name)' is no lock name",
                hint: "use 1 to \(Limits.lockNameBytes) printable ASCII characters without spaces")
        }
        let ttl = Duration.milliseconds(Int64((call.ttl_s ?? 15).clamped(to: 1...3600) * 1000))
        let (replies, sink) = AsyncStream<ClientReply>.makeStream()
        let tag = agent.loop.request(.acquire(name, ttl: ttl, waits: call.wait)) { reply in
            if case .lost(let name, let token) = reply {
                let body = try? ControlJSON.encode(LockReport(name: name.text, token: token.description))
                session.notify("lock.lost", body ?? ControlJSON.empty)
            }
            sink.yield(reply)
        }
        locks.withLock { $0[session.id, default: []].append(HeldLockTag(name: call.name, tag: tag)) }
        if session.isClosed { closed(session) }
        for await reply in replies { return try granted(reply) }
        agent.loop.cancel(tag)
        throw CancellationError()
    }

    private func granted(_ reply: ClientReply) throws -> LockReport {
        switch reply {
        case .granted(let name, let token): return LockReport(name: name.text, token: token.description)
        case .lockRefused(.held(let grant)):
            throw ControlFailure(
                code: ExitCode.tryAgain, message: "held by \(agent.audit.name(of: grant.holder)), token \(grant.token)",
                hint: "wait for it: leave out --no-wait")
        case .lockRefused(let refusal):
            throw ControlFailure(
                code: ExitCode.failed, message: "the lock was refused: \(refusal)", hint: "see: baton log")
        case .noQuorum: throw Self.noQuorum
        case .noLeader: throw Self.noLeader
        case .failed(let why): throw ControlFailure(code: ExitCode.tryAgain, message: why, hint: "try again later")
        case .lost(let name, let token):
            throw ControlFailure(
                code: ExitCode.failed, message: "\(name) was lost at once (token \(token))", hint: "try again")
        case .synced, .handedOff, .handoffRefused, .done, .refused, .recovered, .recoveryRefused:
            throw Self.unexpected
        }
    }

    private func unlock(_ call: LockCall, _ session: ControlSession) async throws -> [UInt8] {
        let held = locks.withLock { locks -> HeldLockTag? in
            guard let place = locks[session.id]?.firstIndex(where: { $0.name == call.name }) else { return nil }
            return locks[session.id]?.remove(at: place)
        }
        guard let held, let name = LockName(call.name) else {
            throw ControlFailure(
                code: ExitCode.failed, message: "this connection does not hold '\(call.name)'", hint: "acquire it first"
            )
        }
        let reply = await withCheckedContinuation { (continuation: CheckedContinuation<ClientReply, Never>) in
            let once = Mutex<CheckedContinuation<ClientReply, Never>?>(continuation)
            agent.loop.request(.release(name), tag: held.tag) { reply in
                once.withLock { waiter in
                    waiter?.resume(returning: reply)
                    waiter = nil
                }
            }
        }
        if case .lockRefused = reply { return ControlJSON.empty }
        try done(reply)
        return ControlJSON.empty
    }
}

extension Double {
    func clamped(to range: ClosedRange<Double>) -> Double {
        isFinite ? Swift.min(Swift.max(self, range.lowerBound), range.upperBound) : range.lowerBound
    }
}
