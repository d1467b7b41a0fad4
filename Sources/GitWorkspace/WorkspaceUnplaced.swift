import Primitives

/// Published changes that cannot be put in place here, for a reason that lasts: a link that leaves the workspace, a
/// name that this disk cannot hold, a folder or a file of the user's own in the way. The base has them all the same,
/// so that nobody waits for this device; they are tried again with each apply, and told.
extension Workspace {
    /// For those who ask what is held back.
    var unplacedPaths: [HeldPath] {
        unplaced.sorted.map { change in
            let reason = unplacedReasons[Name(change.path)]
            return HeldPath(
                path: change.path, reason: .unplaced(reason?.description ?? "something is in its way"))
        }
    }

    /// Remembers, before the base says that they are there, what of an apply something stood in the way of.
    /// - Returns: the paths.
    func noteUnplaced(_ staged: StagedRevision, _ report: ApplyReport) throws(GitError) -> Set<Name> {
        var reasons: [Name: BlockReason] = [:]
        for blocked in report.blocked where blocked.reason.lasts { reasons[Name(blocked.path)] = blocked.reason }
        let additions = staged.wanted.filter { $0.old == nil && $0.new != nil }.map { Name($0.path) }
        let late = Set(report.late.map { Name($0) }).intersection(additions)
        for name in late where inTheWay.contains(name) && manifest.record(name.bytes)?.last == nil {
            // The capture in between would have had it.
            reasons[name] = .ownFile
        }
        inTheWay = late.subtracting(reasons.keys)
        let changes = staged.wanted.compactMap { change -> QuarantinedChange? in
            guard let new = change.new, reasons[Name(change.path)] != nil else { return nil }
            return QuarantinedChange(path: change.path, old: change.old, new: new)
        }
        // What was tried again in vain, whatever it was this time, stays as it is: the base has it already.
        let applied = Set(report.applied.map { Name($0) })
        let inVain = staged.wanted.filter { change in
            !applied.contains(Name(change.path)) && change.new != nil
                && unplaced.changes[Name(change.path)]?.new == change.new
        }
        let still = Set(inVain.map { Name($0.path) })
        let tried = staged.wanted.map(\.path).filter { !still.contains(Name($0)) } + staged.waiting.map(\.path)
        try unplaced.set(changes, removing: tried)
        unplacedReasons = unplacedReasons.filter { unplaced.changes[$0.key] != nil }.merging(reasons) { $1 }
        return still.union(changes.map { Name($0.path) })
    }
}
