import Primitives

/// The rounds that were published, by the numbers that people see. A published revision's first parent is the head
/// before it, so a number is a place on that chain; what lies behind round 0 is the user's own history.
struct PublishedRounds {
    let store: Store
    let head: Revision
    /// The head's number: how many rounds were published.
    let number: UInt64

    /// Nil if there is no such round, or if it is older than what is kept here.
    func revision(of round: UInt64) throws(GitError) -> Revision? {
        guard round <= number else { return nil }
        let output = try store.git.runBlocking([
            "rev-list", "--first-parent", "--max-count=1", "--skip=\(number - round)", head.hex,
        ]).output
        guard let line = output.split(separator: 10).first else { return nil }
        return ObjectID(bytes: line)?.revision
    }

    /// The newest rounds, newest first, each once.
    func newest(_ count: UInt64) throws(GitError) -> [(number: UInt64, revision: Revision)] {
        // A mesh that was founded on a history has that before round 1; one that was not ends there.
        let wanted = min(count, number)
        let output = try store.git.runBlocking([
            "rev-list", "--first-parent", "--max-count=\(wanted)", head.hex,
        ]).output
        var rounds: [(number: UInt64, revision: Revision)] = []
        for (offset, line) in output.split(separator: 10).enumerated() {
            guard let revision = ObjectID(bytes: line)?.revision else { throw .damaged("rev-list gave no id") }
            rounds.append((number - UInt64(offset), revision))
        }
        return rounds
    }
}

extension Workspace {
    /// The revision that a round published; nil if there is no such round, or not any more.
    /// - Parameter number: of the round that published `head`.
    package nonisolated func revision(
        ofRound round: UInt64, head: Revision, number: UInt64
    ) async throws(WorkspaceError) -> Revision? {
        try await question { store throws(GitError) in
            try PublishedRounds(store: store, head: head, number: number).revision(of: round)
        }
    }
}
