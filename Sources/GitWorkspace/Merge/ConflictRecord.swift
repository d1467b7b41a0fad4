import Primitives

/// A conflict as a line in the merge commit, so that every device can list it:
/// `Baton-Conflict: <id> <kind> <base> <ours> <theirs> <device of ours> <device of theirs> <path>`, where a version is
/// `<mode>:<blob>` or `-`, and the path has everything but plain characters as `%xx`.
extension Conflict {
    static let trailer = "Baton-Conflict"

    init(
        path: [UInt8], kind: Kind, base: Version?, ours: Version?, theirs: Version?, oursDevice: DeviceID?,
        theirsDevice: DeviceID
    ) {
        self.path = path
        self.kind = kind
        self.base = base?.entry
        self.ours = ours?.entry
        self.theirs = theirs?.entry
        self.oursDevice = oursDevice
        self.theirsDevice = theirsDevice
        id = ""
        self = renamed
    }

    /// Under the id of its versions: the same pair is the same conflict, whoever merges it and however often.
    var renamed: Conflict {
        let text = path + [0] + Array("\(Self.text(ours)) \(Self.text(theirs))".utf8)
        var renamed = self
        renamed.id = String(BlobHash.id(of: text, digits: 40).prefix(12))
        return renamed
    }

    var line: String { "\(Self.trailer): \(value)" }

    /// What `init(_:)` reads.
    var value: String {
        let versions = [base, ours, theirs].map(Self.text).joined(separator: " ")
        let owner = oursDevice.map(\.description) ?? "-"
        return "\(id) \(kind.rawValue) \(versions) \(owner) \(theirsDevice) \(Self.escaped(path))"
    }

    /// Reads the value of a trailer; nil for anything else.
    init?(_ value: String) {
        let words = value.split(separator: " ")
        guard words.count == 8, words[0].utf8.count == 12, let kind = Kind(rawValue: String(words[1])),
            let theirsDevice = DeviceID(hex: words[6]), let path = Self.unescaped(words[7])
        else { return nil }
        var versions: [TreeEntry?] = []
        for word in words[2...4] {
            guard word != "-" else {
                versions.append(nil)
                continue
            }
            let parts = word.split(separator: ":")
            guard parts.count == 2, let mode = UInt32(parts[0], radix: 8), let id = ObjectID(hex: parts[1]) else {
                return nil
            }
            versions.append(TreeEntry(mode: mode, blob: id.hex))
        }
        guard Hex.decode(words[0]) != nil else { return nil }
        id = String(words[0])
        self.kind = kind
        (base, ours, theirs) = (versions[0], versions[1], versions[2])
        oursDevice = DeviceID(hex: words[5])
        self.theirsDevice = theirsDevice
        self.path = path
    }

    private static func text(_ entry: TreeEntry?) -> String {
        entry.map { "\(String($0.mode, radix: 8)):\($0.blob)" } ?? "-"
    }

    static func escaped(_ path: [UInt8]) -> String {
        path.map { byte in
            switch byte {
            case 45...57, 65...90, 95, 97...122: String(UnicodeScalar(byte))
            default: "%" + Hex.encode([byte])
            }
        }.joined()
    }

    static func unescaped(_ text: Substring) -> [UInt8]? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == 37 else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let pair = Hex.decode(String(decoding: rest.prefix(2), as: UTF8.self)) else {
                return nil
            }
            bytes += pair
            rest = rest.dropFirst(2)
        }
        return bytes
    }

    /// The versions that are kept while somebody has to choose, and for a while after, by the names they are kept
    /// under. What a policy settled is kept by the history.
    fileprivate var versions: [(name: String, id: ObjectID)] {
        guard isOpen else { return [] }
        var versions: [(name: String, id: ObjectID)] = []
        for (side, entry) in [("ours", ours), ("theirs", theirs)] {
            guard let entry, let id = ObjectID(hex: entry.blob), entry.mode != Version.gitlink else { continue }
            versions.append((side, id))
        }
        return versions
    }
}

extension Store {
    /// Keeps both versions of a conflict as far as they are here, and more objects, beside what is kept for it already:
    /// one ref, whatever it keeps. Nil if there is nothing to keep.
    func pin(
        _ conflict: Conflict, and more: [(name: String, id: ObjectID)] = [], in batch: ObjectBatch
    ) throws(GitError) -> RefChange? {
        var lines: [TreeLine] = []
        for (name, id) in conflict.versions where try kind(of: id) == .blob {
            lines.append(TreeLine(path: Array(name.utf8), old: nil, new: Version(mode: TreeEntry.file, id: id)))
        }
        for (name, id) in more {
            lines.append(TreeLine(path: Array(name.utf8), old: nil, new: Version(mode: TreeEntry.file, id: id)))
        }
        if lines.isEmpty { return nil }
        let name = RefName.conflicts + conflict.id
        let kept = try ref(name).map { ObjectID($0) } ?? emptyTree
        return RefChange(name: name, new: try TreeEdit(batch: batch).apply(lines, to: kept))
    }

    /// What is kept for a conflict under a name.
    func pinned(_ conflict: String, _ name: String) throws(GitError) -> ObjectID? {
        guard let tree = try ref(RefName.conflicts + conflict) else { return nil }
        return try entry(ObjectID(tree), Array(name.utf8))?.id
    }
}
