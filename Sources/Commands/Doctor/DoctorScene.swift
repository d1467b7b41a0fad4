import AgentRuntime
import ControlSocket

/// What the checks look at: this device's home, and what its agent says, if it answers.
struct DoctorScene: Sendable {
    var home: Home
    var console: Console
    /// As the user must type it to reach the same device.
    var typed: @Sendable (String) -> String
    var client: ControlClient?
    /// Why there is no client.
    var silence: CommandFailure?
    var status: StatusReport?

    static func look(_ global: GlobalOptions, _ console: Console) async throws -> DoctorScene {
        let home = Home(try global.homePath(console))
        let typed: @Sendable (String) -> String = { global.typed($0) }
        var scene = DoctorScene(home: home, console: console, typed: typed)
        guard home.hasMesh else { return scene }
        do {
            let client = try await ControlClient.connect(home: home.path)
            scene.status = try await client.status()
            scene.client = client
        } catch {
            scene.silence = CommandFailure(error) ?? CommandFailure(Exit.failed, "\(error)", hint: nil)
        }
        return scene
    }

    var searchPath: String? { console.environment("PATH") }

    /// Whether a tool can be called here: a remedy that names it applies.
    func has(_ tool: String) -> Bool { ToolRun.find(tool, in: searchPath) != nil }
}
