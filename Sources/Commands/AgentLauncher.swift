import AgentRuntime
import CSystemCalls
import ControlSocket

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Starts an agent in the background and waits until it answers, or until it is seen to have failed.
struct AgentLauncher {
    let home: Home
    let listen: String?

    /// Between two looks at a starting agent, and how many are taken.
    private static let pause: Duration = .milliseconds(10)
    private static let looks = 3000

    func launch() async throws -> LaunchedAgent {
        if let running = try await answering() {
            return LaunchedAgent(started: false, pid: running.0, listen: running.1)
        }
        let logged = Detached.size(of: home.log)
        let child = try start()
        for _ in 0..<Self.looks {
            if let running = try await answering() {
                return LaunchedAgent(started: running.0 == child, pid: running.0, listen: running.1)
            }
            var status: Int32 = 0
            // Reaped here: nobody else waits for it while this command lives.
            if waitpid(child, &status, WNOHANG) == child { throw failure(status, since: logged) }
            try await Task.sleep(for: Self.pause)
        }
        throw CommandFailure(
            Exit.timedOut, "the agent (process \(child)) does not answer", hint: "see its log: tail \(home.log)")
    }

    /// Process and address of the agent that answers for this home; nil if none does.
    private func answering() async throws -> (Int32, String)? {
        do {
            let client = try await ControlClient.connect(home: home.path)
            let agent = try await client.status().agent
            await client.close()
            return (agent.pid, agent.listen)
        } catch let error as ControlFailure where error.code == Exit.agentNotRunning {
            return nil
        }
    }

    /// A session of its own, no input, output to the log, nothing inherited, and in no directory that someone may want
    /// to unmount.
    private func start() throws -> Int32 {
        guard let program = Executable.path else {
            throw CommandFailure(
                Exit.failed, "this program does not find itself",
                hint: "run it in the foreground: baton up --foreground")
        }
        var arguments = [program, "up", "--foreground", "--home", home.path, "--log-to", home.log]
        if let listen { arguments += ["--listen", listen] }
        for descriptor in Int32(3)..<1024 {
            let flags = fcntl(descriptor, F_GETFD)
            if flags >= 0 { _ = fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC) }
        }
        // An invite is a secret: the agent has no use for it, and its environment can be read for as long as it runs.
        unsetenv("BATON_INVITE")
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer { close(null) }
        var pid: pid_t = 0
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        defer { for word in words { free(word) } }
        words.append(nil)
        let error = csystem_spawn_command(words, Int32(csystem_in_own_session), null, 1, nil, 0, &pid)
        guard error == 0 else {
            throw CommandFailure(
                Exit.failed, "the agent cannot be started: \(String(cString: strerror(error)))",
                hint: "run it in the foreground: baton up --foreground")
        }
        return pid
    }

    /// Why the agent ended, from its own last words.
    private func failure(_ status: Int32, since offset: Int) -> CommandFailure {
        let code = status & 0x7F == 0 ? (status >> 8) & 0xFF : Exit.failed
        let said = Detached.text(of: home.log, from: offset).split(separator: "\n").last { $0.hasPrefix("baton: ") }
        guard let said else {
            return CommandFailure(
                code == 0 ? Exit.failed : code, "the agent ended as soon as it was started",
                hint: "see its log: tail \(home.log)")
        }
        return CommandFailure(code == 0 ? Exit.failed : code, String(said.dropFirst(7)), hint: nil)
    }
}
