import AgentRuntime
import ArgumentParser
import ControlSocket

struct ConflictsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "conflicts", abstract: "Files that two devices changed differently: list, look, choose.",
        discussion: """
            Both versions are kept until somebody chooses, and 30 days after. A choice on one device counts on all.
            """,
        subcommands: [
            ConflictsListCommand.self, ConflictsShowCommand.self, ConflictsResolveCommand.self,
            ConflictsEditCommand.self,
        ], defaultSubcommand: ConflictsListCommand.self)
}

struct ConflictsListCommand: Verb {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "What waits for a choice.")

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        var report = try await client.patientCall(
            ControlCall.conflicts, ConflictsCall(), as: ConflictsReport.self)
        while report.has_more, let last = report.conflicts.last?.number {
            let next = try await client.patientCall(
                ControlCall.conflicts, ConflictsCall(after: last), as: ConflictsReport.self)
            report.conflicts += next.conflicts
            report.has_more = next.has_more && !next.conflicts.isEmpty
        }
        await client.close()
        console.out(
            global.json ? try JSONText.of(report, console) : ConflictsText(report: report).text(console.style, global))
        return Exit.done
    }
}

struct ConflictsShowCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Both versions of a conflict, and how they differ.")

    @Argument(help: ArgumentHelp("Its number, its id or its path.", valueName: "conflict")) var conflict: String
    @Option(help: ArgumentHelp("Print this device's version, whole.", valueName: "device")) var version: String?
    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        if let version {
            let folder = try TemporaryFolder("baton-conflict")
            defer { folder.remove() }
            let export = try await client.patientCall(
                ControlCall.conflictExport, ConflictExportCall(conflict: conflict, folder: folder.path),
                as: ConflictExport.self)
            await client.close()
            let sides = zip(["ours", "theirs"], export.conflict.versions)
            guard let side = sides.first(where: { $0.1.name == version || $0.1.device?.hasPrefix(version) == true }),
                let bytes = folder.read(side.0)
            else {
                throw CommandFailure(
                    Exit.failed, "\(version) has no version in this conflict",
                    hint: "see: \(global.typed("conflicts show \(export.conflict.number)"))")
            }
            console.out(bytes: bytes)
            return Exit.done
        }
        let report = try await client.patientCall(
            ControlCall.conflict, ConflictCall(conflict: conflict), as: ConflictReport.self)
        await client.close()
        console.out(
            global.json ? try JSONText.of(report, console) : ConflictText(report: report).text(console.style, global))
        return Exit.done
    }
}

struct ConflictsResolveCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "resolve", abstract: "Choose what becomes of a file; the choice counts on every device.",
        discussion: """
            --take DEVICE takes that device's version. --take both keeps the other version as a file beside it. --take
            FILE takes what is in a file - also the file itself, as it is now. Whatever is replaced can be had back.
            """)

    @Argument(help: ArgumentHelp("Their numbers, ids or paths.", valueName: "conflict")) var conflicts: [String] = []
    @Option(help: ArgumentHelp("A device, 'both', or a file.", valueName: "device|both|file")) var take: String
    @Flag(help: "Every conflict that is open.") var all = false
    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if conflicts.isEmpty != all { throw ValidationError("Name conflicts, or give --all.") }
    }

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        let file = AbsolutePath.of(take)
        var reports: [ResolveReport] = []
        for conflict in all ? try await Self.everything(client) : conflicts {
            let report = try await client.patientCall(
                ControlCall.resolve, ResolveCall(conflict: conflict, take: take, file: file), as: ResolveReport.self)
            reports.append(report)
            if !global.json { console.out(ResolveText(report: report).text) }
        }
        await client.close()
        if global.json { console.out(try JSONText.of(reports, console)) }
        return Exit.done
    }

    private static func everything(_ client: ControlClient) async throws -> [String] {
        var numbers: [UInt64] = []
        while true {
            let page = try await client.patientCall(
                ControlCall.conflicts, ConflictsCall(after: numbers.last), as: ConflictsReport.self)
            numbers += page.conflicts.map(\.number)
            if !page.has_more || page.conflicts.isEmpty { return numbers.map(String.init) }
        }
    }
}
