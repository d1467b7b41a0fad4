import Glibc
import Primitives

/// A round in one file: a git bundle of its revision, and thereby of its captures and of what came before.
struct SnapshotBundle {
    let store: Store

    static let heading = "# v2 git bundle"
    /// Lines before the pack, of which ours has two or three.
    static let headerBytes = 64 << 10

    /// What the head of a bundle says.
    struct Header: Equatable {
        /// Commits that whoever imports it must have.
        var needs: [Revision] = []
        var holds: [(name: String, revision: Revision)] = []
        /// Of the file: where the pack begins.
        var length = 0

        static func == (a: Header, b: Header) -> Bool {
            a.needs == b.needs && a.length == b.length && a.holds.map(\.name) == b.holds.map(\.name)
                && a.holds.map(\.revision) == b.holds.map(\.revision)
        }

        /// Nil for anything that is not the whole head of a bundle of the kind that we write.
        init?(_ bytes: [UInt8]) {
            var rest = bytes[...]
            var isFirst = true
            while let end = rest.firstIndex(of: 10) {
                let line = rest[rest.startIndex..<end]
                rest = rest[(end + 1)...]
                if isFirst {
                    guard line.elementsEqual(SnapshotBundle.heading.utf8) else { return nil }
                    isFirst = false
                } else if line.isEmpty {
                    length = rest.startIndex
                    return
                } else if line.first == 45 {
                    let id = line.dropFirst().prefix { $0 != 32 }
                    guard let revision = ObjectID(bytes: id)?.revision else { return nil }
                    needs.append(revision)
                } else {
                    let words = line.split(separator: 32, maxSplits: 1)
                    guard words.count == 2, let revision = ObjectID(bytes: words[0])?.revision else { return nil }
                    holds.append((String(decoding: words[1], as: UTF8.self), revision))
                }
            }
            return nil
        }
    }

    /// Writes the file; it is not there before it is whole.
    /// - Parameter since: leave out what this older round has.
    func export(_ revision: Revision, round: UInt64, since: Revision?, to path: String) throws(GitError) -> Int64 {
        let ref = "\(RefName.prefix)export/round-\(round)"
        try store.update([RefChange(name: ref, new: ObjectID(revision))])
        let arguments = ["bundle", "create", "--quiet", "--version=2", path + ".part", ref]
        do throws(GitError) {
            _ = try store.git.runBlocking(arguments + (since.map { ["^\($0.hex)"] } ?? []))
        } catch {
            unlink(path + ".part")
            try store.update([RefChange(name: ref, new: nil)])
            throw error
        }
        try store.update([RefChange(name: ref, new: nil)])
        // Never over another file.
        guard link(path + ".part", path) == 0 else {
            let failure = DurableFile.failure(path)
            unlink(path + ".part")
            throw failure
        }
        unlink(path + ".part")
        var raw = stat()
        return stat(path, &raw) == 0 ? Int64(raw.st_size) : 0
    }

    /// Checks every object of a file and that nothing is missing, and keeps what it holds under a ref of its own.
    func takeIn(_ path: String) throws(GitError) -> ImportedSnapshot {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unreadable(path, String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: Self.headerBytes)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0, let header = Header(Array(bytes.prefix(count))), let held = header.holds.first else {
            throw unreadable(path, "it does not begin like one")
        }
        for needed in header.needs where try !store.has(needed) {
            throw unreadable(path, "it builds on revision \(needed.short), which is not here")
        }
        lseek(descriptor, off_t(header.length), SEEK_SET)
        let quarantine = try Quarantine(store)
        defer { quarantine.remove() }
        do throws(GitError) {
            _ = try quarantine.git.runBlocking(
                ["index-pack", "--stdin", "--fix-thin", "--strict=\(GitEnvironment.toleratedFlaws)"],
                from: .descriptor(descriptor))
            let transfer = PackTransfer(store: store, cancellation: Cancellation(), deadline: Limits.gitDeadline)
            try transfer.adopt(quarantine, want: held.revision)
        } catch { throw unreadable(path, "\(error.message): \(error.meaning)") }
        let stem = held.name.split(separator: "/").last.map(String.init) ?? "snapshot"
        let plain = stem.filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
        let name = "\(plain.isEmpty ? "snapshot" : plain)-\(held.revision.short)"
        try store.update([RefChange(name: RefName.imported + name, new: ObjectID(held.revision))])
        return try snapshot(name, held.revision)
    }

    func list() throws(GitError) -> [ImportedSnapshot] {
        var found: [ImportedSnapshot] = []
        for ref in try store.refs(under: RefName.imported) {
            guard let revision = ref.id.revision else { continue }
            found.append(try snapshot(String(ref.name.dropFirst(RefName.imported.count)), revision))
        }
        return found
    }

    private func snapshot(_ name: String, _ revision: Revision) throws(GitError) -> ImportedSnapshot {
        let record = try store.commit(revision)
        return ImportedSnapshot(
            name: name, revision: revision, seconds: record.seconds, files: try store.list(record.tree).count)
    }

    private func unreadable(_ path: String, _ why: String) -> GitError {
        GitError(
            .damaged, message: "\(path) is no snapshot that can be taken in", meaning: why,
            hint: "make another: baton snapshot export FILE")
    }
}

/// A round of another place or time, kept so that files can be restored from it.
package struct ImportedSnapshot: Hashable, Sendable {
    package var name: String
    package var revision: Revision
    /// Since 1970.
    package var seconds: Int64
    package var files: Int
}

/// What the store takes on disk, and what rounds brought it.
package struct StoreSize: Hashable, Sendable {
    package var bytes: Int64
    package var packs: Int
}

extension Workspace {
    /// - Returns: bytes of the file.
    package nonisolated func exportSnapshot(
        _ revision: Revision, round: UInt64, since: Revision?, to path: String
    ) async throws(WorkspaceError) -> Int64 {
        try await question { store throws(GitError) in
            try SnapshotBundle(store: store).export(revision, round: round, since: since, to: path)
        }
    }

    package nonisolated func importSnapshot(_ path: String) async throws(WorkspaceError) -> ImportedSnapshot {
        try await question { store throws(GitError) in try SnapshotBundle(store: store).takeIn(path) }
    }

    package nonisolated func snapshots() async throws(WorkspaceError) -> [ImportedSnapshot] {
        try await question { store throws(GitError) in try SnapshotBundle(store: store).list() }
    }

    /// Lets an imported snapshot go; false if there is none of that name.
    package nonisolated func dropSnapshot(_ name: String) async throws(WorkspaceError) -> Bool {
        try await question { store throws(GitError) in
            guard try SnapshotBundle(store: store).list().contains(where: { $0.name == name }) else { return false }
            try store.update([RefChange(name: RefName.imported + name, new: nil)])
            return true
        }
    }

    package nonisolated func storeSize() async throws(WorkspaceError) -> StoreSize {
        try await question { store throws(GitError) in store.size }
    }
}

extension Store {
    /// Of all objects on disk.
    var size: StoreSize {
        var size = StoreSize(bytes: 0, packs: 0)
        for folder in DurableFile.names(in: path + "/objects") {
            for name in DurableFile.names(in: "\(path)/objects/\(folder)") {
                var raw = stat()
                guard stat("\(path)/objects/\(folder)/\(name)", &raw) == 0 else { continue }
                size.bytes += Int64(raw.st_size)
                if name.hasSuffix(".pack") { size.packs += 1 }
            }
        }
        return size
    }
}
