import Primitives

/// A published change that is here as an object and not in place: the file makes this device run code and nobody here
/// said yes, or something stands in its way that does not go away by itself.
package struct QuarantinedChange: Hashable, Sendable {
    package var path: [UInt8]
    /// What stands on disk; nil: nothing.
    package var old: TreeEntry?
    /// What was published.
    package var new: TreeEntry
}

/// The changes that wait, kept over restarts. What stands on disk instead of them is no edit of the user's.
struct WaitingChanges {
    private let path: String
    private(set) var changes: [Name: QuarantinedChange] = [:]
    /// Which files run code; none: nothing waits. Upper and lower case are one: on a disk that does not tell them
    /// apart, `.VSCode/tasks.json` is the editor's file too.
    var patterns: [PathPattern] = [] {
        didSet {
            folded = patterns.map { PathPattern(String(decoding: Self.folded(Array($0.text.utf8)), as: UTF8.self)) }
            folders = folded.flatMap { Self.folders(of: $0) }
        }
    }
    private var folded: [PathPattern] = []
    /// The folders that those files are in, as far as their names are part of a pattern.
    private var folders: [PathPattern] = []

    /// What agents, editors and shells run by themselves when they find it.
    static let standard = [
        "**/.claude/settings.json", "**/.claude/settings.local.json", "**/.claude/hooks/**", "**/.mcp.json",
        "**/.cursor/hooks.json", "**/.cursor/mcp.json", "**/.vscode/tasks.json", "**/.vscode/launch.json",
        "**/.vscode/settings.json", "**/.idea/runConfigurations/**", "**/.devcontainer/**", "**/.envrc", "**/.husky/**",
        "**/.pre-commit-config.yaml", "**/mise.toml", "**/.mise.toml",
    ].map { PathPattern($0) }

    /// - Parameter path: of the file that keeps them.
    init(path: String) {
        self.path = path
        var fields = (DurableFile.read(path) ?? []).split(separator: 0).map(Array.init)[...]
        while fields.count >= 3 {
            let (name, old, new) = (fields.removeFirst(), fields.removeFirst(), fields.removeFirst())
            guard let entry = Self.entry(new) else { continue }
            changes[Name(name)] = QuarantinedChange(path: name, old: Self.entry(old), new: entry)
        }
    }

    var sorted: [QuarantinedChange] { changes.values.sorted { $0.path.lexicographicallyPrecedes($1.path) } }

    /// True for a line of a capture that says no more than that a change waits.
    func explains(_ line: TreeLine) -> Bool {
        guard let change = changes[Name(line.path)] else { return false }
        return line.new?.entry == change.old && line.old?.entry == change.new
    }

    /// Paths of changes that lines of a capture say more of: another version stands there than the one that stays while
    /// they wait, or files below a path that is a file when they are in place, or the other way round.
    func edited(_ lines: [TreeLine]) -> Set<Name> {
        var found: Set<Name> = []
        let waiting = changes.values.map { (path: $0.path, folder: $0.path + [47]) }
        for line in lines {
            for (path, folder) in waiting {
                let isAbove = line.new != nil && path.count > line.path.count && path.starts(with: line.path + [47])
                if line.path == path || line.path.starts(with: folder) || isAbove { found.insert(Name(path)) }
            }
        }
        return found
    }

    /// True for a change that is not put in place before somebody said so. A link waits too where a folder of that
    /// name would have such files in it: what it leads to has another name, under which it does not wait.
    func waits(_ path: [UInt8], _ new: TreeEntry) -> Bool {
        let path = Self.folded(path)
        if folded.contains(where: { $0.matches(path) }) { return true }
        return new.isLink && folders.contains { $0.matches(path) }
    }

    /// Remembered durably; to be called before the base says that the changes are there.
    mutating func set(_ changed: [QuarantinedChange], removing gone: [[UInt8]] = []) throws(GitError) {
        let before = changes
        for path in gone { changes[Name(path)] = nil }
        for change in changed { changes[Name(change.path)] = change }
        if changes == before { return }
        var bytes: [UInt8] = []
        for change in sorted {
            bytes += change.path + [0] + Self.text(change.old) + [0] + Self.text(change.new) + [0]
        }
        try DurableFile.write(bytes, to: path)
    }

    /// `a/b`, `a` of `a/b/*.sh`. What begins with `**/` holds in any folder, so it holds for the file that a link leads
    /// to as well as for the link: nothing but the rest counts.
    private static func folders(of pattern: PathPattern) -> [PathPattern] {
        let parts = pattern.text.split(separator: "/")
        let first = parts.first == "**" ? 1 : 0
        let end = pattern.text.hasSuffix("/") ? parts.count : parts.count - 1
        return (first..<max(first, end)).map { last in
            // With a slash in it a pattern begins at the root.
            PathPattern("/" + parts[...last].joined(separator: "/"))
        }
    }

    private static func folded(_ bytes: [UInt8]) -> [UInt8] {
        bytes.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 + 32 : $0 }
    }

    private static func text(_ entry: TreeEntry?) -> [UInt8] {
        Array((entry.map { "\(String($0.mode, radix: 8)):\($0.blob)" } ?? "-").utf8)
    }

    private static func entry(_ text: [UInt8]) -> TreeEntry? {
        let parts = String(decoding: text, as: UTF8.self).split(separator: ":")
        guard parts.count == 2, let mode = UInt32(parts[0], radix: 8), let id = ObjectID(hex: parts[1]) else {
            return nil
        }
        return TreeEntry(mode: mode, blob: id.hex)
    }
}
