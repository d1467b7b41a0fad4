import AgentRuntime
import ArgumentParser
import ControlSocket
import Primitives

struct LogCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log", abstract: "Show what happened on this device: rounds, handoffs, refusals, members.",
        subcommands: [LogListCommand.self, LogShowCommand.self], defaultSubcommand: LogListCommand.self)
}

struct LogListCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "A line for each operation, the newest first.",
        discussion: """
            A round is one operation: its phases on each device are shown by baton log show OP, where OP is what \
            stands in the first column, or the number of a round.
            """)

    @OptionGroup var global: GlobalOptions
    @Option(name: [.customShort("n"), .customLong("limit")], help: ArgumentHelp("The newest so many.", valueName: "n"))
    var limit: Int = 20
    @Option(
        help: ArgumentHelp("Only what happened within this time, e.g. 2h.", valueName: "time"),
        transform: DurationArgument.init(text:))
    var since: DurationArgument?
    @Option(help: ArgumentHelp("Only what tells of this device.", valueName: "device")) var device: String?
    @Option(
        help: ArgumentHelp("Only rows of this kind, e.g. captured, handoff, token-refused.", valueName: "kind"))
    var kind: String?
    @Option(
        help: ArgumentHelp("Where the bytes of a file or folder went: every round that changed it.", valueName: "path"))
    var path: String?
    @Flag(help: "Show every row: each phase of each device.") var rows = false
    @Flag(help: "Go on with what happens next, row by row, until Ctrl-C.") var follow = false
    @Flag(help: "Check that no row was changed or removed: walks the chain of hashes; exit status 1 if it breaks.")
    var verify = false

    /// Between two looks of `--follow`.
    static let pause: Duration = .milliseconds(300)
    private static let rowsOfOneLook = 1000

    func validate() throws {
        guard (1...2000).contains(limit) else { throw ValidationError("-n takes 1 to 2000, not \(limit).") }
        if path != nil, follow || rows || verify || device != nil || kind != nil || since != nil {
            throw ValidationError("--path goes with -n and --json alone.")
        }
        if verify, follow || rows || kind != nil || device != nil || since != nil {
            throw ValidationError("--verify looks at the whole record: use it alone.")
        }
    }

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        if let path { return try await show(path, client, console) }
        if verify { return try await check(client, console) }
        var report = try await ask(client, limit: limit, after: nil)
        if follow {
            var last: Int64 = 0
            var widths = LogTable()
            while true {
                for line in try shown(report, &widths, console) { console.out(line) }
                last = report.rows.last?.id ?? last
                try await Task.sleep(for: Self.pause)
                report = try await ask(client, limit: Self.rowsOfOneLook, after: last)
            }
        }
        await client.close()
        if global.json {
            console.out(try JSONText.of(report, console))
        } else if report.rows.isEmpty, report.operations.isEmpty {
            console.note("nothing in the log" + (device == nil && kind == nil && since == nil ? " yet" : " fits"))
        } else {
            let table =
                wantsRows ? LogText.table(report.rows.reversed()) : LogText.table(operations: report.operations)
            console.out(table.lines(console.style).joined(separator: "\n"))
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

    private var wantsRows: Bool { follow || rows || kind != nil }

    private func ask(_ client: ControlClient, limit: Int, after: Int64?) async throws -> LogReport {
        let call = LogCall(
            limit: limit, after: after, device: device, kind: kind, since_s: since?.duration.secondsWithFraction,
            operations: wantsRows ? nil : true)
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

    private func check(_ client: ControlClient, _ console: Console) async throws -> Int32 {
        let verdict: LogVerdict = try await client.call(ControlCall.verifyLog, EmptyBody(), timeout: .seconds(60))
        await client.close()
        console.out(global.json ? try JSONText.of(verdict, console) : LogText.verdict(verdict))
        return verdict.whole ? Exit.done : Exit.failed
    }
}

struct LogShowCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Everything that is known of one operation: each phase on each device.")

    @Argument(help: ArgumentHelp("As baton log names it, e.g. k00a4, or the number of a round.", valueName: "op"))
    var op: String
    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        let report: LogReport = try await client.call(ControlCall.log, LogCall(limit: 1000, op: op))
        await client.close()
        guard !report.rows.isEmpty else {
            throw CommandFailure(Exit.failed, "there is no operation '\(op)' in the log", hint: "see: baton log")
        }
        console.out(
            global.json
                ? try JSONText.of(report, console)
                : LogShowText(report: report).lines(console.style).joined(separator: "\n"))
        return Exit.done
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
