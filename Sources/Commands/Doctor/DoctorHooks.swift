import AgentRuntime
import ToolHooks

/// The hooks of AI coding agents: whether they are there, and whether a closed gate blocks one.
enum DoctorHooks {
    static let installed: DoctorCheck = { scene in
        var global = GlobalOptions()
        global.home = scene.home.path
        let work = HooksWork(global: global, console: scene.console)
        let found = HookTool.allCases.filter { work.isFound($0) }
        guard !found.isEmpty else { return [] }
        return found.map { tool in
            let remedy = scene.typed("hooks install \(tool.rawValue)")
            do {
                let row = try work.carryOut(.check, tool)
                switch row.state {
                case "installed": return .ok("Hooks", "\(tool.title) waits for rounds")
                case "outdated":
                    return .note("Hooks", "\(tool.title) calls another program or device", remedy: remedy)
                default: return .note("Hooks", "\(tool.title) does not wait for rounds", remedy: remedy)
                }
            } catch {
                return .note("Hooks", CommandFailure(error)?.message ?? "\(error)")
            }
        }
    }

    /// Asks the running agent as a hook does, with a gate that is closed for this question alone.
    static let closedGate: DoctorCheck = { scene in
        guard let status = scene.status else { return [] }
        let path = status.workspace.root + "/doctor"
        guard let answer = HookRun.probe(.claude, home: scene.home.path, path: path) else {
            return [.bad("Hooks", "the agent does not answer hooks: tools write during rounds")]
        }
        guard answer.out.contains("\"permissionDecision\":\"deny\"") else {
            return [.bad("Hooks", "a closed gate does not hold a tool back")]
        }
        return [.ok("Hooks", "a closed gate holds a tool back")]
    }
}
