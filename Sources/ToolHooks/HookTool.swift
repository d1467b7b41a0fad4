// Module: ToolHooks is what Baton says to AI coding agents: one model of what they are about to do, an adapter for each
// tool's own format, the merge into its settings, and the memory of what a session has read. Never: the word "allow",
// which would take the user's own question away; a failure that keeps a tool from its work; a socket of its own.
// Start with HookEvent.swift, then HookAdapter.swift.

/// A tool whose hooks are known. Raw values are what the command line takes.
package enum HookTool: String, CaseIterable, Hashable, Sendable {
    case claude, codex, gemini, cursor, opencode

    /// As people know it.
    package var title: String {
        switch self {
        case .claude: "Claude Code"
        case .codex: "Codex CLI"
        case .gemini: "Gemini CLI"
        case .cursor: "Cursor"
        case .opencode: "opencode"
        }
    }

    /// What its hooks cannot do, in one line for people; nil if nothing is missing.
    package var limitation: String? {
        switch self {
        case .codex:
            "only its patches and simple shell commands pass hooks, and only patches count as read; trust it with /hooks"
        case .cursor: "edits of Cursor Tab and of people in the editor have no hook that can wait"
        case .claude, .gemini, .opencode: nil
        }
    }
}

/// Where the user's own settings of the tools are: never a project's.
package struct HookPlaces: Sendable {
    private let environment: @Sendable (String) -> String?

    package init(environment: @escaping @Sendable (String) -> String?) { self.environment = environment }

    /// The directory that holds the tool's settings; nil without HOME.
    package func directory(of tool: HookTool) -> String? {
        switch tool {
        case .claude: named("CLAUDE_CONFIG_DIR") ?? home("/.claude")
        case .codex: named("CODEX_HOME") ?? home("/.codex")
        case .gemini: named("GEMINI_CLI_HOME").map { $0 + "/.gemini" } ?? home("/.gemini")
        case .cursor: home("/.cursor")
        case .opencode:
            named("OPENCODE_CONFIG_DIR") ?? named("XDG_CONFIG_HOME").map { $0 + "/opencode" }
                ?? home("/.config/opencode")
        }
    }

    /// The file that is written.
    package func file(of tool: HookTool) -> String? {
        directory(of: tool).map { directory in
            switch tool {
            case .claude, .gemini: directory + "/settings.json"
            case .codex, .cursor: directory + "/hooks.json"
            case .opencode: directory + "/plugins/baton.js"
            }
        }
    }

    private func named(_ variable: String) -> String? {
        environment(variable).flatMap { $0.hasPrefix("/") ? $0 : nil }
    }

    private func home(_ below: String) -> String? { named("HOME").map { $0 + below } }
}
