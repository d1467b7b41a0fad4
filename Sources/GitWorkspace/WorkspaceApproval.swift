import CSystemCalls
import Primitives

extension Workspace {
    /// From now on published changes to files that match wait for `approve` on this device.
    /// - Parameter patterns: as in `.gitignore`; nil: what agents, editors and shells run by themselves.
    package func quarantineCode(_ patterns: [String]? = nil) {
        quarantine.patterns = patterns.map { $0.map { PathPattern($0) } } ?? WaitingChanges.standard
    }

    /// Changes that wait for a word.
    package var quarantined: [QuarantinedChange] { quarantine.sorted }

    /// Puts waiting changes in place, by the same journal and comparison as an apply. A path that somebody edited
    /// meanwhile is left, as late; one that does not wait is passed over.
    package func approve(_ paths: [[UInt8]]) async throws(WorkspaceError) -> ApplyResult {
        try await exclusively { workspace throws(WorkspaceError) in
            let wanted = Set(paths.map { Name($0) })
            let waiting = workspace.quarantine.sorted.filter { wanted.contains(Name($0.path)) }
            if waiting.isEmpty { return ApplyResult() }
            let changes = waiting.map { PathChange(path: $0.path, old: $0.old, new: $0.new) }
            let report = try await workspace.place(changes)
            try workspace.checked { () throws(GitError) in
                try workspace.quarantine.set([], removing: report.applied)
            }
            var result = ApplyResult(applied: report.applied.count, late: report.late)
            result.deferred = report.deferred + report.blocked.map(\.path)
            return result
        }
    }

    /// Files that were edited while a published change to them waits. Such an edit is one of what stood on disk, not of
    /// what was published: there the base goes back to that version and the change waits no more, so that the edit is
    /// merged with it. (Beside the published version the edit would look like a wish to take that back, for everybody.)
    /// What comes of the merge waits again, with the next apply. A change that somebody put in place by hand waits no
    /// more either.
    /// - Parameter lines: what differs from the base, but for what changes that wait explain.
    /// - Returns: true if the base is another now.
    func freeEdited(_ lines: [TreeLine]) throws(GitError) -> Bool {
        if quarantine.changes.isEmpty, unplaced.changes.isEmpty { return false }
        guard let base else { return false }
        let tree = try store.tree(of: base)
        let edited = quarantine.edited(lines).union(unplaced.edited(lines))
        var kept: [TreeLine] = []
        var gone: [[UInt8]] = []
        for change in quarantine.sorted + unplaced.sorted {
            let now = try store.entry(tree, change.path)
            if edited.contains(Name(change.path)) {
                gone.append(change.path)
                let old = try stored(change.old.flatMap { Version($0) })
                if now != old { kept.append(TreeLine(path: change.path, old: now, new: old)) }
            } else if now?.entry == change.new, manifest.record(change.path)?.last == now {
                gone.append(change.path)
            }
        }
        // In this order: were nothing to wait any more before the base is back, a stop in between would leave the edit
        // beside the published version.
        if !kept.isEmpty { try setBase(base, kept: kept) }
        try quarantine.set([], removing: gone)
        try unplaced.set([], removing: gone)
        return !kept.isEmpty
    }

    /// Nil for a version whose bytes were let go for their age: no tree may name what is not there.
    func stored(_ version: Version?) throws(GitError) -> Version? {
        guard let version, !version.isGitlink else { return version }
        return try store.kind(of: version.id) == nil ? nil : version
    }

    /// Brings changes in place that a person asked for here, outside of any round: by the same journal, comparison and
    /// exchange as an apply. To be called by one that has the workspace to itself.
    func place(_ changes: [PathChange]) async throws(WorkspaceError) -> ApplyReport {
        try endBroken()
        approvals &+= 1
        let round = RoundID(token: .none, sequence: approvals)
        let (applier, store, clock) = (applier, store, csystem_file_clock_nanoseconds())
        let staged: StagedApply
        let report: ApplyReport
        do throws(ApplyError) {
            // What an earlier call of this kind took out is in the store by now.
            for kept in try applier.keptRounds() where kept.token == .none {
                for file in try applier.discard(kept) { keepRescued(file) }
            }
            staged = try await withTaskExecutorPreference(tasks) { () throws(ApplyError) in
                try await applier.stage(changes, round: round) { blob in
                    guard let id = ObjectID(hex: blob) else { throw GitError.damaged("blob id '\(blob)'") }
                    return try store.blob(id)
                }
            }
            scope.add(changes.map { TreeLine(path: $0.path) })
            isApplyBroken = true
            report = try applier.exchange(staged)
        } catch { throw .apply(error) }
        for file in report.rescued { keepRescued(file) }
        let done = Set(report.applied.map { Name($0) })
        for change in staged.journal.changes where done.contains(Name(change.change.path)) {
            remember(change, begun: clock)
        }
        isApplyBroken = false
        return report
    }
}
