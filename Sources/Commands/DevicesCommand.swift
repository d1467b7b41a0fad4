import AgentRuntime
import ArgumentParser
import ControlSocket

struct DevicesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "devices", abstract: "List the devices of the mesh, or remove one.",
        subcommands: [DevicesListCommand.self, DevicesRemoveCommand.self], defaultSubcommand: DevicesListCommand.self)
}

struct DevicesListCommand: Verb {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the devices of the mesh.")

    @OptionGroup var global: GlobalOptions

    private struct Listing: Encodable {
        var schema = "baton.devices/1"
        var `self`: String
        var devices: [StatusReport.Device]
    }

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        let report = try await client.status()
        await client.close()
        if global.json {
            console.out(try JSONText.of(Listing(self: report.`self`, devices: report.devices), console))
        } else {
            console.out(DevicesText.table(report).lines(console.style).joined(separator: "\n"))
        }
        return Exit.done
    }
}

struct DevicesRemoveCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Take a device out of the mesh for good: its key is never let in again.")

    @Argument(help: "A name, an id or the beginning of one.") var device: String
    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        let _: EmptyBody = try await client.patientCall(
            ControlCall.remove, RemoveCall(device: device), as: EmptyBody.self)
        await client.close()
        console.note("\(Escaping.shown(device)) was removed; its links are cut and its key is refused from now on")
        return Exit.done
    }
}

enum DevicesText {
    static func table(_ report: StatusReport) -> Table {
        var table = Table(
            columns: [
                Table.Column("DEVICE", readable: 20, least: 6), Table.Column("ROLE", dropOrder: 2),
                Table.Column("STATE"),
                Table.Column("ID", least: 8), Table.Column("VERSION", dropOrder: 0),
                Table.Column("ADDRESSES", dropOrder: 1, readable: 16),
            ], margin: 2)
        for device in report.devices {
            table.add(
                [
                    Table.Cell(device.name), Table.Cell(device.role),
                    Table.Cell(device.state, device.state == "online" ? .green : .dim),
                    Table.Cell(device.id.prefix(16)), Table.Cell(device.version ?? "-"),
                    Table.Cell(device.addresses.isEmpty ? "-" : device.addresses.joined(separator: " ")),
                ], mark: device.id == report.`self` ? "*" : "")
        }
        return table
    }
}
