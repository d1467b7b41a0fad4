import Foundation
import Testing

@testable import AgentRuntime
@testable import Commands

@Suite struct TableTextTests {
    private let rows = [
        #"{"id":7,"at":"2026-01-31T21:20:00.000Z","age_s":605,"kind":"handoff","device":"aa","device_name":"desktop","token":"1.7","summary":"sync/notes: handoff desktop -> laptop","details":"{}"}"#,
        #"{"id":8,"at":"2026-01-31T21:24:00.000Z","age_s":245,"kind":"published","device":"aa","device_name":"desktop","round":"1.7/1","token":"1.7","summary":"round 1841: 3 files, 1 conflicts","details":"{\"number\":\"1841\"}"}"#,
        #"{"id":9,"at":"2026-01-31T21:29:07.000Z","age_s":58,"kind":"round","device":"bb","device_name":"laptop","round":"1.7/2","token":"1.7","summary":"round nothing to do, 104 ms","details":"{\"took_ms\":\"104\"}"}"#,
        #"{"id":10,"at":"2026-01-31T21:29:53.000Z","age_s":12,"kind":"round","device":"bb","device_name":"laptop","round":"1.7/3","token":"1.7","summary":"round published, 1900 ms","details":"{\"took_ms\":\"1900\"}"}"#,
        #"{"id":11,"at":"2026-01-31T21:30:04.900Z","age_s":0.3,"kind":"token-refused","device":"bb","device_name":"laptop","token":"1.8","summary":"refused desktop: its token 1.7 is older than 1.8 of laptop","details":"{}"}"#,
        #"{"id":12,"at":"2026-01-31T21:30:05.000Z","age_s":0.2,"kind":"round","device":"bb","device_name":"laptop","round":"1.8/1","token":"1.8","summary":"round given up: nas went away","details":"{\"took_ms\":\"3000\",\"why\":\"nas went away\"}"}"#,
    ]

    private func sheet(_ table: Table) -> String {
        [40, 60, 80, 120, nil].map { (columns: Int?) in
            let lines = table.lines(Style(hasColour: false, isUnicode: true, columns: columns))
            return (["---- \(columns.map { "\($0)" } ?? "a pipe")"] + lines).joined(separator: "\n")
        }.joined(separator: "\n")
    }

    @Test func log() throws {
        try Golden.check("log", sheet(LogText.table(try Sample.log(rows.joined(separator: ",")).rows.reversed())))
    }

    @Test func logThatIsFollowed() throws {
        var table = LogTable()
        let style = Style(hasColour: false, isUnicode: true)
        let first = table.lines(try Sample.log(rows[0...1].joined(separator: ",")).rows, style)
        let none = table.lines([], style)
        let second = table.lines(try Sample.log(rows[2]).rows, style)
        #expect(none.isEmpty)
        try Golden.check("log-follow", (first + second).joined(separator: "\n"))
    }

    @Test func devices() throws { try Golden.check("devices", sheet(DevicesText.table(try Sample.status()))) }

    @Test func config() throws {
        let json = #"""
            {"items":[{"key":"pause.budget","value":"2s","standard":"2s","source":"default","about":"a gate reopens after its capture when the pause lasts longer"},
            {"key":"sync.settle","value":"500ms","standard":"2s","source":"mesh","about":"quiet time after the last change before an automatic round"}]}
            """#
        let report = try JSONDecoder().decode(ConfigReport.self, from: Data(json.utf8))
        let explained = report.items.map(ConfigText.explanation).joined(separator: "\n")
        try Golden.check("config", sheet(ConfigText.table(report)) + "\n---- explain\n" + explained)
    }

    @Test func explain() throws {
        let reasons = ["settling", "minInterval", "nothingChanged", "backOff", "change"]
        var texts = try reasons.map { reason in
            ExplainText(report: try Sample.status { $0.sync.next_reason = reason }).text
        }
        texts.append(ExplainText(report: try Sample.status { $0.sync.next_reason = nil }).text)
        texts.append(
            ExplainText(
                report: try Sample.status { report in
                    report.leader = nil
                    report.sync.next_reason = nil
                }
            ).text)
        try Golden.check("explain", texts.joined(separator: "\n----\n"))
    }

    @Test func aTableWithoutRowsHasItsHeader() {
        let table = Table(columns: [Table.Column("A"), Table.Column("B")])
        #expect(table.lines(Style(hasColour: false, isUnicode: true)) == ["A   B"])
    }

    /// The order of ux.md.
    @Test func columnsGoInTheirOrder() throws {
        let table = StatusDevices(report: try Sample.status()).table
        func header(_ columns: Int) -> [String] {
            table.lines(Style(hasColour: false, isUnicode: true, columns: columns))[0].split(separator: " ").map(
                String.init)
        }
        var seen: [[String]] = []
        for columns in (20...100).reversed() where seen.last != header(columns) { seen.append(header(columns)) }
        #expect(
            seen == [
                ["DEVICE", "ROLE", "STATE", "SYNC", "WRITERS", "SEEN", "VIA"],
                ["DEVICE", "ROLE", "STATE", "SYNC", "WRITERS", "SEEN"],
                ["DEVICE", "ROLE", "STATE", "SYNC", "WRITERS"], ["DEVICE", "ROLE", "STATE", "SYNC"],
                ["DEVICE", "STATE", "SYNC"],
            ])
    }

    @Test(
        arguments: [
            (nil, "-"), ("127.0.0.1:4711", "local"), ("[::1]:4711", "local"), ("192.168.1.7:1", "lan"),
            ("10.1.2.3:1", "lan"),
            ("172.16.0.1:1", "lan"), ("172.32.0.1:1", "wan"), ("100.100.1.1:1", "vpn"), ("8.8.8.8:1", "wan"),
            ("[fe80::1]:1", "lan"), ("[2001:db8::1]:1", "wan"), ("", "-"), ("unknown", "-"),
        ] as [(String?, String)])
    func via(address: String?, word: String) { #expect(StatusDevices.via(address) == word) }
}
