import Glibc
import Primitives

/// Lines of two files that grew from one, by `git merge-file`: the one step of a merge that still is a process, and
/// only for files that both sides changed. Blocking.
struct TextMerge {
    let store: Store

    /// Above this a file is no text to be merged by lines; both versions are kept.
    static let bytes = 8 << 20

    enum Style {
        /// Lines that clash are a conflict.
        case exact
        /// Lines that clash are both kept, ours first.
        case union
    }

    /// Nil if the lines clash, or if these are no lines at all.
    func merge(
        base: [UInt8], ours: [UInt8], theirs: [UInt8], style: Style = .exact
    ) throws(GitError) -> [UInt8]? {
        let sides = [("ours", ours), ("base", base), ("theirs", theirs)]
        guard sides.allSatisfy({ $0.1.count <= Self.bytes && !Self.isBinary($0.1) }) else { return nil }
        if style == .union, let joined = Self.joined(base, ours, theirs) { return joined }
        let folder = try Quarantine(store)
        defer { folder.remove() }
        for (name, bytes) in sides { try DurableFile.write(bytes, to: "\(folder.path)/\(name)", synced: false) }
        var arguments = ["merge-file", "--stdout", "--quiet"]
        if style == .union { arguments.append("--union") }
        arguments += sides.map { "\(folder.path)/\($0.0)" }
        // The status is the number of clashes, at most 127.
        let result = try store.git.runBlocking(arguments, accepting: Array(0...127))
        return result.status == 0 ? result.output : nil
    }

    /// Where both only added lines at the end: those of ours, then those of theirs that ours has not. Nil otherwise.
    private static func joined(_ base: [UInt8], _ ours: [UInt8], _ theirs: [UInt8]) -> [UInt8]? {
        let before = base.isEmpty || base.last == 10 ? base : base + [10]
        let sides = [ours, theirs].map { $0.isEmpty || $0.last == 10 ? $0 : $0 + [10] }
        guard sides.allSatisfy({ $0.starts(with: before) }) else { return nil }
        var counts: [ArraySlice<UInt8>: Int] = [:]
        for line in sides[0][before.count...].split(separator: 10, omittingEmptySubsequences: false) {
            counts[line, default: 0] += 1
        }
        var joined = sides[0]
        for line in sides[1][before.count...].split(separator: 10, omittingEmptySubsequences: false).dropLast() {
            if let count = counts[line], count > 0 {
                counts[line] = count - 1
            } else {
                joined += line + [10]
            }
        }
        return joined
    }

    /// As git tells: a zero byte near the beginning.
    static func isBinary(_ bytes: [UInt8]) -> Bool { bytes.prefix(8000).contains(0) }
}
