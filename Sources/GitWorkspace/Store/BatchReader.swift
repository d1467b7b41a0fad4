import Primitives
import Synchronization

/// Questions about objects and refs, answered by one `git cat-file --batch-command` that stays (0.1 ms each, where a
/// process costs 2). Safe from any thread; a reader that died is started again.
final class BatchReader: Sendable {
    struct Info: Equatable {
        var id: ObjectID
        var type: String
        var size: Int
    }

    private struct State {
        var conversation: Conversation?
    }

    private let git: HermeticGit
    private let state = Mutex(State())

    init(_ git: HermeticGit) { self.git = git }

    /// Nil if there is no such object or ref.
    func info(_ name: String) throws(GitError) -> Info? {
        try ask { conversation throws(GitError) in
            try conversation.send("info \(name)\n")
            return try Self.header(try conversation.line())
        }
    }

    /// The object's bytes; nil if there is none.
    func contents(_ name: String) throws(GitError) -> (info: Info, bytes: [UInt8])? {
        try ask { conversation throws(GitError) in
            try conversation.send("contents \(name)\n")
            guard let info = try Self.header(try conversation.line()) else { return nil }
            var bytes = try conversation.bytes(info.size + 1)
            bytes.removeLast()
            return (info, bytes)
        }
    }

    /// Ends the process; the next question starts another.
    func close() { state.withLock { $0.conversation = nil } }

    private func ask<Answer: Sendable>(_ body: @Sendable (Conversation) throws(GitError) -> Answer) throws(GitError)
        -> Answer
    {
        let result: Result<Answer, GitError> = state.withLock { state in
            do throws(GitError) {
                if let conversation = state.conversation {
                    do throws(GitError) { return .success(try body(conversation)) } catch { state.conversation = nil }
                }
                let conversation = try Conversation(git, ["cat-file", "--batch-command"])
                state.conversation = conversation
                return .success(try body(conversation))
            } catch {
                state.conversation = nil
                return .failure(error)
            }
        }
        return try result.get()
    }

    private static func header(_ line: String) throws(GitError) -> Info? {
        let words = line.split(separator: " ")
        if words.last == "missing" { return nil }
        guard words.count == 3, let id = ObjectID(hex: words[0]), let size = Int(words[2]), size >= 0 else {
            throw .damaged("cat-file answered '\(line)'")
        }
        return Info(id: id, type: String(words[1]), size: size)
    }
}
