import ArgumentParser
import GitTwin
import Primitives
import SimulateCommand

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// From arguments to an exit code.
package enum CommandLineEntry {
    /// The program: never returns.
    package static func main() async -> Never {
        // A reader who left (`baton log | head`) is seen by the write that fails.
        signal(SIGPIPE, SIG_IGN)
        RealGit.install { GitTwin.run($0, compares: $1) }
        let code = await run(Array(CommandLine.arguments.dropFirst()), on: .system)
        exit(code)
    }

    static func run(_ arguments: [String], on console: Console) async -> Int32 {
        if let code = HookEntry.run(arguments, console) { return code }
        let arguments = GlobalOptions.moved(arguments)
        do {
            var command = try BatonCommand.parseAsRoot(arguments)
            if let verb = command as? any Verb { return try await verb.perform(console) }
            try command.run()
            return Exit.done
        } catch {
            return report(error, arguments, on: console)
        }
    }

    /// One line on stderr, or what was asked for (help, version) on stdout.
    private static func report(_ error: any Error, _ arguments: [String], on console: Console) -> Int32 {
        if let code = error as? ArgumentParser.ExitCode { return code.rawValue }
        if let failure = CommandFailure(error) {
            console.fail(failure)
            return failure.code
        }
        let columns = console.columns() ?? 80
        guard BatonCommand.exitCode(for: error) != .success else {
            console.out(BatonCommand.fullMessage(for: error, columns: columns))
            return Exit.done
        }
        let message = BatonCommand.message(for: error)
        console.fail(UsageText.failure(message, arguments))
        return Exit.usage
    }
}

/// Wrong arguments in one line.
enum UsageText {
    static func failure(_ message: String, _ arguments: [String]) -> CommandFailure {
        let lines = message.split(separator: "\n").map { $0.trimmingSpaces }.filter { !$0.isEmpty }
        var text = lines.joined(separator: " ")
        text = text.prefix(1).lowercased() + text.dropFirst()
        if text.hasSuffix(".") { text.removeLast() }
        return CommandFailure(Exit.usage, text, hint: hint(arguments))
    }

    /// The help of the verb that was meant; how to name the command where that is what is missing.
    private static func hint(_ arguments: [String]) -> String {
        let verbs = arguments.prefix { !$0.hasPrefix("-") }
        guard let verb = verbs.first, known(verb) else { return "see: baton --help" }
        if ["run", "gate", "lock"].contains(verb), !arguments.contains("--") {
            return "put -- before the command: baton \(verb)\(verb == "lock" ? " NAME" : "") -- CMD"
        }
        return "see: baton \(verb) --help"
    }

    private static func known(_ verb: String) -> Bool {
        (BatonCommand.configuration.groupedSubcommands.flatMap(\.subcommands) + BatonCommand.configuration.subcommands)
            .contains { $0._commandName == verb }
    }
}

extension Substring {
    var trimmingSpaces: String {
        var rest = self
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }
}
