import AgentRuntime

/// Audit rows as people read them: `OP WHEN BY WHAT RESULT TOOK`.
enum LogText {
    /// - Parameter isFollowing: columns have fixed widths at least, and the time of day instead of an age.
    static func table(_ rows: [LogReport.Row], isFollowing: Bool = false) -> Table {
        var table = Table(columns: [
            Table.Column("OP", dropOrder: 1), Table.Column("WHEN"), Table.Column("BY", dropOrder: 2),
            Table.Column("WHAT", readable: 32, least: 12), Table.Column("RESULT"), Table.Column("TOOK", dropOrder: 0),
        ])
        for row in rows {
            let details = JSONText.fields(row.details)
            let result = result(row, details)
            let took = took(details)
            table.add([
                Table.Cell(pad("\(row.id)", isFollowing ? 5 : 0)),
                Table.Cell(isFollowing ? clock(row.at) : Words.ago(row.age_s)),
                Table.Cell(pad(row.device_name, isFollowing ? 10 : 0)),
                Table.Cell(pad(row.summary, isFollowing ? 48 : 0)),
                Table.Cell(pad(result, isFollowing ? 10 : 0), paint(result)), Table.Cell(took),
            ])
        }
        return table
    }

    private static func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - DisplayWidth.of(text)))
    }

    /// `21:30:05` of `2026-01-31T21:30:05.250Z`: UTC, as the log has it.
    private static func clock(_ at: String) -> String {
        guard let letter = at.firstIndex(of: "T") else { return at }
        return at[letter...].dropFirst().prefix(8) + "Z"
    }

    private static func result(_ row: LogReport.Row, _ details: [String: String]) -> String {
        switch row.kind {
        case "round":
            if details["why"] != nil { return "given up" }
            return row.summary.contains("nothing to do") ? "skipped" : "ok"
        case "published":
            let words = row.summary.split(separator: " ")
            guard let at = words.firstIndex(where: { $0.hasPrefix("conflict") }), at > 0 else { return "ok" }
            return Words.count(Int(words[at - 1]) ?? 1, "conflict")
        case "handoff", "joined", "pause", "applied": return "ok"
        case "declined": return "declined"
        case "lock-expired", "leadership-lost": return "lost"
        default: return row.kind.contains("refus") ? "refused" : "-"
        }
    }

    private static func paint(_ result: String) -> Style.Paint? {
        switch result {
        case "ok": .green
        case "-": nil
        case "skipped": .dim
        case "refused", "given up": .red
        default: .yellow
        }
    }

    private static func took(_ details: [String: String]) -> String {
        guard let text = details["took_ms"] ?? details["held_ms"], let milliseconds = Double(text) else { return "-" }
        return milliseconds < 95 ? "\(Int(milliseconds)) ms" : Words.span(milliseconds / 1000)
    }
}
