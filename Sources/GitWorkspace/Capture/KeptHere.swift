/// Published changes that a filter kept from this device's disk, each with the version that stood in the base before
/// the first of them. When the filter goes, the base goes back to that version at these paths: so what is on disk
/// counts as made from it, and is merged with what was published meanwhile, not put in its place.
struct KeptHere {
    private let path: String
    private(set) var versions: [Name: Version?] = [:]

    init(state: String) {
        path = state + "/kept-here"
        var fields = (DurableFile.read(path) ?? []).split(separator: 0).map(Array.init)[...]
        while fields.count >= 2 {
            let (name, version) = (fields.removeFirst(), fields.removeFirst())
            versions[Name(name)] = .some(Self.version(version))
        }
    }

    /// Paths in their order.
    var paths: [[UInt8]] { versions.keys.map(\.bytes).sorted { $0.lexicographicallyPrecedes($1) } }

    /// Remembers durably what the base had before `lines` were published; to be called before the base moves.
    mutating func note(_ lines: [TreeLine]) throws(GitError) {
        let before = versions
        for line in lines {
            let name = Name(line.path)
            let old = versions[name] ?? line.old
            if old == line.new { versions[name] = nil } else { versions[name] = .some(old) }
        }
        if versions != before { try save() }
    }

    mutating func forget(_ paths: [[UInt8]]) throws(GitError) {
        if paths.isEmpty { return }
        for path in paths { versions[Name(path)] = nil }
        try save()
    }

    private func save() throws(GitError) {
        var bytes: [UInt8] = []
        for path in paths {
            let version = versions[Name(path)].flatMap { $0 }
            bytes += path + [0] + Array((version.map { "\($0.octalMode):\($0.id.hex)" } ?? "-").utf8) + [0]
        }
        try DurableFile.write(bytes, to: path)
    }

    private static func version(_ text: [UInt8]) -> Version? {
        let parts = String(decoding: text, as: UTF8.self).split(separator: ":")
        guard parts.count == 2, let mode = UInt32(parts[0], radix: 8), let id = ObjectID(hex: parts[1]) else {
            return nil
        }
        return Version(mode: mode, id: id)
    }
}
