import AgentRuntime

/// The audit as people read it: `OP WHEN BY WHAT RESULT TOOK`.
enum LogText {
    private static var columns: [Table.Column] {
        [
            Table.Column("OP", dropOrder: 1), Table.Column("WHEN"), Table.Column("BY", dropOrder: 2),
            Table.Column("WHAT", readable: 26, least: 12), Table.Column("RESULT"), Table.Column("TOOK", dropOrder: 0),
        ]
    }

    static func table(operations: [LogReport.Operation]) -> Table {
        var table = Table(columns: columns)
        for operation in operations {
            let result = operation.result.isEmpty ? "-" : operation.result
            table.add([
                Table.Cell(operation.op), Table.Cell(Words.ago(operation.age_s)), Table.Cell(operation.by_name),
                Table.Cell(operation.what), Table.Cell(result, paint(result)), Table.Cell(took(operation.took_s)),
            ])
        }
        return table
    }

    /// Row by row, each phase of each device.
    /// - Parameter isFollowing: columns have fixed widths at least, and the time of day instead of an age.
    static func table(_ rows: [LogReport.Row], isFollowing: Bool = false) -> Table {
        var table = Table(columns: columns)
        for row in rows {
            let details = JSONText.fields(row.details)
            let result = result(row, details)
            let milliseconds = (details["took_ms"] ?? details["held_ms"]).flatMap { Double($0) }
            table.add([
                Table.Cell(row.op),
                Table.Cell(isFollowing ? clock(row.at) : Words.ago(row.age_s)),
                Table.Cell(pad(row.device_name, isFollowing ? 10 : 0)),
                Table.Cell(pad(row.summary, isFollowing ? 48 : 0)),
                Table.Cell(pad(result, isFollowing ? 10 : 0), paint(result)),
                Table.Cell(took(milliseconds.map { $0 / 1000 })),
            ])
        }
        return table
    }

    static func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - DisplayWidth.of(text)))
    }

    /// `21:30:05` of `2026-01-31T21:30:05.250Z`: UTC, as the log has it.
    static func clock(_ at: String) -> String {
        guard let letter = at.firstIndex(of: "T") else { return at }
        return at[letter...].dropFirst().prefix(8) + "Z"
    }

    private static func result(_ row: LogReport.Row, _ details: [String: String]) -> String {
        switch row.kind {
        case "round":
            switch details["result"] {
            case "aborted": return "given up"
            case "nothing_to_do": return "skipped"
            default: return "ok"
            }
        case "published":
            let conflicts = Int(details["conflicts"] ?? "") ?? 0
            return conflicts == 0 ? "ok" : Words.count(conflicts, "conflict")
        case "pause": return details["early"] == "true" ? "early" : "ok"
        case "no-round": return "waits"
        case "loop": return "set aside"
        case "applied": return details["waiting"] == nil ? "ok" : "waits"
        case "handoff", "joined", "captured", "staged", "started", "stopped": return "ok"
        case "declined": return "declined"
        case "lock-expired", "leadership-lost": return "lost"
        default: return row.kind.contains("refus") ? "refused" : "-"
        }
    }

    static func paint(_ result: String) -> Style.Paint? {
        switch result {
        case "ok": .green
        case "-": nil
        case "skipped": .dim
        case "refused", "given up": .red
        default: .yellow
        }
    }

    static func took(_ seconds: Double?) -> String {
        guard let seconds, seconds.isFinite else { return "-" }
        return seconds < 0.0995 ? "\(Int(max(0, seconds) * 1000 + 0.5)) ms" : Words.span(seconds)
    }

    static func verdict(_ verdict: LogVerdict) -> String {
        if let row = verdict.broken_row {
            let op = verdict.broken_op.map { " (operation \($0))" } ?? ""
            return """
                BROKEN at row \(row)\(op): \(Escaping.shown(verdict.why ?? "it does not fit"))
                \(Words.count(verdict.rows, "row")) before it \(verdict.rows == 1 ? "is" : "are") whole
                """
        }
        guard let first = verdict.first, let last = verdict.last else { return "the record is empty" }
        let cut = verdict.cut_before.map { _ in "; older ones were dropped by age, their last hash is kept" } ?? ""
        let old = verdict.unchained == 0 ? "" : "; \(verdict.unchained) are older than the chain"
        return "whole: \(Words.count(verdict.rows, "row")), \(first) to \(last)\(cut)\(old)\nnewest hash \(verdict.tip)"
    }
}

/// `log show`: one operation with all of its rows.
struct LogShowText {
    let report: LogReport

    func lines(_ style: Style) -> [String] {
        var lines = head(style)
        var table = Table(columns: [
            Table.Column("AFTER"), Table.Column("DEVICE", dropOrder: 1), Table.Column("PHASE"),
            Table.Column("WHAT", readable: 24, least: 12), Table.Column("ROW", dropOrder: 0),
        ])
        for row in report.rows {
            let details = JSONText.fields(row.details)
            let after = details["after_ms"].flatMap { Double($0) }.map { LogText.took($0 / 1000) }
            table.add([
                Table.Cell(after ?? LogText.clock(row.at)), Table.Cell(row.device_name), Table.Cell(row.kind),
                Table.Cell(row.summary), Table.Cell("\(row.id)", .dim),
            ])
        }
        lines += [""] + table.lines(style)
        let facts = facts
        if !facts.isEmpty { lines.append("") }
        for (name, value) in facts {
            lines += Flow.lines([Flow.Piece(LogText.pad(name, 12) + value)], style, indent: "            ")
        }
        return lines
    }

    private func head(_ style: Style) -> [String] {
        guard let operation = report.operations.first else { return [] }
        var pieces = [Flow.Piece(operation.op, .bold), Flow.Piece(operation.what, before: "  ")]
        if !operation.result.isEmpty { pieces.append(Flow.Piece(operation.result, LogText.paint(operation.result))) }
        if let took = operation.took_s { pieces.append(Flow.Piece("took \(LogText.took(took))")) }
        var second = [Flow.Piece("\(operation.at) (\(Words.ago(operation.age_s)))")]
        second.append(Flow.Piece("by \(operation.by_name)", before: ", "))
        if let round = operation.round_id { second.append(Flow.Piece("round \(round)", before: ", ")) }
        return Flow.lines(pieces, style) + Flow.lines(second, style)
    }

    /// What the rows tell beside their summaries, once each.
    private var facts: [(String, String)] {
        var facts: [(String, String)] = []
        func add(_ name: String, _ value: String) {
            if !value.isEmpty, !facts.contains(where: { $0 == (name, value) }) { facts.append((name, value)) }
        }
        for row in report.rows {
            let details = JSONText.fields(row.details)
            add("reason", details["reason"] ?? "")
            add("decided by", details["decided"] ?? "")
            if row.kind == "no-round" { add("rules", details["rules"]?.replacing("\n", with: "; ") ?? "") }
            if row.kind == "pause" || row.kind == "captured" {
                add("paused", named(details["paused"], row))
                add("unanswered", named(details["unanswered"], row))
                add("outside", named(details["outside"], row))
                add("held back", named(details["held_paths"]?.replacing("\n", with: ", "), row))
            }
            if row.kind == "published" {
                add("head", "\(details["from"]?.prefix(12) ?? "none") -> \(details["to"]?.prefix(12) ?? "none")")
            }
            add("left out", details["left_out"] ?? "")
            add("why", details["why"] ?? "")
            if row.kind == "round" {
                let phases = ["prepare", "collect", "merge", "stage", "publish", "apply"]
                add(
                    "phases",
                    phases.compactMap { name in details["\(name)_ms"].map { "\(name) \($0) ms" } }
                        .joined(separator: ", "))
            }
        }
        return facts
    }

    private func named(_ value: String?, _ row: LogReport.Row) -> String {
        value.map { $0.isEmpty ? "" : "\(row.device_name): \($0)" } ?? ""
    }
}
