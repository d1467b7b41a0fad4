import AgentRuntime
import ArgumentParser
import ControlSocket

struct RecoverCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "recover", abstract: "Go on from this device alone, when too many voters are lost for good.",
        discussion: """
            A mesh needs more than half of its voters. If so many of them will never come back, one device that is \
            left can found the mesh anew from what it holds: it alone votes in a new epoch, and the others that are \
            left join it by themselves. What only a lost device had is not part of it. A lost device that comes back \
            all the same joins too, and its files are merged; nothing on it is thrown away.

            It is refused while enough voters answer, and if the hub says that another device was recovered before. \
            --force overrides that: this device's state then wins over theirs, and it is how two devices that were \
            recovered apart from each other are brought together.
            """)

    @Flag(help: "Do not ask.") var yes = false
    @Flag(help: "Also if enough voters answer, or the hub knows of another recovery.") var force = false
    @Flag(help: "Show what it would come to, and do nothing.") var dryRun = false
    @OptionGroup var global: GlobalOptions

    /// What a person types to confirm.
    static let word = "recover"

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        let before = try await client.patientCall(
            ControlCall.recover, RecoverCall(isConfirmed: false, isForced: force), as: RecoverReport.self)
        if dryRun {
            await client.close()
            console.out(global.json ? try JSONText.of(before, console) : text(before).joined(separator: "\n"))
            return Exit.done
        }
        if before.refusal == nil || force { try confirm(before, console) }
        let done = try await client.patientCall(
            ControlCall.recover, RecoverCall(isConfirmed: true, isForced: force, last_index: before.last_index),
            as: RecoverReport.self)
        await client.close()
        if global.json {
            console.out(try JSONText.of(done, console))
        } else {
            console.out("recovered: epoch \(done.epoch), on the disk; \(Escaping.shown(done.device)) is the only voter")
            console.note("devices that are left join by themselves; new ones: \(global.typed("invite"))")
            for lost in done.lost {
                let name = Escaping.shown(lost.name)
                console.note("if \(name) never comes back: \(global.typed("devices remove \(name)"))")
            }
        }
        return Exit.done
    }

    private func confirm(_ report: RecoverReport, _ console: Console) throws {
        for line in text(report) { console.note(line) }
        guard !yes else { return }
        guard console.inputIsTerminal else {
            throw CommandFailure(
                Exit.usage, "not recovered: nobody confirmed it",
                hint: "if it is meant: \(global.typed("recover --yes"))")
        }
        let answer = console.readLine("type \(Self.word) to go on: ")
        guard answer == Self.word else {
            throw CommandFailure(
                Exit.failed, "not recovered: '\(Self.word)' was not typed", hint: "see: \(global.typed("status"))")
        }
    }

    private func text(_ report: RecoverReport) -> [String] {
        let needed = report.voters / 2 + 1
        var lines = ["\(report.present) of \(needed) needed voters answer\(report.refusal.map { "; \($0)" } ?? "")"]
        for lost in report.lost {
            let seen = lost.last_seen_s.map { "last seen \(Words.span($0)) ago" } ?? "not seen since the agent started"
            lines.append("  lost  \(Escaping.shown(lost.name))  \(lost.votes ? "voter, " : "")\(seen)")
        }
        let age = report.age_s.map { ", the last complete round \(Words.span($0)) ago" } ?? ""
        lines.append("  here  \(Escaping.shown(report.device))  at round \(report.round)\(age)")
        if !report.holds_head {
            lines.append(
                "  the files of round \(report.round) never arrived here: it goes on from what this device has")
        }
        for rival in report.rivals {
            lines.append("  \(Escaping.shown(rival)) was recovered too; it will join this device")
        }
        lines.append("What only the lost devices had is not part of it until they come back; then it is merged.")
        return lines
    }
}
