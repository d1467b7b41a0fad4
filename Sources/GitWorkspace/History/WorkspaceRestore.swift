import Primitives

/// What a restore did on this device.
package struct RestoreResult: Hashable, Sendable {
    /// In place now, with the bytes of the round.
    package var restored: [[UInt8]] = []
    /// They have those bytes already.
    package var same = 0
    /// A writer was there first, somebody holds them open, or something stands in the way: as they were.
    package var left: [[UInt8]] = []
    /// Holds the bytes that were there before; nil if those are published.
    package var capture: Revision?

    package init() {}
}

extension Workspace {
    /// Brings a file, or every file of a folder, back as a revision has it. Nothing else moves: what is in the folder
    /// and not in the revision stays. What is overwritten is captured first, and replaced like an apply does: only if
    /// it still is what was captured.
    /// - Parameters:
    ///   - path: relative to the root; empty: everything.
    ///   - label: what the revision is called, for messages.
    ///   - dryRun: only say what would be done.
    package func restore(
        _ path: [UInt8], from revision: Revision, label: String, dryRun: Bool = false
    ) async throws(WorkspaceError) -> RestoreResult {
        let captured = try await captureBefore(dryRun)
        return try await exclusively { workspace throws(WorkspaceError) in
            let all = try workspace.checked { () throws(GitError) in try workspace.lines(path, in: revision) }
            guard let all else { throw .notThere(path: String(decoding: path, as: UTF8.self), at: label) }
            let changes = all.filter { $0.old != $0.new }
            var result = RestoreResult()
            result.same = all.count - changes.count
            result.capture = captured
            if dryRun {
                result.restored = changes.map(\.path)
                return result
            }
            if changes.isEmpty { return result }
            let report = try await workspace.place(changes)
            try workspace.checked { () throws(GitError) in
                try workspace.quarantine.set([], removing: report.applied)
            }
            result.restored = report.applied
            result.left = report.late + report.deferred + report.blocked.map(\.path)
            return result
        }
    }

    /// Every byte that is about to be overwritten is in the store before.
    private func captureBefore(_ dryRun: Bool) async throws(WorkspaceError) -> Revision? {
        let user = try userState()
        if let obstacle = user.obstacle(to: branch), obstacle != .indexLocked { throw .userIsBusy("\(obstacle)") }
        if dryRun { return nil }
        approvals &+= 1
        switch try await capture(round: RoundID(token: .none, sequence: approvals)) {
        case .clean: return nil
        case .captured(let revision, _, _, _), .withheld(let revision, _, _, _): return revision
        }
    }

    /// The files at a path of the revision, each with what stands on disk as it was last captured. Nil: none.
    private func lines(_ path: [UInt8], in revision: Revision) throws(GitError) -> [PathChange]? {
        let there = try store.tree(of: revision)
        let here = try store.tree(of: previous?.revision ?? base)
        var found: [TreeLine]
        let entry = path.isEmpty ? Version(mode: TreeObject.folder, id: there) : try store.entry(there, path)
        guard let entry, !entry.isGitlink else { return nil }
        if entry.mode == TreeObject.folder {
            found = path.isEmpty ? try store.list(there) : try store.list(there, under: path)
            found.removeAll { $0.new?.isGitlink == true }
        } else {
            found = [TreeLine(path: path, new: entry)]
        }
        if found.isEmpty { return nil }
        return try found.map { line throws(GitError) in
            var old = try store.entry(here, line.path)?.entry
            if old?.isKnownMode == false { old = nil }
            // Behind a change that waits, the disk has another version than the tree says.
            if let waiting = quarantine.changes[Name(line.path)] { old = waiting.old }
            return PathChange(path: line.path, old: old, new: line.new?.entry)
        }
    }
}
