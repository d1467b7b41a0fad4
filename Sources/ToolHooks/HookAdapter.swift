import Primitives

/// What a hook writes, and its exit code.
package struct HookAnswer: Hashable, Sendable {
    package var out = ""
    package var error = ""
    package var code: Int32 = 0

    package static let silence = HookAnswer()
}

extension HookTool {
    /// One payload as an event. Nil: it concerns no file (another tool of theirs, another moment), or is not what this
    /// tool documents; see `isSound`.
    package func event(from payload: OrderedJSON) -> HookEvent? {
        guard let kind = kind(of: payload) else { return nil }
        let directory = payload["cwd"]?.text ?? payload["workspace_roots"]?.items?.first?.text
        let name = kind == .sessionEnd ? nil : payload["tool_name"]?.text ?? payload["tool"]?.text
        guard let call = call(kind, name, payload, directory) else { return nil }
        let session = ["session_id", "conversation_id", "sessionID"].lazy.compactMap { payload[$0]?.text }.first ?? ""
        let paths = call.paths.prefix(Limits.hookPaths).compactMap { HookPath.absolute($0, in: directory) }
        guard !paths.isEmpty || call.kind == .sessionEnd else { return nil }
        return HookEvent(
            tool: self, session: String(decoding: session.utf8.prefix(Limits.hookSessionBytes), as: UTF8.self),
            kind: call.kind, paths: Array(paths))
    }

    /// Whether the payload has the shape that the tool documents; one that has not is counted.
    package func isSound(_ payload: OrderedJSON) -> Bool {
        payload.isObject && (payload["hook_event_name"]?.text != nil || self == .opencode && payload["event"] != nil)
    }

    private func kind(of payload: OrderedJSON) -> HookEvent.Kind? {
        switch payload["hook_event_name"]?.text ?? payload["event"]?.text {
        case "PreToolUse", "BeforeTool", "preToolUse", "tool.execute.before": .beforeWrite
        case "PostToolUse", "PostToolUseFailure", "AfterTool", "postToolUse", "postToolUseFailure", "afterFileEdit",
            "tool.execute.after":
            .afterWrite
        case "SessionEnd", "sessionEnd", "session.deleted": .sessionEnd
        default: nil
        }
    }

    private func call(
        _ kind: HookEvent.Kind, _ name: String?, _ payload: OrderedJSON, _ directory: String?
    ) -> (kind: HookEvent.Kind, paths: [String])? {
        if kind == .sessionEnd { return (kind, []) }
        // Cursor tells of an edit without naming the tool.
        guard let name else { return payload["file_path"]?.text.map { (kind, [$0]) } }
        guard let use = use(of: name) else { return nil }
        let input = payload["tool_input"] ?? payload["args"] ?? .null
        let fields = ["file_path", "filePath", "notebook_path", "absolute_path", "path"]
        let named = fields.compactMap { input[$0]?.text }
        switch use {
        case .read:
            // Before the tool reads: what a sync changes while it does then counts as not seen.
            guard kind == .beforeWrite else { return nil }
            return (.read, named + (input["paths"]?.items ?? []).compactMap(\.text))
        case .write: return (kind, named)
        case .patch:
            let text = input["command"]?.text ?? input["patchText"]?.text ?? input["input"]?.text ?? ""
            return (kind, PatchText.paths(text))
        case .shell:
            let place = input["workdir"]?.text ?? input["dir_path"]?.text ?? input["working_directory"]?.text
            return (kind, [place ?? directory].compactMap { $0 })
        }
    }

    private enum Use { case read, write, patch, shell }

    private func use(of name: String) -> Use? {
        switch name {
        case "Read", "NotebookRead", "read_file", "read_many_files", "read": .read
        case "Write", "Edit", "MultiEdit", "NotebookEdit", "write_file", "replace", "edit", "write", "multiedit",
            "Delete", "StrReplace", "EditNotebook":
            .write
        case "apply_patch", "ApplyPatch", "patch": .patch
        case "Bash", "Shell", "shell", "local_shell", "run_shell_command", "bash": .shell
        default: nil
        }
    }

    /// What the hook says in this tool's words. Passing is silence: never "allow".
    package func answer(_ verdict: HookVerdict) -> HookAnswer {
        guard case .deny(let reason) = verdict else { return .silence }
        let text = OrderedJSON.string(reason)
        switch self {
        case .claude, .codex:
            let body = OrderedJSON.make([
                "hookEventName": .string("PreToolUse"), "permissionDecision": .string("deny"),
                "permissionDecisionReason": text,
            ])
            return HookAnswer(out: OrderedJSON.make(["hookSpecificOutput": body]).compact + "\n")
        case .gemini:
            return HookAnswer(out: OrderedJSON.make(["decision": .string("deny"), "reason": text]).compact + "\n")
        case .cursor:
            return HookAnswer(
                out: OrderedJSON.make([
                    "permission": .string("deny"), "user_message": text, "agent_message": text,
                ]).compact + "\n")
        case .opencode: return HookAnswer(error: reason + "\n", code: 2)
        }
    }
}

/// The patches that Codex and opencode apply.
enum PatchText {
    private static let marks = ["*** Update File: ", "*** Add File: ", "*** Delete File: ", "*** Move to: "]

    static func paths(_ patch: String) -> [String] {
        var paths: [String] = []
        for line in patch.split(whereSeparator: \.isNewline) {
            guard let mark = marks.first(where: { line.hasPrefix($0) }) else { continue }
            var path = line.dropFirst(mark.count)
            while path.last == " " { path.removeLast() }
            if !path.isEmpty { paths.append(String(path)) }
        }
        return paths
    }
}
