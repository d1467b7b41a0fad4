import Primitives
import ToolHooks

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// `baton hook TOOL [--home DIR]`: what a tool calls, thousands of times a day. It goes before the parser
/// of arguments, and starts no thread, because the person at the tool waits for it.
enum HookEntry {
    /// The exit code; nil if the arguments mean another verb. Exit code 2 denies, and is used by nothing else here.
    static func run(_ arguments: [String], _ console: Console) -> Int32? {
        guard arguments.first == "hook" else { return nil }
        guard arguments.count > 1, let tool = HookTool(rawValue: arguments[1]) else {
            // A hook that nobody knows must not stop anybody's work.
            console.note("baton: hook takes one of \(HookTool.allCases.map(\.rawValue).joined(separator: ", "))")
            return Exit.done
        }
        var named: String?
        if arguments.count > 3, arguments[2] == "--home" { named = arguments[3] }
        let payload = console.readInput(Limits.hookPayloadBytes + 1)
        guard let home = try? GlobalOptions.homePath(named: named, console) else { return Exit.done }
        let answer = HookRun.answer(tool, payload: payload, home: home)
        if !answer.out.isEmpty { console.writeOut(answer.out) }
        if !answer.error.isEmpty { console.writeError(answer.error) }
        return answer.code
    }
}
