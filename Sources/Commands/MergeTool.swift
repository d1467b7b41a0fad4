#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The user's own tool, on files outside of the workspace.
struct MergeTool {
    let files: MergeFiles
    let console: Console

    /// The tool's exit status.
    func run() async throws -> Int32 {
        if let command = variable("BATON_MERGETOOL") { return try await shell(command) }
        if let command = await configured() { return try await shell(command) }
        guard let editor = variable("VISUAL") ?? variable("EDITOR") else {
            throw CommandFailure(
                Exit.failed, "there is no merge tool: no BATON_MERGETOOL, merge.tool of git, VISUAL or EDITOR",
                hint: "set one, or put \(files.ours) and \(files.theirs) together by hand and resolve with that file")
        }
        if !files.hasMarks { console.note("the two versions do not clash: look at the result, and save it") }
        return try await shell(editor + " \"$MERGED\"")
    }

    private func variable(_ name: String) -> String? {
        guard let value = console.environment(name), !value.isEmpty else { return nil }
        return value
    }

    private func shell(_ command: String) async throws -> Int32 {
        let names = [
            ("BASE", files.base), ("LOCAL", files.ours), ("REMOTE", files.theirs), ("MERGED", files.merged),
        ]
        for (name, path) in names { setenv(name, path, 1) }
        let child = try OwnGroupChild.start(["/bin/sh", "-c", command], environment: ("BATON_MERGE", "1"))
        return await child.end()
    }

    /// git's merge.tool as a shell command: its own `cmd`, or git's knowledge of a tool that it knows.
    private func configured() async -> String? {
        guard let tool = await ask(["config", "--get", "merge.tool"]), !tool.isEmpty,
            tool.allSatisfy({ $0.isLetter || $0.isNumber || "-_.".contains($0) })
        else { return nil }
        if let command = await ask(["config", "--get", "mergetool.\(tool).cmd"]), !command.isEmpty { return command }
        return """
            MERGE_MODE=merge; TOOL_MODE=merge; merge_tool=\(tool); . "$(git --exec-path)/git-mergetool--lib" && \
            run_merge_tool \(tool) true
            """
    }

    /// One line of git's answer, by the user's own configuration.
    private func ask(_ arguments: [String]) async -> String? {
        let name = files.folder.path + "/git-says"
        let words = arguments.map { "'\($0)'" }.joined(separator: " ")
        guard
            let child = try? OwnGroupChild.start(
                ["/bin/sh", "-c", "git \(words) > '\(name)' 2>/dev/null"], environment: ("BATON_MERGE", "1")),
            await child.end() == 0, let bytes = files.folder.read("git-says")
        else { return nil }
        return String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self)
    }
}

/// A folder of this process alone, outside of the workspace.
struct TemporaryFolder {
    let path: String

    init(_ name: String) throws {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/\(name)-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw CommandFailure(
                Exit.failed, "no folder can be made in \(parent): \(String(cString: strerror(errno)))",
                hint: "set TMPDIR to a place where there is room")
        }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// The new path; the old one if there is no such file, or it cannot be renamed.
    func rename(_ name: String, to other: String) -> String {
        guard other != name, Glibc.rename("\(path)/\(name)", "\(path)/\(other)") == 0 else { return "\(path)/\(name)" }
        return "\(path)/\(other)"
    }

    func read(_ name: String) -> [UInt8]? {
        guard let file = fopen("\(path)/\(name)", "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
    }

    func remove() {
        guard let folder = opendir(path) else { return }
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { unlink("\(path)/\(name)") }
        }
        closedir(folder)
        rmdir(path)
    }
}

enum AbsolutePath {
    /// Against the folder in which the command was typed.
    static func of(_ path: String) -> String? {
        if path.isEmpty { return nil }
        if path.hasPrefix("/") { return path }
        guard let folder = getcwd(nil, 0) else { return nil }
        defer { free(folder) }
        return String(cString: folder) + "/" + path
    }
}
