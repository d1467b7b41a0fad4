import AgentRuntime
import ControlSocket
import Logging
import Primitives

/// Hands the leadership off before this machine sleeps (Linux with logind).
///
/// Two tools of the system do it, so that no D-Bus library is needed: `systemd-inhibit --mode=delay` holds sleep up
/// for the few seconds that logind allows, and `gdbus monitor` tells when it is about to begin. Where either is
/// missing nothing is done: a device that sleeps loses its lease after its time, and another one leads (protocol.md,
/// section 3).
struct SuspendWatch: Sendable {
    let home: String
    let logger: Logger
    let searchPath: String?

    /// Within logind's own limit (InhibitDelayMaxSec, 5 s), with room for the tools.
    static let handoffPatience: Duration = .seconds(4)
    /// After a tool that ended by itself.
    static let pause: Duration = .seconds(60)

    private static let monitor = (
        "gdbus",
        ["monitor", "--system", "--dest", "org.freedesktop.login1", "--object-path", "/org/freedesktop/login1"]
    )
    private static let inhibitor = (
        "systemd-inhibit",
        // It ends with its input: however this process ends, it does not hold up sleep any longer.
        ["--what=sleep", "--mode=delay", "--who=baton", "--why=hands the sync leadership off", "cat"]
    )

    /// Ends when cancelled, and at once where the system has no such tools.
    func run() async {
        guard ToolRun.find(Self.monitor.0, in: searchPath) != nil,
            ToolRun.find(Self.inhibitor.0, in: searchPath) != nil
        else { return logger.debug("this system does not tell of sleep") }
        while !Task.isCancelled {
            await watch()
            guard (try? await Task.sleep(for: Self.pause)) != nil else { return }
        }
    }

    /// Until one of the tools ends.
    private func watch() async {
        guard let monitor = LineChild.start(Self.monitor.0, Self.monitor.1, path: searchPath) else { return }
        var hold = LineChild.start(Self.inhibitor.0, Self.inhibitor.1, path: searchPath)
        await withTaskCancellationHandler {
            for await line in monitor.lines {
                guard let isBeginning = Self.signal(line) else { continue }
                if isBeginning {
                    await handOff()
                    hold?.end()
                    hold = nil
                } else if hold == nil {
                    hold = LineChild.start(Self.inhibitor.0, Self.inhibitor.1, path: searchPath)
                }
            }
        } onCancel: {
            monitor.end()
        }
        monitor.end()
        hold?.end()
    }

    /// True before sleep, false after it; nil for every other line.
    static func signal(_ line: String) -> Bool? {
        guard line.contains("PrepareForSleep") else { return nil }
        if line.contains("true") { return true }
        return line.contains("false") ? false : nil
    }

    private func handOff() async {
        do {
            let client = try await ControlClient.connect(home: home)
            let status = try await client.status()
            if status.leader?.device == status.`self`, status.mesh.online > 1 {
                let body = try ControlJSON.encode(HandoffCall(device: nil))
                _ = try await client.call(ControlCall.handoff, body: body, timeout: Self.handoffPatience)
                logger.notice("handed off before sleep")
            }
            await client.close()
        } catch {
            logger.notice("not handed off before sleep", metadata: ["reason": "\(error)"])
        }
    }
}
