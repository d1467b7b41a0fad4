import ControlSocket
import Dispatch
import Foundation
import Testing
import ToolHooks

@testable import Commands

/// `baton hooks` on settings of its own, and one run of `baton hook` against an agent behind a real socket.
@Suite struct HooksCommandTests {
    private func run(_ scratch: Scratch, _ arguments: String...) async -> (code: Int32, out: String, error: String) {
        let recorder = Recorder()
        let console = recorder.console(columns: nil, environment: ["HOME": scratch.path])
        let code = await CommandLineEntry.run(arguments, on: console)
        return (code, recorder.out, recorder.error)
    }

    private func text(_ scratch: Scratch, _ name: String) -> String? {
        try? String(contentsOfFile: scratch.path + "/" + name, encoding: .utf8)
    }

    @Test func installCheckRemove() async throws {
        let scratch = try Scratch()
        #expect(await run(scratch, "hooks", "check", "all").out.contains("none of these tools"))
        try FileManager.default.createDirectory(
            atPath: scratch.path + "/.claude", withIntermediateDirectories: false)
        let before = "{\n  \"model\": \"opus\"\n}\n"
        _ = try scratch.write(".claude/settings.json", before)
        #expect(await run(scratch, "hooks", "check", "all").code == 1)
        let first = await run(scratch, "hooks", "install", "all")
        #expect(first.code == 0 && first.out.contains("settings.json.before-baton"))
        #expect(text(scratch, ".claude/settings.json.before-baton") == before)
        let installed = text(scratch, ".claude/settings.json")
        #expect(installed?.hasPrefix("{\n  \"model\": \"opus\",\n  \"hooks\"") == true)
        let second = await run(scratch, "hooks", "install", "claude")
        #expect(second.code == 0 && !second.out.contains("before:"))
        #expect(text(scratch, ".claude/settings.json") == installed)
        #expect(await run(scratch, "hooks", "check", "claude").code == 0)
        #expect(await run(scratch, "hooks", "remove", "claude").code == 0)
        #expect(text(scratch, ".claude/settings.json") == before)
    }

    @Test func everyToolInItsOwnPlace() async throws {
        let scratch = try Scratch()
        let names = ["claude", "codex", "gemini", "cursor", "opencode"]
        for name in names {
            #expect(await run(scratch, "hooks", "install", name).code == 0)
            #expect(await run(scratch, "hooks", "check", name).code == 0)
        }
        let report = await run(scratch, "hooks", "check", "all", "--json")
        #expect(decoded(report.out, as: HooksReport.self)?.tools.map(\.tool) == names)
        for file in [".codex/hooks.json", ".gemini/settings.json", ".cursor/hooks.json"] {
            #expect(text(scratch, file)?.contains(" hook ") == true)
        }
        // The usual home is the same device, named or not; another one is not.
        let usual = scratch.path + "/.local/state/baton"
        #expect(await run(scratch, "hooks", "check", "claude", "--home", usual).code == 0)
        let other = await run(scratch, "hooks", "check", "claude", "--home", scratch.path + "/other")
        #expect(other.code == 1 && other.out.contains("outdated"))
        #expect(await run(scratch, "hooks", "remove", "opencode").code == 0)
        #expect(text(scratch, ".config/opencode/plugins/baton.js") == nil)
    }

    @Test func aLinkStaysALinkAndTheModeIsKept() async throws {
        let scratch = try Scratch()
        let real = try scratch.write("dotfiles.json", "{}")
        chmod(real, 0o640)
        mkdir(scratch.path + "/.gemini", 0o700)
        symlink(real, scratch.path + "/.gemini/settings.json")
        #expect(await run(scratch, "hooks", "install", "gemini").code == 0)
        var facts = stat()
        #expect(lstat(scratch.path + "/.gemini/settings.json", &facts) == 0 && facts.st_mode & S_IFMT == S_IFLNK)
        #expect(stat(real, &facts) == 0 && facts.st_mode & 0o777 == 0o640)
        #expect(text(scratch, "dotfiles.json")?.contains("BeforeTool") == true)
    }

    @Test func brokenSettingsStayAsTheyAre() async throws {
        let scratch = try Scratch()
        mkdir(scratch.path + "/.claude", 0o700)
        _ = try scratch.write(".claude/settings.json", "{\n  // mine\n}\n")
        let refused = await run(scratch, "hooks", "install", "claude")
        #expect(refused.code == 1 && refused.error.contains("line 2") && refused.error.contains("nothing was changed"))
        #expect(text(scratch, ".claude/settings.json") == "{\n  // mine\n}\n")
        #expect(text(scratch, ".claude/settings.json.before-baton") == nil)
    }

    /// On a thread that may block.
    private func hook(_ home: String, _ payload: String) async -> HookAnswer {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(
                    returning: HookRun.answer(.claude, payload: Array(payload.utf8), home: home))
            }
        }
    }

    private static let edit =
        #"{"session_id":"s","cwd":"/","hook_event_name":"PreToolUse","tool_name":"Edit","tool_input":{"file_path":"/x"}}"#

    @Test func aHookSaysWhatTheAgentSays() async throws {
        try await FakeAgent.serve([HookWire.event: json(#"{"verdict":"pass"}"#)]) { agent in
            #expect(await hook(agent.home, Self.edit) == .silence)
            #expect(agent.kinds == [HookWire.event])
        }
        let waits: FakeAgent.Answer = { _, session in
            try await session.item(ControlJSON.empty)
            return Array(#"{"verdict":"deny","reason":"again"}"#.utf8)
        }
        try await FakeAgent.serve([HookWire.event: waits]) { agent in
            #expect(await hook(agent.home, Self.edit).out.contains("\"permissionDecisionReason\":\"again\""))
        }
    }

    @Test func whateverFailsTheToolPasses() async throws {
        try await FakeAgent.serve([HookWire.broken: json("{}")]) { agent in
            #expect(await hook(agent.home, Self.edit) == .silence)
            #expect(await hook(agent.home, "no JSON") == .silence)
            #expect(agent.kinds == [HookWire.event, HookWire.broken])
        }
    }
}
