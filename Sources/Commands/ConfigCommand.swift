import AgentRuntime
import ArgumentParser
import ControlSocket

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Show and change settings; they are the same on every device.",
        subcommands: [
            ConfigListCommand.self, ConfigGetCommand.self, ConfigSetCommand.self, ConfigExplainCommand.self,
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
        commandName: "set", abstract: "Change one setting on every device.")

    @Argument(help: "For instance sync.settle.") var key: String
    @Argument(help: "For instance 500ms, 2s, 5m.") var value: String
    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        let report = try await client.patientCall(
            ControlCall.set, ConfigSetting(key: key, value: value), as: ConfigReport.self)
        await client.close()
        let item = try Settings.item(key, in: report)
        if global.json {
            console.out(try JSONText.of(item, console))
        } else {
            console.note("\(Escaping.shown(item.key)) is \(Escaping.shown(item.value)) now, on every device")
        }
        return Exit.done
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

enum Settings {
    static func read(_ global: GlobalOptions, _ console: Console) async throws -> ConfigReport {
        let client = try await global.connect(console)
        let report: ConfigReport = try await client.call(ControlCall.config, EmptyBody())
        await client.close()
        return report
    }

    static func item(_ key: String, in report: ConfigReport) throws -> ConfigReport.Item {
        guard let item = report.items.first(where: { $0.key == key }) else {
            throw CommandFailure(Exit.usage, "there is no setting '\(key)'", hint: "see: baton config list")
        }
        return item
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
                Table.Cell(item.key), Table.Cell(item.value, item.source == "default" ? nil : .bold),
                Table.Cell(item.standard), Table.Cell(item.source), Table.Cell(item.about),
            ])
        }
        return table
    }

    static func explanation(_ item: ConfigReport.Item) -> String {
        let source = item.source == "default" ? "the default" : "set for the mesh: the same on every device"
        return """
            \(Escaping.shown(item.key)) = \(Escaping.shown(item.value)) (\(Escaping.shown(source)); \
            default \(Escaping.shown(item.standard)))
            \(Escaping.shown(item.about))
            Change it: baton config set \(Escaping.shown(item.key)) VALUE
            """
    }
}
