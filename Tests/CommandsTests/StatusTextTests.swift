import Testing

@testable import AgentRuntime
@testable import Commands

@Suite struct StatusTextTests {
    static let healths = [
        "healthy", "attention", "syncing", "degraded", "no_leader", "no_quorum", "stuck", "stopped",
    ]

    private func styles() -> [(String, Style)] {
        let widths: [(String, Int?)] = [("40", 40), ("60", 60), ("80", 80), ("120", 120), ("a pipe", nil)]
        return widths.map { ($0, Style(hasColour: false, isUnicode: true, columns: $1)) } + [
            ("80, ASCII", Style(hasColour: false, isUnicode: false, columns: 80)),
            ("80, colour", Style(hasColour: true, isUnicode: true, columns: 80)),
        ]
    }

    private func sheet(_ report: StatusReport, isDetailed: Bool = false) -> String {
        styles().map { name, style in
            let text = StatusText(report: report, style: style, isDetailed: isDetailed).text
            return "---- \(name)\n" + text.replacing("\u{1B}", with: "ESC")
        }.joined(separator: "\n")
    }

    @Test("S1 every first line, at every width", arguments: healths)
    func everyFirstLine(health: String) throws {
        try Golden.check("status-\(health)", sheet(try Sample.status(health: health)))
    }

    @Test func views() throws {
        let report = try Sample.status { report in
            report.held = [.init(path: ".env", reason: "it looks like a secret", can_be_allowed: true)]
            report.sync.paused_s = 0.3
            report.devices[1].writers.paused = 1
        }
        let sheets = styles().map { name, style in
            "---- \(name)\n" + StatusSyncText(report: report, style: style).text.replacing("\u{1B}", with: "ESC")
                + "\n--\n" + StatusWritersText(report: report, style: style).text.replacing("\u{1B}", with: "ESC")
        }
        try Golden.check("status-views", sheets.joined(separator: "\n"))
    }

    @Test func details() throws { try Golden.check("status-verbose", sheet(try Sample.status(), isDetailed: true)) }

    @Test func namesThatAreLongWideOrHostile() throws {
        let report = try Sample.status { report in
            report.mesh.name = "notes\u{1B}[2J"
            report.devices[0].name = "a-laptop-with-a-name-that-nobody-would-type-twice"
            report.devices[1].name = "書斎の大きな机"
            report.devices[2].name = "nas\u{202E}evil\n"
            report.devices[3].sync.state = "waiting"
            report.devices[3].sync.waiting = "rebase in progress (since 12 min)"
            report.conflicts = .init(open: 5, paths: ["a\tb.md", "ü/plan.md", "c.md", "d.md", "e.md"])
            report.reasons = [.init(code: "conflicts", text: "5 conflicts", fix: "baton conflicts")]
            report.reasons.append(.init(code: "x", text: String(repeating: "long", count: 50), fix: nil))
            report.held = [
                .init(path: ".env", reason: "secret", can_be_allowed: true),
                .init(path: "pipe", reason: "a pipe", can_be_allowed: false),
            ]
        }
        try Golden.check("status-names", sheet(report))
        for columns in [40, 60, 80, 120] {
            let style = Style(hasColour: false, isUnicode: true, columns: columns)
            for line in StatusText(report: report, style: style).text.split(separator: "\n") {
                #expect(DisplayWidth.of(line) <= columns, "\(line)")
            }
        }
    }

    /// What the golden files show, held as a rule: no line is wider than the terminal.
    @Test(arguments: [40, 60, 80, 120], healths)
    func noLineIsWiderThanTheTerminal(columns: Int, health: String) throws {
        let report = try Sample.status(health: health)
        let style = Style(hasColour: false, isUnicode: true, columns: columns)
        for line in StatusText(report: report, style: style).text.split(separator: "\n") {
            #expect(DisplayWidth.of(line) <= columns, "\(line)")
        }
    }

    @Test func colourSaysNothingThatWordsDoNotSay() throws {
        for health in Self.healths {
            let report = try Sample.status(health: health)
            let plain = StatusText(report: report, style: Style(hasColour: false, isUnicode: true, columns: 80)).text
            var painted = StatusText(report: report, style: Style(hasColour: true, isUnicode: true, columns: 80)).text
            #expect(painted.contains("\u{1B}["))
            for code in ["0", "1", "2", "31", "32", "33", "36"] {
                painted = painted.replacing("\u{1B}[\(code)m", with: "")
            }
            #expect(painted == plain)
        }
    }

    @Test func `W1 who wrote outside of the gate is in the row of writers and named in their view`() throws {
        let report = try Sample.status { report in
            report.devices[0].writers.ungated = 2
            report.devices[0].writers.outside = [
                .init(name: "nightly.sh", pauses: 3, files: 4, last_s: 120),
                .init(name: "unknown", pauses: 1, files: 1, last_s: 7200),
            ]
        }
        let style = Style(hasColour: false, isUnicode: true)
        #expect(StatusText(report: report, style: style).text.contains("2 active, 2 outside"))
        let lines = StatusWritersText(report: report, style: style).text.split(separator: "\n").suffix(2)
        #expect(
            Array(lines) == [
                "! outside of the gate: nightly.sh wrote in 3 pauses, last 2 min ago      baton run -- nightly.sh",
                "! outside of the gate: nobody knows which program wrote in 1 pause, last 2 h ago",
            ])
    }

    @Test func asciiIsASCII() throws {
        for health in Self.healths {
            let style = Style(hasColour: false, isUnicode: false, columns: 40)
            let text = StatusText(report: try Sample.status(health: health), style: style).text
            #expect(text.utf8.allSatisfy { $0 < 0x80 })
        }
    }

    @Test(arguments: [
        ("healthy", 0), ("syncing", 0), ("attention", 6), ("degraded", 1), ("no_leader", 5), ("no_quorum", 5),
        ("stuck", 1),
        ("stopped", 7),
    ])
    func checkExitCode(health: String, code: Int32) throws {
        #expect(Health.exitCode(try Sample.status(health: health)) == code)
    }

    @Test func attentionWithoutConflictsIsOne() throws {
        #expect(Health.exitCode(try Sample.status { $0.health = "attention" }) == 1)
        let both = try Sample.status { report in
            report.health = "no_quorum"
            report.conflicts.open = 2
        }
        #expect(Health.exitCode(both) == 5)
    }
}
