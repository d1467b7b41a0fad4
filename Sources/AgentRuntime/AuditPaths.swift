import Primitives

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Paths in the details of an audit row: what `baton log --path` finds it by. One a line, so that the details stay a
/// flat object of texts.
enum AuditPaths {
    static let key = "paths"

    static func details(_ paths: [[UInt8]], _ others: [String: String] = [:]) -> [String: String] {
        var details = others
        var text = ""
        for path in paths.prefix(Limits.auditPathsNamed) {
            let line = String(decoding: path, as: UTF8.self).split(whereSeparator: \.isNewline).joined(separator: " ")
            if text.utf8.count + line.utf8.count > Limits.auditDetailsBytes / 4 { break }
            text += text.isEmpty ? line : "\n" + line
        }
        details[key] = text
        return details
    }

    /// True if the row is about the path, or about something in it.
    static func mentions(_ path: String, in details: String) -> Bool {
        guard let fields = try? JSONDecoder().decode([String: String].self, from: Data(details.utf8)),
            let paths = fields[key]
        else { return false }
        return paths.split(separator: "\n").contains { $0 == path || $0.hasPrefix(path + "/") || path.isEmpty }
    }
}
