import AgentRuntime

/// `baton log --path`: a line an event, newest first, and below it who brought what.
enum PathText {
    static func lines(_ report: PathReport, _ style: Style) -> [String] {
        var table = Table(columns: [
            Table.Column("ROUND"), Table.Column("WHEN"), Table.Column("WHAT", readable: 40, least: 12),
            Table.Column("SIZE", dropOrder: 1), Table.Column("VERSION", dropOrder: 0),
        ])
        for event in report.events {
            table.add([
                Table.Cell(event.round.map { "\($0)" } ?? "-"), Table.Cell(Words.ago(event.age_s)),
                Table.Cell(what(event), paint(event)), Table.Cell(size(event.version)),
                Table.Cell(event.version.map { String($0.id.prefix(10)) } ?? "-"),
            ])
            for line in details(event) {
                table.add([
                    Table.Cell(""), Table.Cell(""), Table.Cell("  " + line), Table.Cell(""), Table.Cell(""),
                ])
            }
        }
        let name = report.path.isEmpty ? "the workspace" : report.path
        let now = report.now.map { "\(size($0)), \($0.id.prefix(10))" } ?? "not there"
        return ["\(Escaping.shown(name)) now: \(now)"] + table.lines(style)
            + ["bring a version back: baton restore \(Quoting.shell(report.path)) --at ROUND-OR-CAPTURE"]
    }

    private static func what(_ event: PathReport.Event) -> String {
        if let summary = event.summary { return "\(event.kind): \(summary)" }
        let by = event.brought.map(\.device).joined(separator: ", ")
        var text: String
        switch event.kind {
        case "captured": return "captured on \(by), not published yet"
        case "kept": text = event.left_by_undo ? "left by the undo of round \(event.undoes ?? 0)" : "kept"
        default: text = event.files.map { "\(Words.count($0, "file")) \(event.kind)" } ?? event.kind
        }
        if let undoes = event.undoes, !event.left_by_undo { text += " by the undo of round \(undoes)" }
        if !by.isEmpty { text += " by \(by)" }
        if !event.conflicts.isEmpty { text += ", \(Words.count(event.conflicts.count, "conflict"))" }
        return text
    }

    private static func details(_ event: PathReport.Event) -> [String] {
        var lines: [String] = []
        // A single capture that stands needs no second line.
        let isPlain =
            event.brought.count == 1 && event.conflicts.isEmpty && event.brought.first?.version == event.version
        if !isPlain || event.kind == "captured" {
            lines += event.brought.map { brought in
                "\(brought.device): \(brought.version.map(size) ?? "deleted"), capture \(brought.capture.prefix(10))"
            }
        }
        lines += event.conflicts.map { conflict in
            let stands = conflict.stands_from ?? "the head"
            let kept = conflict.kept_from ?? "the head"
            return "conflict \(conflict.id) (\(conflict.kind)): \(stands)'s stands, \(kept)'s is kept"
        }
        return lines
    }

    private static func paint(_ event: PathReport.Event) -> Style.Paint? {
        switch event.kind {
        case "deleted": .red
        case "captured", "late", "held": .yellow
        case "added", "restored": .green
        default: event.conflicts.isEmpty ? nil : .yellow
        }
    }

    private static func size(_ version: PathReport.Version?) -> String {
        guard let version else { return "-" }
        if version.mode == "40000" { return "folder" }
        return version.bytes.map { $0 == 1 ? "1 byte" : "\($0) bytes" } ?? "-"
    }
}
