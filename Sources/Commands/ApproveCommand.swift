import AgentRuntime
import ArgumentParser
import ControlSocket

struct ApproveCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "approve", abstract: "Let changes in place that make this device run code.",
        discussion: """
            Other devices' changes to files that editors, agents and shells run by themselves (.envrc, .vscode/tasks.json,
            .claude/settings.json, ...) are on this device, and not in place before somebody here approves them. Without a
            path it lists what waits. 'baton config set apply.quarantine off' ends that for all devices.
            """)

    @Argument(help: "Paths, as the list shows them.") var paths: [String] = []
    @Flag(help: "Everything that waits now.") var all = false
    @Flag(help: "Show what would change, and approve nothing.") var diff = false
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if all, !paths.isEmpty { throw ValidationError("Name paths or give --all, not both.") }
    }

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        let report = try await client.patientCall(
            ControlCall.approve, ApproveCall(paths: paths, all: all, differences: diff), as: ApproveReport.self)
        await client.close()
        if global.json {
            console.out(try JSONText.of(report, console))
        } else {
            console.out(text(report, console.style))
        }
        return report.late.isEmpty ? Exit.done : Exit.tryAgain
    }

    private func text(_ report: ApproveReport, _ style: Style) -> String {
        var lines = report.approved.map { "in place: \(Escaping.shown($0))" }
        lines += report.late.map { "left alone, somebody edits it here: \(Escaping.shown($0))" }
        if report.waiting.isEmpty {
            return (lines.isEmpty ? ["no change waits for approval here"] : lines).joined(separator: "\n")
        }
        if diff {
            for change in report.waiting { lines += difference(change, style) }
        } else {
            var table = Table(columns: [Table.Column("WAITS HERE", readable: 24, least: 8), Table.Column("CHANGE")])
            for change in report.waiting {
                let counts = change.added.map { "+\($0) -\(change.removed ?? 0)" } ?? "no text"
                table.add([Table.Cell(change.path), Table.Cell(change.is_new ? "new file, \(counts)" : counts)])
            }
            lines += table.lines(style)
        }
        lines.append("   look: \(global.typed("approve --diff"))   approve: \(global.typed("approve PATH|--all"))")
        return lines.joined(separator: "\n")
    }

    private func difference(_ change: ApproveReport.Waiting, _ style: Style) -> [String] {
        let head = "\(Escaping.shown(change.path))\(change.is_new ? " (new file)" : "")"
        guard let text = change.difference else { return [style.paint(head, .bold), "  (no text to show)"] }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let shown = line.split(separator: "\t", omittingEmptySubsequences: false).map { Escaping.shown($0) }
            let paint: Style.Paint? = line.hasPrefix("+") ? .green : line.hasPrefix("-") ? .red : nil
            return style.paint(shown.joined(separator: "\t"), paint)
        }
        return [style.paint(head, .bold)] + (lines.last?.isEmpty == true ? lines.dropLast() : lines)
    }
}
