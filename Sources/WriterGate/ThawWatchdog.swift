import CSystemCalls

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A small shell in a session of its own that continues a group when this process dies without a word.
///
/// It waits at a pipe whose other end only we hold. Its end without a line means that we were killed.
struct ThawWatchdog: Sendable {
    private let shell: ChildProcess
    private let line: Int32

    /// Nil if it cannot be started: the agent and this process still continue the group on every path of theirs.
    init?(group: Int32) {
        var ends: [Int32] = [-1, -1]
        guard csystem_pipe(&ends) == 0 else { return nil }
        defer { close(ends[0]) }
        let script = "read line || kill -s CONT -- \"-$1\""
        guard
            let shell = try? ChildProcess.start(
                ["/bin/sh", "-c", script, "baton-thaw", "\(group)"], .ownSession, input: ends[0], isQuiet: true,
                defaults: [SIGTERM, SIGINT, SIGHUP])
        else {
            close(ends[1])
            return nil
        }
        self.shell = shell
        line = ends[1]
    }

    /// Ends the shell; it signals nothing.
    func dismiss() {
        _ = write(line, "\n", 1)
        close(line)
        shell.reap()
    }
}
