import ArgumentParser
import Primitives
import ScenarioFiles

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Finds and reads scenario files.
enum ScenarioFinder {
    /// Everything below `paths`, sorted; a problem of any file ends the command with exit code 64.
    static func files(_ paths: [String]) throws -> [(path: String, file: ScenarioFile)] {
        var found: [String] = []
        for path in paths { found += try list(path, depth: 0) }
        guard !found.isEmpty else {
            throw CommandProblem("no scenario file (*.sim) in \(paths.joined(separator: ", "))")
        }
        return try found.map { ($0, try parse($0)) }
    }

    static func parse(_ path: String) throws -> ScenarioFile {
        let bytes = try read(path)
        do {
            return try ScenarioParser.parse(path: path, bytes: bytes)
        } catch {
            throw CommandProblem(error.description)
        }
    }

    /// A little more than the limit is read of a huge file, so that the parser says that it is too large.
    static func read(_ path: String) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_NONBLOCK)
        guard descriptor >= 0 else { throw CommandProblem("\(path): \(reason()); is the path right?") }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        while bytes.count <= Limits.scenarioFileBytes {
            let count = systemRead(descriptor, &chunk, chunk.count)
            guard count >= 0 else { throw CommandProblem("\(path): \(reason())") }
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        return bytes
    }

    static func write(_ text: String, to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        guard descriptor >= 0 else { throw CommandProblem("\(path): \(reason())") }
        defer { close(descriptor) }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { systemWrite(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { throw CommandProblem("\(path): \(reason())") }
            rest = rest.dropFirst(count)
        }
    }

    private static func reason() -> String { String(cString: strerror(errno)) }

    private static func list(_ path: String, depth: Int) throws -> [String] {
        guard let folder = opendir(path) else {
            if errno == ENOTDIR { return [path] }
            let verbs = SimulateCommand.subcommands.compactMap { $0.configuration.commandName }.joined(separator: ", ")
            let isWord = path.allSatisfy { $0.isLetter || $0 == "-" }
            throw CommandProblem("\(path): \(reason()); \(isWord ? "the verbs are \(verbs)" : "is the path right?")")
        }
        defer { closedir(folder) }
        guard depth < Limits.scenarioFolders else {
            throw CommandProblem("\(path): folders of scenarios lie \(Limits.scenarioFolders) deep at most")
        }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        let base = path.hasSuffix("/") ? String(path.dropLast()) : path
        var found: [String] = []
        for name in names.sorted() {
            let child = "\(base)/\(name)"
            if name.hasSuffix(".sim") {
                found.append(child)
            } else if isFolder(child) {
                found += try list(child, depth: depth + 1)
            }
            guard found.count <= Limits.scenarioFiles else {
                throw CommandProblem("\(path): more than \(Limits.scenarioFiles) scenario files; name a folder of it")
            }
        }
        return found
    }

    private static func isFolder(_ path: String) -> Bool {
        var status = stat()
        // A link may lead in a circle: it is not followed.
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}

/// Wrong arguments or a bad file: one line on standard error, exit code 64.
struct CommandProblem: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }

    /// Runs a verb; its problem is told in one line.
    static func told(_ verb: () throws -> Void) throws {
        do {
            try verb()
        } catch let problem as CommandProblem {
            Terminal.note("simulate: \(problem.description)")
            throw ExitCode(SimulateExit.usage)
        }
    }
}

private func systemRead(_ descriptor: Int32, _ bytes: UnsafeMutableRawPointer, _ count: Int) -> Int {
    read(descriptor, bytes, count)
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}
