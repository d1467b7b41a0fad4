import CSystemCalls
import Primitives

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A tool of the system, run to its end: `systemctl`, `timedatectl`. Its output is small; it is killed when it takes
/// too long.
struct ToolRun: Sendable {
    /// 128 + n for signal n, 127 if there is no such tool.
    var status: Int32
    var output: String

    static let patience: Duration = .seconds(10)
    private static let pause: Duration = .milliseconds(5)
    private static let outputBytes = 64 << 10

    static func of(_ tool: String, _ arguments: [String], path: String?) async -> ToolRun {
        guard let program = find(tool, in: path) else { return ToolRun(status: 127, output: "") }
        var ends: [Int32] = [-1, -1]
        guard csystem_pipe(&ends) == 0 else { return ToolRun(status: 127, output: "") }
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        var pid: pid_t = 0
        let error = withWords([program] + arguments) { words in
            withWords(environmentWords()) { csystem_spawn(program, words, $0, [null, ends[1], ends[1]], 3, &pid) }
        }
        close(null)
        close(ends[1])
        defer { close(ends[0]) }
        guard error == 0 else { return ToolRun(status: 127, output: "") }
        let status = await end(of: pid)
        return ToolRun(status: status, output: String(decoding: readAll(ends[0]), as: UTF8.self))
    }

    /// What it printed fits into the pipe, or the rest of it is of no use here.
    private static func readAll(_ descriptor: Int32) -> [UInt8] {
        let flags = fcntl(descriptor, F_GETFL)
        _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK)
        return SystemStreams.readReady(descriptor, atMost: outputBytes)
    }

    private static func end(of pid: pid_t) async -> Int32 {
        var status: Int32 = 0
        for _ in 0..<Int(patience / pause) {
            if waitpid(pid, &status, WNOHANG) == pid {
                return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
            }
            guard (try? await Task.sleep(for: pause)) != nil else { break }
        }
        kill(-pid, SIGKILL)
        waitpid(pid, &status, 0)
        return 128 + SIGKILL
    }

    /// The tool's path, sought as a shell does.
    static func find(_ tool: String, in path: String?) -> String? {
        for folder in (path ?? "/usr/bin:/bin").split(separator: ":") where folder.hasPrefix("/") {
            let candidate = "\(folder)/\(tool)"
            if access(candidate, X_OK) == 0 { return candidate }
        }
        return nil
    }

    static func environmentWords() -> [String] {
        var words: [String] = []
        var next = environ
        while let entry = next.pointee {
            let word = String(cString: entry)
            // An invite is nobody else's business.
            if !word.hasPrefix("BATON_INVITE=") { words.append(word) }
            next += 1
        }
        return words
    }

    static func withWords<Value>(_ words: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Value) -> Value {
        let copies = words.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return body(copies + [nil])
    }
}
