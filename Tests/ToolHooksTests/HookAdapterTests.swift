import Foundation
import Testing

@testable import ToolHooks

/// Payloads in the shape that each tool documents, kept under `golden`.
@Suite struct HookAdapterTests {
    private static let plan = ["/data/notes/plan.md"]

    private func payload(_ name: String) throws -> OrderedJSON {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("golden/\(name).json")
        return try OrderedJSON(parsing: [UInt8](Data(contentsOf: file)))
    }

    private func event(_ tool: HookTool, _ name: String) throws -> HookEvent? {
        let payload = try payload("\(tool.rawValue)-\(name)")
        #expect(tool.isSound(payload))
        return tool.event(from: payload)
    }

    @Test(arguments: [
        (HookTool.claude, "edit", "5f1c", HookEvent.Kind.beforeWrite), (.claude, "edited", "5f1c", .afterWrite),
        (.claude, "read", "5f1c", .read), (.gemini, "write", "g1", .beforeWrite), (.gemini, "read", "g1", .read),
        (.gemini, "written", "g1", .afterWrite),
        (.cursor, "write", "c1", .beforeWrite), (.cursor, "edited", "c1", .afterWrite), (.cursor, "read", "c1", .read),
        (.cursor, "failed", "c1", .afterWrite),
        (.opencode, "edit", "ses_1", .beforeWrite), (.opencode, "read", "ses_1", .read),
        (.opencode, "edited", "ses_1", .afterWrite),
    ])
    func filesOfEachTool(_ tool: HookTool, _ name: String, _ session: String, _ kind: HookEvent.Kind) throws {
        #expect(try event(tool, name) == HookEvent(tool: tool, session: session, kind: kind, paths: Self.plan))
    }

    @Test func aPatchNamesItsFilesAndAShellItsDirectory() throws {
        #expect(try event(.codex, "patch")?.paths == Self.plan + ["/data/notes/sub/new.md"])
        #expect(try event(.codex, "patched")?.kind == .afterWrite)
        #expect(try event(.codex, "patched")?.paths == Self.plan + ["/data/notes/sub/new.md"])
        #expect(try event(.codex, "bash")?.paths == ["/data/notes"])
        #expect(try event(.claude, "bash")?.kind == .beforeWrite)
    }

    @Test func endsAndStrangers() throws {
        #expect(try event(.claude, "end")?.kind == .sessionEnd)
        #expect(try event(.opencode, "end")?.kind == .sessionEnd)
        #expect(try event(.claude, "other") == nil)
        #expect(!HookTool.claude.isSound(.array([])))
        #expect(!HookTool.claude.isSound(.make(["tool_name": .string("Edit")])))
    }

    @Test func denialInEachToolsWords() {
        let said = HookTool.allCases.map { $0.answer(.deny(reason: "wait \"now\"")) }
        let claude =
            #"{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny","#
            + #""permissionDecisionReason":"wait \"now\""}}"# + "\n"
        #expect(said[0] == HookAnswer(out: claude))
        #expect(said[1] == HookAnswer(out: claude))
        #expect(said[2] == HookAnswer(out: #"{"decision":"deny","reason":"wait \"now\""}"# + "\n"))
        let cursor = #"{"permission":"deny","user_message":"wait \"now\"","agent_message":"wait \"now\""}"# + "\n"
        #expect(said[3] == HookAnswer(out: cursor))
        #expect(said[4] == HookAnswer(error: "wait \"now\"\n", code: 2))
    }

    @Test func passingIsSilence() {
        for tool in HookTool.allCases { #expect(tool.answer(.pass) == .silence) }
    }

    @Test func withoutAnAgentEveryToolPasses() {
        let payload = Array(
            #"{"session_id":"s","cwd":"/","hook_event_name":"PreToolUse","tool_name":"Edit","tool_input":{"file_path":"/x"}}"#
                .utf8)
        #expect(HookRun.answer(.claude, payload: payload, home: "/nowhere/at/all") == .silence)
        #expect(HookRun.answer(.claude, payload: Array("{".utf8), home: "/nowhere/at/all") == .silence)
    }

    @Test func theWireKeepsEventsAndVerdicts() {
        let event = HookEvent(tool: .gemini, session: "a\"b", kind: .afterWrite, paths: ["/a\n", "/ü"])
        #expect(HookWire.event(HookWire.body(event)) == event)
        #expect(HookWire.verdict(HookWire.body(.deny(reason: "r"))) == .deny(reason: "r"))
        #expect(HookWire.verdict(nil) == .pass)
        #expect(HookWire.verdict(Array("{\"verdict\":\"den".utf8)) == .pass)
    }
}
