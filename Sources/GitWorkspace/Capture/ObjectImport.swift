import Primitives

/// Writes objects into the store with one `git fast-import`: all of them become one pack with one fsync, and trees are
/// built along the changed paths only. Refs move when `finish` returns, after the pack is on disk.
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

    func blob(_ bytes: [UInt8]) throws(GitError) -> Int {
        let mark = try beginBlob(size: Int64(bytes.count))
        try conversation.send(bytes)
        try endBlob()
        return mark
    }

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

    struct Commit {
        var ref: String
        var parents: [Revision]
        /// Where not the first parent's tree is to be changed but another.
        var tree: ObjectID?
        var lines: [TreeLine]
        var author: String
        var email: String
        var seconds: Int64
        var message: String
    }

    /// Makes a commit and points its ref at it.
    func commit(_ commit: Commit) throws(GitError) -> Revision {
        marks += 1
        let message = Array(commit.message.utf8)
        var text = "commit \(commit.ref)\nmark :\(marks)\n"
        let person = "\(Self.plain(commit.author)) <\(Self.plain(commit.email))> \(max(0, commit.seconds)) +0000"
        text += "author \(person)\ncommitter \(person)\ndata \(message.count)\n\(commit.message)\n"
        for (number, parent) in commit.parents.enumerated() {
            text += (number == 0 ? "from " : "merge ") + parent.hex + "\n"
        }
        if let tree = commit.tree { text += tree == store.emptyTree ? "deleteall\n" : "M 040000 \(tree.hex) \"\"\n" }
        var bytes = Array(text.utf8)
        for line in commit.lines where line.new == nil {
            bytes += Array("D ".utf8) + Self.quoted(line.path) + [10]
        }
        for line in commit.lines {
            guard let new = line.new else { continue }
            bytes += Array("M \(new.octalMode) \(new.id.hex) ".utf8) + Self.quoted(line.path) + [10]
        }
        try conversation.send(bytes + [10])
        guard let revision = try ids([marks]).first?.revision else { throw .damaged("fast-import gave no commit") }
        return revision
    }

    /// Points a ref at an object, or deletes it.
    func reset(_ ref: String, to id: ObjectID?) throws(GitError) {
        let target = id?.hex ?? String(repeating: "0", count: store.digits)
        try conversation.send("reset \(ref)\nfrom \(target)\n\n")
    }

    /// Everything is on disk, and refs have moved, when it returns.
    func finish() throws(GitError) {
        try conversation.send("done\n")
        try conversation.finish()
        DurableFile.syncFolder(store.path + "/objects/pack")
    }

    /// Without what would end a name or an address in a commit header.
    private static func plain(_ text: String) -> String {
        let kept = text.unicodeScalars.filter { $0.value >= 32 && $0 != "<" && $0 != ">" && $0.value != 127 }
        let name = String(String.UnicodeScalarView(kept))
        return name.isEmpty ? "unnamed" : name
    }

    /// A path of any bytes as fast-import reads it: always quoted.
    static func quoted(_ path: [UInt8]) -> [UInt8] {
        var text: [UInt8] = [34]
        for byte in path {
            switch byte {
            case 34, 92: text += [92, byte]
            case 32...126: text.append(byte)
            default: text += [92, 48 + (byte >> 6), 48 + (byte >> 3 & 7), 48 + (byte & 7)]
            }
        }
        text.append(34)
        return text
    }
}
