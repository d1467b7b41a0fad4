import Primitives
import Testing

@testable import ToolHooks

@Suite struct HookSettingsTests {
    private static let foreign = """
        {
            "model": "opus",
            "hooks": {
                "PreToolUse": [
                    {"matcher": "Bash", "hooks": [{"type": "command", "command": "guard"}]}
                ]
            },
            "budget": 1.50
        }
        """

    private func settings(_ tool: HookTool, _ program: String = "/usr/bin/baton") -> HookSettings {
        HookSettings(tool: tool, command: HookSettings.command(program: program, tool: tool, home: nil))
    }

    @Test(arguments: HookTool.allCases) func installingTwiceChangesNothing(_ tool: HookTool) throws {
        let once = try #require(try settings(tool).installed(in: nil))
        #expect(try settings(tool).installed(in: Array(once.utf8)) == nil)
        #expect(once.contains("/usr/bin/baton hook \(tool.rawValue)"))
    }

    @Test func whatIsThereStaysInItsOrder() throws {
        let settings = settings(.claude)
        let text = try #require(try settings.installed(in: Array(Self.foreign.utf8)))
        let json = try OrderedJSON(parsing: Array(text.utf8))
        guard case .object(let members) = json else { return #expect(Bool(false)) }
        #expect(members.map(\.key) == ["model", "hooks", "budget"])
        #expect(json["budget"] == .number("1.50"))
        #expect(json["hooks"]?["PreToolUse"]?.items?.count == 2)
        #expect(text.hasPrefix("{\n    \"model\""))
        let back = try #require(try settings.removed(from: Array(text.utf8)))
        #expect(try OrderedJSON(parsing: Array(back.utf8)) == OrderedJSON(parsing: Array(Self.foreign.utf8)))
    }

    @Test func anotherProgramTakesThePlaceOfTheOld() throws {
        let old = try #require(try settings(.cursor, "/old place/baton").installed(in: nil))
        let new = try #require(try settings(.cursor).installed(in: Array(old.utf8)))
        #expect(!new.contains("old place") && new.contains("\"/usr/bin/baton hook cursor\""))
        #expect(try settings(.cursor).removed(from: Array(new.utf8)) == "{\n  \"version\": 1\n}\n")
    }

    @Test(arguments: ["{\"a\": 1,}", "// mine\n{}", "{\"hooks\": []}", "[]", "{\"a\": }", "{} {}", "{\"a\":\"\u{1}\"}"])
    func brokenSettingsAreRefused(_ text: String) {
        #expect(throws: JSONProblem.self) { try settings(.claude).installed(in: Array(text.utf8)) }
    }

    @Test func depthAndSizeHaveLimits() {
        let deep = String(repeating: "[", count: Limits.hookJSONDepth + 1)
        #expect(throws: JSONProblem.self) { try OrderedJSON(parsing: Array(deep.utf8)) }
        #expect(throws: JSONProblem.self) {
            try OrderedJSON(parsing: [UInt8](repeating: 0x20, count: Limits.hookPayloadBytes + 1))
        }
    }

    @Test func escapesAreRead() throws {
        let json = try OrderedJSON(parsing: Array(#"["\u00e9\ud83d\ude00\n\/"]"#.utf8))
        #expect(json == .array([.string("é😀\n/")]))
        #expect(json.compact == "[\"é😀\\n/\"]")
    }
}
