import Glibc
import Primitives

/// Says, from before the first exchange until the base ref is right, which apply is under way.
struct ApplyMarker {
    var round: RoundID
    var revision: Revision
    var from: ObjectID

    private static func path(_ state: String) -> String { state + "/applying" }

    func write(_ state: String) throws(GitError) {
        let text = "\(round.token) \(round.sequence) \(revision.hex) \(from.hex)\n"
        try DurableFile.write(Array(text.utf8), to: Self.path(state))
    }

    static func remove(_ state: String) {
        unlink(path(state))
        DiskStep.after("remove", path(state))
    }

    static func read(_ state: String) -> ApplyMarker? {
        guard let bytes = DurableFile.read(path(state)) else { return nil }
        let words = String(decoding: bytes, as: UTF8.self).split { $0 == " " || $0 == "\n" }
        guard words.count == 4, let token = FencingToken(words[0]), let sequence = UInt64(words[1]),
            let revision = Revision(hex: words[2]), let from = ObjectID(hex: words[3])
        else { return nil }
        return ApplyMarker(round: RoundID(token: token, sequence: sequence), revision: revision, from: from)
    }
}

extension Workspace {
    /// How the message of a base begins that no round published.
    static let localBase = "Base of "

    /// Moves the base to what the working tree became.
    ///
    /// If a path was left as it was, the base is not the revision: it is a commit over it (known to this device alone)
    /// whose tree has, at that path, the version that was captured before. So the next capture shows a late edit as an
    /// edit of that version and the merge sees both it and the published one; a path that nobody edited is no
    /// difference at all, and the published version comes with the next apply. Taking the revision itself for the base
    /// would make the old bytes look like a wish to revert what was published.
    func settle(_ staged: StagedRevision, _ report: ApplyReport, begun: Int64) throws(GitError) {
        for file in report.rescued { keepRescued(file) }
        let unplaceable = try noteUnplaced(staged, report)
        let waits = report.late + report.deferred + report.blocked.filter { !$0.reason.lasts }.map(\.path)
        let left = Set(waits.map { Name($0) }).subtracting(unplaceable)
        let changes = staged.apply.journal.changes
        var kept: [TreeLine] = []
        if !left.isEmpty {
            let lines = try store.compare(staged.from, store.tree(of: staged.revision))
            for line in lines where left.contains(Name(line.path)) {
                kept.append(TreeLine(path: line.path, old: line.new, new: line.old))
            }
        }
        let settled = staged.gone.filter { !left.contains(Name($0)) }
        try quarantine.set(staged.waiting, removing: settled)
        try keptHere.note(staged.leftOut)
        try setBase(staged.revision, kept: kept)
        try brakes.forgetAllowed()
        for staged in changes where !left.contains(Name(staged.change.path)) {
            if !unplaceable.contains(Name(staged.change.path)) { remember(staged, begun: begun) }
        }
    }

    /// Points the base ref at the revision, or at a commit over it with other versions at some paths.
    func setBase(_ revision: Revision, kept: [TreeLine]) throws(GitError) {
        if kept.isEmpty {
            try store.update([RefChange(name: RefName.base, new: ObjectID(revision))])
            try moveBase(to: revision)
            return
        }
        let batch = ObjectBatch(store)
        let tree = try TreeEdit(batch: batch).apply(kept, to: store.tree(of: revision))
        let base = try batch.add(
            commit: ObjectBatch.Commit(
                tree: tree, parents: [revision], author: name, email: "\(device.short)@baton",
                seconds: store.commit(revision).seconds,
                message: "\(Self.localBase)\(device.short): \(kept.count) paths not yet applied\n"))
        try batch.finish(refs: [RefChange(name: RefName.base, new: ObjectID(base))])
        try moveBase(to: base)
    }

    /// A file that we put in place ourselves need not be read to be known: it is the staged one (by its inode), and
    /// nobody wrote to it since the exchange began (or its mtime would be later).
    func remember(_ staged: StagedChange, begun: Int64) {
        guard let new = staged.change.new, let id = ObjectID(hex: new.blob) else {
            manifest.update(staged.change.path) {
                $0.last = nil; $0.stamp = nil
            }
            return
        }
        var raw = stat()
        let path = Array(root.utf8) + [47] + staged.change.path
        let isThere = lstat(FolderReader.terminated(path), &raw) == 0
        let stamp = Stamp(raw)
        let isOurs = isThere && staged.inode != 0 && stamp.inode == staged.inode && stamp.modified < begun
        manifest.update(staged.change.path) { record in
            record.last = Version(mode: new.mode, id: id)
            record.stamp = isOurs && stamp.treeMode == new.mode ? stamp : nil
        }
    }

    /// After a start: finishes or undoes an apply that a crash interrupted, and moves the base to what the files show.
    package func recover() async throws(WorkspaceError) {
        try await exclusively { workspace throws(WorkspaceError) in
            try workspace.endInterrupted()
            workspace.sweepRescued()
        }
    }

    /// The same without a restart, after an apply that failed in its midst.
    func endBroken() throws(WorkspaceError) {
        guard isApplyBroken else { return }
        // What is only staged goes with it.
        staged = nil
        try endInterrupted()
        isApplyBroken = false
    }

    private func endInterrupted() throws(WorkspaceError) {
        do throws(ApplyError) {
            for round in try applier.recover() {
                for file in round.report?.rescued ?? [] { keepRescued(file) }
            }
        } catch { throw .apply(error) }
        try checked { () throws(GitError) in try finishInterrupted() }
    }

    private func finishInterrupted() throws(GitError) {
        guard let marker = ApplyMarker.read(state) else { return }
        try finish(marker)
        ApplyMarker.remove(state)
    }

    private func finish(_ marker: ApplyMarker) throws(GitError) {
        guard try store.has(marker.revision), try store.reader.info(marker.from.hex) != nil else { return }
        let lines = try store.compare(marker.from, store.tree(of: marker.revision))
        let descriptor = Glibc.open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        defer { Glibc.close(descriptor) }
        var kept: [TreeLine] = []
        for line in lines where !isInPlace(line, descriptor) {
            kept.append(TreeLine(path: line.path, old: line.new, new: line.old))
        }
        // Nothing of it is in place: it had not begun, and the base is right as it is.
        if kept.count == lines.count { return }
        try setBase(marker.revision, kept: kept)
    }

    private func isInPlace(_ line: TreeLine, _ root: Int32) -> Bool {
        let reader = StableRead(root: root, path: line.path)
        var bytes: [UInt8] = []
        var outcome: StableRead.Outcome
        do throws(GitError) {
            if line.new?.mode == TreeEntry.link {
                (outcome, bytes) = reader.link()
            } else {
                outcome = try reader.file { _ throws(GitError) in
                } piece: { piece throws(GitError) in
                    bytes.append(contentsOf: piece)
                }
            }
        } catch { return false }
        switch outcome {
        case .gone: return line.new == nil
        case .read(let stamp, _):
            guard let new = line.new, stamp.treeMode == new.mode else { return false }
            return BlobHash.id(of: bytes, digits: store.digits) == new.id.hex
        case .hot, .special, .unreadable: return false
        }
    }
}
