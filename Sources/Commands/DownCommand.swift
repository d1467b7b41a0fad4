import AgentRuntime
import ArgumentParser
import ControlSocket

struct DownCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "down", abstract: "Hand off and stop the agent of this device.")

    @OptionGroup var global: GlobalOptions

    /// How long a stop may take: a round ends, the leadership is handed off.
    static let patience: Duration = .seconds(60)
    private static let pause: Duration = .milliseconds(5)
    private static let looks = 6000

    func perform(_ console: Console) async throws -> Int32 {
        _ = try global.homeWithMesh(console)
        let client: ControlClient
        do { client = try await global.connect(console) } catch let failure as CommandFailure
            where failure.code == Exit.agentNotRunning
        {
            return try tell("the agent is not running", pid: nil, console)
        }
        let pid = try await client.status().agent.pid
        let progress = Progress.start(console) { $0.show("handing off and stopping") }
        do {
            _ = try await client.call(ControlCall.stop, body: ControlJSON.empty, timeout: Self.patience)
        } catch {
            // Gone before its answer was: that is what was wanted.
            let isGone = (error as? ControlFailure)?.code == Exit.agentNotRunning
            if !isGone {
                await progress.end()
                throw error
            }
        }
        await client.close()
        for _ in 0..<Self.looks where Detached.isRunning(pid) { try await Task.sleep(for: Self.pause) }
        await progress.end()
        guard !Detached.isRunning(pid) else {
            throw CommandFailure(
                Exit.timedOut, "the agent (process \(pid)) has handed off but does not end", hint: "end it: kill \(pid)"
            )
        }
        return try tell("the agent has stopped", pid: pid, console)
    }

    private struct Stopped: Encodable {
        var running = false
        var pid: Int32?
    }

    private func tell(_ text: String, pid: Int32?, _ console: Console) throws -> Int32 {
        if global.json { console.out(try JSONText.of(Stopped(pid: pid), console)) } else { console.note(text) }
        return Exit.done
    }
}
