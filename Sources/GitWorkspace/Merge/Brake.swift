import Primitives

/// A merge that would delete so much that somebody has to be asked before it is published.
package struct Brake: Hashable, Sendable {
    package var deleted: Int
    /// Files before.
    package var files: Int

    package static let files = 200
    package static let percent = 25
    /// Fewer than this many deletions never ask, however small the workspace.
    package static let fewest = 10

    package var message: String {
        "this round would delete \(deleted) of \(files) files; nothing was published and nothing is changed"
    }

    /// Nil if nobody has to be asked. A file that was only moved is not deleted.
    static func check(_ store: Store, before: ObjectID, lines: [TreeLine]) throws(GitError) -> Brake? {
        var added: [ObjectID: Int] = [:]
        for line in lines { if line.old == nil, let new = line.new { added[new.id, default: 0] += 1 } }
        var deleted = 0
        for line in lines where line.new == nil {
            if let id = line.old?.id, let count = added[id], count > 0 {
                added[id] = count - 1
            } else {
                deleted += 1
            }
        }
        guard deleted >= fewest else { return nil }
        let files = try store.list(before).count
        return deleted > Self.files || deleted * 100 > files * percent ? Brake(deleted: deleted, files: files) : nil
    }
}
