import Primitives

/// The parts of a commit object that a merge needs.
struct CommitRecord: Hashable, Sendable {
    var tree: ObjectID
    var parents: [Revision] = []
    /// Committer date, seconds since 1970.
    var seconds: Int64 = 0
    var message: [UInt8] = []

    /// Nil unless the bytes are those of a commit.
    init?(_ bytes: [UInt8]) {
        var found: ObjectID?
        var rest = bytes[...]
        while let end = rest.firstIndex(of: 10) {
            let line = rest[rest.startIndex..<end]
            rest = rest[(end + 1)...]
            if line.isEmpty { break }
            let words = line.split(separator: 32, maxSplits: 1)
            guard words.count == 2 else { continue }
            let value = String(decoding: words[1], as: UTF8.self)
            switch String(decoding: words[0], as: UTF8.self) {
            case "tree": found = ObjectID(hex: value)
            case "parent":
                guard let parent = Revision(hex: value) else { return nil }
                parents.append(parent)
            case "committer":
                let numbers = value.split(separator: " ")
                guard numbers.count >= 2, let date = Int64(numbers[numbers.count - 2]) else { return nil }
                seconds = date
            default: continue
            }
        }
        guard let found else { return nil }
        tree = found
        message = Array(rest)
    }

    /// The values of a trailer such as `Baton-Round`, in order.
    func trailers(_ name: String) -> [String] {
        message.split(separator: 10).compactMap { line in
            let prefix = Array("\(name): ".utf8)
            guard line.starts(with: prefix) else { return nil }
            return String(decoding: line.dropFirst(prefix.count), as: UTF8.self)
        }
    }
}
