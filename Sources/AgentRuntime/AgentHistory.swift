import ControlSocket
import DeviceCore
import GitWorkspace
import Primitives
import Storage
import SyncRounds

// Looking back and bringing back: undo, restore, what became of a path.

extension AgentHandler {
    /// Nil for a call of another kind.
    func history(_ kind: String, _ body: [UInt8]) async throws -> [UInt8]? {
        switch kind {
        case ControlCall.undo:
            return try ControlJSON.encode(await undo(ControlJSON.decode(UndoCall.self, from: body)))
        case ControlCall.restore:
            return try ControlJSON.encode(await restore(ControlJSON.decode(RestoreCall.self, from: body)))
        case ControlCall.path:
            return try ControlJSON.encode(await path(ControlJSON.decode(PathCall.self, from: body)))
        default: return try await snapshot(kind, body)
        }
    }

    /// The head as this device holds it, with its number.
    func heldHead() async throws -> (revision: Revision, number: UInt64) {
        let head = agent.loop.read { $0.state.head }
        guard let revision = head.revision, head.number > 0 else {
            throw ControlFailure(
                code: ExitCode.failed, message: "no round was published yet", hint: "make one: baton sync --now --wait")
        }
        guard await agent.workspace.has(revision) else {
            throw ControlFailure(
                code: ExitCode.tryAgain, message: "this device does not hold round \(head.number) yet",
                hint: "let it catch up: baton sync --now --wait")
        }
        return (revision, head.number)
    }

    static func failure(_ error: WorkspaceError) -> ControlFailure {
        let code: Int32 =
            switch error {
            case .userIsBusy: ExitCode.tryAgain
            default: ExitCode.failed
            }
        return ControlFailure(code: code, message: error.message, hint: error.hint)
    }

    static func shown(_ paths: [[UInt8]]) -> [String] {
        var bytes = 0
        var shown: [String] = []
        for path in paths.prefix(Limits.pathsInReply) {
            // Escapes of JSON can double a name, and more.
            bytes += path.count * 3 + 8
            if bytes > Limits.controlMessageBytes / 4 { break }
            shown.append(String(decoding: path, as: UTF8.self))
        }
        return shown
    }

    // MARK: Undo

    private func undo(_ call: UndoCall) async throws -> UndoReply {
        let head = try await heldHead()
        let target = try await published(call.round, head)
        let plan = try await Self.workspace { () throws(WorkspaceError) in
            try await agent.workspace.undoPlan(target, on: head.revision)
        }
        if call.dry_run { return reply(call, nil, plan) }
        guard !plan.restored.isEmpty else { throw nothingToUndo(call, plan) }
        try checkNotStopped()
        switch await agent.loop.ask(.undo(UndoTarget(number: call.round, revision: target))) {
        case .synced(let outcome): return try await undone(call, outcome, plan)
        case .noQuorum: throw Self.noQuorum
        case .noLeader: throw Self.noLeader
        case .failed(let why):
            try checkNotStopped()
            throw ControlFailure(code: ExitCode.failed, message: why, hint: "try again: baton undo \(call.round)")
        case .handedOff, .handoffRefused, .granted, .lost, .lockRefused, .done, .refused, .recovered,
            .recoveryRefused:
            throw Self.unexpected
        }
    }

    private func undone(_ call: UndoCall, _ outcome: RoundOutcome, _ planned: UndoPlan) async throws -> UndoReply {
        switch outcome.result {
        case .published(let merged):
            guard let undo = merged.undo, undo.restoredFiles > 0 else { throw nothingToUndo(call, planned) }
            // A device that was left out of the round does not hold its revision yet.
            let plan = (try? await agent.workspace.undone(by: merged.revision)) ?? planned
            var reply = reply(call, outcome.number, plan)
            (reply.restored_files, reply.left_files) = (Int(undo.restoredFiles), Int(undo.leftFiles))
            reply.left_out = outcome.leftOut.map(agent.audit.name(of:))
            reply.took_s = outcome.took.fractionalSeconds
            let left = undo.leftFiles == 0 ? "" : ", \(undo.leftFiles) left as changed since"
            agent.audit.add(
                "undo",
                "asked for the undo of round \(call.round): round \(outcome.number), "
                    + "\(undo.restoredFiles) files as before\(left)", round: outcome.round, token: outcome.round.token,
                details: AuditPaths.details(plan.restored + plan.left, ["undid": "\(call.round)"]))
            return reply
        case .nothingToDo, .caughtUp: throw nothingToUndo(call, planned)
        case .aborted(let why):
            throw ControlFailure(
                code: ExitCode.failed, message: "the round was given up: \(why)",
                hint: "try again: baton undo \(call.round)")
        }
    }

    private func reply(_ call: UndoCall, _ round: UInt64?, _ plan: UndoPlan) -> UndoReply {
        UndoReply(
            undid: call.round, round: round, restored_files: plan.restored.count, restored: Self.shown(plan.restored),
            left_files: plan.left.count, left: Self.shown(plan.left))
    }

    private func nothingToUndo(_ call: UndoCall, _ plan: UndoPlan) -> ControlFailure {
        let why =
            plan.left.isEmpty
            ? "everything is as it was before it already"
            : "every file that it changed was changed again since (\(plan.left.count))"
        return ControlFailure(
            code: ExitCode.failed, message: "nothing to undo of round \(call.round): \(why)",
            hint: "bring one file back: baton restore PATH --at \(call.round > 0 ? call.round - 1 : 0)")
    }

    private func published(_ round: UInt64, _ head: (revision: Revision, number: UInt64)) async throws -> Revision {
        guard (1...head.number).contains(round) else {
            throw ControlFailure(
                code: ExitCode.failed, message: "there is no round \(round); the newest is \(head.number)",
                hint: "see: baton log --kind published")
        }
        return try await revision(ofRound: round, head)
    }

    func revision(ofRound round: UInt64, _ head: (revision: Revision, number: UInt64)) async throws -> Revision {
        let found = try await Self.workspace { () throws(WorkspaceError) in
            try await agent.workspace.revision(ofRound: round, head: head.revision, number: head.number)
        }
        guard let found else {
            throw ControlFailure(
                code: ExitCode.failed,
                message: round == 0
                    ? "this mesh was founded without a history: there is nothing before round 1"
                    : "round \(round) is older than what this device keeps",
                hint: "see: baton log --kind published")
        }
        return found
    }

    static func workspace<Value: Sendable>(
        _ body: () async throws(WorkspaceError) -> Value
    ) async throws(ControlFailure) -> Value {
        do throws(WorkspaceError) { return try await body() } catch { throw failure(error) }
    }
}

// MARK: - Restore

extension AgentHandler {
    private func restore(_ call: RestoreCall) async throws -> RestoreReply {
        let path = try relative(call.path)
        let (revision, label) = try await revision(named: call.at)
        let result = try await Self.workspace { () throws(WorkspaceError) in
            try await agent.workspace.restore(path, from: revision, label: label, dryRun: call.dry_run)
        }
        if !call.dry_run {
            agent.watch.look()
            if !result.restored.isEmpty {
                let count = result.restored.count
                agent.audit.add(
                    "restored", "\(count) \(count == 1 ? "file" : "files") brought back as of \(label)",
                    details: AuditPaths.details(
                        result.restored,
                        ["revision": revision.hex, "capture": result.capture?.hex ?? ""]))
            }
        }
        return RestoreReply(
            at: label, revision: revision.hex, restored_files: result.restored.count,
            restored: Self.shown(result.restored), same_files: result.same, left: Self.shown(result.left),
            capture: result.capture?.hex)
    }

    /// A path below the root, without a leading `./` or a trailing slash.
    func relative(_ text: String) throws -> [UInt8] {
        let root = agent.store.mesh.workspace
        var rest = text[...]
        if rest == root { return [] }
        if rest.hasPrefix(root + "/") { rest = rest.dropFirst(root.count + 1) }
        let parts = rest.split(separator: "/").filter { $0 != "." }
        guard !rest.hasPrefix("/"), !parts.contains("..") else {
            throw ControlFailure(
                code: ExitCode.usage, message: "'\(text)' is not below the workspace \(root)",
                hint: "give the path as 'baton log' shows it, from the workspace's root")
        }
        return Array(parts.joined(separator: "/").utf8)
    }

    /// What `--at` names.
    func revision(named text: String) async throws -> (Revision, label: String) {
        if let round = UInt64(text) {
            let head = try await heldHead()
            guard round <= head.number else {
                throw ControlFailure(
                    code: ExitCode.failed, message: "there is no round \(round); the newest is \(head.number)",
                    hint: "see: baton log --kind published")
            }
            return (try await revision(ofRound: round, head), "round \(round)")
        }
        let found = try await Self.workspace { () throws(WorkspaceError) in
            try await agent.workspace.revision(named: text)
        }
        guard let found else {
            throw ControlFailure(
                code: ExitCode.failed, message: "'\(text)' names neither a round nor a revision that is kept here",
                hint: "see: baton log --kind published, or baton log --path PATH")
        }
        return (found, text.contains("-") ? "snapshot \(text)" : "revision \(found.short)")
    }
}
