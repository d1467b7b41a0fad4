import AgentRuntime
import ArgumentParser
import Primitives
import ToolHooks

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

struct HooksCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "hooks", abstract: "Let AI coding agents wait while a round holds the files still.",
        discussion: """
            install adds entries to your own settings of the tools, never a project's, and keeps what is there and a \
            copy of it. A tool that is about to write then waits for the end of a round, and is told once when a sync \
            changed a file after it read it. The tool's own questions are asked as before; without a running agent \
            nothing changes.

            claude    Claude Code
            codex     Codex CLI
            gemini    Gemini CLI
            cursor    Cursor
            opencode  opencode
            all       those that are found on this machine
            """)

    @Argument(help: "install, check or remove.") var action: HooksAction
    @Argument(help: ArgumentHelp("claude, codex, gemini, cursor, opencode, or all.", valueName: "tool"))
    var tools: [HooksChoice]
    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        let work = HooksWork(global: global, console: console)
        var rows: [HooksReport.Tool] = []
        for tool in work.chosen(tools) { rows.append(try work.carryOut(action, tool)) }
        if global.json {
            console.out(try JSONText.of(HooksReport(tools: rows), console))
        } else if rows.isEmpty {
            console.out(
                "none of these tools is found here; name one: \(global.typed("hooks \(action.rawValue) claude"))")
        } else {
            for row in rows { HooksText.lines(row).forEach { console.out($0) } }
        }
        let isWhole = rows.allSatisfy { action != .check || $0.state == "installed" }
        if !isWhole, !global.json { console.note("install them: \(global.typed("hooks install all"))") }
        return isWhole ? Exit.done : Exit.failed
    }
}

enum HooksAction: String, CaseIterable, ExpressibleByArgument, Sendable { case install, check, remove }

enum HooksChoice: String, CaseIterable, ExpressibleByArgument, Sendable {
    case claude, codex, gemini, cursor, opencode, all

    var tool: HookTool? { HookTool(rawValue: rawValue) }
}

// The fields have the names that they have in JSON.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

/// `hooks ... --json`, schema `baton.hooks/1`.
struct HooksReport: Codable, Hashable, Sendable {
    struct Tool: Codable, Hashable, Sendable {
        var tool: String
        var title: String
        /// `installed`, `outdated` (for another program or home), `absent`, `removed`.
        var state: String
        var file: String
        /// What was there before, if it was changed.
        var backup: String?
        var limitation: String?
    }

    var schema = "baton.hooks/1"
    var tools: [Tool]
}

enum HooksText {
    static func lines(_ row: HooksReport.Tool) -> [String] {
        var lines = ["\(row.title): \(row.state), \(Escaping.shown(row.file))"]
        if let backup = row.backup { lines.append("  before: \(Escaping.shown(backup))") }
        if let limitation = row.limitation, row.state != "removed" { lines.append("  note: \(limitation)") }
        return lines
    }
}

/// What `hooks` does with one tool.
struct HooksWork: Sendable {
    let global: GlobalOptions
    let console: Console

    private var places: HookPlaces { HookPlaces(environment: console.environment) }

    /// Each once, in the order of the list; `all` means those whose settings directory is there.
    func chosen(_ choices: [HooksChoice]) -> [HookTool] {
        HookTool.allCases.filter { tool in
            choices.contains { $0.tool == tool } || choices.contains(.all) && isFound(tool)
        }
    }

    func isFound(_ tool: HookTool) -> Bool { places.directory(of: tool).map { access($0, F_OK) == 0 } ?? false }

    func carryOut(_ action: HooksAction, _ tool: HookTool) throws -> HooksReport.Tool {
        guard let path = places.file(of: tool) else {
            throw CommandFailure(Exit.usage, "HOME is not set", hint: "set it: HOME=DIR baton hooks check all")
        }
        let file = HookFile(tool: tool, path: path)
        let settings = HookSettings(tool: tool, command: try command(tool))
        let old = try file.read()
        var row = HooksReport.Tool(
            tool: tool.rawValue, title: tool.title, state: "installed", file: path, limitation: tool.limitation)
        let (new, rest) = try texts(settings, old, path, action)
        let isThere = rest != nil || tool == .opencode && old != nil
        switch action {
        case .check: row.state = new == nil ? "installed" : isThere ? "outdated" : "absent"
        case .install: if let new { row.backup = try file.replace(old, with: new) }
        case .remove:
            row.state = isThere ? "removed" : "absent"
            if let rest { row.backup = try file.replace(old, with: rest) }
            if isThere, tool == .opencode { try file.remove() }
        }
        return row
    }

    private func command(_ tool: HookTool) throws -> String {
        guard let program = Executable.path else {
            throw CommandFailure(Exit.failed, "this program does not find itself", hint: "see: baton doctor")
        }
        // The tool may run without BATON_HOME: what is not the usual place is named.
        let home = Home(try global.homePath(console)).path
        let usual = try? GlobalOptions.usualHome(console)
        return HookSettings.command(program: program, tool: tool, home: home == usual ? nil : home)
    }

    /// The settings with our entries and without them; nil where that is what they hold.
    private func texts(
        _ settings: HookSettings, _ old: [UInt8]?, _ path: String, _ action: HooksAction
    ) throws -> (with: String?, without: String?) {
        do throws(JSONProblem) {
            return (try settings.installed(in: old), try settings.removed(from: old))
        } catch {
            throw CommandFailure(
                Exit.failed, "\(path), line \(error.line): \(error.why); nothing was changed",
                hint: "mend it, then: \(global.typed("hooks \(action.rawValue) \(settings.tool.rawValue)"))")
        }
    }
}
