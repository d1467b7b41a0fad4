import Primitives

/// Merges what the devices captured into the published head, in the store alone. The result is a function of its
/// arguments: two devices that merge the same get the same commit id. Blocking.
struct Merger {
    let store: Store
    let head: Revision?
    let round: RoundID

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
            let changed = try store.compare(before, store.tree(of: first.revision)).count
            return MergeResult(revision: first.revision, changedFiles: changed, conflicts: [])
        }
        let quarantine = try Quarantine(store)
        defer { quarantine.remove() }
        return try merge(captures, before: before, quarantine)
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
            let record = try store.commit(capture.revision)
            let isSame = try record.tree == store.tree(of: capture.base) && record.parents.count < 2
            if !isSame { effective.append(capture) }
        }
        return effective
    }

    private func merge(
        _ captures: [DeviceCapture], before: ObjectID, _ quarantine: Quarantine
    ) throws(GitError) -> MergeResult {
        let view = store.view(quarantine.git)
        var conflicts: [Conflict] = []
        var tree = before
        var synthetic: Set<String> = []
        // The capture whose tree this is, as long as no other was merged into it.
        var carrier: DeviceCapture?
        for (offset, capture) in captures.enumerated() {
            let base = try view.tree(of: capture.base)
            let theirs = try view.tree(of: capture.revision)
            if theirs == base || theirs == tree { continue }
            if tree == base || (head == nil && offset == 0) {
                tree = theirs
                carrier = capture
                continue
            }
            let sides =
                if let carrier, try isPlain(carrier), try isPlain(capture), carrier.base == capture.base {
                    (first: carrier.revision, second: capture.revision)
                } else {
                    try ancestry(view, capture, base: base, ours: tree, theirs: theirs, &synthetic)
                }
            carrier = nil
            let merge = ThreeWayMerge(
                store: view, base: base, ours: tree, theirs: theirs, theirsDevice: capture.device)
            let outcome = try merge.run(first: sides.first, second: sides.second)
            for var conflict in outcome.conflicts {
                conflict.oursDevice = try owner(conflict, among: captures[..<offset], before: before)
                conflicts.append(conflict)
            }
            tree = outcome.tree
        }
        let revision = try publish(view, quarantine, captures, tree, conflicts, synthetic)
        let changed = try store.compare(before, tree).count
        view.reader.close()
        return MergeResult(revision: revision, changedFiles: changed, conflicts: conflicts)
    }

    /// True for a capture whose only parent is its base.
    private func isPlain(_ capture: DeviceCapture) throws(GitError) -> Bool {
        guard let base = capture.base else { return false }
        return try store.commit(capture.revision).parents == [base]
    }

    /// Two commits with the given trees whose only merge base has the tree `base`: merge-tree of git before 2.40 cannot
    /// be told a base.
    private func ancestry(
        _ view: Store, _ capture: DeviceCapture, base: ObjectID, ours: ObjectID, theirs: ObjectID,
        _ synthetic: inout Set<String>
    ) throws(GitError) -> (first: Revision, second: Revision) {
        let record = try view.commit(capture.revision)
        if let parent = capture.base, record.parents.contains(parent) {
            let first = try commit(view, ours, [parent])
            synthetic.insert(first.hex)
            return (first, capture.revision)
        }
        let root = try commit(view, base, [])
        let first = try commit(view, ours, [root], message: "ours\n")
        let second = try commit(view, theirs, [root], message: "theirs\n")
        synthetic.formUnion([root.hex, first.hex, second.hex])
        return (first, second)
    }

    /// The earlier device whose version stands at the conflicted path; nil if it is the head's.
    private func owner(
        _ conflict: Conflict, among earlier: ArraySlice<DeviceCapture>, before: ObjectID
    ) throws(GitError) -> DeviceID? {
        guard let ours = conflict.ours else { return nil }
        if try store.entry(before, conflict.path)?.entry == ours { return nil }
        for capture in earlier.reversed() {
            let tree = try store.tree(of: capture.revision)
            if try store.entry(tree, conflict.path)?.entry == ours { return capture.device }
        }
        // Merged from several: the last of them.
        return earlier.last?.device
    }

    /// The merge commit, moved into the store with everything new, durable.
    private func publish(
        _ view: Store, _ quarantine: Quarantine, _ captures: [DeviceCapture], _ tree: ObjectID,
        _ conflicts: [Conflict], _ synthetic: Set<String>
    ) throws(GitError) -> Revision {
        let parents = [head].compactMap { $0 } + captures.map(\.revision)
        var seconds: Int64 = 0
        for parent in parents { seconds = max(seconds, try view.commit(parent).seconds) }
        let devices = captures.map(\.device.short).joined(separator: ", ")
        var message = "Sync \(devices)\n\nBaton-Round: \(round)\n"
        for conflict in conflicts { message += conflict.line + "\n" }
        let revision = try commit(view, tree, parents, message: message, seconds: seconds)
        let loose = quarantine.looseObjects().filter { !synthetic.contains($0) }
        _ = try quarantine.git.runBlocking(
            ["pack-objects", "--quiet", "--window=0", "\(quarantine.path)/pack/pack"],
            from: .bytes(Array(loose.joined(separator: "\n").utf8) + [10]))
        try quarantine.adoptPacks()
        return revision
    }

    private func commit(
        _ view: Store, _ tree: ObjectID, _ parents: [Revision], message: String = "ours\n", seconds: Int64 = 0
    ) throws(GitError) -> Revision {
        let identity = GitEnvironment.identity("Baton", email: "baton@localhost", seconds: seconds)
        let arguments = ["-c", "core.fsync=none", "commit-tree", tree.hex] + parents.flatMap { ["-p", $0.hex] }
        let output = try view.git.with(identity).runBlocking(arguments, from: .bytes(Array(message.utf8))).output
        guard let id = ObjectID(bytes: output.prefix(view.digits)), let revision = id.revision else {
            throw .damaged("commit-tree gave no id")
        }
        return revision
    }
}

extension Store {
    /// The conflicts that a published revision lists in its message.
    func conflicts(of revision: Revision) throws(GitError) -> [Conflict] {
        try commit(revision).trailers(Conflict.trailer).compactMap { Conflict($0) }
    }
}
