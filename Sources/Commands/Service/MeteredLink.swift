import Synchronization

/// Whether the network connection of this machine costs by the byte, as NetworkManager says (Linux; property `Metered`
/// of org.freedesktop.NetworkManager). Asked with a tool of the system, so that no D-Bus library is needed; nil where
/// there is no such tool, or no NetworkManager.
final class MeteredLink: Sendable {
    private let searchPath: String?
    /// Questions that are not asked, since the last one had no answer.
    private let skips = Mutex(0)

    /// A system without NetworkManager is asked so much more rarely.
    static let skipped = 14

    private static let name = "org.freedesktop.NetworkManager"
    private static let place = "/org/freedesktop/NetworkManager"
    private static let tools: [(String, [String])] = [
        (
            "busctl",
            ["--system", "--auto-start=no", "--timeout=2", "get-property", name, place, name, "Metered"]
        ),
        (
            "gdbus",
            [
                "call", "--system", "--timeout", "2", "--dest", name, "--object-path", place, "--method",
                "org.freedesktop.DBus.Properties.Get", name, "Metered",
            ]
        ),
    ]

    init(searchPath: String?) { self.searchPath = searchPath }

    func answer() async -> Bool? {
        let isSkipped = skips.withLock { skips in
            defer { skips = max(0, skips - 1) }
            return skips > 0
        }
        if isSkipped { return nil }
        let tool = Self.tools.first { ToolRun.find($0.0, in: searchPath) != nil }
        guard let tool else { return nil }
        let run = await ToolRun.of(tool.0, tool.1, path: searchPath)
        guard run.status == 0, let value = Self.value(run.output) else {
            skips.withLock { $0 = Self.skipped }
            return nil
        }
        return value
    }

    /// `u 4` as busctl prints it, `(<uint32 4>,)` as gdbus does. NMMetered: 0 unknown, 1 yes, 2 no, 3 and 4 the same as
    /// guesses.
    static func value(_ output: String) -> Bool? {
        let words = output.split { !$0.isLetter && !$0.isNumber }.map(String.init)
        guard let number = words.last, ["u", "uint32"].contains(words.first ?? "") else { return nil }
        switch number {
        case "1", "3": return true
        case "2", "4": return false
        default: return nil
        }
    }
}
