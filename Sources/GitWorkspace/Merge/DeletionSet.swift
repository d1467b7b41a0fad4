import Primitives

/// Files that a capture or a merge would delete. Beyond a size somebody is asked, by the name of this very set: a yes
/// to it is no yes to any other.
package struct DeletionSet: Hashable, Sendable {
    /// Sorted.
    package var paths: [[UInt8]]
    /// Files before.
    package var files: Int

    package static let most = 200
    package static let percent = 25
    /// Fewer than this many deletions never ask, however small the workspace.
    package static let fewest = 10

    package init(paths: [[UInt8]], files: Int) {
        self.paths = paths
        self.files = files
    }

    package var id: ShortID {
        let text = paths.reduce(into: [UInt8]()) { $0 += $1 + [0] }
        return ShortID(firstOf: Hex.decode(BlobHash.id(of: text, digits: 40)) ?? [])
    }

    package var message: String { "\(paths.count) of \(files) files would be deleted" }

    /// What a comparison of two trees deletes. A file that was only moved is not deleted.
    static func deleted(_ lines: [TreeLine]) -> [[UInt8]] {
        var added: [ObjectID: Int] = [:]
        for line in lines { if line.old == nil, let new = line.new { added[new.id, default: 0] += 1 } }
        var paths: [[UInt8]] = []
        for line in lines where line.new == nil {
            if let id = line.old?.id, let count = added[id], count > 0 {
                added[id] = count - 1
            } else {
                paths.append(line.path)
            }
        }
        return paths.sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// Nil if nobody has to be asked.
    /// - Parameter allowed: paths of which somebody said that they may go.
    static func check(
        _ store: Store, before: ObjectID, lines: [TreeLine], allowed: Set<Name> = []
    ) throws(GitError) -> DeletionSet? {
        let paths = deleted(lines).filter { allowed.isEmpty || !allowed.contains(Name($0)) }
        guard paths.count >= fewest else { return nil }
        let files = try store.list(before).count
        return asks(paths.count, of: files) ? DeletionSet(paths: paths, files: files) : nil
    }

    static func asks(_ deleted: Int, of files: Int) -> Bool {
        deleted >= fewest && (deleted > most || deleted * 100 > files * percent)
    }
}
