import AgentRuntime
import ArgumentParser
import ControlSocket

struct UndoCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "undo", abstract: "Take back what a round changed, on every device, as a new round.",
        discussion: """
            Every file that the round changed becomes what it was before it, unless it was changed again since: those
            are listed and left alone. The undo is a round of its own and can be undone. 'baton log' has the numbers.
            """)

    @Argument(help: "The number of the round.") var round: UInt64
    @Flag(help: "Only say what would be done.") var dryRun = false
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if round == 0 { throw ValidationError("Rounds are counted from 1.") }
    }

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        let progress = dryRun ? nil : Progress.start(console) { $0.show("waiting for the round that undoes it") }
        let reply: UndoReply
        do {
            reply = try await client.patientCall(
                ControlCall.undo, UndoCall(round: round, dry_run: dryRun), as: UndoReply.self)
            await progress?.end()
        } catch {
            await progress?.end()
            throw error
        }
        await client.close()
        if global.json {
            console.out(try JSONText.of(reply, console))
        } else {
            console.out(UndoText.lines(reply, console.style).joined(separator: "\n"))
            let next = reply.round.map { "undo \($0)" } ?? "undo \(reply.undid)"
            console.note((reply.round == nil ? "do it: " : "take that back: ") + global.typed(next))
        }
        return Exit.done
    }
}

/// What was brought back and what was left, as people read it.
enum UndoText {
    static let pathsShown = 20

    static func lines(_ reply: UndoReply, _ style: Style) -> [String] {
        let back = Words.count(reply.restored_files, "file")
        let left = reply.left_files == 0 ? "" : ", \(reply.left_files) left (changed since)"
        var lines: [String] = []
        if let round = reply.round {
            let out = reply.left_out.isEmpty ? "" : "; without " + reply.left_out.joined(separator: ", ")
            let follow = reply.left_out.isEmpty ? "" : ", who follow when they are back"
            lines.append(
                "round \(round): round \(reply.undid) is undone, \(back) as before\(left); "
                    + "took \(Words.span(reply.took_s))" + Escaping.shown(out + follow))
        } else {
            lines.append("undoing round \(reply.undid) would bring \(back) back\(left)")
        }
        lines += paths(reply.restored, of: reply.restored_files, "back", style, .green)
        lines += paths(reply.left, of: reply.left_files, "left", style, .yellow)
        return lines
    }

    /// A word and a path a line, and how many more there are.
    static func paths(
        _ paths: [String], of all: Int, _ word: String, _ style: Style, _ paint: Style.Paint
    ) -> [String] {
        let shown = paths.prefix(pathsShown)
        var lines = shown.map { "  " + style.paint(word, paint) + "  " + Escaping.shown($0) }
        if all > shown.count { lines.append("  \(word)  and \(all - shown.count) more: --json lists them") }
        return lines
    }
}
