import Foundation
import Testing

/// docs/behaviours.md names a test for every behaviour and every edge case; here it is held against the tests.
@Suite struct BehaviourTests {
    /// A name that a person reads, and the file that it is in.
    struct Named {
        var name: String
        var file: String

        /// Its ids are words of their own at its beginning or within: `A1 A2 an edit ...`.
        func has(_ id: String) -> Bool {
            name.split(whereSeparator: { !$0.isLetter && !$0.isNumber }).contains { $0 == id }
        }
    }

    static let ids =
        (1...6).map { "C\($0)" } + (1...9).map { "M\($0)" } + (1...8).map { "A\($0)" } + (1...6).map { "W\($0)" }
        + (1...6).map { "P\($0)" } + (1...4).map { "U\($0)" } + (1...3).map { "S\($0)" } + (1...4).map { "RC\($0)" }
        + (1...21).map { "GE\($0)" }

    /// Rows whose test is still to come, each with its reason. The row says so, too.
    static let pending: [String: String] = [:]

    /// Every test that has a sentence for a name.
    static let tests: [Named] = SourceTree.repository.files.filter { $0.root == "Tests" }.flatMap { file in
        var named: [Named] = []
        for (at, line) in file.lines.enumerated() {
            let isRaw = line.contains("func `")
            let above = at > 0 ? file.lines[at - 1] : ""
            let isQuoted = line.contains("@Test(\"") || above.hasSuffix("@Test(") && line.contains("\"")
            guard isRaw || isQuoted else { continue }
            let parts = line.split(separator: isRaw ? "`" : "\"", omittingEmptySubsequences: false)
            if parts.count > 2 { named.append(Named(name: String(parts[1]), file: file.path)) }
        }
        return named
    }

    private struct Row {
        var id: String
        var what: String
        var tests: [String]

        init?(_ line: Substring) {
            let cells = line.split(separator: "|", omittingEmptySubsequences: false).map {
                $0.trimmingCharacters(in: .whitespaces)
            }
            guard cells.count == 5, BehaviourTests.ids.contains(cells[1]) else { return nil }
            (id, what) = (cells[1], cells[2])
            tests = cells[3].components(separatedBy: "<br>").map {
                ($0.components(separatedBy: " (").first ?? "").trimmingCharacters(in: .whitespaces)
            }.filter { !$0.isEmpty }
        }
    }

    private static let path = "docs/behaviours.md"

    @Test func everyBehaviourHasATest() throws {
        let lines = try #require(SourceTree.repository.text(Self.path)).lines
        if ProcessInfo.processInfo.environment["REWRITE"] == "1" { return try rewrite(lines) }
        let rows = lines.compactMap { Row($0) }
        #expect(rows.map(\.id) == Self.ids, "each id has one row, in order")
        for id in Self.ids where Self.pending[id] == nil {
            #expect(Self.tests.contains { $0.has(id) }, "no test has \(id) in its name")
        }
        let names = Set(Self.tests.map(\.name))
        for row in rows where Self.pending[row.id] == nil {
            #expect(!row.tests.isEmpty, "the row of \(row.id) names no test; REWRITE=1 does it")
            for name in row.tests {
                #expect(names.contains(name), "\(row.id): no test is called '\(name)'; REWRITE=1 names them anew")
            }
        }
    }

    /// Names the tests of each row anew.
    private func rewrite(_ lines: [Substring]) throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = lines.map { line -> String in
            guard let row = Row(line) else { return String(line) }
            let tests = Self.tests.filter { $0.has(row.id) }.map { test in
                let file = test.file.split(separator: "/").last?.split(separator: ".").first ?? ""
                return "\(test.name) (\(file))"
            }
            return "| \(row.id) | \(row.what) | \(tests.isEmpty ? "to come" : tests.joined(separator: "<br>")) |"
        }
        try text.joined(separator: "\n").write(
            to: root.appendingPathComponent(Self.path), atomically: true, encoding: .utf8)
    }
}
