/// What went wrong with a git process: what happened, what it means, what to do. One line each.
package struct GitError: Error, Sendable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        case missing
        case tooOld
        case cannotStart
        case failed(status: Int32)
        case timedOut
        case cancelled
        /// The answer was not of the promised shape, or an object is not what its id says.
        case damaged
    }

    package var kind: Kind
    package var message: String
    package var meaning: String
    package var hint: String

    package init(_ kind: Kind, message: String, meaning: String, hint: String) {
        self.kind = kind
        self.message = message
        self.meaning = meaning
        self.hint = hint
    }

    package var description: String { "\(message): \(meaning) (\(hint))" }

    /// An answer of git that could not be read.
    static func damaged(_ what: String) -> GitError {
        GitError(
            .damaged, message: what, meaning: "git's answer does not have the expected shape",
            hint: "run 'git fsck' in the store; Baton repairs it from a peer or the working tree")
    }
}
