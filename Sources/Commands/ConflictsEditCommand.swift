import AgentRuntime
import ArgumentParser
import ControlSocket

struct ConflictsEditCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "edit", abstract: "Put both versions together with your merge tool, then resolve with the result.",
        discussion: """
            The tool is the command in BATON_MERGETOOL (it finds the files in $BASE, $LOCAL, $REMOTE and $MERGED), else
            git's merge.tool, else VISUAL or EDITOR on a file with the clashing places marked. Nothing of this happens in
            the workspace, and a result with marks in it is not taken.
            """)

    @Argument(help: ArgumentHelp("Its number, its id or its path.", valueName: "conflict")) var conflict: String
    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        let folder = try TemporaryFolder("baton-conflict")
        let export = try await client.patientCall(
            ControlCall.conflictExport, ConflictExportCall(conflict: conflict, folder: folder.path),
            as: ConflictExport.self)
        let number = export.conflict.number
        guard folder.read("ours") != nil, folder.read("theirs") != nil, folder.read("merged") != nil else {
            folder.remove()
            throw CommandFailure(
                Exit.failed, "conflict \(number) is not of two files: there is nothing to put together",
                hint: "\(global.typed("conflicts resolve \(number) --take both"))")
        }
        let files = MergeFiles(folder: folder, path: export.conflict.path ?? "file", export: export)
        let status = try await MergeTool(files: files, console: console).run()
        let again = "take it: \(global.typed("conflicts resolve \(number) --take \(files.merged)"))"
        guard status == 0 else {
            throw CommandFailure(
                Exit.failed, "the merge tool ended with status \(status): nothing is resolved", hint: again)
        }
        guard let merged = folder.read(files.mergedName), !MergeFiles.hasMarks(merged) else {
            throw CommandFailure(
                Exit.failed, "\(files.merged) still has marked places: nothing is resolved",
                hint: "mend it, then " + again)
        }
        let report = try await client.patientCall(
            ControlCall.resolve, ResolveCall(conflict: "\(number)", take: files.merged, file: files.merged),
            as: ResolveReport.self)
        await client.close()
        folder.remove()
        console.out(global.json ? try JSONText.of(report, console) : ResolveText(report: report).text)
        return Exit.done
    }
}

/// The versions under names that a person can tell apart, with the ending that tells an editor what they are.
struct MergeFiles {
    let folder: TemporaryFolder
    let base: String
    let ours: String
    let theirs: String
    let merged: String
    let mergedName: String
    let hasMarks: Bool

    init(folder: TemporaryFolder, path: String, export: ConflictExport) {
        self.folder = folder
        hasMarks = export.has_markers
        let name = path.split(separator: "/").last.map(String.init) ?? "file"
        let dot = name.lastIndex(of: ".").flatMap { $0 > name.startIndex ? $0 : nil }
        let stem = dot.map { String(name[..<$0]) } ?? name
        let ending = dot.map { String(name[$0...]) } ?? ""
        let labels = export.conflict.versions.map { $0.name.filter { $0.isLetter || $0.isNumber || $0 == "-" } }
        func renamed(_ from: String, _ label: String) -> String {
            folder.rename(from, to: label.isEmpty ? "\(stem)\(ending)" : "\(stem).\(label)\(ending)")
        }
        mergedName = "\(stem)\(ending)"
        base = renamed("base", "before")
        ours = renamed("ours", labels.first ?? "first")
        theirs = renamed("theirs", (labels.last ?? "second") + (labels.first == labels.last ? "-2" : ""))
        merged = renamed("merged", "")
    }

    /// Lines as git marks them: all three kinds are there.
    static func hasMarks(_ bytes: [UInt8]) -> Bool {
        let marks: [[UInt8]] = [60, 61, 62].map { Array(repeating: $0, count: 7) }
        let lines = bytes.split(separator: 10)
        return marks.allSatisfy { mark in lines.contains { $0.starts(with: mark) } }
    }
}
