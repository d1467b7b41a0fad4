import CSystemCalls
import Glibc
import Primitives

/// What became of an apply.
package struct ApplyResult: Hashable, Sendable {
    /// Paths brought in place.
    package var applied = 0
    /// Which they are.
    package var paths: [[UInt8]] = []
    /// A writer was there first: its bytes stand and are captured with the next round.
    package var late: [[UInt8]] = []
    /// Somebody holds them open, or something stands in the way: tried again with the next round.
    package var deferred: [[UInt8]] = []
    /// Not in place before `approve`: they make this device run code.
    package var quarantined: [[UInt8]] = []
    /// Set: nothing was applied, because the user is busy.
    package var waiting: String?
    /// Set: the tree is in place, but the user's branch could not be moved.
    package var branchWaiting: String?

    /// The working tree is the revision.
    package var isComplete: Bool { waiting == nil && late.isEmpty && deferred.isEmpty }
}

extension Workspace {
    /// Merges what was captured into the head, and pins the result for the round: members fetch it at once.
    /// - Parameter undo: a round to take back on top of that.
    package func merge(
        head: Revision?, captures: [DeviceCapture], round: RoundID, policies: MergePolicies = MergePolicies(),
        allowed: Set<ShortID> = [], undo: RoundUndo? = nil
    ) async throws(WorkspaceError) -> MergeResult {
        // Whoever merges leads.
        let merger = Merger(
            store: store, head: head, round: round, policies: policies, leader: device, allowed: allowed,
            allowedPaths: brakes.allowedOfRound)
        let result = try await question { store throws(GitError) in
            var merged = try merger.merge(captures)
            if let undo, let head, let over = merged {
                merged = try UndoMerge(store: store, head: head, round: round).take(undo, over: over, captures)
            }
            if let merged {
                try store.update([RefChange(name: RefName.staged(round), new: ObjectID(merged.revision))])
            }
            return merged
        }
        guard let result else { throw .nothingToMerge }
        brakes.ofRound = result.brake
        if result.brake == nil { brakes.allowedOfRound = [] }
        return result
    }

    /// Pins a revision for a round, durably, and writes the files that differ beside the workspace.
    package func stage(_ revision: Revision, round: RoundID) async throws(WorkspaceError) {
        try await exclusively { workspace throws(WorkspaceError) in
            try workspace.checked { () throws(GitError) in
                var changes = [RefChange(name: RefName.staged(round), new: ObjectID(revision))]
                let batch = ObjectBatch(workspace.store)
                for conflict in try workspace.store.conflicts(of: revision) {
                    if let pin = try workspace.store.pin(conflict, in: batch) { changes.append(pin) }
                }
                try batch.finish(refs: changes)
            }
            _ = try await workspace.prepare(revision, round: round)
        }
    }

    /// The files between the tree on disk, as it was last captured, and the revision.
    private func prepare(_ revision: Revision, round: RoundID) async throws(WorkspaceError) -> StagedRevision {
        let (applier, store) = (applier, store)
        let from = try checked { () throws(GitError) in try store.tree(of: ground(for: revision)) }
        if let staged, staged.revision == revision, staged.round == round, staged.from == from { return staged }
        let lines = try checked { () throws(GitError) in try store.compare(from, store.tree(of: revision)) }
        try await lookAtSparse()
        let all =
            lines.filter { !($0.old?.isGitlink ?? false) && !($0.new?.isGitlink ?? false) }
            .filter { !isKeptOff($0.path) && !manifest.filter.leavesOut($0.path) }
            .map { line in
                // Behind a change that waits, the disk has another version than the base says.
                let waiting = quarantine.changes[Name(line.path)] ?? unplaced.changes[Name(line.path)]
                return PathChange(
                    path: line.path, old: waiting.map(\.old) ?? line.old?.entry, new: line.new?.entry)
            } + (try checked { () throws(GitError) in try triedAgain(revision, besides: lines) })
        let waiting = all.compactMap { change -> QuarantinedChange? in
            guard let new = change.new, new != change.old, quarantine.waits(change.path, new) else { return nil }
            return QuarantinedChange(path: change.path, old: change.old, new: new)
        }
        let held = Set(waiting.map { Name($0.path) })
        let changes = all.filter { !held.contains(Name($0.path)) }
        let apply: StagedApply
        do throws(ApplyError) {
            apply = try await withTaskExecutorPreference(tasks) { () throws(ApplyError) in
                try await applier.stage(changes, round: round) { blob in
                    guard let id = ObjectID(hex: blob) else { throw GitError.damaged("blob id '\(blob)'") }
                    return try store.blob(id)
                }
            }
        } catch { throw .apply(error) }
        let gone = try checked { () throws(GitError) in try noLongerWaiting(revision, held, changes) }
        let made = StagedRevision(
            round: round, revision: revision, from: from, apply: apply, waiting: waiting, gone: gone,
            leftOut: lines.filter { manifest.filter.leavesOut($0.path) }, wanted: changes)
        staged = made
        return made
    }

    /// What the files on disk may be taken for: the newest capture if the revision holds it, else the base. A capture
    /// that was withheld, or left out of the round, has edits that the revision lacks: beside the base they are late
    /// edits and stay; beside that capture they would be replaced by what was there before.
    private func ground(for revision: Revision) throws(GitError) -> Revision? {
        guard let newest = previous?.revision, newest != base else { return base }
        if newest == revision { return newest }
        if try store.commit(revision).parents.contains(newest) { return newest }
        return try store.isAncestor(newest, of: revision) ? newest : base
    }

    /// What something stood in the way of, as far as the revision has it still: it may be gone.
    private func triedAgain(_ revision: Revision, besides lines: [TreeLine]) throws(GitError) -> [PathChange] {
        if unplaced.changes.isEmpty { return [] }
        let known = Set(lines.map { Name($0.path) })
        let tree = try store.tree(of: revision)
        var changes: [PathChange] = []
        for change in unplaced.sorted where !known.contains(Name(change.path)) {
            guard try store.entry(tree, change.path)?.entry == change.new else { continue }
            changes.append(PathChange(path: change.path, old: change.old, new: change.new))
        }
        return changes
    }

    /// Paths of changes that waited and are not what the revision has, or that it brings in place.
    private func noLongerWaiting(
        _ revision: Revision, _ held: Set<Name>, _ changes: [PathChange]
    ) throws(GitError) -> [[UInt8]] {
        var gone: [[UInt8]] = []
        for change in quarantine.sorted where !held.contains(Name(change.path)) {
            let isThere = try store.entry(store.tree(of: revision), change.path)?.entry == change.new
            if !isThere || changes.contains(where: { $0.path == change.path }) { gone.append(change.path) }
        }
        return gone
    }

    /// True for what a sparse checkout wants absent, and is.
    private func isKeptOff(_ path: [UInt8]) -> Bool {
        if sparse.names.isEmpty || !sparse.names.contains(Name(path)) { return false }
        var raw = stat()
        return lstat(FolderReader.terminated(Array(root.utf8) + [47] + path), &raw) != 0
    }

    /// Makes the working tree the published revision, path by path, and the base what it really became.
    /// - Parameter moveBranch: also bring the user's branch and index there. It needs no pause: with `false` writers
    ///   can go on first, and `followBranch` comes after.
    package func apply(
        _ revision: Revision, round: RoundID, moveBranch: Bool = true
    ) async throws(WorkspaceError) -> ApplyResult {
        try await exclusively { workspace throws(WorkspaceError) in
            let user = try workspace.userState()
            if let obstacle = user.obstacle(to: workspace.branch) {
                return ApplyResult(waiting: "\(obstacle)")
            }
            try workspace.endBroken()
            if let reason = workspace.brakeReason { return ApplyResult(waiting: reason) }
            let staged = try await workspace.prepare(revision, round: round)
            try workspace.checked { () throws(GitError) in
                try ApplyMarker(round: round, revision: revision, from: staged.from).write(workspace.state)
            }
            let clock = csystem_file_clock_nanoseconds()
            let report: ApplyReport
            workspace.staged = nil
            workspace.isApplyBroken = true
            do throws(ApplyError) { report = try workspace.applier.exchange(staged.apply) } catch {
                throw .apply(error)
            }
            workspace.lastApplied = round
            try workspace.checked { () throws(GitError) in
                try workspace.settle(staged, report, begun: clock)
                ApplyMarker.remove(workspace.state)
            }
            workspace.isApplyBroken = false
            var result = ApplyResult(applied: report.applied.count, paths: report.applied, late: report.late)
            result.deferred = report.deferred + report.blocked.filter { !$0.reason.lasts }.map(\.path)
            result.late.removeAll { workspace.unplaced.changes[Name($0)] != nil }
            result.quarantined = staged.waiting.map(\.path)
            if moveBranch { result.branchWaiting = await workspace.follow(revision) }
            return result
        }
    }

    /// The user's branch and index go where the tree went. Says why they did not.
    package func followBranch(_ revision: Revision) async throws(WorkspaceError) -> String? {
        try await exclusively { workspace throws(WorkspaceError) in await workspace.follow(revision) }
    }

    private func follow(_ revision: Revision) async -> String? {
        do throws(GitError) {
            let outcome = try await repository.fastForward(
                to: revision, fromStore: store.path, branch: branch, expected: nil,
                message: "baton: sync \(revision.short)", looks: quickLooks(try indexPlan(revision)))
            switch outcome {
            case .moved, .current: return nil
            case .waiting(let obstacle): return "\(obstacle)"
            }
        } catch {
            logger.warning("the user's branch could not be moved", metadata: ["reason": "\(error)"])
            return error.message
        }
    }

    /// What earlier rounds took out of the workspace is let go now that another has passed.
    private func discardOlder(than round: RoundID) {
        do throws(ApplyError) {
            for kept in try applier.keptRounds() where kept != round {
                for file in try applier.discard(kept) { keepRescued(file) }
            }
        } catch {
            logger.warning("an old staging directory stays", metadata: ["reason": "\(error.message)"])
        }
        sweepRescued()
    }

    /// The head moved: a majority holds `revision`.
    package func publishedHead(_ revision: Revision) async throws(WorkspaceError) {
        try await exclusively { workspace throws(WorkspaceError) in
            try workspace.checked { () throws(GitError) in
                let store = workspace.store
                var changes = [RefChange(name: RefName.main, new: ObjectID(revision))]
                let superseded = DurableFile.names(in: store.path + "/" + RefName.captures)
                if !superseded.isEmpty {
                    let merged = try store.git.runBlocking(
                        ["for-each-ref", "--merged=\(revision.hex)", "--format=%(refname)", RefName.captures])
                    for line in merged.output.split(separator: 10) {
                        changes.append(RefChange(name: String(decoding: line, as: UTF8.self), new: nil))
                    }
                }
                try store.update(changes)
            }
        }
    }

    /// A round is over, or given up: nothing that was staged for it remains, captures keep their refs.
    package func abandon(round: RoundID) async {
        do throws(WorkspaceError) {
            try await exclusively { workspace throws(WorkspaceError) in
                try workspace.endBroken()
                // Nobody waits for what is done from here on.
                workspace.saveManifest()
                if workspace.lastApplied == round { workspace.discardOlder(than: round) }
                if workspace.staged?.round == round { workspace.staged = nil }
                if workspace.lastApplied != round {
                    do throws(ApplyError) { try workspace.applier.discard(round) } catch { throw .apply(error) }
                }
                try workspace.checked { () throws(GitError) in
                    let over = [RefName.staged(round)] + (try workspace.store.settledStages(besides: round))
                    try workspace.store.update(over.map { RefChange(name: $0, new: nil) })
                }
            }
        } catch {
            logger.warning("a round was given up but not cleaned", metadata: ["reason": "\(error)"])
        }
    }
}

extension Store {
    /// Refs of rounds whose end this device did not see (it was killed, say), and which the head has decided since: it
    /// is what was staged, or a later round published it.
    fileprivate func settledStages(besides round: RoundID) throws(GitError) -> [String] {
        let names = DurableFile.names(in: "\(path)/\(RefName.stagedPrefix)").map { RefName.stagedPrefix + $0 }
        let others = names.filter { $0 != RefName.staged(round) && !$0.hasSuffix(".lock") }
        guard !others.isEmpty, let head = try ref(RefName.main) else { return [] }
        let published = try commit(head).trailers("Baton-Round").last.flatMap { RefName.round($0[...], separator: "/") }
        var settled: [String] = []
        for name in others {
            let isHead = try ref(name) == head
            let staged = RefName.round(staged: name)
            let isOlder = if let staged, let published { staged < published } else { false }
            if isHead || isOlder { settled.append(name) }
        }
        return settled
    }
}
