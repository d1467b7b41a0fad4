import Primitives

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Changes that are written beside the workspace and wait for `exchange`.
package struct StagedApply: Sendable {
    package let round: RoundID
    /// The name of its staging directory.
    let directoryName: String
    let journal: ApplyJournal
    /// Paths that no exchange will touch, and why.
    package let blocked: [BlockedPath]
}

extension Applier {
    /// Writes the new files of `changes` beside the workspace, with a journal that names every path, old and new; all
    /// of it is on the disk when this returns. The workspace is not touched, and writers may run.
    ///
    /// - Parameter content: the bytes of a blob, by its id.
    /// - Throws: `ApplyError`; then nothing of this call remains.
    package func stage(
        _ changes: [PathChange], round: RoundID, content: (String) async throws -> [UInt8]
    ) async throws(ApplyError) -> StagedApply {
        let name = try newDirectory(round)
        let directory = try openStaging(name)
        do {
            return try await fill(directory, name, changes, round: round, content: content)
        } catch {
            if case .interrupted = error { throw error }
            removeStaging(name)
            throw error
        }
    }

    private func newDirectory(_ round: RoundID) throws(ApplyError) -> String {
        let stem = "\(round.token)-\(round.sequence)-"
        let numbers = try directoryNames().filter { $0.hasPrefix(stem) }.compactMap { Int($0.dropFirst(stem.count)) }
        let name = stem + String((numbers.max() ?? -1) + 1)
        try onStep("make the staging directory \(name)")
        try ours("make", "\(place.path)/\(name)") { () throws(CallFailure) in
            try FileCalls.makeDirectory(place.directory, Array(name.utf8), mode: 0o700)
        }
        return name
    }

    private func fill(
        _ directory: Descriptor, _ name: String, _ changes: [PathChange], round: RoundID,
        content: (String) async throws -> [UInt8]
    ) async throws(ApplyError) -> StagedApply {
        var staged: [StagedChange] = []
        var blocked: [BlockedPath] = []
        var unsynced: [Descriptor] = []
        for change in changes.sorted(by: { $0.path.lexicographicallyPrecedes($1.path) }) {
            if let reason = Self.refusal(of: change) {
                blocked.append(BlockedPath(path: change.path, reason: reason))
                continue
            }
            if change.old == change.new { continue }
            var entry = StagedChange(number: staged.count, change: change, inode: 0)
            if let new = change.new, !change.isModeOnly {
                let bytes = try await fetch(new.blob, content)
                if new.isLink, PathRules.leaves(linkAt: change.path, target: bytes) {
                    blocked.append(BlockedPath(path: change.path, reason: .leavingLink))
                    continue
                }
                let file = try write(bytes, new, directory, entry.incoming, name)
                if let file, unsynced.count <= Self.filesSyncedOneByOne { unsynced.append(file) }
                entry.inode = try inode(directory, entry.incoming, name)
            }
            staged.append(entry)
        }
        let journal = ApplyJournal(round: round, exchanges: capabilities.exchange, changes: staged)
        try seal(journal, directory, name, unsynced)
        return StagedApply(round: round, directoryName: name, journal: journal, blocked: blocked)
    }

    /// Above this, writing back the whole file system once is quicker than one file after the other.
    private static let filesSyncedOneByOne = 64

    /// The journal gets its name after everything it speaks of is on the disk.
    private func seal(
        _ journal: ApplyJournal, _ directory: Descriptor, _ name: String, _ unsynced: [Descriptor]
    ) throws(ApplyError) {
        let path = "\(place.path)/\(name)"
        let draft = Array("journal.new".utf8)
        try onStep("write the journal of \(name)")
        try ours("write", path) { () throws(CallFailure) in
            let file = try FileCalls.open(directory, draft, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
            try FileCalls.write(file, journal.bytes)
            if unsynced.count > Self.filesSyncedOneByOne {
                try FileCalls.syncFileSystem(directory)
            } else {
                try FileCalls.sync(unsynced + [file])
            }
        }
        try onStep("name the journal of \(name)")
        try ours("name the journal of", path) { () throws(CallFailure) in
            try FileCalls.rename(directory, draft, directory, ApplyJournal.Phase.staged.name)
            try FileCalls.sync(directory)
        }
    }

    static func refusal(of change: PathChange) -> BlockReason? {
        guard PathRules.allows(change.path) else { return .forbiddenName }
        for entry in [change.old, change.new] {
            if let entry, !entry.isKnownMode { return .unsupportedMode(entry.mode) }
        }
        return nil
    }

    private func fetch(
        _ blob: String, _ content: (String) async throws -> [UInt8]
    ) async throws(ApplyError) -> [UInt8] {
        let bytes: [UInt8]
        do { bytes = try await content(blob) } catch {
            throw ApplyError.content(blob: blob, reason: "\(error)")
        }
        guard BlobHash.id(of: bytes, digits: blob.utf8.count) == blob else {
            throw ApplyError.content(blob: blob, reason: "its bytes do not have that id")
        }
        return bytes
    }

    /// The open file, still to be synced; nil for a link.
    private func write(
        _ bytes: [UInt8], _ entry: TreeEntry, _ directory: Descriptor, _ name: [UInt8], _ parent: String
    ) throws(ApplyError) -> Descriptor? {
        let text = "\(parent)/\(String(decoding: name, as: UTF8.self))"
        try onStep("stage \(text)")
        return try ours("write", "\(place.path)/\(text)") { () throws(CallFailure) in
            if entry.isLink {
                try FileCalls.makeLink(directory, name, target: bytes)
                return nil
            }
            let mode: mode_t = entry.mode == TreeEntry.executable ? 0o777 : 0o666
            let file = try FileCalls.open(directory, name, O_WRONLY | O_CREAT | O_EXCL, mode: mode)
            try FileCalls.write(file, bytes)
            return file
        }
    }

    private func inode(_ directory: Descriptor, _ name: [UInt8], _ parent: String) throws(ApplyError) -> UInt64 {
        let status = try ours("read", "\(place.path)/\(parent)") { () throws(CallFailure) in
            try FileCalls.status(directory, name)
        }
        return status?.identity.inode ?? 0
    }
}
