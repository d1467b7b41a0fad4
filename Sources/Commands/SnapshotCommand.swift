import AgentRuntime
import ArgumentParser
import ControlSocket

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

struct SnapshotCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot", abstract: "Write a round to a file, or take such a file in.",
        subcommands: [SnapshotExport.self, SnapshotImport.self, SnapshotList.self, SnapshotDrop.self])
}

struct SnapshotExport: Verb {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write a round with its captures and its past to a git bundle.")

    @Argument(help: "A file that is not there yet.") var file: String
    @Option(help: "The number of the round; else the newest.") var round: UInt64?
    @Option(help: "Leave out what this older round has: whoever imports the file must have that.") var since: UInt64?
    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        let path = try SnapshotFile.absolute(file)
        guard access(path, F_OK) != 0 else {
            throw CommandFailure(Exit.failed, "\(file) is there already", hint: "name another file, or remove it first")
        }
        let folder = String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex))
        guard access(folder.isEmpty ? "/" : folder, W_OK) == 0 else {
            throw CommandFailure(Exit.failed, "no file can be made in \(folder)", hint: "name a folder that is there")
        }
        let client = try await global.connect(console)
        let reply = try await client.patientCall(
            ControlCall.snapshotExport, SnapshotExportCall(file: path, round: round, since: since),
            as: SnapshotExportReply.self)
        await client.close()
        let what = "round \(reply.round)" + (reply.since.map { " since round \($0)" } ?? "")
        console.out(
            global.json
                ? try JSONText.of(reply, console)
                : "\(what) is in \(Escaping.shown(file)), \(SnapshotFile.size(reply.bytes)); any git can read it")
        return Exit.done
    }
}

struct SnapshotImport: Verb {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Check a snapshot, object by object, and keep it for 'restore --at'.")

    @Argument(help: "A file that 'snapshot export' wrote.") var file: String
    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        let item = try await client.patientCall(
            ControlCall.snapshotImport, SnapshotNameCall(name: try SnapshotFile.absolute(file)),
            as: SnapshotReport.Item.self)
        await client.close()
        if global.json {
            console.out(try JSONText.of(item, console))
        } else {
            console.out("\(Escaping.shown(item.name)): whole, \(Words.count(item.files, "file"))")
            console.note("bring something back: \(global.typed("restore PATH --at \(item.name)"))")
        }
        return Exit.done
    }
}

struct SnapshotList: Verb {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show imported snapshots, and what the rounds take on this device's disk.")

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        let report = try await client.patientCall(ControlCall.snapshotList, EmptyBody(), as: SnapshotReport.self)
        await client.close()
        if global.json {
            console.out(try JSONText.of(report, console))
            return Exit.done
        }
        if !report.items.isEmpty {
            var table = Table(columns: [
                Table.Column("NAME"), Table.Column("OF"), Table.Column("FILES"), Table.Column("REVISION", dropOrder: 0),
            ])
            for item in report.items {
                table.add([
                    Table.Cell(item.name), Table.Cell(Words.ago(item.age_s)), Table.Cell("\(item.files)"),
                    Table.Cell(item.revision.prefix(10)),
                ])
            }
            console.out(table.lines(console.style).joined(separator: "\n"))
        }
        let each = report.rounds == 0 ? "" : ", \(SnapshotFile.size(report.store_bytes / Int64(report.rounds))) a round"
        console.out("\(Words.count(Int(report.rounds), "round")) here: \(SnapshotFile.size(report.store_bytes))\(each)")
        return Exit.done
    }
}

struct SnapshotDrop: Verb {
    static let configuration = CommandConfiguration(
        commandName: "drop", abstract: "Let an imported snapshot go.")

    @Argument(help: "Its name, as 'snapshot list' shows it.") var name: String
    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        let _: EmptyBody = try await client.call(ControlCall.snapshotDrop, SnapshotNameCall(name: name))
        await client.close()
        if !global.json { console.out("\(Escaping.shown(name)) is let go") }
        return Exit.done
    }
}

enum SnapshotFile {
    /// The agent's working directory is another than this command's.
    static func absolute(_ path: String) throws -> String {
        if path.hasPrefix("/") { return path }
        guard let here = getcwd(nil, 0) else {
            throw CommandFailure(Exit.failed, "this folder is gone", hint: "give the file's whole path")
        }
        defer { free(here) }
        return String(cString: here) + "/" + path
    }

    static func size(_ bytes: Int64) -> String {
        switch bytes {
        case ..<10_000: "\(bytes) bytes"
        case ..<10_000_000: "\(bytes / 1000) kB"
        default: "\(bytes / 1_000_000) MB"
        }
    }
}
