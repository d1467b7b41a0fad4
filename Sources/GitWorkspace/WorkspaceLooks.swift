import Glibc
import Primitives

extension Workspace {
    /// What the user's repository is at, without starting a process: the branch is in the `HEAD` file, and the commit
    /// is known to a `cat-file` that stays.
    /// - Parameter plan: what is known of the index to come.
    nonisolated func quickLooks(_ plan: IndexPlan? = nil) -> QuickLooks {
        let root = root
        let (repository, userReader, store) = (repository, userReader, store)
        let directory = repository.gitDirectory
        let staged = StagedBytes(
            repository: repository, reader: userReader, store: store, root: root, device: device, name: name)
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
                    head: commit?.id.revision, operation: repository.operation(),
                    indexLocked: access(directory + "/index.lock", F_OK) == 0)
            },
            parents: { revision throws(GitError) in try store.commit(revision).parents },
            pack: { revision, known throws(GitError) in
                var objects = RevisionObjects(store, bytesAllowed: PackTransfer.localBytes)
                guard let known, try objects.collect(revision, beyond: [known]) else { return nil }
                return try objects.pack()
            },
            index: { bytes, head throws(GitError) in
                guard let plan, plan.head == head, let index = IndexFile(bytes, showing: plan.from) else { return nil }
                return try index.changed(by: plan, root: root, store)
            }, keepStaged: { head, revision throws(GitError) in try staged.keep(beside: head, before: revision) })
    }

    /// How the user's index gets to a revision, by what the last capture and apply know of the files.
    func indexPlan(_ revision: Revision) throws(GitError) -> IndexPlan? {
        guard let head = try quickLooks().state().head, try store.has(head) else { return nil }
        let (from, to) = (try store.tree(of: head), try store.tree(of: revision))
        let lines = try store.compare(from, to)
        guard lines.count <= IndexPlan.changes else { return nil }
        let changes = lines.map { line in
            let record = manifest.record(line.path)
            let isKnown = record?.last == line.new
            return IndexChange(path: line.path, new: line.new, stamp: isKnown ? record?.stamp : nil)
        }
        return IndexPlan(head: head, from: from, to: to, changes: changes)
    }
}
