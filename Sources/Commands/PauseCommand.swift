import AgentRuntime
import ArgumentParser
import ControlSocket
import Primitives

struct PauseCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Stop syncing here, or everywhere, until 'baton resume'.",
        discussion: """
            No round is led from here and this device takes part in none, asked for or not. Edits stay safe in the \
            workspace and sync after 'baton resume'. A pause outlives restarts of the agent.
            """)

    @Flag(help: "On every device; those that are away hear of it when they return.") var all = false
    @Option(
        name: .customLong("for"), help: "Ends by itself after so long: 30m, 2h; a day at most.",
        transform: DurationArgument.init(text:))
    var length: DurationArgument?
    @Option(help: "Why, for whoever looks at the status.") var why: String?
    @OptionGroup var global: GlobalOptions

    private static func seconds(_ duration: Duration) -> Double { Double(duration.wholeMilliseconds) / 1000 }

    func validate() throws {
        guard let length else { return }
        guard length.duration > .zero, length.duration <= Limits.longestStop else {
            throw ValidationError(
                "--for takes more than nothing and less than a day; leave it out to pause until resume.")
        }
    }

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        let call = StopCall(
            kind: "pause", everywhere: all, for_s: (length?.duration).map(Self.seconds), why: why ?? "")
        _ = try await client.patientCall(ControlCall.pause, call, as: EmptyBody.self)
        await client.close()
        let end = length.map { " for \(Words.coarse(Self.seconds($0.duration)))" } ?? ""
        let command = global.typed(all ? "resume --all" : "resume")
        console.note("syncing is paused \(all ? "on every device" : "here")\(end); to go on: \(command)")
        return Exit.done
    }
}

struct ResumeCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "End a pause, or with --all an emergency stop.")

    @Flag(help: "On every device.") var all = false
    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        let client = try await global.connect(console)
        _ = try await client.patientCall(ControlCall.resume, ResumeCall(everywhere: all), as: EmptyBody.self)
        await client.close()
        console.note("syncing goes on \(all ? "everywhere" : "here")")
        return Exit.done
    }
}

struct EmergencyStopCommand: Verb {
    static let configuration = CommandConfiguration(
        commandName: "emergency-stop", abstract: "Release all writers at once and stop syncing everywhere.",
        discussion: """
            Here first, and without asking anybody: writers go on, the running round is given up, locks are dropped. \
            Then every device that can be reached is told; the others hear of it when they return. It outlives \
            restarts and ends with 'baton resume --all'. Where no agent runs, the next one starts stopped.
            """)

    @Option(help: "Why, for whoever looks at the status.") var why: String?
    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> Int32 {
        let home = try global.homeWithMesh(console)
        let call = StopCall(kind: "emergency", everywhere: true, why: why ?? "")
        let client: ControlClient
        do { client = try await global.connect(console) } catch let failure as CommandFailure
            where failure.code == Exit.agentNotRunning
        {
            try StopFile.write(call, home: home)
            console.note("the agent is not running: its next start is stopped; to go on then: \(resume)")
            return Exit.done
        }
        _ = try await client.patientCall(ControlCall.pause, call, as: EmptyBody.self)
        await client.close()
        console.note("stopped: writers go on, nothing syncs; to go on: \(resume)")
        return Exit.done
    }

    private var resume: String { global.typed("resume --all") }
}
