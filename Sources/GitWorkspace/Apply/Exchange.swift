import Primitives

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension Applier {
    /// Puts what was staged in place, path by path, each in one step and only if the bytes in place are those that were
    /// captured. Everything else is left as it is and reported. Call it while writers hold still; an edit that comes
    /// all the same is kept.
    ///
    /// Deletions come first (deepest first, so that directories become empty), then the rest in order of the paths.
    /// - Throws: `ApplyError` when our own staging directory fails; `recover` then finishes.
    package func exchange(_ staged: StagedApply) throws(ApplyError) -> ApplyReport {
        let directory = try openStaging(staged.directoryName)
        try advance(directory, staged.directoryName, from: .staged, to: .begun)
        var report = try settle(staged.journal, directory, staged.directoryName, recovering: false)
        report.blocked = staged.blocked + report.blocked
        return report
    }

    /// After a start: finishes every exchange that had begun and undoes what was only staged, so that each path is
    /// wholly old or wholly new. Rounds that were finished before are not in the answer.
    package func recover() throws(ApplyError) -> [RecoveredApply] {
        var recovered: [RecoveredApply] = []
        for name in try directoryNames() {
            guard let (journal, phase) = try readJournal(name) else {
                removeStaging(name)
                continue
            }
            switch phase {
            case .done: continue
            case .staged:
                removeStaging(name)
                recovered.append(RecoveredApply(round: journal.round, report: nil))
            case .begun:
                let report = try settle(journal, openStaging(name), name, recovering: true)
                recovered.append(RecoveredApply(round: journal.round, report: report))
            }
        }
        return recovered
    }

    /// Lets go of what was taken out in `round`; to be called when the next round has passed. A file that a writer
    /// still changed after it was taken out is not removed but handed over.
    /// - Returns: those files.
    @discardableResult
    package func discard(_ round: RoundID) throws(ApplyError) -> [RescuedFile] {
        var rescued: [RescuedFile] = []
        for name in try directoryNames() {
            guard let (journal, phase) = try readJournal(name), journal.round == round else { continue }
            if phase == .begun { throw ApplyError.unfinished(round) }
            if phase == .done {
                var work = PathExchange(applier: self, staging: try openStaging(name), name: name, journal: journal)
                for staged in journal.changes { try work.handOverIfChanged(staged) }
                rescued += work.report.rescued
            }
            removeStaging(name)
        }
        return rescued
    }

    private func settle(
        _ journal: ApplyJournal, _ directory: Descriptor, _ name: String, recovering: Bool
    ) throws(ApplyError) -> ApplyReport {
        var work = PathExchange(applier: self, staging: directory, name: name, journal: journal)
        for staged in journal.changes.reversed() where staged.change.new == nil {
            try work.settle(staged, recovering: recovering)
        }
        for staged in journal.changes where staged.change.new != nil {
            try work.settle(staged, recovering: recovering)
        }
        // The renames reach the disk before the journal says that they are done.
        try onStep("sync \(name)")
        try ours("sync", "\(place.path)/\(name)") { () throws(CallFailure) in try FileCalls.sync(directory) }
        try advance(directory, name, from: .begun, to: .done)
        return work.report
    }

    private func advance(
        _ directory: Descriptor, _ name: String, from: ApplyJournal.Phase, to: ApplyJournal.Phase
    ) throws(ApplyError) {
        try onStep("mark \(name) as \(to)")
        try ours("write the journal of", "\(place.path)/\(name)") { () throws(CallFailure) in
            try FileCalls.rename(directory, from.name, directory, to.name)
            // A `done` that is lost costs no more than a second look at every path.
            if to == .begun { try FileCalls.sync(directory) }
        }
        try onStep("marked \(name) as \(to)")
    }

    /// Removes a staging directory in which no byte of a user is left. What cannot be removed is tried again by the
    /// next `recover`.
    func removeStaging(_ name: String) {
        let path = "\(place.path)/\(name)"
        var entries: [String] = []
        do throws(CallFailure) { entries = try FileCalls.names(path) } catch { return }
        let journals = ApplyJournal.Phase.allCases.map(\.rawValue)
        _ = DiskStep.code("empty", path)
        for entry in entries where !journals.contains(entry) { unlink("\(path)/\(entry)") }
        _ = DiskStep.code("remove journals", path)
        for entry in journals { unlink("\(path)/\(entry)") }
        rmdir(path)
        DiskStep.after("remove", path)
    }
}

/// A round found unfinished after a start.
package struct RecoveredApply: Hashable, Sendable {
    package var round: RoundID
    /// What became of its paths; nil if it had only been staged and was undone.
    package var report: ApplyReport?
}
