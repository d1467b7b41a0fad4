import ControlSocket
import DeviceCore
import GitWorkspace
import Primitives

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Answers questions about conflicts, and settles them.
struct ConflictDesk: Sendable {
    let agent: AgentParts

    /// Conflicts of one reply.
    private static let page = 256

    func list(_ call: ConflictsCall) async throws -> ConflictsReport {
        let (list, unlisted) = agent.loop.read { ($0.state.conflicts.list, $0.state.conflicts.unlisted) }
        let after = call.after ?? 0
        let wanted = list.filter { $0.number > after }
        let shown = Array(wanted.prefix(Self.page))
        let views = try await views(of: shown)
        return ConflictsReport(
            open: UInt32(clamping: list.count) &+ unlisted, unlisted: unlisted,
            conflicts: zip(shown, views).map(item), has_more: wanted.count > shown.count)
    }

    func show(_ call: ConflictCall) async throws -> ConflictReport {
        let (open, view) = try await find(call.conflict)
        let text = try await told { () async throws(WorkspaceError) in
            try await agent.workspace.difference(view.conflict.ours, view.conflict.theirs)
        }
        return ConflictReport(
            conflict: item(open, view), difference: text,
            is_cut: (text?.utf8.count ?? 0) >= Limits.differenceBytes)
    }

    func export(_ call: ConflictExportCall) async throws -> ConflictExport {
        let (open, view) = try await find(call.conflict)
        let item = item(open, view)
        let names = item.versions.map(\.name)
        let hasMarkers = try await told { () async throws(WorkspaceError) in
            try await agent.workspace.export(view.conflict, to: call.folder, labels: (names[0], names[1]))
        }
        return ConflictExport(conflict: item, has_markers: hasMarkers)
    }

    // MARK: Resolving

    func resolve(_ call: ResolveCall) async throws -> ResolveReport {
        let (open, view) = try await find(call.conflict)
        let (choice, said, name) = try choice(call, open, view)
        let result = try await told { () async throws(WorkspaceError) in
            try await agent.workspace.resolve(view.conflict, choice)
        }
        // The bytes are in place first: closed without them, the conflict would be forgotten.
        let reply = await agent.loop.ask(.review(.resolve(open.id, said)))
        let wasElsewhere = try isClosedElsewhere(reply, open)
        agent.watch.look()
        _ = agent.loop.request(.sync) { _ in }
        let path = String(decoding: view.conflict.path, as: UTF8.self)
        return ResolveReport(
            number: open.number, id: open.id.hex, path: path,
            choice: said == .both ? "both" : said == .content ? "file" : "device", name: name,
            was_written: result.wasWritten, was_edited: result.wasEdited,
            copy: result.copy.map { String(decoding: $0, as: UTF8.self) },
            also_open: try await others(at: view.conflict.path, than: open), was_closed_elsewhere: wasElsewhere)
    }

    private func choice(
        _ call: ResolveCall, _ open: OpenConflict, _ view: ConflictView
    ) throws -> (ConflictChoice, ResolutionChoice, String?) {
        let (ours, theirs) = (name(view.ours.device), name(view.theirs.device))
        if call.take == "both" { return (.both(oursName: ours, theirsName: theirs), .both, nil) }
        let device = try? agent.device(named: call.take)
        for (side, choice) in [(view.ours, ConflictChoice.ours), (view.theirs, .theirs)] {
            guard let device, side.device == device else { continue }
            guard side.bytes != nil || choice == .ours else { break }
            if choice == .theirs, view.conflict.kind == .fileAndFolder { throw inTheWay(open, view) }
            return (choice, .device(device), name(device))
        }
        guard let file = call.file, device == nil else { throw noVersion(call, open, ours, theirs) }
        guard let bytes = Self.contents(file) else {
            throw ControlFailure(
                code: ExitCode.failed, message: "'\(call.take)' is no device with a version of it, and no file to read",
                hint: "take \(ours), \(theirs), both, or the path of a file of at most "
                    + "\(Limits.resolutionBytes >> 20) MiB")
        }
        return (.content(bytes), .content, nil)
    }

    private func inTheWay(_ open: OpenConflict, _ view: ConflictView) -> ControlFailure {
        ControlFailure(
            code: ExitCode.failed,
            message: "a file and a folder have one name there; one of them has to have another",
            hint: "keep both: baton conflicts resolve \(open.number) --take both")
    }

    private func noVersion(_ call: ResolveCall, _ open: OpenConflict, _ ours: String, _ theirs: String)
        -> ControlFailure
    {
        ControlFailure(
            code: ExitCode.failed, message: "\(call.take) has no version in conflict \(open.number)",
            hint: "baton conflicts resolve \(open.number) --take \(ours)|\(theirs)|both|FILE")
    }

    private func isClosedElsewhere(_ reply: ClientReply, _ open: OpenConflict) throws -> Bool {
        switch reply {
        case .done: return false
        case .refused(.notOpen): return true
        case .noQuorum, .noLeader:
            throw ControlFailure(
                code: ExitCode.noQuorum,
                message: "the choice is in the file here, but no quorum answers: the conflict stays open for now",
                hint: "when others are back, the same again: baton conflicts resolve \(open.number) --take ...")
        case .synced, .handedOff, .handoffRefused, .granted, .lost, .lockRefused, .refused, .failed,
            .recovered, .recoveryRefused:
            throw ControlFailure(
                code: ExitCode.failed, message: "the choice is in the file here, but the mesh said: \(reply)",
                hint: "see: baton conflicts")
        }
    }

    private func others(at path: [UInt8], than open: OpenConflict) async throws -> [UInt64] {
        let list = agent.loop.read { $0.state.conflicts.list }.filter { $0.id != open.id }
        let paths = await agent.conflictPaths(list)
        return zip(list, paths).filter { $0.1 == path }.map(\.0.number)
    }

    /// Nil for what is no plain file, cannot be read, or is too large.
    private static func contents(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var raw = stat()
        guard fstat(descriptor, &raw) == 0, raw.st_mode & S_IFMT == S_IFREG, raw.st_size <= Limits.resolutionBytes
        else { return nil }
        var bytes = [UInt8](repeating: 0, count: Int(raw.st_size) + 1)
        var filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes { buffer in
                read(descriptor, buffer.baseAddress?.advanced(by: filled), buffer.count - filled)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return nil }
            if count == 0 { break }
            filled += count
        }
        return filled <= Int(raw.st_size) ? Array(bytes.prefix(filled)) : nil
    }
}

// MARK: - Finding and telling

extension ConflictDesk {
    /// An open conflict by number, id, the beginning of an id, or path.
    func find(_ text: String) async throws -> (OpenConflict, ConflictView) {
        let list = agent.loop.read { $0.state.conflicts.list }
        var found: [OpenConflict]
        let word = text.hasPrefix("#") ? String(text.dropFirst()) : text
        found = list.filter { $0.number == UInt64(word) }
        if found.isEmpty, word.utf8.count >= 4 { found = list.filter { $0.id.hex.hasPrefix(word.lowercased()) } }
        if found.isEmpty {
            let paths = await agent.conflictPaths(list)
            found = zip(list, paths).filter { $0.1 == Array(text.utf8) }.map(\.0)
        }
        guard let open = found.first, found.count == 1 else {
            throw ControlFailure(
                code: ExitCode.failed,
                message: found.isEmpty
                    ? "there is no open conflict '\(text)'" : "'\(text)' means \(found.count) conflicts",
                hint: "see: baton conflicts")
        }
        guard let view = try await views(of: [open]).first ?? nil else {
            throw ControlFailure(
                code: ExitCode.tryAgain, message: "conflict \(open.number) is known here, its versions are not yet",
                hint: "let this device catch up first: baton sync --now --wait")
        }
        return (open, view)
    }

    private func views(of list: [OpenConflict]) async throws -> [ConflictView?] {
        try await told { () async throws(WorkspaceError) in
            try await agent.workspace.conflicts(at: list.map { ConflictPlace(id: $0.id, revision: $0.revision) })
        }
    }

    private func told<Value>(
        _ body: () async throws(WorkspaceError) -> Value
    ) async throws(ControlFailure) -> Value {
        do throws(WorkspaceError) { return try await body() } catch {
            throw ControlFailure(code: ExitCode.failed, message: error.message, hint: error.hint)
        }
    }

    private func item(_ open: OpenConflict, _ view: ConflictView?) -> ConflictsReport.Conflict {
        var item = ConflictsReport.Conflict(
            number: open.number, id: open.id.hex, round: open.round, versions: [])
        guard let view else { return item }
        item.path = String(decoding: view.conflict.path, as: UTF8.self)
        item.kind = view.conflict.kind.rawValue
        item.versions = [version(view.ours), version(view.theirs)]
        item.age_s = item.versions.compactMap(\.age_s).min()
        switch view.standing {
        case .ours: item.standing = "first"
        case .theirs: item.standing = "second"
        case .edited, .gone, .folder: item.standing = view.standing.rawValue
        }
        return item
    }

    private func version(_ side: ConflictView.Side) -> ConflictsReport.Version {
        let now = AuditTrail.unixMilliseconds
        return ConflictsReport.Version(
            device: side.device?.description, name: name(side.device), bytes: side.bytes, added: side.added,
            removed: side.removed, captured_at: side.captured.map { Timestamps.text($0 &* 1000) },
            age_s: side.captured.map { max(0, Double(now - $0 &* 1000) / 1000) })
    }

    private func name(_ device: DeviceID?) -> String { device.map { agent.audit.name(of: $0) } ?? "published" }
}
