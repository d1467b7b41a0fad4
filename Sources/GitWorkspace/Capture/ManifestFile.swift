import Glibc
import Primitives

/// The manifest on disk, so that a start need not read every file again. Only a memory: whatever is wrong with the
/// file, it is dropped and the workspace is read.
enum ManifestFile {
    private static let magic = Array("baton-manifest-1".utf8)

    static func encode(_ manifest: Manifest) -> [UInt8]? {
        guard let tree = manifest.baseTree else { return nil }
        var writer = Writer()
        writer.bytes(tree.raw)
        writer.number(manifest.ignoreSignature)
        write(manifest.root, &writer)
        return magic + number(checksum(writer.output[...])) + writer.output
    }

    static func decode(_ bytes: [UInt8]) -> Manifest? {
        guard bytes.count > magic.count + 8, bytes.starts(with: magic) else { return nil }
        let body = bytes[(magic.count + 8)...]
        guard Array(bytes[magic.count..<magic.count + 8]) == number(checksum(body)) else { return nil }
        var reader = Reader(rest: body)
        let manifest = Manifest()
        guard let raw = reader.bytes(), let tree = ObjectID(raw: raw), let signature = reader.number() else {
            return nil
        }
        manifest.baseTree = tree
        manifest.ignoreSignature = signature
        return read(manifest.root, &reader, depth: 0) && reader.rest.isEmpty ? manifest : nil
    }

    private static func write(_ folder: Folder, _ writer: inout Writer) {
        writer.number(UInt64(folder.files.count))
        for (name, record) in folder.files {
            writer.bytes(name.bytes)
            writer.version(record.base)
            writer.version(record.last)
            if let stamp = record.stamp {
                for part in [stamp.size, stamp.modified, stamp.changed] { writer.number(UInt64(bitPattern: part)) }
                writer.number(stamp.inode)
                writer.number(UInt64(stamp.mode))
            } else {
                writer.number(.max)
            }
        }
        writer.number(UInt64(folder.ignored.count))
        for name in folder.ignored { writer.bytes(name.bytes) }
        writer.number(UInt64(folder.folders.count))
        for (name, child) in folder.folders {
            writer.bytes(name.bytes)
            write(child, &writer)
        }
    }

    private static func read(_ folder: Folder, _ reader: inout Reader, depth: Int) -> Bool {
        guard depth <= WorkspaceScan.depth + 1, let files = reader.number() else { return false }
        for _ in 0..<files {
            guard let name = reader.bytes(), let base = reader.version(), let last = reader.version(),
                let first = reader.number()
            else { return false }
            var record = FileRecord(base: base.value, last: last.value)
            if first != .max {
                guard let modified = reader.number(), let changed = reader.number(), let inode = reader.number(),
                    let mode = reader.number()
                else { return false }
                record.stamp = Stamp(
                    size: Int64(bitPattern: first), modified: Int64(bitPattern: modified),
                    changed: Int64(bitPattern: changed), inode: inode, mode: UInt32(truncatingIfNeeded: mode))
            }
            folder.files[Name(name)] = record
        }
        guard let ignored = reader.number() else { return false }
        for _ in 0..<ignored {
            guard let name = reader.bytes() else { return false }
            folder.ignored.insert(Name(name))
        }
        guard let folders = reader.number() else { return false }
        for _ in 0..<folders {
            let child = Folder()
            guard let name = reader.bytes(), read(child, &reader, depth: depth + 1) else { return false }
            folder.folders[Name(name)] = child
        }
        return true
    }

    private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.withUnsafeBytes { raw in
            var sum: UInt64 = 0xCBF2_9CE4_8422_2325
            let words = raw.count / 8
            for word in 0..<words {
                sum = (sum ^ raw.loadUnaligned(fromByteOffset: word * 8, as: UInt64.self)) &* 0x100_0000_01B3
                sum ^= sum >> 31
            }
            for offset in (words * 8)..<raw.count { sum = (sum ^ UInt64(raw[offset])) &* 0x100_0000_01B3 }
            return sum
        }
    }

    private static func number(_ value: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
    }

    private struct Writer {
        var output: [UInt8] = []
        mutating func number(_ value: UInt64) {
            withUnsafeBytes(of: value.littleEndian) { output.append(contentsOf: $0) }
        }
        mutating func bytes(_ bytes: [UInt8]) {
            number(UInt64(bytes.count))
            output += bytes
        }
        mutating func version(_ version: Version?) {
            bytes(version?.id.raw ?? [])
            if let version { number(UInt64(version.mode)) }
        }
    }

    private struct Reader {
        var rest: ArraySlice<UInt8>
        struct Optionally { var value: Version? }

        mutating func number() -> UInt64? {
            guard rest.count >= 8 else { return nil }
            let value = rest.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
            rest = rest.dropFirst(8)
            return UInt64(littleEndian: value)
        }

        mutating func bytes() -> ArraySlice<UInt8>? {
            guard let count = number(), count <= UInt64(rest.count) else { return nil }
            defer { rest = rest.dropFirst(Int(count)) }
            return rest.prefix(Int(count))
        }

        mutating func version() -> Optionally? {
            guard let raw = bytes() else { return nil }
            if raw.isEmpty { return Optionally(value: nil) }
            guard let id = ObjectID(raw: raw), let mode = number() else { return nil }
            return Optionally(value: Version(mode: UInt32(truncatingIfNeeded: mode), id: id))
        }
    }
}
