import Primitives

/// Our entries in the settings of one tool, as text in and text out: what is not ours stays, in its order.
package struct HookSettings: Hashable, Sendable {
    package var tool: HookTool
    /// The program, absolute, and its arguments as a shell reads them.
    package var command: String

    package init(tool: HookTool, command: String) {
        self.tool = tool
        self.command = command
    }

    /// A shell command: the program by its absolute path, and the state of the device where that is not the usual one.
    package static func command(program: String, tool: HookTool, home: String?) -> String {
        let words = [program, "hook", tool.rawValue] + (home.map { ["--home", $0] } ?? [])
        return words.map(quoted).joined(separator: " ")
    }

    private static func quoted(_ word: String) -> String {
        let plain = word.utf8.allSatisfy { byte in
            (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte) || Array("/._-".utf8).contains(byte)
        }
        return plain && !word.isEmpty
            ? word
            : "'"
                + word.split(separator: "'", omittingEmptySubsequences: false)
                .joined(separator: "'\\''") + "'"
    }

    /// What a person's file is to hold; nil: it is there already, or there is nothing to take away.
    /// - Parameter text: what the file holds; nil if there is none.
    package func installed(in text: [UInt8]?) throws(JSONProblem) -> String? {
        if tool == .opencode {
            let plugin = OpencodePlugin.text(command)
            return text.map { String(decoding: $0, as: UTF8.self) } == plugin ? nil : plugin
        }
        let before = try root(text)
        let isWhole = entries.allSatisfy { event, entry in
            before["hooks"]?[event]?.items?.contains(entry) ?? false
        }
        if isWhole { return nil }
        var after = try without(before)
        if tool == .cursor, after["version"] == nil { after.set("version", .number("1")) }
        var hooks = after["hooks"] ?? .object([])
        for (event, entry) in entries {
            hooks.set(event, .array((hooks[event]?.items ?? []) + [entry]))
        }
        after.set("hooks", hooks)
        return after.pretty(indent: indent(text))
    }

    /// The text without our entries; nil if there are none.
    package func removed(from text: [UInt8]?) throws(JSONProblem) -> String? {
        guard let text, tool != .opencode else { return nil }
        let before = try root(text)
        let after = try without(before)
        return after == before ? nil : after.pretty(indent: indent(text))
    }

    private func root(_ text: [UInt8]?) throws(JSONProblem) -> OrderedJSON {
        guard let text, text.contains(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) else { return .object([]) }
        let root = try OrderedJSON(parsing: text)
        guard root.isObject else { throw JSONProblem(line: 1, why: "it is no object") }
        return root
    }

    /// Our entries taken out, and what they alone had filled.
    private func without(_ root: OrderedJSON) throws(JSONProblem) -> OrderedJSON {
        guard let hooks = root["hooks"] else { return root }
        guard case .object(let members) = hooks else { throw JSONProblem(line: 1, why: "\"hooks\" is no object") }
        var kept: [OrderedJSON.Member] = []
        for member in members {
            guard let items = member.value.items else {
                kept.append(member)
                continue
            }
            let rest = items.compactMap(withoutOurs)
            if rest.isEmpty, !items.isEmpty { continue }
            kept.append(OrderedJSON.Member(key: member.key, value: .array(rest)))
        }
        var root = root
        root.set("hooks", kept.isEmpty && !members.isEmpty ? nil : .object(kept))
        return root
    }

    private func withoutOurs(_ entry: OrderedJSON) -> OrderedJSON? {
        if isOurs(entry) { return nil }
        guard let inner = entry["hooks"]?.items else { return entry }
        let rest = inner.filter { !isOurs($0) }
        if rest.count == inner.count { return entry }
        if rest.isEmpty { return nil }
        var entry = entry
        entry.set("hooks", .array(rest))
        return entry
    }

    /// By what it runs: `.../baton hook TOOL`, wherever the program was when it was installed.
    private func isOurs(_ entry: OrderedJSON) -> Bool {
        guard let words = entry["command"]?.text?.split(separator: " "),
            let at = words.indices.dropLast().first(where: { words[$0] == "hook" && words[$0 + 1] == tool.rawValue })
        else { return false }
        let program = words[..<at].joined(separator: " ").split(separator: "/").last
        return program?.hasPrefix("baton") ?? false
    }

    private func indent(_ text: [UInt8]?) -> String {
        guard let text, let line = text.firstIndex(of: 0x0A) else { return "  " }
        let spaces = text[(line + 1)...].prefix { $0 == 0x20 || $0 == 0x09 }
        return spaces.isEmpty || spaces.count > 8 ? "  " : String(decoding: spaces, as: UTF8.self)
    }

    /// Each event with the entry that it gets.
    var entries: [(event: String, entry: OrderedJSON)] {
        switch tool {
        case .claude:
            let writes = "Write|Edit|MultiEdit|NotebookEdit|Bash"
            return [
                ("PreToolUse", group("Read|" + writes, seconds: 30)), ("PostToolUse", group(writes, seconds: 5)),
                ("PostToolUseFailure", group(writes, seconds: 5)), ("SessionEnd", group(nil, seconds: 5)),
            ]
        case .codex:
            return [
                ("PreToolUse", group("Bash|apply_patch", seconds: 30)),
                ("PostToolUse", group("Bash|apply_patch", seconds: 5)),
            ]
        case .gemini:
            let writes = "write_file|replace|run_shell_command"
            return [
                ("BeforeTool", group("read_file|read_many_files|" + writes, seconds: 30_000)),
                ("AfterTool", group(writes, seconds: 5000)),
                ("SessionEnd", group(nil, seconds: 5000)),
            ]
        case .cursor:
            return [
                ("preToolUse", flat("Read|Write|Delete|Shell", seconds: 30)),
                ("postToolUse", flat("Write|Delete|Shell", seconds: 5)),
                ("postToolUseFailure", flat("Write|Delete|Shell", seconds: 5)),
                ("afterFileEdit", flat(nil, seconds: 5)),
                ("sessionEnd", flat(nil, seconds: 5)),
            ]
        case .opencode: return []
        }
    }

    /// - Parameter seconds: Gemini CLI counts in milliseconds.
    private func group(_ matcher: String?, seconds: Int) -> OrderedJSON {
        let hook = OrderedJSON.make([
            "type": .string("command"), "command": .string(command), "timeout": .number("\(seconds)"),
        ])
        var group = OrderedJSON.object([])
        if let matcher { group.set("matcher", .string(matcher)) }
        group.set("hooks", .array([hook]))
        return group
    }

    private func flat(_ matcher: String?, seconds: Int) -> OrderedJSON {
        var entry = OrderedJSON.make(["command": .string(command), "timeout": .number("\(seconds)")])
        if let matcher { entry.set("matcher", .string(matcher)) }
        return entry
    }
}

/// opencode has no settings for hooks: it loads a file of JavaScript, which hands each call to the same program.
enum OpencodePlugin {
    static func text(_ command: String) -> String {
        """
        // Written by `baton hooks install opencode`; `baton hooks remove opencode` takes it away.
        import { spawn } from "node:child_process"

        const command = \(OrderedJSON.quoted(command))
        const tools = ["read", "write", "edit", "multiedit", "patch", "apply_patch", "bash"]

        // Whatever goes wrong with the hook itself, the tool goes on.
        const ask = (payload) =>
          new Promise((resolve) => {
            const child = spawn("/bin/sh", ["-c", command], { stdio: ["pipe", "ignore", "pipe"] })
            let reason = ""
            child.stderr.on("data", (part) => (reason += part))
            child.on("error", () => resolve(null))
            child.on("close", (code) => resolve(code === 2 ? reason.trim() : null))
            child.stdin.on("error", () => {})
            child.stdin.end(JSON.stringify(payload))
          })

        // What each call was given: not every version tells it again at its end, and failed calls have none.
        const begun = new Map()

        export const Baton = async ({ directory }) => ({
          "tool.execute.before": async (input, output) => {
            if (!tools.includes(input.tool)) return
            if (begun.size > 1000) begun.clear()
            begun.set(input.callID, output.args)
            const reason = await ask({
              event: "tool.execute.before", sessionID: input.sessionID, tool: input.tool, cwd: directory,
              args: output.args,
            })
            if (reason) throw new Error(reason)
          },
          "tool.execute.after": async (input) => {
            if (!tools.includes(input.tool)) return
            const args = input.args ?? begun.get(input.callID)
            begun.delete(input.callID)
            await ask({
              event: "tool.execute.after", sessionID: input.sessionID, tool: input.tool, cwd: directory, args,
            })
          },
          event: async ({ event }) => {
            if (event.type !== "session.deleted") return
            await ask({ event: event.type, sessionID: event.properties?.info?.id })
          },
        })

        """
    }
}
