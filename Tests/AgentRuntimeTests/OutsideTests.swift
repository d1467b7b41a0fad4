import CSystemCalls
import ControlSocket
import Foundation
import GitWorkspace
import Primitives
import Testing

@testable import AgentRuntime
@testable import WriterGate

/// Writes of programs that take no part in the gate, while it is closed.
@Suite(.serialized) struct OutsideTests {
    private func round(_ number: UInt64) -> RoundID {
        RoundID(token: FencingToken(epoch: 1, counter: 1), sequence: number)
    }

    private func written(_ name: String, after delay: Int64 = 1) -> WrittenFile {
        WrittenFile(path: Array(name.utf8), at: csystem_file_clock_nanoseconds() + delay)
    }

    @Test func `W1 only what was written between the closing and the opening counts, once`() {
        let outside = OutsideWrites(workspace: "/nowhere")
        let before = written("a.md", after: -1)
        outside.closed(round(1), unanswered: 0)
        let (inside, later) = (written("b.md"), written("c.md", after: 60_000_000_000))
        let found = outside.look([before, inside], except: [], at: .origin)
        #expect(found.map(\.paths) == [[Array("b.md".utf8)]] && found.map(\.names) == [["unknown"]])
        outside.opened(round(1))
        #expect(outside.look([inside, later], except: [], at: .origin).isEmpty)
        #expect(outside.files == 1)
        let seen = outside.seen(at: .origin)
        #expect(seen.map(\.name) == ["unknown"] && seen.map(\.pauses) == [1] && seen.map(\.files) == [1])
        #expect(outside.seen(at: .origin + Limits.outsideRemembered).isEmpty)
    }

    @Test func `W1 what a writer wrote once it was let go on is not put on others`() {
        let outside = OutsideWrites(workspace: "/nowhere")
        outside.closed(round(1), unanswered: 0)
        // The clock goes on in steps.
        let closed = csystem_file_clock_nanoseconds()
        while csystem_file_clock_nanoseconds() == closed {}
        outside.opened(round(1))
        let opened = csystem_file_clock_nanoseconds()
        let files = [opened, opened + 1].map { WrittenFile(path: Array("a.md".utf8), at: $0) }
        #expect(outside.look(files, except: [], at: .origin).isEmpty)
        // A second word of it moves nothing.
        outside.opened(round(1))
        #expect(outside.look([written("b.md")], except: [], at: .origin).isEmpty)
    }

    @Test func `W1 what may have been a registered writer is not put on others`() {
        let outside = OutsideWrites(workspace: "/nowhere")
        outside.closed(round(1), unanswered: 1)
        #expect(outside.look([written("b.md")], except: [], at: .origin).isEmpty)
        #expect(outside.seen(at: .origin).isEmpty && outside.files == 0)
    }

    @Test func `W1 a program that writes while the gate is closed is named in the round, status and the record`()
        async throws
    {
        let mesh = try TestAgents()
        try await mesh.start(["laptop"])
        try mesh.write("text\n", to: "plan.md", on: 0)
        _ = try await mesh.sync(0)
        // A script that goes on writing into a file which it keeps open.
        let script = mesh.directory + "/nightly.sh"
        try "exec 3>> \"$1\"; while :; do echo more >&3; sleep 0.003; done\n".write(
            toFile: script, atomically: true, encoding: .utf8)
        let program = Process()
        program.executableURL = URL(fileURLWithPath: "/bin/sh")
        program.arguments = [script, mesh.members[0].workspace + "/log.md"]
        try program.run()
        defer { program.terminate() }
        let writers = try await eventually("it is named", within: .seconds(60)) {
            _ = try await mesh.sync(0)
            let own = try await mesh.status(0).devices.first?.writers
            return own?.outside?.contains { $0.name == "nightly.sh" } == true ? own : nil
        }
        #expect(writers.ungated == UInt32(writers.outside?.count ?? 0))
        // In the round itself if its capture saw it; a write after the capture has a row of its own alone.
        let named = try await eventually("a round names it", within: .seconds(60)) {
            _ = try await mesh.sync(0)
            let log = try await mesh.call(0, ControlCall.log, LogCall(limit: 2000), as: LogReport.self)
            let rows = log.rows.filter { row in
                ["captured", "pause", "round"].contains(row.kind)
                    && AuditMemory.fields(row.details)["outside"]?.contains("nightly.sh") == true
            }
            return rows.isEmpty ? nil : rows
        }
        #expect(named.allSatisfy { $0.round != nil })
        program.terminate()
        program.waitUntilExit()
        let log = try await mesh.call(0, ControlCall.log, LogCall(limit: 2000), as: LogReport.self)
        let row = try #require(log.rows.last { $0.kind == "outside" && $0.summary.contains("nightly.sh") })
        #expect(AuditMemory.fields(row.details)["paths"] == "log.md" && row.round != nil)
        await mesh.end()
    }

    @Test func `W1 what a program deletes while the gate is closed is noticed, what a round deletes is not`()
        async throws
    {
        let mesh = try TestAgents()
        try await mesh.start(["laptop", "desktop"])
        for number in 0..<200 { try mesh.write("\(number)\n", to: "notes/\(number).md", on: 0) }
        try mesh.write("text\n", to: "plan.md", on: 0)
        _ = try await mesh.sync(0)
        // It deletes nothing but while the gate is closed, one file a pause.
        let script = """
            while :; do
                read -r state round deadline < "$1" || state=open
                if [ "$state" = closed ] && [ "$round" != "$last" ]; then
                    for file in "$2"/notes/*.md; do rm -f "$file"; break; done
                    last=$round
                fi
                sleep 0.002
            done
            """
        let program = Process()
        program.executableURL = URL(fileURLWithPath: "/bin/sh")
        let home = Home(mesh.members[0].home)
        program.arguments = ["-c", script, "tidy", home.gateFile, mesh.members[0].workspace]
        try program.run()
        defer { program.terminate() }
        var turn = 0
        let row = try await eventually("it is noticed", within: .seconds(60)) {
            turn += 1
            try mesh.write("\(turn)\n", to: "plan.md", on: 1)
            _ = try await mesh.sync(1)
            let log = try await mesh.call(0, ControlCall.log, LogCall(limit: 2000), as: LogReport.self)
            return log.rows.last { $0.kind == "outside" }
        }
        #expect(AuditMemory.fields(row.details)["paths"]?.hasPrefix("notes/") == true && row.round != nil)
        #expect(AuditMemory.fields(row.details)["outside"] == "unknown")
        // On the other device the same files go by the rounds alone.
        _ = try await eventually("a deletion arrives") {
            _ = try await mesh.sync(0)
            return mesh.tree(1).keys.count { $0.hasPrefix("notes/") } < 200 ? true : nil
        }
        let log = try await mesh.call(1, ControlCall.log, LogCall(limit: 2000), as: LogReport.self)
        #expect(!log.rows.contains { $0.kind == "outside" })
        program.terminate()
        await mesh.end()
    }
}
