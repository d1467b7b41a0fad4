import Foundation
import Testing

@testable import AgentRuntime
@testable import Commands

@Suite struct TableTextTests {
    private func sheet(_ table: Table) -> String {
        [40, 60, 80, 120, nil].map { (columns: Int?) in
            let lines = table.lines(Style(hasColour: false, isUnicode: true, columns: columns))
            return (["---- \(columns.map { "\($0)" } ?? "a pipe")"] + lines).joined(separator: "\n")
        }.joined(separator: "\n")
    }

    @Test func log() throws {
        let report = try Sample.log()
        try Golden.check("log", sheet(LogText.table(operations: report.operations)))
        try Golden.check("log-rows", sheet(LogText.table(report.rows.reversed())))
    }

    @Test func logThatIsFollowed() throws {
        var table = LogTable()
        let style = Style(hasColour: false, isUnicode: true)
        let rows = try Sample.log().rows
        let first = table.lines(Array(rows[0...1]), style)
        let none = table.lines([], style)
        let second = table.lines([rows[2]], style)
        #expect(none.isEmpty)
        try Golden.check("log-follow", (first + second).joined(separator: "\n"))
    }

    @Test func oneOperation() throws {
        let report = try Sample.operation()
        let texts = [40, 80, nil].map { (columns: Int?) in
            let style = Style(hasColour: false, isUnicode: true, columns: columns)
            let name = columns.map { "\($0)" } ?? "a pipe"
            return (["---- \(name)"] + LogShowText(report: report).lines(style)).joined(separator: "\n")
        }
        try Golden.check("log-show", texts.joined(separator: "\n"))
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
        // A stop decides before anybody asks for a leader, and refuses --now.
        texts.append(
            ExplainText(
                report: try Sample.status(
                    health: "stopped",
                    { report in
                        report.leader = nil
                        report.sync.next_reason = nil
                        report.sync.rules = [
                            .init(rule: "stop", value: "stopped", limit: "-", says: "blocks", decides: true),
                            .init(rule: "leader", value: "none", limit: "-", says: "blocks", decides: false),
                        ]
                    })
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
