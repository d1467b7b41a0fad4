import CSystemCalls
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A command in a process group of its own, with our standard streams and terminal: it can be ended as a whole.
final class OwnGroupChild: Sendable {
    let pid: Int32
    private let ownsTerminal: Bool
    private let changes: AsyncStream<Int32>
    /// Set before the child is reaped: from then on its number may be another's.
    private let isReaped = Mutex(false)

    /// - Returns: the started child; throws with code 127 if there is no such command, 126 if it cannot be executed.
    static func start(_ arguments: [String], environment: (name: String, value: String)) throws -> OwnGroupChild {
        setenv(environment.name, environment.value, 1)
        let heard = [SIGTERM, SIGINT, SIGHUP, SIGQUIT].filter { csystem_ignores($0) == 0 }
        var pid: pid_t = 0
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        defer { for word in words { free(word) } }
        words.append(nil)
        let error = csystem_spawn_command(
            words, Int32(csystem_in_own_group), -1, 0, heard, Int32(heard.count), &pid)
        guard error == 0 else {
            throw CommandFailure(
                error == ENOENT ? 127 : 126, "\(arguments.first ?? ""): \(String(cString: strerror(error)))",
                hint: "is it installed and on PATH?")
        }
        let child = OwnGroupChild(pid)
        SignalPipe.pass(heard) { child.signal($0) }
        return child
    }

    private init(_ pid: Int32) {
        self.pid = pid
        ownsTerminal = isatty(STDIN_FILENO) == 1 && tcgetpgrp(STDIN_FILENO) == getpgrp()
        let (changes, sink) = AsyncStream<Int32>.makeStream()
        self.changes = changes
        let ownsTerminal = ownsTerminal
        if ownsTerminal { Self.give(terminalTo: pid) }
        BlockingThread.start {
            var status: Int32 = 0
            while true {
                switch csystem_wait_for_change(pid, &status) {
                case 1:
                    sink.yield(status)
                    return sink.finish()
                case 2 where ownsTerminal && status == SIGTSTP:
                    // Ctrl-Z: we stop with the command, and go on with it when the shell continues us.
                    tcsetpgrp(STDIN_FILENO, getpgrp())
                    kill(getpid(), SIGSTOP)
                    Self.give(terminalTo: pid)
                case 2: continue
                default: return sink.finish()
                }
            }
        }
    }

    private static func give(terminalTo group: Int32) {
        ignore(SIGTTOU)
        tcsetpgrp(STDIN_FILENO, group)
        kill(-group, SIGCONT)
    }

    /// Waits for the end; 128 + n for signal n.
    func end() async -> Int32 {
        var result: Int32 = Exit.failed
        for await status in changes { result = status }
        isReaped.withLock { isReaped in
            isReaped = true
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        }
        if ownsTerminal { tcsetpgrp(STDIN_FILENO, getpgrp()) }
        return result
    }

    func signal(_ number: Int32) {
        isReaped.withLock { isReaped in
            if !isReaped { kill(-pid, number) }
        }
    }

    /// Asks the group to end, then ends it. A stopped one is continued, so that it can hear.
    func stop(grace: Duration) async {
        signal(SIGTERM)
        signal(SIGCONT)
        // Cancelled: the command ended by itself.
        guard (try? await Task.sleep(for: grace)) != nil else { return }
        signal(SIGKILL)
    }
}
