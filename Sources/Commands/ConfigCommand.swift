import AgentRuntime
import ArgumentParser
import ControlSocket

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Show and change settings; most are the same on every device.",
        discussion: """
            The value of a setting comes from, in this order: BATON_<KEY> in the agent's environment, what the mesh \
            agreed on, config.toml of this device, the default.
            """,
        subcommands: [
            ConfigListCommand.self, ConfigGetCommand.self, ConfigSetCommand.self, ConfigUnsetCommand.self,
            ConfigExplainCommand.self, ConfigEnableCommand.self, ConfigDisableCommand.self,
        ], defaultSubcommand: ConfigListCommand.self)
}

struct ConfigListCommand: Verb {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "All settings.")

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        let report = try await Settings.read(global, console)
        console.out(
            global.json
                ? try JSONText.of(report, console)
                : ConfigText.table(report).lines(console.style).joined(separator: "\n"))
        return Exit.done
    }
}

struct ConfigGetCommand: Verb {
    static let configuration = CommandConfiguration(commandName: "get", abstract: "The value of one setting.")

    @Argument(help: "For instance sync.settle.") var key: String
    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        let item = try Settings.item(key, in: await Settings.read(global, console))
        console.out(global.json ? try JSONText.of(item, console) : item.value)
        return Exit.done
    }
}

struct ConfigSetCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Change one setting, on every device unless it is of one alone.")

    @Argument(help: "For instance sync.settle.") var key: String
    @Argument(help: "For instance 500ms, 10MiB, on, '*.log build/'.") var value: String
    @Flag(help: "For this device alone, where that is allowed.") var here = false
    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        let call = ConfigSetting(key: key, value: value, here: here ? true : nil)
        return try await Settings.change(ControlCall.set, call, key, global, console) { Settings.taken($0, here: here) }
    }
}

struct ConfigUnsetCommand: Verb {
    static let configuration = CommandConfiguration(commandName: "unset", abstract: "Back to the default.")

    @Argument(help: "For instance sync.settle.") var key: String
    @Flag(help: "What was set for this device alone.") var here = false
    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        let call = ConfigKey(key: key, here: here ? true : nil)
        return try await Settings.change(ControlCall.unset, call, key, global, console) { item in
            "\(Escaping.shown(item.key)) is \(Escaping.shown(item.value)) now (\(ConfigText.origin(item)))"
        }
    }
}

struct ConfigExplainCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "What a setting is for, and where its value comes from.")

    @Argument(help: "For instance sync.settle.") var key: String
    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        let item = try Settings.item(key, in: await Settings.read(global, console))
        console.out(global.json ? try JSONText.of(item, console) : ConfigText.explanation(item))
        return Exit.done
    }
}

struct ConfigEnableCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "enable", abstract: "Rounds start by themselves (sync.automatic on).")

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        try await Settings.automatic("on", global, console) { "rounds start by themselves again, on every device" }
    }
}

struct ConfigDisableCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "disable", abstract: "Rounds start only when somebody asks for one (sync.automatic off).")

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        try await Settings.automatic("off", global, console) {
            "no round starts by itself any more, on any device; sync by hand: \(global.typed("sync --now"))"
        }
    }
}

enum Settings {
    static func read(_ global: GlobalOptions, _ console: Console) async throws -> ConfigReport {
        let client = try await global.connect(console)
        let report: ConfigReport = try await client.call(ControlCall.config, EmptyBody())
        await client.close()
        return report
    }

    static func item(_ key: String, in report: ConfigReport) throws -> ConfigReport.Item {
        guard let item = report.items.first(where: { $0.key == key || $0.alias == key }) else {
            throw CommandFailure(Exit.usage, "there is no setting '\(key)'", hint: "see: baton config list")
        }
        return item
    }

    /// One call that changes a setting, and what is said of it.
    static func change(
        _ kind: String, _ call: some Encodable, _ key: String, _ global: GlobalOptions, _ console: Console,
        saying text: (ConfigReport.Item) -> String
    ) async throws -> Int32 {
        let client = try await global.connect(console)
        let report = try await client.patientCall(kind, call, as: ConfigReport.self)
        await client.close()
        let item = try Settings.item(key, in: report)
        if global.json { console.out(try JSONText.of(item, console)) } else { console.note(text(item)) }
        return Exit.done
    }

    /// What was set is not always what holds: the environment of the agent is stronger.
    static func taken(_ item: ConfigReport.Item, here: Bool) -> String {
        let isHere = here || item.scope == "device"
        guard item.source == (isHere ? "device" : "mesh") else {
            return "kept; \(Escaping.shown(item.key)) is still \(Escaping.shown(item.value)) here: "
                + ConfigText.origin(item) + " is stronger"
        }
        let place = isHere ? "on this device" : "on every device"
        return "\(Escaping.shown(item.key)) is \(Escaping.shown(item.value)) now, \(place)"
    }

    static func automatic(
        _ value: String, _ global: GlobalOptions, _ console: Console, saying text: () -> String
    ) async throws -> Int32 {
        let key = "sync.automatic"
        return try await change(ControlCall.set, ConfigSetting(key: key, value: value), key, global, console) { _ in
            text()
        }
    }
}

enum ConfigText {
    static func table(_ report: ConfigReport) -> Table {
        var table = Table(columns: [
            Table.Column("KEY"), Table.Column("VALUE"), Table.Column("DEFAULT", dropOrder: 1),
            Table.Column("FROM", dropOrder: 2), Table.Column("ABOUT", dropOrder: 0, readable: 30),
        ])
        for item in report.items {
            table.add([
                Table.Cell(item.key), Table.Cell(shown(item.value), item.source == "default" ? nil : .bold),
                Table.Cell(shown(item.standard)), Table.Cell(item.source), Table.Cell(item.about),
            ])
        }
        return table
    }

    static func explanation(_ item: ConfigReport.Item) -> String {
        var lines = [
            "\(Escaping.shown(item.key)) = \(shown(Escaping.shown(item.value))) "
                + "(\(origin(item)); default \(shown(Escaping.shown(item.standard))))",
            Escaping.shown(item.about),
        ]
        if let allowed = item.allowed { lines.append("Allowed: \(Escaping.shown(allowed))") }
        if let scope = item.scope { lines.append("Set for: \(place(scope, item.environment))") }
        lines.append("Change it: baton config set \(Escaping.shown(item.key)) \(typed(item))")
        return lines.joined(separator: "\n")
    }

    /// Where the value comes from, in words.
    static func origin(_ item: ConfigReport.Item) -> String {
        switch item.source {
        case "default": "the default"
        case "mesh": "set for the mesh: the same on every device"
        case "device": "set for this device, in its config.toml"
        case "environment": "set in the agent's environment, as \(item.environment ?? "BATON_...")"
        default: Escaping.shown(item.source)
        }
    }

    private static func place(_ scope: String, _ environment: String?) -> String {
        let variable = environment.map { " (or \($0) in the agent's environment)" } ?? ""
        switch scope {
        case "mesh": return "the mesh, on every device alike"
        case "device": return "this device alone\(variable)"
        default: return "the mesh, or with --here for this device alone\(variable)"
        }
    }

    private static func shown(_ value: String) -> String { value.isEmpty ? "(none)" : value }

    private static func typed(_ item: ConfigReport.Item) -> String {
        guard let example = item.example else { return "VALUE" }
        let isPlain = example.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || ".-_/:".contains($0)) }
        return isPlain ? example : "'\(Escaping.shown(example))'"
    }
}
