import AgentRuntime
import ArgumentParser
import ControlSocket

struct SyncCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "sync", abstract: "Ask for a round, wait for it, or say why there is none now.",
        discussion: """
            By itself, and with --reason manual, a round starts at once. With --reason startup or exit it keeps the \
            least time between rounds (sync.min-interval) and waits for no quiet; --now makes it one at once. With \
            --wait such a call returns when this device is in step, or with exit status 75 if no round may start yet.
            """)

    enum Reason: String, ExpressibleByArgument, CaseIterable, Sendable { case startup, exit, manual }

    @OptionGroup var global: GlobalOptions
    @Flag(help: "A round now, whatever settling and intervals say (this is so without the flag too).") var now = false
    @Flag(help: "Return when the round is over; exit status 6 if conflicts are open then, 1 if it was given up.")
    var wait = false
    @Option(help: "Why it is asked for; kept in the log.") var reason: Reason?
    @Flag(help: "Start nothing: say what the scheduler waits for.") var explain = false

    func validate() throws {
        if explain, now || wait || reason != nil { throw ValidationError("--explain starts nothing: use it alone.") }
    }

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        if explain {
            let report = try await client.status()
            console.out(global.json ? try JSONText.of(report.sync, console) : ExplainText(report: report).text)
            await client.close()
            return Exit.done
        }
        let call = SyncCall(wait: wait, reason: (now ? .manual : reason ?? .manual).rawValue)
        let steps = wait ? Progress.start(console, { await Self.steps($0, global, console) }) : nil
        let report: SyncReport
        do {
            report = try await client.patientCall(ControlCall.sync, call, as: SyncReport.self)
            await steps?.end()
        } catch {
            await steps?.end()
            throw error
        }
        return try await finish(report, client, console)
    }

    private func finish(_ report: SyncReport, _ client: ControlClient, _ console: Console) async throws -> Int32 {
        if global.json { console.out(try JSONText.of(report, console)) }
        if report.result == "aborted" {
            throw CommandFailure(
                Exit.failed, "the round was given up: \(report.why ?? "no reason was given")",
                hint: "try again: \(global.typed("sync --now --wait"))")
        }
        if report.result == "not_now", wait {
            throw CommandFailure(
                Exit.tryAgain, "no round now: \(report.why ?? "the sync leader decides")",
                hint: "force it: \(global.typed("sync --now --wait"))")
        }
        // Conflicts of earlier rounds count too: what is open is what the user must look at.
        let conflicts = wait ? try await client.status().conflicts : nil
        await client.close()
        if !global.json { console.out(SyncText.line(report)) }
        guard let conflicts, conflicts.open > 0 else { return Exit.done }
        let paths = conflicts.paths.isEmpty ? "" : ": " + conflicts.paths.prefix(3).joined(separator: ", ")
        console.note(
            "baton: \(Words.count(conflicts.open, "conflict")) open\(Escaping.shown(paths)), both versions are kept; "
                + "see: \(global.typed("conflicts"))")
        return Exit.conflicts
    }

    /// The phases of the round under way, as this device sees them.
    private static func steps(_ progress: Progress, _ global: GlobalOptions, _ console: Console) async {
        guard let watcher = try? await global.connect(console) else { return }
        var before = ""
        do {
            for try await report in watcher.stream(ControlCall.watch, EmptyBody(), as: StatusReport.self) {
                guard report.sync.phase != before, report.sync.phase != "idle" else { continue }
                before = report.sync.phase
                progress.show("round: \(report.sync.phase)")
            }
        } catch {
            progress.show("waiting for the round")
        }
        await watcher.close()
    }
}

/// What a sync call came to, in one line.
enum SyncText {
    static func line(_ report: SyncReport) -> String {
        let took = "took \(Words.span(report.took_s))"
        switch report.result {
        case "requested": return "a round was asked for (the last one is \(report.round))"
        case "not_now": return "no round now: \(Escaping.shown(report.why ?? "the sync leader decides"))"
        case "in_step": return "in step with round \(report.round)"
        case "nothing_to_do": return "nothing to do, round \(report.round) stands; \(took)" + leftOut(report)
        case "caught_up": return "brought devices to round \(report.round); \(took)" + leftOut(report)
        case "published":
            let conflicts = report.conflicts == 0 ? "" : ", \(Words.count(report.conflicts, "conflict"))"
            return "round \(report.round): \(Words.count(report.changed_files, "file")), "
                + "\(Words.count(report.participants.count, "device"))\(conflicts); \(took)" + leftOut(report)
        default: return "round \(report.round): \(report.result); \(took)"
        }
    }

    private static func leftOut(_ report: SyncReport) -> String {
        guard !report.left_out.isEmpty else { return "" }
        return "; without " + Escaping.shown(report.left_out.joined(separator: ", "))
            + ", who follow when they are back"
    }
}

/// `sync --explain`, as far as a status report tells it.
struct ExplainText {
    let report: StatusReport

    var text: String {
        var lines = [verdict]
        var table = Table(columns: ["RULE", "VALUE", "LIMIT", "SAYS", ""].map { Table.Column($0) })
        for rule in report.sync.rules ?? [] {
            let value = Escaping.shown(rule.value)
            table.add([
                Table.Cell(rule.rule), Table.Cell(value), Table.Cell(rule.limit), Table.Cell(rule.says),
                Table.Cell(rule.decides ? "<- decides" : ""),
            ])
        }
        lines += table.lines(Style(hasColour: false, isUnicode: false))
        return (lines + [advice]).joined(separator: "\n")
    }

    private var isStopped: Bool { report.sync.rules?.first(where: \.decides)?.rule == "stop" }

    /// What applies: a stopped device refuses --now, and without a leader nobody can take it.
    private var advice: String {
        if isStopped { return "Let it go on: \(report.reasons.first { $0.code == "stopped" }?.fix ?? "baton resume")" }
        return report.leader == nil ? "See why: baton status" : "Force it: baton sync --now"
    }

    private var verdict: String {
        if isStopped { return "Would sync now? NO - syncing is stopped" }
        guard let reason = report.sync.next_reason else {
            let leader = report.devices.first { $0.id == report.leader?.device }?.name
            if let leader, let spares {
                return "Would sync now? NO - \(Escaping.shown(leader)) leads and spares \(spares)"
            }
            return leader.map { "The sync leader decides: ask there (\(Escaping.shown($0)))" }
                ?? "Would sync now? NO - there is no sync leader"
        }
        switch reason {
        case "nothingChanged": return "Would sync now? NO - nothing changed"
        case "settling": return "Would sync now? NO - files still change\(wait)"
        case "minInterval": return "Would sync now? NO - the last round was too recent (sync.min-interval)\(wait)"
        case "automaticOff": return "Would sync now? NO - automatic rounds are off (baton config enable)"
        case "battery": return "Would sync now? NO - the battery of this device is low"
        case "metered": return "Would sync now? NO - this device is on a metered link"
        case "backOff": return "Would sync now? NO - waiting after a failed round\(wait)"
        default: return "Would sync now? YES (\(reason))"
        }
    }

    /// What a leader that starts no round of its own accord spares.
    private var spares: String? {
        let blocking = (report.sync.rules ?? []).filter { $0.says == "blocks" }.map(\.rule)
        if blocking.contains("battery") { return "its battery" }
        return blocking.contains("metered link") ? "its metered link" : nil
    }

    private var wait: String { report.sync.next_in_s.map { ", wait about \(Words.coarse($0))" } ?? "" }
}
