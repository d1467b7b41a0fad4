#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// This program once more, to see that nothing of a process gets into a run.
enum FreshProcess {
    /// The lines that it prints on standard output.
    static func lines(_ arguments: [String], deterministicHashing: Bool) throws -> [String] {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw CommandProblem("no pipe: \(String(cString: strerror(errno)))") }
        defer { close(ends[0]) }
        let child = try spawn(arguments, output: ends[1], reader: ends[0], deterministicHashing: deterministicHashing)
        close(ends[1])
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(ends[0], &chunk, chunk.count)
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        guard status == 0 else { throw CommandProblem("the fresh process ended with status \(status >> 8)") }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    private static func spawn(
        _ arguments: [String], output: Int32, reader: Int32, deterministicHashing: Bool
    ) throws -> pid_t {
        #if os(Linux)
            let path = "/proc/self/exe"
        #else
            let path = CommandLine.arguments.first ?? ""
            var actions: posix_spawn_file_actions_t?
        #endif
        #if os(Linux)
            var actions = posix_spawn_file_actions_t()
        #endif
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        posix_spawn_file_actions_addclose(&actions, reader)
        let name = "SWIFT_DETERMINISTIC_HASHING"
        var settings = environment().filter { !$0.hasPrefix(name + "=") }
        if deterministicHashing { settings.append("\(name)=1") }
        var child: pid_t = 0
        let words = ([CommandLine.arguments.first ?? "baton"] + arguments).map { strdup($0) } + [nil]
        let values = settings.map { strdup($0) } + [nil]
        defer { for text in words + values { free(text) } }
        let code = posix_spawn(&child, path, &actions, nil, words, values)
        guard code == 0 else { throw CommandProblem("no fresh process: \(String(cString: strerror(code)))") }
        return child
    }

    private static func environment() -> [String] {
        var found: [String] = []
        var place = environ
        while let text = place.pointee {
            found.append(String(cString: text))
            place += 1
        }
        return found
    }
}
