import Primitives

/// What a session of a tool does, whichever tool it is.
package struct HookEvent: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable {
        /// About to write: the only one that is answered.
        case beforeWrite = "before_write"
        case afterWrite = "after_write"
        case read
        case sessionEnd = "session_end"
    }

    package var tool: HookTool
    /// As the tool names it; at most `Limits.hookSessionBytes`.
    package var session: String
    package var kind: Kind
    /// Absolute, without `.` and `..`. A shell command, of which nobody knows what it writes, has the directory it runs
    /// in.
    package var paths: [String]

    package init(tool: HookTool, session: String, kind: Kind, paths: [String]) {
        self.tool = tool
        self.session = session
        self.kind = kind
        self.paths = paths
    }
}

/// What the agent says to an event.
package enum HookVerdict: Hashable, Sendable {
    /// The tool goes on as if there were no hook: its own questions are asked.
    case pass
    /// The tool must not write now; the reason is for its model.
    case deny(reason: String)
}

/// Paths as text.
package enum HookPath {
    /// Absolute and without `.`, `..` and double slashes; nil if it cannot be made so.
    package static func absolute(_ path: String, in directory: String?) -> String? {
        guard !path.isEmpty, path.utf8.count <= Limits.hookPathBytes, !path.utf8.contains(0) else { return nil }
        var whole = path
        if !path.hasPrefix("/") {
            guard let directory, directory.hasPrefix("/") else { return nil }
            whole = directory + "/" + path
        }
        var parts: [Substring] = []
        for part in whole.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    /// The path below `root`; nil if it is not there. The root itself is "".
    package static func relative(_ path: String, to root: String) -> String? {
        if path == root { return "" }
        let prefix = root.hasSuffix("/") ? root : root + "/"
        return path.hasPrefix(prefix) ? String(path.dropFirst(prefix.count)) : nil
    }
}
