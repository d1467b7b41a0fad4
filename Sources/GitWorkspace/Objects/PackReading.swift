/// A pack as it comes over a stream, taken apart while it arrives. Only packs of the plain sort: small, whole objects.
/// Anything else (deltas, large objects, damage) is git's to receive or to refuse: every byte so far is still there.
struct PackReading {
    enum Progress {
        case more
        case whole
        case leftToGit
    }

    private let digits: Int
    private(set) var buffer: [UInt8] = []
    private(set) var objects: [(id: ObjectID, object: StoredObject)] = []
    private var offset = 0
    private var left: Int?
    private var unpackedBytes = 0

    static let packedBytes = 4 << 20
    static let unpackedBytes = 16 << 20
    static let objects = 20_000
    private static let headerBytes = 12

    init(digits: Int) { self.digits = digits }

    mutating func take(_ bytes: [UInt8]) throws(GitError) -> Progress {
        buffer += bytes
        guard buffer.count <= Self.packedBytes else { return .leftToGit }
        if left == nil {
            guard buffer.count >= Self.headerBytes else { return .more }
            let count = buffer[8..<12].reduce(0) { $0 << 8 | Int($1) }
            guard buffer.starts(with: Array("PACK".utf8) + [0, 0, 0, 2]), count <= Self.objects else {
                return .leftToGit
            }
            (left, offset) = (count, Self.headerBytes)
        }
        while let count = left, count > 0 {
            switch try takeObject() {
            case .whole: left = count - 1
            case .more: return .more
            case .leftToGit: return .leftToGit
            }
        }
        return try checkEnd()
    }

    /// One entry: kind and size in groups of bits, then the packed bytes.
    private mutating func takeObject() throws(GitError) -> Progress {
        var place = offset
        guard place < buffer.count else { return .more }
        let kind = ObjectKind(rawValue: buffer[place] >> 4 & 7)
        var size = Int(buffer[place] & 15)
        var shift = 4
        while buffer[place] & 128 != 0 {
            place += 1
            guard place < buffer.count else { return .more }
            guard shift < 32 else { return .leftToGit }
            size |= Int(buffer[place] & 127) << shift
            shift += 7
        }
        guard let kind, kind != .tag, unpackedBytes + size <= Self.unpackedBytes else { return .leftToGit }
        switch Deflate.expand(buffer[(place + 1)...], size: size) {
        case .cut: return .more
        case .wrong: return .leftToGit
        case .whole(let bytes, let packedBytes):
            let object = StoredObject(kind: kind, bytes: bytes)
            objects.append((try object.id(digits: digits), object))
            unpackedBytes += size
            offset = place + 1 + packedBytes
            return .whole
        }
    }

    private func checkEnd() throws(GitError) -> Progress {
        let end = offset + digits / 2
        guard buffer.count >= end else { return .more }
        guard buffer.count == end else { return .leftToGit }
        var hash = BlobHash(digits: digits, header: [])
        buffer[..<offset].withUnsafeBytes { hash.update($0) }
        let isRight = ObjectID(hex: hash.finish())?.raw.elementsEqual(buffer[offset..<end]) == true
        return isRight ? .whole : .leftToGit
    }
}
