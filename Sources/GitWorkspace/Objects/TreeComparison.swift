/// What differs between two trees, found by going into the folders that differ only.
struct TreeComparison {
    let batch: ObjectBatch
    /// Trees that may be read; a comparison that needs more is git's to make.
    private var budget: Int
    private(set) var lines: [TreeLine] = []

    static let budget = 4000

    init(_ batch: ObjectBatch, budget: Int = Self.budget) {
        self.batch = batch
        self.budget = budget
    }

    /// False if it was given up: the trees are too many or too deep.
    mutating func run(_ old: ObjectID?, _ new: ObjectID?, at path: [UInt8] = []) throws(GitError) -> Bool {
        try compare(old, new, path, depth: 0)
    }

    private mutating func compare(
        _ old: ObjectID?, _ new: ObjectID?, _ path: [UInt8], depth: Int
    ) throws(GitError) -> Bool {
        if old == new { return true }
        budget -= 1
        guard budget > 0, depth < TreeObject.depth else { return false }
        let before = try items(old)
        let after = try items(new)
        var (first, second) = (0, 0)
        while first < before.count || second < after.count {
            let order =
                first == before.count
                ? 1 : second == after.count ? -1 : TreeObject.order(before[first], after[second])
            let (left, right) = (order <= 0 ? before[first] : nil, order >= 0 ? after[second] : nil)
            if left != nil { first += 1 }
            if right != nil { second += 1 }
            if left?.version == right?.version { continue }
            guard let name = left?.name ?? right?.name else { continue }
            let child = path.isEmpty ? name : path + [47] + name
            if left?.isTree == true || right?.isTree == true {
                let isDone = try compare(left?.version.id, right?.version.id, child, depth: depth + 1)
                guard isDone else { return false }
            } else {
                lines.append(TreeLine(path: child, old: left?.version, new: right?.version))
            }
        }
        return true
    }

    private func items(_ id: ObjectID?) throws(GitError) -> [TreeItem] {
        guard let id, id != batch.store.emptyTree else { return [] }
        return try batch.tree(id)
    }
}
