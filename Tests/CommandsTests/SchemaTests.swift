import Foundation
import Primitives
import Testing

@testable import AgentRuntime
@testable import Commands

/// Any JSON value; flags and numbers apart.
enum JSONValue: Decodable, Hashable {
    case null
    case flag(Bool)
    case number(Double)
    case text(String)
    case list([JSONValue])
    case object([String: JSONValue])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let flag = try? container.decode(Bool.self) {
            self = .flag(flag)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let list = try? container.decode([JSONValue].self) {
            self = .list(list)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    init(_ text: String) throws { self = try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8)) }

    subscript(key: String) -> JSONValue? { if case .object(let members) = self { members[key] } else { nil } }
    var words: [String] {
        guard case .list(let list) = self else { return [] }
        return list.compactMap { if case .text(let word) = $0 { word } else { nil } }
    }
}

/// The part of JSON Schema 2020-12 that our schemas use, and one rule more: a property that the schema does not know is
/// a fault here, so that each new field is described.
enum SchemaReader {
    static func faults(_ value: JSONValue, _ schema: JSONValue, at path: String = "$") -> [String] {
        if case .list(let any)? = schema["anyOf"] {
            let tries = any.map { faults(value, $0, at: path) }
            return tries.contains([]) ? [] : ["\(path): fits none of \(tries)"]
        }
        if let words = schema["enum"]?.words {
            if case .text(let word) = value, words.contains(word) { return [] }
            return ["\(path): \(value) is none of \(words)"]
        }
        guard case .text(let type)? = schema["type"] else { return ["\(path): the schema says nothing known here"] }
        switch (type, value) {
        case ("null", .null), ("boolean", .flag), ("number", .number): return []
        case ("integer", .number(let number)): return number == number.rounded() ? [] : ["\(path): is not whole"]
        case ("string", .text(let text)):
            guard schema["format"] == .text("date-time") else { return [] }
            let isTime = text.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil
            return isTime ? [] : ["\(path): '\(text)' is no time"]
        case ("array", .list(let list)):
            let items = schema["items"] ?? .null
            return list.enumerated().flatMap { faults($0.element, items, at: "\(path)[\($0.offset)]") }
        case ("object", .object(let members)): return object(members, schema, at: path)
        default: return ["\(path): \(value) is no \(type)"]
        }
    }

    private static func object(_ members: [String: JSONValue], _ schema: JSONValue, at path: String) -> [String] {
        guard case .object(let properties)? = schema["properties"] else { return ["\(path): no properties are known"] }
        let missing = (schema["required"]?.words ?? []).filter { members[$0] == nil }
        let unknown = members.keys.filter { properties[$0] == nil }
        let inner = properties.flatMap { name, shape in
            members[name].map { faults($0, shape, at: "\(path).\(name)") } ?? []
        }
        return missing.map { "\(path): '\($0)' is missing" } + unknown.map { "\(path): '\($0)' is not described" }
            + inner
    }

    /// What a command printed, against a schema by name.
    static func faults(_ text: String, _ name: String) throws -> [String] {
        let schema = try #require(Schemas.named(name))
        return faults(try JSONValue(text), try JSONValue(schema.text))
    }
}

@Suite struct SchemaTests {
    @Test(arguments: Schemas.all.map(\.name)) func everySchemaIsOne(name: String) throws {
        let schema = try #require(Schemas.named(name))
        let value = try JSONValue(schema.text)
        #expect(value["$schema"] == .text("https://json-schema.org/draft/2020-12/schema"))
        #expect(value["type"] == .text("object"))
        #expect(Schemas.all.count { $0.name == name } == 1)
    }

    @Test func theReaderFindsFaults() throws {
        let good = #"{"running":true,"started":false,"pid":7,"listen":"a"}"#
        #expect(try SchemaReader.faults(good, "up") == [])
        for bad in [
            good.replacing("7", with: "\"7\""), good.replacing("7", with: "7.5"), good.replacing("true", with: "1"),
            good.replacing(#","listen":"a""#, with: ""), good.replacing("\"pid\"", with: "\"process\""), "[]", "null",
        ] { #expect(try !SchemaReader.faults(bad, "up").isEmpty, "\(bad)") }
    }

    @Test(arguments: StatusTextTests.healths) func status(health: String) async throws {
        let report = try Sample.status(health: health)
        try await FakeAgent.serve(["status": always(report)]) { agent in
            for (words, name) in [
                (["status"], "status"), (["status", "sync"], "status.sync"), (["status", "writers"], "status.writers"),
                (["devices"], "devices"), (["sync", "--explain"], "explain"),
            ] {
                let recorder = Recorder()
                let console = recorder.console(environment: ["BATON_HOME": agent.home])
                _ = await CommandLineEntry.run(words + ["--json"], on: console)
                let faults = try SchemaReader.faults(recorder.out, name)
                #expect(faults == [], "\(words)")
            }
        }
    }

    @Test func aFieldWithoutAValueIsNull() async throws {
        try await FakeAgent.serve(["status": always(try Sample.status(health: "no_quorum"))]) { agent in
            let out = await agent.run("status", "--json").out
            #expect(out.contains(#""leader":null"#) && out.contains(#""quorum_leader":null"#))
        }
    }

    @Test func recordsAndActions() async throws {
        let sync = SyncReport(
            result: "published", round: 1, round_id: "1.1/1", head: "aa", changed_files: 1, conflicts: 0,
            participants: ["a"], left_out: [], took_s: 0.1)
        let handoff = HandoffReport(device: "b", name: "desktop", token: "1.2", took_s: 0.6)
        let invite = InviteReport(invite: "baton1-AAAA", expires_s: 600, workspace_name: "notes")
        let verdict = LogVerdict(whole: true, rows: 1, first: 1, last: 1, unchained: 0, tip: "00")
        let answers: [String: FakeAgent.Answer] = [
            "log": always(try Sample.log()), "log.verify": always(verdict), "sync": always(sync),
            "handoff": always(handoff), "invite": always(invite), "status": always(try Sample.status()),
            "metrics": always(MetricsReport(text: "# none\n")),
        ]
        try await FakeAgent.serve(answers) { agent in
            for (words, name) in [
                (["log", "--json"], "log"), (["log", "show", "k0001", "--json"], "log"),
                (["log", "--verify", "--json"], "log-verdict"), (["sync", "--json"], "sync"),
                (["handoff", "--json"], "handoff"), (["invite", "--json"], "invite"), (["up", "--json"], "up"),
                (["version", "--json"], "version"), (["metrics", "--json"], "metrics"),
                (["service", "status", "--json"], "service"), (["doctor", "--json"], "doctor"),
            ] {
                let recorder = Recorder()
                let environment = ["BATON_HOME": agent.home, "HOME": agent.home, "PATH": "/usr/bin:/bin"]
                _ = await CommandLineEntry.run(words, on: recorder.console(environment: environment))
                let faults = try SchemaReader.faults(recorder.out, name)
                #expect(faults == [], "\(words): \(recorder.out) \(recorder.error)")
            }
        }
    }

    /// What is absent, installed over something, as it is, and taken away again.
    @Test func hooks() async throws {
        let scratch = try Scratch()
        let settings = scratch.path + "/.claude/settings.json"
        try FileManager.default.createDirectory(atPath: scratch.path + "/.claude", withIntermediateDirectories: true)
        try "{}\n".write(toFile: settings, atomically: true, encoding: .utf8)
        for (words, states) in [
            (["check", "claude", "codex"], ["absent", "absent"]), (["install", "all"], ["installed"]),
            (["install", "opencode"], ["installed"]), (["check", "claude"], ["installed"]),
            (["remove", "claude", "opencode"], ["removed", "removed"]),
        ] {
            let recorder = Recorder()
            let console = recorder.console(environment: ["BATON_HOME": scratch.path + "/home", "HOME": scratch.path])
            _ = await CommandLineEntry.run(["hooks"] + words + ["--json"], on: console)
            #expect(try SchemaReader.faults(recorder.out, "hooks") == [], "\(words): \(recorder.error)")
            #expect(decoded(recorder.out, as: HooksReport.self)?.tools.map(\.state) == states, "\(words)")
        }
    }

    @Test func schemaPrints() async throws {
        let recorder = Recorder()
        #expect(await CommandLineEntry.run(["schema"], on: recorder.console()) == 0)
        for schema in Schemas.all { #expect(recorder.out.contains(schema.name)) }
        let one = Recorder()
        #expect(await CommandLineEntry.run(["schema", "status"], on: one.console()) == 0)
        try Golden.check("schema-status", one.out)
        let none = Recorder()
        #expect(await CommandLineEntry.run(["schema", "nonsense"], on: none.console()) == 64)
    }
}
