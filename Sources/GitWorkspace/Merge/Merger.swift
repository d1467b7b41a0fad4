import Primitives

/// Merges what the devices captured into the published head, in the store alone. The result is a function of its
/// arguments: two devices that merge the same get the same commit id. Blocking.
struct Merger {
    let store: Store
    let head: Revision?
    let round: RoundID
    var policies = MergePolicies()
    /// Who is the sync leader, for the policies that ask.
    var leader: DeviceID?
    /// Questions about deletions that were answered with yes, and paths of a round that may go.
    var allowed: Set<ShortID> = []
    var allowedPaths: Set<Name> = []

    /// In a capture: the question about its deletions that its device had asked, and got a yes to.
    static let deletionsTrailer = "Baton-Deletions"

    func merge(_ given: [DeviceCapture]) throws(GitError) -> MergeResult? {
        var grounded: [DeviceCapture] = []
        for capture in given.sorted(by: { $0.device < $1.device }) { grounded.append(try ground(capture)) }
        let captures = try effective(grounded)
        let before = try store.tree(of: head)
        guard let first = captures.first else {
            guard let same = head ?? given.compactMap(\.base).sorted().first else { return nil }
            return MergeResult(revision: same, changedFiles: 0, conflicts: [])
        }
        let isOnHead = try store.commit(first.revision).parents.first == head
        if captures.count == 1, head == nil || isOnHead {
            let changed = try store.compare(before, store.tree(of: first.revision))
            let brake = try brake(before, changed, captures)
            return MergeResult(revision: first.revision, changedFiles: changed.count, conflicts: [], brake: brake)
        }
        return try merge(captures, before: before)
    }

    /// A device that captured in a published round and did not get to apply it (it was killed, say) captures again from
    /// the same base. What it changed since then builds on its own earlier capture, which the head holds: against the
    /// old base its newer bytes would conflict with its older ones.
    private func ground(_ capture: DeviceCapture) throws(GitError) -> DeviceCapture {
        var next = head
        for _ in 0..<Limits.roundsLookedBack {
            guard let published = next, published != capture.base else { break }
            let record = try store.commit(published)
            for candidate in [published] + record.parents.dropFirst() where candidate != capture.revision {
                let earlier = try store.commit(candidate)
                let isIts = earlier.trailers("Baton-Device") == [capture.device.description]
                guard isIts, earlier.parents.first == capture.base else { continue }
                var grounded = capture
                grounded.base = candidate
                return grounded
            }
            next = record.parents.first
        }
        return capture
    }

    /// Captures that bring something: other bytes than their base, or commits of the user's.
    private func effective(_ captures: [DeviceCapture]) throws(GitError) -> [DeviceCapture] {
        var effective: [DeviceCapture] = []
        for capture in captures where capture.revision != head && capture.revision != capture.base {
            // Whatever was pushed to the hub is held by what is published, also if it changes no file: else the hub's
            // branch could not go forward.
            if capture.device == .hub {
                effective.append(capture)
                continue
            }
            let record = try store.commit(capture.revision)
            let isSame = try record.tree == store.tree(of: capture.base) && record.parents.count < 2
            if !isSame { effective.append(capture) }
        }
        return effective
    }

    private func merge(_ captures: [DeviceCapture], before: ObjectID) throws(GitError) -> MergeResult {
        let batch = ObjectBatch(store)
        var conflicts: [Conflict] = []
        var tree = before
        for (offset, capture) in captures.enumerated() {
            let base = try store.tree(of: capture.base)
            let theirs = try store.tree(of: capture.revision)
            if theirs == base || theirs == tree { continue }
            if tree == base || (head == nil && offset == 0) {
                tree = theirs
                continue
            }
            var merge = TreeMerge(batch, theirsDevice: capture.device)
            merge.policies = policies
            merge.isLeaders = capture.device == leader
            let earlier = captures[..<offset]
            merge.isNewer = { path, ours throws(GitError) in
                try isNewer(capture, than: ours, at: path, among: earlier, before: before)
            }
            tree = try merge.run(base: base, ours: tree, theirs: theirs)
            for var conflict in merge.conflicts {
                if conflict.oursDevice == nil {
                    conflict.oursDevice = try owner(conflict.ours, at: conflict.path, among: earlier, before: before)
                } else {
                    let loser = try owner(conflict.theirs, at: conflict.path, among: earlier, before: before)
                    conflict.theirsDevice = loser ?? capture.device
                }
                conflicts.append(conflict)
            }
        }
        let revision = try publish(batch, captures, tree, conflicts)
        let changed = try store.compare(before, tree)
        let brake = try brake(before, changed, captures)
        return MergeResult(
            revision: revision, changedFiles: changed.count, conflicts: conflicts, brake: brake)
    }

    /// The earlier device whose version stands at a path; nil if it is the head's.
    private func owner(
        _ version: TreeEntry?, at path: [UInt8], among earlier: ArraySlice<DeviceCapture>, before: ObjectID
    ) throws(GitError) -> DeviceID? {
        guard let version else { return nil }
        if try store.entry(before, path)?.entry == version { return nil }
        for capture in earlier.reversed() {
            let tree = try store.tree(of: capture.revision)
            if try store.entry(tree, path)?.entry == version { return capture.device }
        }
        // Merged from several: the last of them.
        return earlier.last?.device
    }

    /// Whether a capture belongs to a later round than the version that stands at a path. A head's version that is
    /// older than `Limits.roundsLookedBack` is older than any capture.
    private func isNewer(
        _ capture: DeviceCapture, than ours: Version, at path: [UInt8], among earlier: ArraySlice<DeviceCapture>,
        before: ObjectID
    ) throws(GitError) -> Bool {
        let theirs = try rounds(of: capture.revision)
        if let device = try owner(ours.entry, at: path, among: earlier, before: before),
            let other = earlier.last(where: { $0.device == device })
        {
            return try rounds(of: other.revision).lexicographicallyPrecedes(theirs)
        }
        var published = head
        for _ in 0..<Limits.roundsLookedBack {
            guard let revision = published else { return true }
            let next = try store.commit(revision).parents.first
            if try store.entry(store.tree(of: next), path) != ours {
                return try rounds(of: revision).lexicographicallyPrecedes(theirs)
            }
            published = next
        }
        return true
    }

    /// The numbers of the round that a commit of ours names: epoch, counter, sequence. Empty for any other commit.
    private func rounds(of revision: Revision) throws(GitError) -> [UInt64] {
        guard let text = try store.commit(revision).trailers("Baton-Round").last else { return [] }
        return text.split { $0 == "/" || $0 == "." }.compactMap { UInt64($0) }
    }

    /// Whether somebody has to be asked about what is deleted, apart from what somebody was asked already.
    private func brake(
        _ before: ObjectID, _ changed: [TreeLine], _ captures: [DeviceCapture]
    ) throws(GitError) -> DeletionSet? {
        let asked = try DeletionSet.check(store, before: before, lines: changed, allowed: allowedPaths)
        guard let asked, !allowed.contains(asked.id) else { return nil }
        var excused = allowedPaths
        for capture in captures {
            let answers = try store.commit(capture.revision).trailers(Self.deletionsTrailer)
            guard answers.contains(where: { ShortID(hex: $0).map(allowed.contains) ?? false }) else { continue }
            let lines = try store.compare(store.tree(of: capture.base), store.tree(of: capture.revision))
            for line in lines where line.new == nil { excused.insert(Name(line.path)) }
        }
        let left = try DeletionSet.check(store, before: before, lines: changed, allowed: excused)
        return left.map { allowed.contains($0.id) ? nil : $0 } ?? nil
    }

    /// The merge commit, in the store with everything new, durable.
    private func publish(
        _ batch: ObjectBatch, _ captures: [DeviceCapture], _ tree: ObjectID, _ conflicts: [Conflict]
    ) throws(GitError) -> Revision {
        let parents = [head].compactMap { $0 } + captures.map(\.revision)
        var seconds: Int64 = 0
        for parent in parents { seconds = max(seconds, try store.commit(parent).seconds) }
        let devices = captures.map(\.device.short).joined(separator: ", ")
        var message = "Sync \(devices)\n\nBaton-Round: \(round)\n"
        for conflict in conflicts { message += conflict.line + "\n" }
        let revision = try batch.add(
            commit: ObjectBatch.Commit(
                tree: tree, parents: parents, author: "Baton", email: "baton@localhost", seconds: seconds,
                message: message))
        // Pinned for the round: members fetch it at once.
        try batch.finish(refs: [RefChange(name: RefName.staged(round), new: ObjectID(revision))])
        return revision
    }
}

extension Store {
    /// The conflicts that a published revision lists in its message.
    func conflicts(of revision: Revision) throws(GitError) -> [Conflict] {
        try commit(revision).trailers(Conflict.trailer).compactMap { Conflict($0) }
    }
}
