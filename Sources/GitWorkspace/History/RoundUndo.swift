import Primitives

/// A published round that is to be undone.
package struct RoundUndo: Hashable, Sendable {
    /// As people count.
    package var number: UInt64
    package var revision: Revision

    package init(number: UInt64, revision: Revision) {
        self.number = number
        self.revision = revision
    }
}

/// What an undo does, path by path, in git's order.
package struct UndoPlan: Hashable, Sendable {
    /// Again what they were before the round.
    package var restored: [[UInt8]] = []
    /// Changed since: they stay as they are.
    package var left: [[UInt8]] = []

    package init() {}
}

/// The changes of one published round, taken back on top of another tree. A path goes back only where it still is what
/// the round made of it; every later change of it stands.
struct UndoStep {
    let store: Store

    static let trailer = "Baton-Undo"
    static let leftTrailer = "Baton-Undo-Left"

    /// What a round changed: against the head before it, or, if it was an undo itself, against what that was made on.
    /// So the undo of an undo brings back what the first one took, and not what was captured beside it.
    func changes(of revision: Revision) throws(GitError) -> [TreeLine] {
        let record = try store.commit(revision)
        let before = Self.made(record)?.over ?? record.parents.first
        return try store.compare(store.tree(of: before), record.tree)
            .filter { $0.old?.isGitlink != true && $0.new?.isGitlink != true }
    }

    /// Of a commit that is an undo: which round it took back, and the revision that it was made on.
    static func made(_ record: CommitRecord) -> (number: UInt64, over: Revision)? {
        guard let words = record.trailers(trailer).last?.split(separator: " "), words.count == 3,
            let number = UInt64(words[0]), let over = Revision(hex: words[2]), record.parents.contains(over)
        else { return nil }
        return (number, over)
    }

    /// The lines that bring `tree` back, and what is left.
    func plan(_ changes: [TreeLine], on tree: ObjectID) throws(GitError) -> (lines: [TreeLine], plan: UndoPlan) {
        var lines: [TreeLine] = []
        var left: Set<Name> = []
        for change in changes {
            let now = try file(tree, change.path)
            if now == change.new {
                lines.append(TreeLine(path: change.path, old: now, new: change.old))
            } else if now != change.old {
                left.insert(Name(change.path))
            }
        }
        // A name may be a folder now, or a folder a file: what would be in the way of what stays is left too. One that
        // is left may be in the way of another.
        while true {
            let going = Set(lines.filter { $0.new == nil }.map { Name($0.path) })
            let count = left.count
            for line in lines where line.new != nil {
                if try isBlocked(line.path, tree, going) { left.insert(Name(line.path)) }
            }
            if left.count == count { break }
            lines.removeAll { left.contains(Name($0.path)) }
        }
        var plan = UndoPlan()
        plan.restored = lines.map(\.path)
        plan.left = changes.map(\.path).filter { left.contains(Name($0)) }
        return (lines, plan)
    }

    private func file(_ tree: ObjectID, _ path: [UInt8]) throws(GitError) -> Version? {
        guard let version = try store.entry(tree, path), version.mode != TreeObject.folder else { return nil }
        return version
    }

    /// True if something that stays stands where the path, or one of its folders, has to be.
    private func isBlocked(_ path: [UInt8], _ tree: ObjectID, _ going: Set<Name>) throws(GitError) -> Bool {
        var above: [UInt8] = []
        for part in path.split(separator: 47).dropLast() {
            above += above.isEmpty ? Array(part) : [47] + part
            if try file(tree, above) != nil, !going.contains(Name(above)) { return true }
        }
        guard try store.entry(tree, path)?.mode == TreeObject.folder else { return false }
        return try store.list(tree, under: path).contains { !going.contains(Name($0.path)) }
    }
}

/// The undo as the last step of a merge: a commit on top of what was merged, in the same round.
struct UndoMerge {
    let store: Store
    let head: Revision
    let round: RoundID

    func take(_ undo: RoundUndo, over merged: MergeResult, _ captures: [DeviceCapture]) throws(GitError) -> MergeResult
    {
        guard try store.has(undo.revision), try store.isAncestor(undo.revision, of: head) else {
            throw GitError(
                .damaged, message: "round \(undo.number) is not part of the published history here",
                meaning: "it is older than what is kept, or of another mesh", hint: "see: baton log --kind published")
        }
        let step = UndoStep(store: store)
        let under = try store.tree(of: merged.revision)
        let (lines, plan) = try step.plan(step.changes(of: undo.revision), on: under)
        var result = merged
        result.undo = UndoOutcome(number: undo.number, plan)
        if lines.isEmpty { return result }
        let batch = ObjectBatch(store)
        let tree = try TreeEdit(batch: batch).apply(lines, to: under)
        result.revision = try publish(batch, tree, undo, merged, captures, plan)
        // A person saw what it would do, and asked for it: only what was captured beside it may need a word.
        result.changedFiles = try store.compare(store.tree(of: head), tree).count
        return result
    }

    /// Its parents are those that a merge of the round would have, and last what it was made on.
    private func publish(
        _ batch: ObjectBatch, _ tree: ObjectID, _ undo: RoundUndo, _ merged: MergeResult, _ captures: [DeviceCapture],
        _ plan: UndoPlan
    ) throws(GitError) -> Revision {
        let beside = try store.commit(merged.revision).parents
        var parents = [head]
        for capture in captures.sorted(by: { $0.device < $1.device }) where beside.contains(capture.revision) {
            if !parents.contains(capture.revision) { parents.append(capture.revision) }
        }
        if !parents.contains(merged.revision) { parents.append(merged.revision) }
        var message = "Undo round \(undo.number)\n\nBaton-Round: \(round)\n"
        message += "\(UndoStep.trailer): \(undo.number) \(undo.revision.hex) \(merged.revision.hex)\n"
        for path in plan.left.prefix(Limits.undoPathsNamed) {
            message += "\(UndoStep.leftTrailer): \(Conflict.escaped(path))\n"
        }
        for conflict in merged.conflicts { message += conflict.line + "\n" }
        let revision = try batch.add(
            commit: ObjectBatch.Commit(
                tree: tree, parents: parents, author: "Baton", email: "baton@localhost",
                seconds: store.commit(merged.revision).seconds, message: message))
        try batch.finish(refs: [RefChange(name: RefName.staged(round), new: ObjectID(revision))])
        return revision
    }
}

/// How many paths an undo brought back, and how many it left.
package struct UndoOutcome: Hashable, Sendable {
    package var number: UInt64
    package var restored: Int
    package var left: Int

    init(number: UInt64, _ plan: UndoPlan) {
        self.number = number
        restored = plan.restored.count
        left = plan.left.count
    }
}

extension Workspace {
    /// What undoing a round would do to the published head as this device knows it. Writes nothing.
    package nonisolated func undoPlan(_ revision: Revision, on head: Revision) async throws(WorkspaceError) -> UndoPlan
    {
        try await question { store throws(GitError) in
            let step = UndoStep(store: store)
            return try step.plan(step.changes(of: revision), on: store.tree(of: head)).plan
        }
    }

    /// What a published undo did; nil if the revision is none.
    package nonisolated func undone(by revision: Revision) async throws(WorkspaceError) -> UndoPlan? {
        try await question { store throws(GitError) in
            let record = try store.commit(revision)
            guard UndoStep.made(record) != nil else { return nil }
            var plan = UndoPlan()
            plan.restored = try UndoStep(store: store).changes(of: revision).map(\.path)
            plan.left = record.trailers(UndoStep.leftTrailer).compactMap { Conflict.unescaped($0[...]) }
            return plan
        }
    }
}
