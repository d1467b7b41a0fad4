import Glibc
import Primitives

/// Something of the user's that is under way in their repository; nothing of theirs is touched meanwhile.
package struct UserOperation: Hashable, Sendable, CustomStringConvertible {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        case rebase
        case am
        case merge
        case cherryPick = "cherry-pick"
        case revert
        case bisect
        /// What a `stash pop`, `pull --autostash`, `merge --squash`, `checkout -m` or `apply -3` left in conflict.
        case unmerged = "unmerged paths"
    }

    package var kind: Kind
    /// Unix seconds, by the file that git keeps for it.
    package var since: Int64

    package init(kind: Kind, since: Int64) {
        self.kind = kind
        self.since = since
    }

    package var description: String {
        let what = kind == .unmerged ? kind.rawValue : "\(kind.rawValue) in progress"
        return "\(what) (since \(UTC.text(since)))"
    }

    /// Reads it off the files that git keeps in the (per worktree) repository directory. A rebase stops at a
    /// cherry-pick and a bisect may hold a merge: the outermost is named. For paths in conflict there is no file.
    static func underWay(in directory: String) -> UserOperation? {
        let signs: [(Kind, String)] = [
            (.am, "rebase-apply/applying"), (.rebase, "rebase-apply"), (.rebase, "rebase-merge"),
            (.merge, "MERGE_HEAD"), (.cherryPick, "CHERRY_PICK_HEAD"), (.revert, "REVERT_HEAD"),
            (.bisect, "BISECT_LOG"),
        ]
        for (kind, name) in signs {
            var status = stat()
            if lstat("\(directory)/\(name)", &status) == 0 {
                return UserOperation(kind: kind, since: Int64(status.st_mtim.tv_sec))
            }
        }
        return pickedSeries(in: directory)
    }

    /// Between two commits of a series of picks or reverts only the list of what is left remains.
    private static func pickedSeries(in directory: String) -> UserOperation? {
        var status = stat()
        let path = "\(directory)/sequencer/todo"
        guard lstat(path, &status) == 0 else { return nil }
        let reverts = DurableFile.read(path)?.starts(with: Array("revert".utf8)) == true
        return UserOperation(kind: reverts ? .revert : .cherryPick, since: Int64(status.st_mtim.tv_sec))
    }
}

/// What the user's repository is at now.
package struct UserState: Hashable, Sendable {
    /// Without `refs/heads/`; nil when `HEAD` is detached.
    package var branch: String?
    /// Nil on a branch without a commit.
    package var head: Revision?
    package var operation: UserOperation?
    /// A git command of the user is changing the index, or one was killed while it did.
    package var indexLocked: Bool

    package init(branch: String?, head: Revision?, operation: UserOperation?, indexLocked: Bool) {
        self.branch = branch
        self.head = head
        self.operation = operation
        self.indexLocked = indexLocked
    }

    /// Why nothing may be applied or moved now; nil when `wanted` is checked out and nothing of the user's is under
    /// way.
    package func obstacle(to wanted: String) -> FastForward.Obstacle? {
        if let operation { return .operation(operation) }
        guard let branch else { return .detached(wanted: wanted) }
        if branch != wanted { return .otherBranch(branch, wanted: wanted) }
        return indexLocked ? .indexLocked : nil
    }
}

/// What became of bringing the user's branch and index to a revision.
package enum FastForward: Hashable, Sendable {
    case moved(from: Revision?, to: Revision)
    /// The branch was there already.
    case current
    /// Nothing was touched; the next round tries again.
    case waiting(Obstacle)

    package enum Obstacle: Hashable, Sendable, CustomStringConvertible {
        case operation(UserOperation)
        case detached(wanted: String)
        case otherBranch(String, wanted: String)
        case indexLocked
        /// The user's branch is not at the revision that was captured.
        case headMoved(Revision?)
        /// The user committed something that the new revision does not contain yet.
        case notContained(Revision)
        /// Somebody moved the branch between the last look and the move.
        case branchBusy
        case otherObjectFormat

        package var description: String {
            switch self {
            case .operation(let operation): "\(operation)"
            case .detached(let wanted): "HEAD is detached; branch \(wanted) is the one in sync"
            case .otherBranch(let branch, let wanted): "branch \(branch) is checked out; \(wanted) is the one in sync"
            case .indexLocked: "index.lock is held by a git command, or was left by one that was killed"
            case .headMoved(let head): "the branch moved to \(head?.short ?? "no commit") during the round"
            case .notContained(let head): "the commit \(head.short) is not part of the published revision yet"
            case .branchBusy: "another git command moved or locked the branch"
            case .otherObjectFormat: "the repository uses SHA-256 object ids, the mesh SHA-1"
            }
        }
    }
}

/// Times in lines for people.
enum UTC {
    /// `2026-11-23 21:17:17Z`
    static func text(_ seconds: Int64) -> String {
        var time = time_t(seconds)
        var parts = tm()
        gmtime_r(&time, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let day = "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
        return "\(day) \(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))Z"
    }
}
