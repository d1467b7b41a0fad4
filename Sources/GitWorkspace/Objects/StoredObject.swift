/// What kind of object, by the number that packs give it.
enum ObjectKind: UInt8, Sendable {
    case commit = 1
    case tree = 2
    case blob = 3
    case tag = 4

    var name: String {
        switch self {
        case .commit: "commit"
        case .tree: "tree"
        case .blob: "blob"
        case .tag: "tag"
        }
    }

    init?(name: String) {
        switch name {
        case "commit": self = .commit
        case "tree": self = .tree
        case "blob": self = .blob
        case "tag": self = .tag
        default: return nil
        }
    }
}

/// An object of a repository, unpacked.
struct StoredObject: Sendable {
    var kind: ObjectKind
    var bytes: [UInt8]

    /// By what it is, of `digits` hexadecimal digits.
    func id(digits: Int) throws(GitError) -> ObjectID {
        var hash = BlobHash(digits: digits, header: Array("\(kind.name) \(bytes.count)".utf8) + [0])
        bytes.withUnsafeBytes { hash.update($0) }
        guard let id = ObjectID(hex: hash.finish()) else { throw .damaged("a hash of another length") }
        return id
    }
}
