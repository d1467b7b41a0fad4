import AgentRuntime
import ArgumentParser

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

struct ManCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "man", abstract: "Print the manual page.",
        discussion: "To read it: baton man | man -l -    To keep it: baton man > ~/.local/share/man/man1/baton.1")

    func perform(_ console: Console) async throws -> Int32 {
        console.out(try ManPage.text())
        return Exit.done
    }
}

/// The manual page in the macros of man(7), made from the commands themselves.
enum ManPage {
    /// What ArgumentParser tells of a command.
    struct Command: Decodable {
        var commandName: String
        var shouldDisplay: Bool?
        var abstract: String?
        var discussion: String?
        var defaultSubcommand: String?
        var subcommands: [Command]?
        var arguments: [Argument]?
    }

    struct Argument: Decodable {
        struct Name: Decodable {
            var kind: String
            var name: String
        }

        var kind: String
        var shouldDisplay: Bool
        var isOptional: Bool
        var isRepeating: Bool
        var names: [Name]?
        var valueName: String?
        var defaultValue: String?
        var abstract: String?
    }

    private struct Tool: Decodable { var command: Command }

    /// Of this text, not of the day on which it is printed.
    private static let date = "2026-11-24"

    static func text() throws -> String {
        let root = try JSONDecoder().decode(Tool.self, from: Data(BatonCommand._dumpHelp().utf8)).command
        var page = """
            '\\" t
            .\\" Made by: baton man
            .TH BATON 1 \(date) "baton \(BatonVersion.text)" "User Commands"
            .SH NAME
            baton \\- keep one git workspace in step on all your devices, while writers keep working in it
            .SH SYNOPSIS
            .B baton
            .I command
            .RI [ options ]
            .SH DESCRIPTION
            One agent runs on each of two to nine devices. The agents form a mesh over mutual TLS, elect a sync leader
            with a leased lock and a fencing token, and the leader runs atomic rounds: writers pause for a moment, what
            they made is captured, merged, held by a majority, and put in place everywhere.
            .PP
            First machine:
            .B baton init ~/notes
            .br
            Second machine:
            .B BATON_INVITE=... baton join ~/notes
            .SH COMMANDS

            """
        for command in root.subcommands ?? [] where command.shouldDisplay != false && command.commandName != "help" {
            page += section(command, name: "baton")
        }
        return page + ending
    }

    private static func section(_ command: Command, name: String) -> String {
        let name = name + " " + command.commandName
        let subcommands = (command.subcommands ?? []).filter { $0.shouldDisplay != false && $0.commandName != "help" }
        var text = ".SS \(escaped(name))\n"
        if let abstract = command.abstract { text += line(abstract) }
        let arguments = (command.arguments ?? []).filter { argument in
            argument.shouldDisplay && !(argument.names ?? []).contains { ["help", "version"].contains($0.name) }
        }
        for argument in arguments where !isGlobal(argument) { text += entry(argument) }
        if let discussion = command.discussion, !discussion.isEmpty {
            text += ".PP\n" + discussion.split(separator: "\n").map { line(String($0)) }.joined(separator: ".br\n")
        }
        return text + subcommands.map { section($0, name: name) }.joined()
    }

    /// Told once, under OPTIONS.
    private static func isGlobal(_ argument: Argument) -> Bool {
        (argument.names ?? []).contains { ["home", "workspace", "json"].contains($0.name) }
    }

    private static func entry(_ argument: Argument) -> String {
        let value = argument.valueName ?? "value"
        var head: String
        if argument.kind == "positional" {
            head = ".I \(escaped(value.uppercased()))" + (argument.isRepeating ? " ..." : "")
        } else {
            let names = (argument.names ?? []).map { ($0.kind == "short" ? "-" : "--") + $0.name }
            head = ".B \"\(escaped(names.joined(separator: ", ")))"
            head += argument.kind == "flag" ? "\"" : " \\fI\(escaped(value))\\fP\""
        }
        var about = argument.abstract ?? ""
        if let standard = argument.defaultValue, argument.kind != "flag" { about += " (default: \(standard))" }
        return ".TP\n\(head)\n" + line(about.isEmpty ? "See the abstract." : about)
    }

    private static func line(_ text: String) -> String {
        let text = escaped(text)
        let guarded = text.hasPrefix(".") || text.hasPrefix("'") ? "\\&" + text : text
        return wrapped(guarded)
    }

    /// At most 78 columns a line, broken at spaces; no line begins with a macro's mark or ends with a space.
    private static func wrapped(_ text: String) -> String {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty, line.count + 1 + word.count > 78 {
                lines.append(line)
                line = ""
            }
            let word = line.isEmpty && (word.hasPrefix(".") || word.hasPrefix("'")) ? "\\&" + word : String(word)
            line += line.isEmpty ? word : " " + word
        }
        if !line.isEmpty { lines.append(line) }
        return lines.map { $0 + "\n" }.joined()
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\e").replacing("-", with: "\\-").replacing("~", with: "\\(ti")
            .replacing("`", with: "\\(ga").replacing("^", with: "\\(ha").replacing("\"", with: "\\(dq")
    }

    private static let ending = """
        .SH OPTIONS
        Every command takes these, before or behind its name.
        .TP
        .BI "\\-\\-home " dir
        The state of this device; else
        .BR BATON_HOME ,
        else the platform's usual place.
        .TP
        .BI "\\-\\-workspace " dir
        The workspace that is meant.
        .TP
        .B \\-\\-json
        Print JSON; its schemas are printed by
        .BR "baton schema" .
        .SH ENVIRONMENT
        .TP
        .B BATON_HOME
        All state of one device: key, database, socket, logs.
        .TP
        .B BATON_INVITE
        The invite of
        .BR "baton join" .
        .TP
        .B BATON_LOG
        How much the agent logs: trace, debug, info, notice, warning, error, critical.
        .TP
        .B BATON_LOG_FORMAT
        text (key=value) or json.
        .TP
        .B NO_COLOR
        Set to anything: no colour.
        .SH FILES
        .TP
        .I ~/.local/state/baton
        BATON_HOME on Linux; on macOS
        .IR "~/Library/Application Support/Baton" .
        .TP
        .I BATON_HOME/agent.log
        What a background agent says; begun anew at 8 MiB, three old ones are kept.
        .TP
        .I BATON_HOME/config.toml
        Settings of this device alone.
        .SH EXIT STATUS
        .TS
        l l.
        0	done
        1	failed
        3	agent not running
        4	no mesh here
        5	no leader or no quorum
        6	conflicts open
        7	stopped
        8	timed out
        9	not allowed
        10	incompatible peer
        64	usage
        75	try again
        .TE
        .SH SEE ALSO
        .BR git (1),
        .BR systemd.service (5)
        """
}
