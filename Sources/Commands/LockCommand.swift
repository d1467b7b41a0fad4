import AgentRuntime
import ArgumentParser
import ControlSocket
import Primitives

struct LockCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "lock", abstract: "Run a command under a lock that one device of the mesh has at a time.",
        usage: "baton lock <name> [--ttl <time>] [--no-wait] [--home <dir>] -- <command> ...",
        discussion: """
            The command finds its fencing token in BATON_TOKEN: whatever it writes to can refuse an older one. If the \
            lock is lost, the command is ended. The exit status is the command's, 1 if the lock was lost, 75 if it is \
            held and --no-wait was given.
            """)

    @Argument(help: "Printable ASCII without spaces.") var name: String
    @OptionGroup var global: GlobalOptions
    @Option(
        help: ArgumentHelp("How long others wait if this device goes away, 1s to 1h.", valueName: "time"),
        transform: DurationArgument.init(text:))
    var ttl: DurationArgument?
    @Flag(help: "Do not wait for a lock that is held.") var noWait = false
    @Argument(parsing: .postTerminator, help: "The command, after --.") var command: [String] = []

    func validate() throws {
        if let ttl, !(Duration.seconds(1)...Duration.seconds(3600)).contains(ttl.duration) {
            throw ValidationError("--ttl takes 1s to 1h.")
        }
        try CommandWords.check(command)
    }

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        let call = LockCall(name: name, ttl_s: ttl?.duration.secondsWithFraction, wait: !noWait)
        let waiting = Progress.start(console) { $0.show("waiting for the lock \(name)") }
        let lock: LockReport
        do {
            lock = try await client.patientCall(ControlCall.lock, call, as: LockReport.self)
            await waiting.end()
        } catch {
            await waiting.end()
            throw error
        }
        let child = try OwnGroupChild.start(command, environment: ("BATON_TOKEN", lock.token))
        let watching = Task { await Self.watch(client, lock, child) }
        let status = await child.end()
        watching.cancel()
        let loss = await watching.value
        if loss == nil { await release(client) }
        await client.close()
        guard let loss else { return status }
        throw CommandFailure(
            Exit.failed, "the lock \(name) was lost (\(loss)), and the command was ended",
            hint: "see why: \(global.typed("log"))")
    }

    /// Ends the command when the lock is lost; says how it was, or nil when it was not.
    private static func watch(_ client: ControlClient, _ lock: LockReport, _ child: OwnGroupChild) async -> String? {
        var loss = "the agent is gone"
        for await notice in client.notices where notice.kind == "lock.lost" {
            let body = try? ControlJSON.decode(LockReport.self, from: notice.body)
            guard body == nil || body?.name == lock.name else { continue }
            loss = "token \(lock.token) no longer counts"
            break
        }
        guard !Task.isCancelled else { return nil }
        await child.stop(grace: Limits.killGrace)
        return loss
    }

    /// The next waiter gets it at once. If this fails, it gets it when our connection ends, a moment later.
    private func release(_ client: ControlClient) async {
        let body = try? ControlJSON.encode(LockCall(name: name))
        _ = try? await client.call(ControlCall.unlock, body: body ?? ControlJSON.empty, timeout: .seconds(5))
    }
}
