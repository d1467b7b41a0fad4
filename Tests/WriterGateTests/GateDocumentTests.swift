import Foundation
import Primitives
import Testing

@testable import WriterGate

/// The clients in docs/gate.md, taken from there and run.
@Suite struct GateDocumentTests {
    struct Client: Sendable, CustomTestStringConvertible {
        var language: String
        var program: String
        /// What tells us that the client has passed the gate, in its language.
        var mark: String
        var testDescription: String { language }
    }

    static let clients = [
        Client(language: "sh", program: "sh", mark: ": > \"$BATON_HOME/passed\""),
        Client(language: "python", program: "python3", mark: "open(os.environ['BATON_HOME'] + '/passed', 'w')"),
        Client(
            language: "javascript", program: "node",
            mark: "require('fs').writeFileSync(process.env.BATON_HOME + '/passed', '')"),
    ]

    static func isInstalled(_ program: String) -> Bool {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
        return folders.contains { access("\($0)/\(program)", X_OK) == 0 }
    }

    /// The fenced block of a language, which is there once.
    static func block(_ language: String) throws -> String {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(contentsOf: root.appendingPathComponent("docs/gate.md"), encoding: .utf8)
        let parts = text.components(separatedBy: "```\(language)\n")
        #expect(parts.count == 2, "docs/gate.md has one block of \(language)")
        return try #require(parts.last?.components(separatedBy: "```").first)
    }

    @Test(arguments: clients) func theClientIsAboutFiveLines(client: Client) throws {
        #expect((3...6).contains(try Self.block(client.language).split(separator: "\n").count))
    }

    @Test(arguments: clients, [true, false])
    func `W1 a client of the document waits for the release, or for the deadline`(
        client: Client, isReleased: Bool
    ) async throws {
        guard Self.isInstalled(client.program) else {
            return print("not run, for it is not installed here: \(client.program)")
        }
        let place = try Place()
        defer { place.remove() }
        try FileManager.default.createDirectory(atPath: place.file("run"), withIntermediateDirectories: true)
        let gate = WriterGate(
            file: GateFile(path: place.file("run/gate")), workspace: place.workspace, logger: .init(label: "test"))
        _ = await gate.close(round: round(1), deadline: .seconds(60))
        // An agent that died leaves the line as it is; the client goes by the deadline that it reads.
        let deadline = Int(Date().timeIntervalSince1970) + 2
        #expect(await eventually { place.text("run/gate")?.hasPrefix("closed") == true })
        if !isReleased { place.write("run/gate", "closed 1.1/1 \(deadline)\n") }
        let script = try "\(Self.block(client.language))\n\(client.mark)\n"
        place.write("client", script)
        let process = try ChildProcess.start(
            ["/usr/bin/env", "BATON_HOME=\(place.path)", client.program, place.file("client")], .ownGroup)
        defer {
            kill(-process.pid, SIGKILL)
            process.reap()
        }
        if isReleased {
            // Long enough for it to have come to the gate; what counts is that it has not passed.
            try await Task.sleep(for: .milliseconds(400))
            #expect(!place.exists("passed"))
            gate.open(round: round(1))
        }
        #expect(await eventually(within: .seconds(20)) { place.exists("passed") })
        if !isReleased { #expect(Date().timeIntervalSince1970 >= Double(deadline)) }
    }
}
