import Foundation
import Testing

/// `baton hook` as the tools call it, each with payloads in its own shape, against real agents.
@Suite(.serialized, .timeLimit(.minutes(10))) struct Hooks {
    private static let tools = ["claude", "codex", "gemini", "cursor", "opencode"]
    /// Before and after a write of `plan.md`, and what makes a session have seen it, by the payloads' names.
    private static let writes = [
        "claude": "edit", "codex": "patch", "gemini": "write", "cursor": "write", "opencode": "edit",
    ]
    private static let ends = [
        "claude": "edited", "codex": "patched", "gemini": "written", "cursor": "edited", "opencode": "edited",
    ]
    private static let reads = [
        "claude": "read", "gemini": "read", "cursor": "read", "opencode": "read",
    ]

    /// A payload that was written after the vendor's page, about this workspace.
    private static func payload(_ tool: String, _ name: String?, _ workspace: String) throws -> String {
        let name = try #require(name)
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("ToolHooksTests/golden/\(tool)-\(name).json")
        return try String(contentsOf: file, encoding: .utf8).replacing("/data/notes", with: workspace)
    }

    private static func hook(_ mesh: Mesh, _ place: Int, _ tool: String, _ name: String?) async throws -> Outcome {
        try await hook(mesh.members[place], tool, name)
    }

    private static func hook(_ member: Mesh.Member, _ tool: String, _ name: String?) async throws -> Outcome {
        let payload = try payload(tool, name, member.workspace)
        return try await run(Mesh.baton, ["hook", tool], environment: ["BATON_HOME": member.home], input: payload)
    }

    /// What each tool takes for a denial: its words, and the exit code that goes with them.
    private static func isDenial(_ outcome: Outcome, _ tool: String, _ reason: String) -> Bool {
        switch tool {
        case "opencode": return outcome.status == 2 && outcome.output.isEmpty && outcome.errors.contains(reason)
        case "gemini":
            return outcome.status == 0 && outcome.output.contains(#""decision":"deny""#)
                && outcome.output.contains(reason)
        case "cursor":
            return outcome.status == 0 && outcome.output.contains(#""permission":"deny""#)
                && outcome.output.contains(reason)
        default:
            return outcome.status == 0 && outcome.output.contains(#""permissionDecision":"deny""#)
                && outcome.output.contains(reason)
        }
    }

    private static func isSilent(_ outcome: Outcome) -> Bool {
        outcome.status == 0 && outcome.output.isEmpty && outcome.errors.isEmpty
    }

    /// From `baton metrics`: events by what was said to them.
    private static func answers(_ mesh: Mesh, _ place: Int, _ word: String) async throws -> Int {
        let text = try await mesh.baton(place, ["metrics"]).output
        let line = text.split(separator: "\n").first { $0.hasPrefix("baton_hook_events_total{answer=\"\(word)\"}") }
        return line.flatMap { $0.split(separator: " ").last.flatMap { Int($0) } } ?? 0
    }

    @Test("an edit of what a sync changed since it was read is denied once, with the round, by each tool")
    func staleWrites() async throws {
        try await Mesh.with(2) { mesh in
            try mesh.write("one\n", to: "plan.md", on: 0)
            try await mesh.converge()
            for (number, tool) in Self.tools.enumerated() {
                // What it has seen: by reading, and Codex by its own patch.
                if let read = Self.reads[tool] {
                    #expect(Self.isSilent(try await Self.hook(mesh, 1, tool, read)))
                } else {
                    #expect(Self.isSilent(try await Self.hook(mesh, 1, tool, Self.writes[tool])))
                    #expect(Self.isSilent(try await Self.hook(mesh, 1, tool, Self.ends[tool])))
                }
                let text = "changed for \(tool)\n"
                try mesh.write(text, to: "plan.md", on: 0)
                try await eventually("the change arrives") {
                    _ = try await mesh.sync(0)
                    return mesh.read("plan.md", on: 1) == text ? true : nil
                }
                let denied = try await Self.hook(mesh, 1, tool, Self.writes[tool])
                #expect(Self.isDenial(denied, tool, "after you last read it"), "\(tool): \(denied)")
                #expect((denied.output + denied.errors).contains("plan.md (round "), "\(tool): \(denied)")
                // Told once: the same call passes, and a session that never read the file is not asked.
                #expect(Self.isSilent(try await Self.hook(mesh, 1, tool, Self.writes[tool])), "\(tool)")
                #expect(Self.isSilent(try await Self.hook(mesh, 1, tool, Self.ends[tool])), "\(tool)")
                #expect(Self.isSilent(try await Self.hook(mesh, 0, tool, Self.writes[tool])), "\(tool)")
                #expect(try await Self.answers(mesh, 1, "deny_stale") == number + 1)
            }
        }
    }

    /// The agent's git processes stand still: whatever round is under way keeps its gate closed until they go on.
    private static func git(of agent: Int32) -> [Int32] {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc"))?.compactMap { Int32($0) } ?? []
        return all.filter { pid in
            guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
                let rest = text.split(separator: ")").last?.split(separator: " "), rest.count > 1
            else { return false }
            return rest[1] == "\(agent)"
        }
    }

    private static func isClosed(_ mesh: Mesh) -> Bool {
        ((try? String(contentsOfFile: mesh.members[0].home + "/run/gate", encoding: .utf8)) ?? "").hasPrefix("closed")
    }

    /// All tools at once, each before a write.
    private static func all(_ member: Mesh.Member) async throws -> [String: (Outcome, Duration)] {
        try await withThrowingTaskGroup(of: (String, Outcome, Duration).self) { group in
            for tool in tools {
                group.addTask {
                    let begun = ContinuousClock.now
                    let outcome = try await hook(member, tool, writes[tool])
                    return (tool, outcome, ContinuousClock.now - begun)
                }
            }
            var found: [String: (Outcome, Duration)] = [:]
            for try await (tool, outcome, took) in group { found[tool] = (outcome, took) }
            return found
        }
    }

    @Test(
        "while a round holds the gate closed each tool waits, is told to try again after 25 s, and passes when it opens"
    )
    func closedGate() async throws {
        try await Mesh.with(1) { mesh in
            try mesh.write("one\n", to: "plan.md", on: 0)
            _ = try await mesh.sync(0)
            try await mesh.baton(0, ["config", "set", "pause.budget", "5m"])
            let agent = try await mesh.pid(0)
            let children = Self.git(of: agent)
            try #require(!children.isEmpty)
            // A round of real agents whose capture cannot go on.
            for child in children { kill(child, SIGSTOP) }
            defer { for child in children { kill(child, SIGCONT) } }
            try mesh.write("two\n", to: "plan.md", on: 0)
            try await mesh.baton(0, ["sync", "--now"])
            try await eventually("the gate is closed") { Self.isClosed(mesh) ? true : nil }
            for (tool, (outcome, took)) in try await Self.all(mesh.members[0]) {
                #expect(Self.isDenial(outcome, tool, "make the same call again"), "\(tool): \(outcome)")
                #expect(took > .seconds(24), "\(tool) did not wait: \(took)")
            }
            #expect(Self.isClosed(mesh), "the round ended before the tools were told")
            #expect(try await Self.answers(mesh, 0, "deny_closed") == Self.tools.count)
            // Again, as they were told to; this time the round ends while they wait.
            let before = try await Self.answers(mesh, 0, "waited")
            let member = mesh.members[0]
            async let second = Self.all(member)
            try await eventually("all of them wait") {
                try await mesh.status(0).devices[0].writers.names.count == Self.tools.count ? true : nil
            }
            for child in children { kill(child, SIGCONT) }
            for (tool, (outcome, _)) in try await second { #expect(Self.isSilent(outcome), "\(tool): \(outcome)") }
            #expect(try await Self.answers(mesh, 0, "waited") == before + Self.tools.count)
            for tool in Self.tools { #expect(Self.isSilent(try await Self.hook(mesh, 0, tool, Self.ends[tool]))) }
        }
    }

    @Test("an agent that is gone, stopped or away lets each tool pass, and an open gate says nothing")
    func deadAgent() async throws {
        try await Mesh.with(1) { mesh in
            try mesh.write("one\n", to: "plan.md", on: 0)
            _ = try await mesh.sync(0)
            for (tool, (outcome, _)) in try await Self.all(mesh.members[0]) {
                #expect(Self.isSilent(outcome), "\(tool): \(outcome)")
            }
            let agent = try await mesh.pid(0)
            // It lives and says nothing: two seconds, then the tool goes on.
            kill(agent, SIGSTOP)
            for (tool, (outcome, took)) in try await Self.all(mesh.members[0]) {
                #expect(Self.isSilent(outcome) && took > .seconds(1), "\(tool): \(outcome), \(took)")
            }
            kill(agent, SIGCONT)
            mesh.signal(0, SIGKILL, pid: agent)
            for (tool, (outcome, _)) in try await Self.all(mesh.members[0]) {
                #expect(Self.isSilent(outcome), "\(tool): \(outcome)")
            }
            try await mesh.up(0)
        }
    }
}
