/// What stays out of the mesh on this device, by settings: neither captured here nor applied here. A filter never
/// deletes: a path that is published already stays published as it is, and on disk as it is.
package struct PathFilter: Hashable, Sendable {
    private let excluded: [FilterPattern]
    private let included: [FilterPattern]
    private let kept: [FilterPattern]
    private let typed: [FilterPattern]
    private let types: [String]
    private let maxBytes: Int64?

    /// - Parameters:
    ///   - include: wins over `exclude` and over the ignore rules.
    ///   - keepHere: of this device alone; wins over `include`.
    ///   - maxBytes: files above this are not captured; nil: of any size.
    ///   - types: names of `FileTypes`.
    package init(
        exclude: [String] = [], include: [String] = [], keepHere: [String] = [], maxBytes: Int64? = nil,
        types: [String] = []
    ) {
        excluded = exclude.map { FilterPattern($0) }
        included = include.map { FilterPattern($0) }
        kept = keepHere.map { FilterPattern($0) }
        typed = types.flatMap { FileTypes.patterns($0) }
        self.types = types
        self.maxBytes = maxBytes
    }

    /// Nothing is left out by name.
    var isEmpty: Bool { excluded.isEmpty && kept.isEmpty && typed.isEmpty && included.isEmpty }

    /// The rule that leaves a path out, as people read it; nil: none does.
    func rule(for path: [UInt8], isFolder: Bool = false) -> String? {
        if let pattern = Self.first(kept, path, isFolder) { return "filter.keep-here \(pattern.text)" }
        if includes(path, isFolder: isFolder) { return nil }
        if let pattern = Self.first(excluded, path, isFolder) { return "filter.exclude \(pattern.text)" }
        guard !isFolder, let pattern = typed.first(where: { $0.matchesName(of: path) }) else { return nil }
        return "filter.types \(pattern.text)"
    }

    func leavesOut(_ path: [UInt8], isFolder: Bool = false) -> Bool {
        !isEmpty && rule(for: path, isFolder: isFolder) != nil
    }

    func includes(_ path: [UInt8], isFolder: Bool = false) -> Bool {
        !included.isEmpty && Self.first(included, path, isFolder) != nil
    }

    /// True if something below a folder may be wanted although the folder is left out or ignored.
    func mayIncludeBelow(_ folder: [UInt8]) -> Bool {
        guard included.contains(where: { $0.mayMatchBelow(folder) }) else { return false }
        return Self.first(kept, folder, true) == nil
    }

    /// True for a folder of which nothing is wanted.
    package func skips(folder: [UInt8]) -> Bool { leavesOut(folder, isFolder: true) && !mayIncludeBelow(folder) }

    /// Why a file is not captured, whatever its name: its size or its kind.
    func rule(for stamp: Stamp) -> String? {
        if stamp.isLink { return types.contains(FileTypes.links) ? "filter.types \(FileTypes.links)" : nil }
        guard let maxBytes, stamp.size > maxBytes else { return nil }
        return "filter.max-size: it has \(max(1, stamp.size >> 20)) MiB"
    }

    /// A pattern that matches the path, or a folder that it is in.
    private static func first(_ patterns: [FilterPattern], _ path: [UInt8], _ isFolder: Bool) -> FilterPattern? {
        if patterns.isEmpty { return nil }
        var end = 0
        while end < path.count {
            let next = path[(end == 0 ? 0 : end + 1)...].firstIndex(of: 47) ?? path.count
            let part = Array(path[..<next])
            let isPartFolder = next < path.count || isFolder
            if let found = patterns.first(where: { $0.matches(part, isFolder: isPartFolder) }) { return found }
            end = next
        }
        return nil
    }
}

/// One pattern as in `.gitignore`: without a slash before its end it is held against the name, at any depth; with a
/// slash at its end it means folders alone; with another it begins at the root.
struct FilterPattern: Hashable, Sendable {
    let text: String
    private let pattern: PathPattern
    private let isFolderOnly: Bool
    private let isOfName: Bool
    /// What comes before the first wildcard of a pattern that begins at the root.
    private let literal: [UInt8]

    init(_ text: String) {
        self.text = text
        isFolderOnly = text.count > 1 && text.hasSuffix("/")
        let trimmed = isFolderOnly ? String(text.dropLast()) : text
        isOfName = !trimmed.contains("/")
        pattern = PathPattern(trimmed)
        literal = Array(trimmed.utf8.drop { $0 == 47 }.prefix { $0 != 42 && $0 != 63 })
    }

    func matches(_ path: [UInt8], isFolder: Bool) -> Bool { (isFolder || !isFolderOnly) && pattern.matches(path) }

    func matchesName(of path: [UInt8]) -> Bool { pattern.matches(path) }

    func mayMatchBelow(_ folder: [UInt8]) -> Bool {
        let folder = folder + [47]
        return isOfName || literal.starts(with: folder) || folder.starts(with: literal)
    }
}

/// Kinds of files by the ends of their names, for `filter.types`.
package enum FileTypes {
    package static let links = "links"
    private static let endings: [String: [String]] = [
        "archives": ["7z", "bz2", "gz", "rar", "tar", "tgz", "xz", "zip", "zst"],
        "disk-images": ["dmg", "img", "iso", "qcow2", "vdi", "vhd", "vhdx", "vmdk"],
        "media": ["aac", "avi", "flac", "m4a", "m4v", "mkv", "mov", "mp3", "mp4", "ogg", "wav", "webm"],
    ]

    static func patterns(_ name: String) -> [FilterPattern] { (endings[name] ?? []).map { FilterPattern("*.\($0)") } }
}
