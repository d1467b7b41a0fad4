import Primitives

/// Writes large files into the store by one `git fast-import`, in pieces: none is ever whole in memory. All of them
/// become one pack, which is on disk when `finish` returns.
final class ObjectImport {
    private let conversation: Conversation
    private let store: Store
    private var marks = 0

    init(_ store: Store) throws(GitError) {
        self.store = store
        conversation = try Conversation(
            store.git,
            [
                "fast-import", "--quiet", "--force", "--done", "--date-format=raw", "--depth=0",
                "--big-file-threshold=8m",
            ])
    }

    /// A blob of known size; the pieces follow by `append`.
    func beginBlob(size: Int64) throws(GitError) -> Int {
        marks += 1
        try conversation.send("blob\nmark :\(marks)\ndata \(size)\n")
        return marks
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws(GitError) { try conversation.send(Array(bytes)) }

    func endBlob() throws(GitError) { try conversation.send("\n") }

    /// The ids of what was written so far, in the order of `marks`.
    func ids(_ marks: [Int]) throws(GitError) -> [ObjectID] {
        try conversation.send(marks.map { "get-mark :\($0)\n" }.joined())
        var ids: [ObjectID] = []
        for _ in marks {
            guard let id = ObjectID(hex: try conversation.line()) else { throw .damaged("fast-import gave no id") }
            ids.append(id)
        }
        return ids
    }

    /// Everything is on disk, and refs have moved, when it returns.
    func finish() throws(GitError) {
        try conversation.send("done\n")
        try conversation.finish()
        DurableFile.syncFolder(store.path + "/objects/pack")
    }
}
