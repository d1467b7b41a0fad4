import ControlSocket
import Primitives

/// The bodies of the calls `hook.event`, `hook.probe` and `hook.broken`, as the hook writes them and the agent
/// reads them: without Foundation, whose coders cost more than all the rest.
package enum HookWire {
    /// `HookEvent` -> `{"verdict":"pass"}` or `{"verdict":"deny","reason":...}`.
    package static let event = "hook.event"
    /// The same, against a gate that is closed for this call alone.
    package static let probe = "hook.probe"
    /// `{"tool":...}` -> `{}`: a payload that nobody understood, to be counted.
    package static let broken = "hook.broken"

    package static func body(_ event: HookEvent) -> [UInt8] {
        Array(
            OrderedJSON.make([
                "tool": .string(event.tool.rawValue), "session": .string(event.session),
                "kind": .string(event.kind.rawValue), "paths": .array(event.paths.map { .string($0) }),
            ]).compact.utf8)
    }

    package static func event(_ body: [UInt8]) -> HookEvent? {
        guard let json = try? OrderedJSON(parsing: body),
            let tool = json["tool"]?.text.flatMap({ HookTool(rawValue: $0) }),
            let session = json["session"]?.text,
            let kind = json["kind"]?.text.flatMap({ HookEvent.Kind(rawValue: $0) }),
            let paths = json["paths"]?.items?.compactMap(\.text), paths.count <= Limits.hookPaths
        else { return nil }
        return HookEvent(tool: tool, session: session, kind: kind, paths: paths)
    }

    package static func body(_ verdict: HookVerdict) -> [UInt8] {
        switch verdict {
        case .pass: Array(OrderedJSON.make(["verdict": .string("pass")]).compact.utf8)
        case .deny(let reason):
            Array(OrderedJSON.make(["verdict": .string("deny"), "reason": .string(reason)]).compact.utf8)
        }
    }

    /// Anything but a whole denial lets the tool pass.
    package static func verdict(_ body: [UInt8]?) -> HookVerdict {
        guard let body, let json = try? OrderedJSON(parsing: body), json["verdict"]?.text == "deny",
            let reason = json["reason"]?.text
        else { return .pass }
        return .deny(reason: reason)
    }
}

/// One run of a hook: a payload in, an answer out. Whatever goes wrong, the tool passes.
package enum HookRun {
    package static func answer(_ tool: HookTool, payload: [UInt8], home: String) -> HookAnswer {
        guard let json = try? OrderedJSON(parsing: payload), tool.isSound(json) else {
            _ = ask(home, HookWire.broken, Array(OrderedJSON.make(["tool": .string(tool.rawValue)]).compact.utf8))
            return .silence
        }
        guard let event = tool.event(from: json) else { return .silence }
        let verdict = HookWire.verdict(ask(home, HookWire.event, HookWire.body(event)))
        return event.kind == .beforeWrite ? tool.answer(verdict) : .silence
    }

    /// What the agent says of a write while its gate is closed; nil if no agent answers.
    package static func probe(_ tool: HookTool, home: String, path: String) -> HookAnswer? {
        let event = HookEvent(tool: tool, session: "doctor", kind: .beforeWrite, paths: [path])
        return ask(home, HookWire.probe, HookWire.body(event)).map { tool.answer(HookWire.verdict($0)) }
    }

    private static func ask(_ home: String, _ kind: String, _ body: [UInt8]) -> [UInt8]? {
        BlockingCall.reply(
            home: home, kind: kind, body: body, firstWord: Limits.hookFirstWord,
            patience: Limits.hookWait + Limits.hookFirstWord)
    }
}
