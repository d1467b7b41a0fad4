import Foundation
import Logging
import Synchronization
import Testing

@testable import AgentRuntime

@Suite struct AgentLogTests {
    private func line(_ format: AgentLog.Format, _ message: String, _ metadata: Logger.Metadata) -> String {
        let lines = Mutex<[String]>([])
        var handler = LineLogHandler(format: format) { line in lines.withLock { $0.append(line) } }
        handler.now = { 1_769_895_005_250 }
        let frozen = handler
        let logger = Logger(label: "test") { _ in frozen }
        logger.notice("\(message)", metadata: metadata)
        return lines.withLock { $0.joined() }
    }

    @Test func textIsKeyValue() {
        let text = line(.text, "agent started", ["listen": "0.0.0.0:47700", "why": "a \"b\"\n", "empty": ""])
        #expect(
            text == #"ts=2026-01-31T21:30:05.250Z level=notice msg="agent started" empty="" listen=0.0.0.0:47700 "#
                + #"why="a \"b\"\n""#)
    }

    @Test func jsonIsJSON() throws {
        let text = line(.json, "a\u{1B}[2J\u{7}", ["level": "x", "path": "ü\\"])
        let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: String])
        #expect(object["msg"] == "a\u{1B}[2J\u{7}" && object["level"] == "notice" && object["level_"] == "x")
        #expect(object["path"] == "ü\\")
        #expect(!text.utf8.contains { $0 < 0x20 })
    }

    @Test func aFullFileIsBegunAnew() throws {
        let folder = NSTemporaryDirectory() + "baton-log-" + UUID().uuidString.prefix(8)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let file = folder + "/agent.log"
        let descriptor = open(file, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        defer { close(descriptor) }
        let sink = LogSink(file: file, limit: 100, kept: 2, descriptors: [descriptor])
        for number in 1...30 { sink.write("line number \(number)") }
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == [
                "agent.log", "agent.log.1", "agent.log.2",
            ])
        let text = try ["agent.log.2", "agent.log.1", "agent.log"].map {
            try String(contentsOfFile: folder + "/" + $0, encoding: .utf8)
        }
        #expect(text.allSatisfy { $0.utf8.count <= 100 })
        let lines = text.joined().split(separator: "\n")
        #expect(lines.last == "line number 30")
        #expect(lines == (31 - lines.count...30).map { "line number \($0)" })
        let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }
}
