import AgentRuntime
import ArgumentParser
import ControlSocket

struct RestoreCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Bring one file or folder back as it was in a round.",
        discussion: """
            Nothing else moves, and what stands there now is captured before it is replaced. Files of a folder that are
            newer than the round stay. The other devices get it with the next round.
            """)

    @Argument(help: "From the workspace's root, as 'baton log' shows it.") var path: String
    @Option(help: ArgumentHelp("The number of a round, or the beginning of a revision's id.", valueName: "round"))
    var at: String
    @Flag(help: "Only say what would be done.") var dryRun = false
    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        let reply = try await client.patientCall(
            ControlCall.restore, RestoreCall(path: path, at: at, dry_run: dryRun), as: RestoreReply.self)
        await client.close()
        if global.json {
            console.out(try JSONText.of(reply, console))
        } else {
            console.out(RestoreText.lines(path, reply, dryRun: dryRun, console.style).joined(separator: "\n"))
            if dryRun {
                console.note("do it: \(global.typed("restore \(Quoting.shell(path)) --at \(at)"))")
            } else if !reply.restored.isEmpty {
                console.note("the other devices get it with the next round: \(global.typed("sync --now"))")
            }
        }
        return dryRun || reply.left.isEmpty ? Exit.done : Exit.tryAgain
    }
}

enum RestoreText {
    static func lines(_ path: String, _ reply: RestoreReply, dryRun: Bool, _ style: Style) -> [String] {
        guard reply.restored_files > 0 || !reply.left.isEmpty else {
            return ["\(Escaping.shown(path)) is as in \(reply.at) already"]
        }
        let back = Words.count(reply.restored_files, "file")
        var first = dryRun ? "would bring \(back) back as of \(reply.at)" : "brought \(back) back as of \(reply.at)"
        if reply.same_files > 0 { first += ", \(reply.same_files) \(reply.same_files == 1 ? "is" : "are") so already" }
        if !dryRun, reply.restored_files > 0 {
            first += reply.capture.map { "; what stood there is kept in \($0.prefix(10))" } ?? ""
        }
        var lines = [first]
        lines += UndoText.paths(reply.restored, of: reply.restored_files, "back", style, .green)
        lines += UndoText.paths(reply.left, of: reply.left.count, "left", style, .yellow)
        if !reply.left.isEmpty {
            lines.append("left as they are: written to or in use just now, or held back (baton status); then try again")
        }
        return lines
    }
}

/// A word of a command to type.
enum Quoting {
    static func shell(_ text: String) -> String {
        let isPlain =
            !text.isEmpty
            && text.utf8.allSatisfy { byte in
                (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                    || Array("/._-+,:@%".utf8).contains(byte)
            }
        return isPlain
            ? text
            : "'"
                + text.split(separator: "'", omittingEmptySubsequences: false)
                .joined(separator: #"'\''"#) + "'"
    }
}
