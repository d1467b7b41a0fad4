import Glibc
import Primitives

/// Keeps what the user has staged before their index becomes that of a revision. A file that was staged and then edited
/// further has the staged bytes in no file, no commit and no capture: once the index forgets them, nothing names them.
struct StagedBytes: Sendable {
    let repository: UserRepository
    /// Of that repository.
    let reader: BatchReader
    let store: Store
    let root: String
    let device: DeviceID
    let name: String

    /// Takes versions that are in neither the head, nor the revision, nor the files on disk into a capture over the
    /// revision, as one that no round published: the history of a path lists it. Blocking.
    func keep(beside head: Revision?, before revision: Revision) throws(GitError) {
        let lines = try staged(beside: head, before: revision)
        if lines.isEmpty { return }
        try bring(lines.compactMap(\.new?.id))
        let record = try store.commit(revision)
        let round = record.trailers("Baton-Round").last.map { "round \($0)" } ?? revision.short
        let noun = lines.count == 1 ? "file" : "files"
        let message = "Staged \(noun) of \(name.filter { !$0.isNewline }), before \(round)\n\nBaton-Device: \(device)\n"
        let batch = ObjectBatch(store)
        let tree = try TreeEdit(batch: batch).apply(lines, to: record.tree)
        // By the revision's clock: tried again, it is the same commit.
        let kept = try batch.add(
            commit: ObjectBatch.Commit(
                tree: tree, parents: [revision], author: name, email: "\(device.short)@baton",
                seconds: record.seconds, message: message))
        let id = ObjectID(kept)
        try batch.finish(refs: [RefChange(name: RefName.capture(id), new: id)])
    }

    private func staged(beside head: Revision?, before revision: Revision) throws(GitError) -> [TreeLine] {
        let before = head?.hex ?? store.emptyTree.hex
        let output = try repository.git.runBlocking(["diff-index", "--cached", "--raw", "-z", "--no-renames", before])
            .output
        let fields = output.split(separator: 0).map(Array.init)
        let tree = try store.tree(of: revision)
        var lines: [TreeLine] = []
        for place in stride(from: 0, to: fields.count - 1, by: 2) {
            let words = String(decoding: fields[place], as: UTF8.self).split(separator: " ")
            let path = fields[place + 1]
            guard words.count == 5, let mode = UInt32(words[1], radix: 8), let id = ObjectID(hex: words[3]) else {
                throw .damaged("git diff-index gave '\(String(decoding: fields[place], as: UTF8.self))'")
            }
            let version = Version(mode: mode, id: id)
            guard version.entry.isKnownMode, PathRules.allows(path), try store.entry(tree, path)?.id != id else {
                continue
            }
            // What is only to be added has no bytes yet.
            if try reader.info(id.hex) == nil || isOnDisk(version, path) { continue }
            lines.append(TreeLine(path: path, new: version))
        }
        return lines
    }

    private func isOnDisk(_ version: Version, _ path: [UInt8]) -> Bool {
        let (parent, leaf) = PathExchange.split(path)
        do throws(CallFailure) {
            let folder = try FileCalls.openBeneath(FileCalls.openDirectory(root), parent, native: true)
            guard case .entry(let live) = LiveFile.inspect(folder, leaf, digits: store.digits, leases: false) else {
                return false
            }
            return live.entry.blob == version.id.hex && live.entry.isLink == version.entry.isLink
        } catch { return false }
    }

    /// The blobs, out of the user's repository into our store, as one pack.
    private func bring(_ ids: [ObjectID]) throws(GitError) {
        let path = repository.scratch + "/staged.pack"
        let file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw DurableFile.failure(path) }
        defer {
            close(file)
            unlink(path)
        }
        let names = Set(ids).sorted().map { "\($0.hex)\n" }.joined()
        _ = try repository.git.runBlocking(
            ["pack-objects", "--stdout", "-q"], from: .bytes(Array(names.utf8)), to: .descriptor(file))
        lseek(file, 0, SEEK_SET)
        _ = try store.git.runBlocking(["index-pack", "--stdin"], from: .descriptor(file))
    }
}
