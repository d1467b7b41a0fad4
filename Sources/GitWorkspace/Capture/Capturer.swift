import Glibc
import Primitives

/// The outcome of a capture.
package enum CaptureResult: Sendable, Equatable {
    /// The tree is that of the base, and the user made no commits: nothing was written.
    case clean(base: Revision?, held: [HeldPath])
    /// `base` is what the working tree had been brought to: the merge's base for this capture.
    case captured(Revision, base: Revision?, changedFiles: Int, held: [HeldPath])
    /// Kept on this device's ref and not for the round: a rebase or merge of the user is under way, or another branch
    /// is checked out.
    case withheld(Revision, base: Revision?, reason: String, held: [HeldPath])

    /// The same, with more paths that are told.
    func holding(_ more: [HeldPath]) -> CaptureResult {
        switch self {
        case .clean(let base, let held): .clean(base: base, held: held + more)
        case .captured(let revision, let base, let count, let held):
            .captured(revision, base: base, changedFiles: count, held: held + more)
        case .withheld(let revision, let base, let reason, let held):
            .withheld(revision, base: base, reason: reason, held: held + more)
        }
    }

    /// The same, kept to this device; nothing to keep if nothing was captured.
    func withheld(because reason: String) -> CaptureResult {
        guard case .captured(let revision, let base, _, let held) = self else { return self }
        return .withheld(revision, base: base, reason: reason, held: held)
    }
}

/// Turns the working tree into a commit in the store, touching nothing of the user's. Blocking.
struct Capturer {
    /// What the newest capture was made of: the same again is the same capture.
    struct Previous: Equatable {
        var revision: Revision
        var base: Revision?
        var userHead: Revision?
        var lines: [TreeLine]
    }

    struct Request {
        var base: Revision?
        /// A commit of the user's on the sync branch that the base does not hold; its objects are in the store.
        var userHead: Revision?
        var round: RoundID
        var device: DeviceID
        var name: String
        /// Seconds since 1970.
        var seconds: Int64
        var previous: Previous?
        /// The answered question about files that are gone.
        var deletions: ShortID?
    }

    let store: Store
    let manifest: Manifest
    /// The workspace, open.
    let root: Int32
    let rules: IgnoreRules
    /// Where to look; afterwards, where to look again although nothing is heard of it.
    let scope: ScanScope
    let gates: CaptureGates
    let hot: HotFiles
    var notes = ScanNotes()
    /// What a sparse checkout keeps off the disk.
    var sparse: Set<Name> = []
    /// Changes that are not in place and whose former versions are no edits.
    var waiting: [WaitingChanges] = []

    func dirt() throws(GitError) -> Dirt {
        let findings = try scan()
        var reading = FileReading(self, writes: false)
        for candidate in findings.candidates { try reading.read(candidate) }
        scope.settle(findings, reading)
        let lines = (findings.changed + reading.lines).filter { !isExplained($0) }
        notes.found(lines)
        return Dirt(
            changed: lines.count,
            held: (findings.held + reading.held).sorted { $0.path.lexicographicallyPrecedes($1.path) },
            deleted: lines.filter { $0.new == nil && $0.old != nil }.map(\.path), moved: notes.takeMoved())
    }

    func capture(_ request: Request) throws(GitError) -> (CaptureResult, Previous?) {
        let findings = try scan()
        var reading = FileReading(self, writes: true)
        do throws(GitError) { return try capture(request, findings, &reading) } catch {
            reading.forget()
            scope.addEverything()
            throw error
        }
    }

    private func capture(
        _ request: Request, _ findings: ScanFindings, _ reading: inout FileReading
    ) throws(GitError) -> (CaptureResult, Previous?) {
        for candidate in findings.candidates { try reading.read(candidate) }
        try reading.settlePending()
        scope.settle(findings, reading)
        let held = (findings.held + reading.held).sorted { $0.path.lexicographicallyPrecedes($1.path) }
        let links = try linkedRepositories(request)
        let lines = ((findings.changed + reading.lines).filter { !isExplained($0) } + links)
            .sorted { $0.path.lexicographicallyPrecedes($1.path) }
        notes.found(lines)
        if lines.isEmpty && request.userHead == nil {
            try reading.batch.finish()
            return (.clean(base: request.base, held: held), nil)
        }
        if let previous = request.previous, previous.base == request.base, previous.userHead == request.userHead,
            previous.lines == lines
        {
            try reading.batch.finish()
            let result = CaptureResult.captured(
                previous.revision, base: request.base, changedFiles: lines.count, held: held)
            return (result, previous)
        }
        let revision = try write(request, lines, reading.batch)
        let previous = Previous(
            revision: revision, base: request.base, userHead: request.userHead, lines: lines)
        return (
            .captured(revision, base: request.base, changedFiles: lines.count, held: held), previous
        )
    }

    /// Submodules that the user committed, moved or took away: they are in no file, only in the user's own commits.
    private func linkedRepositories(_ request: Request) throws(GitError) -> [TreeLine] {
        guard let head = request.userHead else { return [] }
        let (before, after) = (try store.tree(of: request.base), try store.tree(of: head))
        return try store.compare(before, after).filter { line in
            let (old, new) = (line.old?.isGitlink, line.new?.isGitlink)
            return new == true && old != false || old == true && new == nil
        }
    }

    private func isExplained(_ line: TreeLine) -> Bool { waiting.contains { $0.explains(line) } }

    private func scan() throws(GitError) -> ScanFindings {
        var findings = try look()
        gates.holdMany(&findings)
        notes.hold(&findings)
        return findings
    }

    private func look() throws(GitError) -> ScanFindings {
        let rules = rules
        let new = {
            var scan = WorkspaceScan(manifest, root: root, signature: rules.signature) { paths throws(GitError) in
                try rules.ignored(paths)
            }
            (scan.names, scan.allowed, scan.sparse) = (gates.names, gates.allowed, sparse)
            return scan
        }
        if let folders = scope.begin() {
            var scan = new()
            if let findings = try scan.run(only: folders) { return findings }
        }
        var scan = new()
        defer { scope.wholeScans += 1 }
        return try scan.run()
    }

    private func write(_ request: Request, _ lines: [TreeLine], _ batch: ObjectBatch) throws(GitError) -> Revision {
        let noun = lines.count == 1 ? "file" : "files"
        let message = """
            Capture \(lines.count) \(noun) on \(request.name.filter { !$0.isNewline })

            Baton-Device: \(request.device)
            Baton-Round: \(request.round)

            """ + (request.deletions.map { "\(Merger.deletionsTrailer): \($0)\n" } ?? "")
        let tree = try TreeEdit(batch: batch).apply(lines, to: store.tree(of: request.base))
        let parents = [request.base, request.userHead].compactMap { $0 }
        let ref = RefName.device(request.device)
        let older = try store.ref(ref)
        // The capture of before a restart, and nothing changed since: it is this one.
        let answers = [request.deletions].compactMap { $0?.hex }
        if let older, let record = try? store.commit(older), record.tree == tree, record.parents == parents,
            record.trailers(Merger.deletionsTrailer) == answers
        {
            try batch.finish()
            return older
        }
        let revision = try batch.add(
            commit: ObjectBatch.Commit(
                tree: tree, parents: parents, author: request.name, email: "\(request.device.short)@baton",
                seconds: request.seconds, message: message))
        var changes = [RefChange(name: ref, new: ObjectID(revision))]
        if let older, try !isPublished(older, base: request.base) {
            changes.append(RefChange(name: RefName.capture(ObjectID(older)), new: ObjectID(older)))
        }
        // Everything is on disk before a ref names it.
        try batch.finish(refs: changes)
        return revision
    }

    /// True if a published revision is sure to hold the capture; when in doubt it keeps a ref of its own.
    private func isPublished(_ capture: Revision, base: Revision?) throws(GitError) -> Bool {
        guard let base else { return false }
        if capture == base { return true }
        return try store.commit(base).parents.contains(capture)
    }
}
