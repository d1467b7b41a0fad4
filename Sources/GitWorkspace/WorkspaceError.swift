/// Why an operation on a workspace failed: what happened, what it means, what to do. One line each.
package enum WorkspaceError: Error, Sendable, CustomStringConvertible {
    case rootMissing(String)
    case rootNotDirectory(String)
    case rootNotWritable(String)
    /// Another folder stands where the workspace was: an unmounted disk, a restored backup.
    case rootReplaced(String)
    case git(GitError)
    case apply(ApplyError)
    /// A file or folder that a revision does not have.
    case notThere(path: String, at: String)
    /// A rebase, a merge, another branch: nothing is put in place meanwhile.
    case userIsBusy(String)
    /// There is neither a head nor a capture.
    case nothingToMerge
    /// What a person asked for cannot be done as things are.
    case refused(String, hint: String)

    package var message: String {
        switch self {
        case .rootMissing(let path): "the workspace \(path) is not there"
        case .rootNotDirectory(let path): "\(path) is not a folder"
        case .rootNotWritable(let path): "the workspace \(path) cannot be written to"
        case .rootReplaced(let path): "another folder stands at \(path) than when the agent started"
        case .git(let error): "\(error.message): \(error.meaning)"
        case .apply(let error): error.message
        case .notThere(let path, let label): "\(label) has no '\(path)'"
        case .userIsBusy(let why): "nothing is put in place while you are busy: \(why)"
        case .nothingToMerge: "there is nothing to merge: no published head and no capture"
        case .refused(let message, _): message
        }
    }

    package var hint: String {
        switch self {
        case .rootMissing: "mount its disk, or name the right folder with --workspace"
        case .rootNotDirectory: "name a folder with --workspace"
        case .rootNotWritable: "check the owner and permissions of the folder"
        case .rootReplaced: "mount its disk again; if the change was meant, restart the agent"
        case .git(let error): error.hint
        case .apply(let error): error.hint
        case .notThere(let path, _): "see which rounds touched it: baton log --path '\(path)'"
        case .userIsBusy: "finish that, or check out the branch in sync; then try again"
        case .nothingToMerge: "the founding device imports its history or captures first"
        case .refused(_, let hint): hint
        }
    }

    package var description: String { "\(message) (\(hint))" }
}
