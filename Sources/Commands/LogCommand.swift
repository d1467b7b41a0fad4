import AgentRuntime
import ArgumentParser
import ControlSocket

struct LogCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "log", abstract: "Show what happened on this device: rounds, handoffs, refusals, members.")

    @OptionGroup var global: GlobalOptions
    @Option(name: [.customShort("n"), .customLong("limit")], help: ArgumentHelp("The newest so many.", valueName: "n"))
    var limit: Int = 20
    @Option(help: ArgumentHelp("Only of this device.", valueName: "device")) var device: String?
    @Option(help: ArgumentHelp("Only of this kind, e.g. round, handoff, token-refused.", valueName: "kind"))
    var kind: String?
    @Option(
        help: ArgumentHelp("Where the bytes of a file or folder went: every round that changed it.", valueName: "path"))
    var path: String?
    @Flag(help: "Go on with what happens next, until Ctrl-C.") var follow = false

    /// Between two looks of `--follow`.
    static let pause: Duration = .milliseconds(300)
    private static let rowsOfOneLook = 1000

    func validate() throws {
        guard (1...10_000).contains(limit) else { throw ValidationError("-n takes 1 to 10000, not \(limit).") }
        if path != nil, follow || device != nil || kind != nil {
            throw ValidationError("--path goes with -n and --json alone.")
        }
    }

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        if let path { return try await show(path, client, console) }
        var report = try await rows(client, limit: limit, after: nil)
        if follow {
            var last: Int64 = 0
            var widths = LogTable()
            while true {
                for line in try shown(report, &widths, console) { console.out(line) }
                last = report.rows.last?.id ?? last
                try await Task.sleep(for: Self.pause)
                report = try await rows(client, limit: Self.rowsOfOneLook, after: last)
            }
        }
        await client.close()
        if global.json {
            console.out(try JSONText.of(report, console))
        } else if report.rows.isEmpty {
            console.note("nothing in the log" + (device == nil && kind == nil ? " yet" : " fits"))
        } else {
            // What happened last is looked for first; with --json and --follow the order is that of time.
            console.out(LogText.table(report.rows.reversed()).lines(console.style).joined(separator: "\n"))
        }
        return Exit.done
    }

    private func show(_ path: String, _ client: ControlClient, _ console: Console) async throws -> Int32 {
        let report = try await client.patientCall(
            ControlCall.path, PathCall(path: path, limit: limit), as: PathReport.self)
        await client.close()
        console.out(
            global.json
                ? try JSONText.of(report, console) : PathText.lines(report, console.style).joined(separator: "\n"))
        return Exit.done
    }

    private func rows(_ client: ControlClient, limit: Int, after: Int64?) async throws -> LogReport {
        let call = LogCall(limit: limit, after: after, device: device, kind: kind)
        return try await client.call(ControlCall.log, call)
    }

    /// New rows of `--follow`: the header once; with `--json` a row a line.
    private func shown(_ report: LogReport, _ table: inout LogTable, _ console: Console) throws -> [String] {
        if global.json {
            var line = console
            line.outputIsTerminal = false
            return try report.rows.map { try JSONText.of($0, line) }
        }
        return table.lines(report.rows, console.style)
    }
}

/// Rows that come one after the other: columns keep the widths that they once had.
struct LogTable {
    private var hasHeader = false

    mutating func lines(_ rows: [LogReport.Row], _ style: Style) -> [String] {
        guard !rows.isEmpty else { return [] }
        let lines = LogText.table(rows, isFollowing: true).lines(style)
        defer { hasHeader = true }
        return hasHeader ? Array(lines.dropFirst()) : lines
    }
}
