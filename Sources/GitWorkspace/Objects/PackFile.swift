import Glibc
import Synchronization

/// Whole objects, none a delta of another, in git's pack format (version 2) with its index (version 2). Put together in
/// memory and written with its index in one go.
struct PackFile {
    private struct Entry {
        var id: ObjectID
        var checksum: UInt32
        var offset: UInt32
    }

    private let digits: Int
    private var entries: [Entry] = []
    private var body: [UInt8] = Array("PACK".utf8) + [0, 0, 0, 2, 0, 0, 0, 0]

    init(digits: Int) { self.digits = digits }

    var count: Int { entries.count }
    var byteCount: Int { body.count }

    mutating func add(_ id: ObjectID, _ object: StoredObject) throws(GitError) {
        let offset = body.count
        var size = object.bytes.count
        var byte = object.kind.rawValue << 4 | UInt8(size & 15)
        size >>= 4
        while size > 0 {
            body.append(byte | 128)
            byte = UInt8(size & 127)
            size >>= 7
        }
        body.append(byte)
        body += try Deflate.compress(object.bytes)
        guard let start = UInt32(exactly: offset) else { throw .damaged("a pack of ours grew beyond 4 GiB") }
        entries.append(Entry(id: id, checksum: Deflate.checksum(body[offset...]), offset: start))
    }

    /// The pack as it travels and lies on disk: header, entries, checksum.
    func bytes() throws(GitError) -> [UInt8] {
        var bytes = body
        withUnsafeBytes(of: UInt32(truncatingIfNeeded: entries.count).bigEndian) { count in
            for (offset, byte) in count.enumerated() { bytes[8 + offset] = byte }
        }
        return bytes + (try checksum(bytes))
    }

    private func checksum(_ bytes: [UInt8]) throws(GitError) -> [UInt8] {
        var hash = BlobHash(digits: digits, header: [])
        bytes.withUnsafeBytes { hash.update($0) }
        guard let id = ObjectID(hex: hash.finish()) else { throw .damaged("a hash of another length") }
        return id.raw
    }

    private func index(packChecksum: [UInt8]) throws(GitError) -> [UInt8] {
        let sorted = entries.map { (raw: $0.id.raw, entry: $0) }
            .sorted { $0.raw.lexicographicallyPrecedes($1.raw) }
        var bytes: [UInt8] = [255, 116, 79, 99, 0, 0, 0, 2]
        func append(_ number: UInt32) { withUnsafeBytes(of: number.bigEndian) { bytes += Array($0) } }
        var below = [UInt32](repeating: 0, count: 256)
        for item in sorted { below[Int(item.raw[0])] += 1 }
        var sum: UInt32 = 0
        for count in below {
            sum += count
            append(sum)
        }
        for item in sorted { bytes += item.raw }
        for item in sorted { append(item.entry.checksum) }
        for item in sorted {
            // Beyond 2 GiB the format wants another table; a pack of ours ends long before.
            guard item.entry.offset < 1 << 31 else { throw .damaged("a pack of ours grew beyond 2 GiB") }
            append(item.entry.offset)
        }
        bytes += packChecksum
        return bytes + (try checksum(bytes))
    }

    private static let counter = Atomic<UInt64>(0)
    private static let draftPrefix = "tmp_baton_"

    /// The process that wrote, or writes, a pack which has not got its name; nil for any other file.
    static func writer(ofDraft name: String) -> pid_t? {
        guard name.hasPrefix(draftPrefix) else { return nil }
        return pid_t(name.dropFirst(draftPrefix.count).prefix { $0 != "_" })
    }

    /// Writes pack and index into a `pack` folder; both are durable, and visible to git, when it returns.
    /// - Parameters:
    ///   - keep: the text of a `.keep` file that guards the pack from a gc.
    ///   - others: descriptors of files that shall be on disk before the pack is visible.
    /// - Returns: the path without its suffix.
    @discardableResult
    func write(into folder: String, keep: String? = nil, with others: [Int32] = []) throws(GitError) -> String {
        let pack = try bytes()
        let trailer = Array(pack.suffix(digits / 2))
        guard let id = ObjectID(raw: trailer[...]) else { throw .damaged("a hash of another length") }
        let name = "\(folder)/pack-\(id.hex)"
        let number = Self.counter.add(1, ordering: .relaxed).newValue
        let draft = "\(folder)/\(Self.draftPrefix)\(getpid())_\(number)"
        mkdir(folder, 0o777)
        if let keep { try DurableFile.write(Array((keep + "\n").utf8), to: name + ".keep", synced: false) }
        defer { for suffix in [".pack", ".idx"] { unlink(draft + suffix) } }
        try DiskStep.before("write pack", draft)
        let packFile = try Self.create(draft + ".pack", pack)
        defer { close(packFile) }
        try DiskStep.before("write index of pack", draft)
        let indexFile = try Self.create(draft + ".idx", index(packChecksum: trailer))
        defer { close(indexFile) }
        try DiskStep.before("sync pack", draft)
        guard DurableFile.sync([packFile, indexFile] + others) else { throw DurableFile.failure(name) }
        // The index last: with it the pack becomes visible.
        for suffix in [".pack", ".idx"] {
            try DiskStep.before("name \(suffix)", name)
            guard rename(draft + suffix, name + suffix) == 0 else { throw DurableFile.failure(name) }
        }
        DiskStep.after("name pack", name)
        DurableFile.syncFolder(folder)
        return name
    }

    private static func create(_ path: String, _ bytes: [UInt8]) throws(GitError) -> Int32 {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o444)
        guard file >= 0 else { throw DurableFile.failure(path) }
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(file, $0.baseAddress?.advanced(by: done), bytes.count - done)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                let error = DurableFile.failure(path)
                close(file)
                unlink(path)
                throw error
            }
            done += count
        }
        return file
    }
}
