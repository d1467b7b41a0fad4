import Glibc
import Primitives

/// The user's own repository of a workspace: read by plumbing, and fast-forwarded when they are not in the way, as
/// their own `git pull --ff-only` would. Never: reset, checkout, stash, clean, gc, or a lock of somebody else removed.
package struct UserRepository: Sendable {
    /// The workspace.
    package let root: String
    /// The repository directory of this working tree: `.git`, or that of a linked worktree.
    package let gitDirectory: String
    /// Where objects and branches are; the same, except in a linked worktree.
    package let commonDirectory: String
    /// A directory of ours outside the workspace, for one repository alone.
    let scratch: String
    let git: HermeticGit
    private let unmerged = UnmergedPaths()

    package var objectDirectory: String { commonDirectory + "/objects" }

    /// Finds the repository whose working tree `root` is, and finishes a fast-forward that a crash interrupted.
    /// - Parameters:
    ///   - root: absolute.
    ///   - scratch: an existing directory of ours for this workspace.
    /// - Returns: nil if there is no `.git`.
    package static func open(
        root: String, scratch: String, installation: GitInstallation
    ) async throws(GitError) -> UserRepository? {
        var status = stat()
        let entry = root + "/.git"
        guard stat(entry, &status) == 0 else { return nil }
        var directory = entry
        if status.st_mode & S_IFMT != S_IFDIR {
            guard let named = firstLine(of: entry), named.hasPrefix("gitdir: ") else { throw unreadable(entry) }
            directory = resolve(String(named.dropFirst("gitdir: ".count)), against: root)
        }
        guard access(directory + "/HEAD", R_OK) == 0 else { throw unreadable(directory) }
        let common = firstLine(of: directory + "/commondir").map { resolve($0, against: directory) } ?? directory
        let repository = UserRepository(
            root: root, gitDirectory: directory, commonDirectory: common, scratch: scratch,
            git: HermeticGit(installation: installation, gitDirectory: directory, workTree: root))
        try await repository.recover()
        return repository
    }

    /// Makes one, without a commit, on `branch`; or opens the one that is there.
    package static func create(
        root: String, branch: String = "main", scratch: String, installation: GitInstallation
    ) async throws(GitError) -> UserRepository {
        if let found = try await open(root: root, scratch: scratch, installation: installation) { return found }
        let git = HermeticGit(installation: installation, gitDirectory: root + "/.git")
        _ = try await git.run(["init", "--quiet", "--initial-branch=\(branch)", "--template="])
        let made = try await open(root: root, scratch: scratch, installation: installation)
        guard let made else { throw unreadable(root + "/.git") }
        return made
    }

    /// What is checked out and what is under way. Reads only.
    package func state() async throws(GitError) -> UserState {
        let symbolic = try await git.run(["symbolic-ref", "-q", "HEAD"], accepting: [0, 1])
        let name = Self.line(symbolic.output)
        let prefix = "refs/heads/"
        let head = try await git.run(["rev-parse", "-q", "--verify", "HEAD^{commit}"], accepting: [0, 1])
        let underWay = try await BlockingThread.run { _ throws(GitError) in operation() }
        return UserState(
            branch: symbolic.status == 0 && name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : nil,
            head: head.status == 0 ? Revision(hex: Self.line(head.output)) : nil,
            operation: underWay,
            indexLocked: access(gitDirectory + "/index.lock", F_OK) == 0)
    }

    /// What is under way, by files alone unless the index changed in a way that is git's to read. Reads only; blocking.
    func operation() -> UserOperation? {
        if let operation = UserOperation.underWay(in: gitDirectory) { return operation }
        return unmerged.since(in: gitDirectory, git).map { UserOperation(kind: .unmerged, since: $0) }
    }

    /// True if something is staged that is not in `HEAD`. Reads only.
    package func indexDiffersFromHead() async throws(GitError) -> Bool {
        if try await state().head == nil { return try await !git.run(["ls-files", "-z"]).output.isEmpty }
        return try await git.run(["diff-index", "--cached", "--quiet", "HEAD", "--"], accepting: [0, 1]).status == 1
    }

    /// Paths that a sparse checkout keeps off the disk: absent, but not deleted. Reads only.
    package func skippedPaths() async throws(GitError) -> Set<[UInt8]> {
        let listing = try await git.run(["ls-files", "-z", "-t"]).output
        let skipped = listing.split(separator: 0).filter { $0.starts(with: Array("S ".utf8)) }
        return Set(skipped.map { Array($0.dropFirst(2)) })
    }

    // MARK: Pieces

    static func line(_ output: [UInt8]) -> String {
        String(decoding: output.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }

    private static func firstLine(of path: String) -> String? { DurableFile.read(path).map(line) }

    private static func resolve(_ path: String, against base: String) -> String {
        path.hasPrefix("/") ? path : "\(base)/\(path)"
    }

    private static func unreadable(_ path: String) -> GitError {
        GitError(
            .damaged, message: "\(path) is no git repository that can be read",
            meaning: "its HEAD is missing, or it points to a directory that is not there",
            hint: "run 'git status' in the workspace; for a linked worktree, 'git worktree repair'")
    }
}
