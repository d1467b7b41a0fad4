import Primitives

/// The id of a git object, kept inline: a manifest holds two for every file of the workspace.
struct ObjectID: Hashable, Comparable, Sendable, CustomStringConvertible {
    private var digest: Digest
    /// Of SHA-256 rather than SHA-1.
    private var isLong: Bool

    /// Nil unless there are 40 or 64 hexadecimal digits.
    init?(hex: some StringProtocol) {
        let short = hex.utf8.count == 40
        let padded = short ? String(hex) + String(repeating: "0", count: 24) : String(hex)
        guard let digest = Digest(hex: padded) else { return nil }
        self.digest = digest
        isLong = !short
    }

    init?(bytes: ArraySlice<UInt8>) { self.init(hex: String(decoding: bytes, as: UTF8.self)) }

    init?(raw: ArraySlice<UInt8>) {
        guard raw.count == 20 || raw.count == 32 else { return nil }
        isLong = raw.count == 32
        // Trees hold one of these a line: no array is made on the way.
        digest = raw.withUnsafeBytes { bytes in
            func word(_ place: Int) -> UInt64 {
                if place + 8 <= bytes.count {
                    return UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self))
                }
                guard place + 4 <= bytes.count else { return 0 }
                return UInt64(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self))) << 32
            }
            return Digest(word(0), word(8), word(16), word(24))
        }
    }

    init(_ revision: Revision) {
        // A revision is a full id by construction; zero stands for the impossible rest.
        self = ObjectID(hex: revision.hex) ?? .zero
    }

    static let zero = ObjectID(digest: Digest(0, 0, 0, 0), isLong: false)

    private init(digest: Digest, isLong: Bool) {
        self.digest = digest
        self.isLong = isLong
    }

    var raw: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: isLong ? 32 : 20) { bytes, count in
            count = bytes.count
            let words = [digest.words.0, digest.words.1, digest.words.2, digest.words.3]
            for place in bytes.indices {
                bytes[place] = UInt8(truncatingIfNeeded: words[place / 8] >> (56 - place % 8 * 8))
            }
        }
    }
    var hex: String { isLong ? digest.hex : String(digest.hex.prefix(40)) }
    var digits: Int { isLong ? 64 : 40 }
    var revision: Revision? { Revision(hex: hex) }
    var description: String { hex }
    static func < (a: ObjectID, b: ObjectID) -> Bool { a.digest < b.digest }
}

/// What a tree says about a path.
struct Version: Hashable, Sendable {
    var mode: UInt32
    var id: ObjectID

    static let gitlink: UInt32 = 0o160000
    var isGitlink: Bool { mode == Self.gitlink }
    var octalMode: String { String(mode, radix: 8) }

    var entry: TreeEntry { TreeEntry(mode: mode, blob: id.hex) }

    init(mode: UInt32, id: ObjectID) {
        self.mode = mode
        self.id = id
    }

    /// Nil if the entry names no object.
    init?(_ entry: TreeEntry) {
        guard let id = ObjectID(hex: entry.blob) else { return nil }
        self.init(mode: entry.mode, id: id)
    }
}

/// One line of a listing or of a comparison of two trees.
struct TreeLine: Hashable, Sendable {
    var path: [UInt8]
    var old: Version?
    var new: Version?
}
