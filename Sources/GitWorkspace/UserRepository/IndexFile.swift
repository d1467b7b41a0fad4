import Glibc
import Primitives

/// What becomes of one path in the user's index.
struct IndexChange: Sendable {
    var path: [UInt8]
    var new: Version?
    /// Of the file on disk, if it is sure to have the bytes of `new`.
    var stamp: Stamp?
}

/// From one tree to another, as a new index is to show it.
struct IndexPlan: Sendable {
    var head: Revision
    var from: ObjectID
    var to: ObjectID
    var changes: [IndexChange]
    /// Beyond this git makes the index.
    static let changes = 5000
}

/// The user's index, rewritten without a process: only one of the plain sort that shows exactly the tree it is said to
/// show. An index of another version, with staged changes, conflicts, sparse entries or a part that we do not know is
/// left to `git read-tree`.
struct IndexFile {
    private struct Entry {
        var bytes: Range<Int>
        var path: Range<Int>
    }

    private let bytes: [UInt8]
    private let idBytes: Int
    private var entries: [Entry] = []
    private let folders: CachedFolder

    /// Bytes before an entry's path: ten numbers, the id, the flags.
    private var fixedBytes: Int { 42 + idBytes }

    /// Nil if it is git's to read.
    /// - Parameter tree: what the index must show.
    init?(_ bytes: [UInt8], showing tree: ObjectID) {
        self.bytes = bytes
        idBytes = tree.digits / 2
        guard bytes.count >= 12 + idBytes, bytes.starts(with: Array("DIRC".utf8) + [0, 0, 0, 2]) else { return nil }
        let end = bytes.count - idBytes
        var hash = BlobHash(digits: tree.digits, header: [])
        bytes[..<end].withUnsafeBytes { hash.update($0) }
        guard ObjectID(hex: hash.finish())?.raw.elementsEqual(bytes[end...]) == true else { return nil }
        var offset = 12
        var cached: CachedFolder?
        for _ in 0..<Self.number(bytes, 8) {
            guard let entry = Self.entry(bytes, at: offset, fixedBytes: 42 + idBytes, end: end) else { return nil }
            entries.append(entry)
            offset = entry.bytes.upperBound
        }
        while offset < end {
            guard offset + 8 <= end else { return nil }
            let length = Self.number(bytes, offset + 4)
            let start = offset + 8
            guard length <= end - start, (65...90).contains(bytes[offset]) else { return nil }
            if bytes[offset..<offset + 4].elementsEqual("TREE".utf8) {
                var reader = CachedFolder.Reader(bytes: bytes[start..<(start + length)], idBytes: idBytes)
                guard let read = reader.folder(depth: 0), read.id == tree else { return nil }
                cached = read
            }
            offset = start + length
        }
        guard let cached else { return nil }
        folders = cached
    }

    /// Nil for an entry that is in conflict, only to be added, assumed unchanged or sparse.
    private static func entry(_ bytes: [UInt8], at offset: Int, fixedBytes: Int, end: Int) -> Entry? {
        let nameStart = offset + fixedBytes
        guard nameStart < end else { return nil }
        let flags = Int(bytes[nameStart - 2]) << 8 | Int(bytes[nameStart - 1])
        guard flags & 0xF000 == 0, let nameEnd = bytes[nameStart..<end].firstIndex(of: 0) else { return nil }
        let length = (nameEnd - offset + 8) / 8 * 8
        guard nameEnd > nameStart, offset + length <= end else { return nil }
        return Entry(bytes: offset..<(offset + length), path: nameStart..<nameEnd)
    }

    private static func number(_ bytes: [UInt8], _ offset: Int) -> Int {
        bytes[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
    }

    /// The index that shows `plan.to`.
    func changed(by plan: IndexPlan, root: String, _ store: Store) throws(GitError) -> [UInt8] {
        let changes = plan.changes.sorted { $0.path.lexicographicallyPrecedes($1.path) }
        var output = Array("DIRC".utf8) + [0, 0, 0, 2, 0, 0, 0, 0]
        output.reserveCapacity(bytes.count + changes.count * 128)
        var count = 0
        var next = 0
        // What is unchanged between two changes is copied as one piece.
        var copied = 12
        func insert(_ change: IndexChange) {
            guard let new = change.new else { return }
            append(new, change, root, &output)
            count += 1
        }
        for entry in entries {
            let path = bytes[entry.path]
            while next < changes.count, changes[next].path.lexicographicallyPrecedes(path) {
                output += bytes[copied..<entry.bytes.lowerBound]
                copied = entry.bytes.lowerBound
                insert(changes[next])
                next += 1
            }
            if next < changes.count, changes[next].path.elementsEqual(path) {
                output += bytes[copied..<entry.bytes.lowerBound]
                copied = entry.bytes.upperBound
                insert(changes[next])
                next += 1
            } else {
                count += 1
            }
        }
        let end = entries.last?.bytes.upperBound ?? 12
        output += bytes[copied..<max(copied, end)]
        for change in changes[next...] { insert(change) }
        withUnsafeBytes(of: UInt32(truncatingIfNeeded: count).bigEndian) { output.replaceSubrange(8..<12, with: $0) }
        let cached = try folders.moved(to: plan.to, store, depth: 0).bytes
        output += Array("TREE".utf8)
        withUnsafeBytes(of: UInt32(truncatingIfNeeded: cached.count).bigEndian) { output += Array($0) }
        output += cached
        var hash = BlobHash(digits: store.digits, header: [])
        output.withUnsafeBytes { hash.update($0) }
        guard let checksum = ObjectID(hex: hash.finish()) else { throw .damaged("a hash of another length") }
        return output + checksum.raw
    }

    private func append(_ version: Version, _ change: IndexChange, _ root: String, _ output: inout [UInt8]) {
        let start = output.count
        func append(_ number: Int64) {
            withUnsafeBytes(of: UInt32(truncatingIfNeeded: number).bigEndian) { output += Array($0) }
        }
        var raw = stat()
        let isThere = lstat(FolderReader.terminated(Array(root.utf8) + [47] + change.path), &raw) == 0
        // Without stat data git reads the file when it is asked; with wrong one it would not.
        if !isThere || change.stamp != Stamp(raw) { raw = stat() }
        append(Int64(raw.st_ctim.tv_sec))
        append(Int64(raw.st_ctim.tv_nsec))
        append(Int64(raw.st_mtim.tv_sec))
        append(Int64(raw.st_mtim.tv_nsec))
        append(Int64(truncatingIfNeeded: raw.st_dev))
        append(Int64(truncatingIfNeeded: raw.st_ino))
        append(Int64(version.mode))
        append(Int64(raw.st_uid))
        append(Int64(raw.st_gid))
        append(Int64(raw.st_size))
        output += version.id.raw
        let flags = min(change.path.count, 0xFFF)
        output += [UInt8(flags >> 8), UInt8(flags & 255)]
        output += change.path
        let length = (output.count - start + 8) / 8 * 8
        output += [UInt8](repeating: 0, count: length - (output.count - start))
    }
}
