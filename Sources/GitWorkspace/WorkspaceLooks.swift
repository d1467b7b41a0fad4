import Glibc
import Primitives

extension Workspace {
    /// What the user's repository is at, without starting a process: the branch is in the `HEAD` file, and the commit
    /// is known to a `cat-file` that stays.
    nonisolated var quickLooks: QuickLooks {
        let (directory, userReader, store) = (repository.gitDirectory, userReader, store)
        return QuickLooks(
            state: { () throws(GitError) in
                guard let bytes = DurableFile.read(directory + "/HEAD") else {
                    throw .damaged("\(directory)/HEAD cannot be read")
                }
                let line = UserRepository.line(bytes)
                let prefix = "ref: refs/heads/"
                let commit = try userReader.info("HEAD^{commit}")
                return UserState(
                    branch: line.hasPrefix(prefix) ? String(line.dropFirst(prefix.count)) : nil,
                    head: commit?.id.revision, operation: UserOperation.underWay(in: directory),
                    indexLocked: access(directory + "/index.lock", F_OK) == 0)
            },
            parents: { revision throws(GitError) in try store.commit(revision).parents })
    }
}
