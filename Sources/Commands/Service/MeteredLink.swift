import Synchronization

/// Whether the network connection of this machine costs by the byte, as NetworkManager says (Linux; property `Metered`
/// of org.freedesktop.NetworkManager). Asked with a tool of the system, so that no D-Bus library is needed; nil where
/// there is no such tool, or no NetworkManager.
final class MeteredLink: Sendable {
    private let searchPath: String?
    private let memory = Mutex(Memory())

    private struct Memory {
        /// The last answer; it stands while the tool fails for a while. One failure would otherwise have rounds of
        /// many megabytes go over somebody's phone.
        var known: Bool?
        /// Looks in a row that failed.
        var failures = 0
        /// Questions that are not asked.
        var skips = 0

        mutating func skipsNow() -> Bool {
            guard skips > 0 else { return false }
            skips -= 1
            return true
        }

        mutating func failed() -> Bool? {
            failures += 1
            if known != nil, failures <= MeteredLink.skipped { return known }
            known = nil
            skips = MeteredLink.skipped
            return nil
        }

        mutating func answered(_ value: Bool?) -> Bool? {
            self = Memory(known: value)
            return value
        }
    }

    /// A system without NetworkManager is asked so much more rarely; and so many failures an answer outlives.
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
        if memory.withLock({ $0.skipsNow() }) { return nil }
        let tool = Self.tools.first { ToolRun.find($0.0, in: searchPath) != nil }
        guard let tool else { return nil }
        let run = await ToolRun.of(tool.0, tool.1, path: searchPath)
        return memory.withLock { memory in
            // That nobody knows is an answer too: there is just no connection, and the next look tells more.
            guard run.status == 0, let number = Self.number(run.output) else { return memory.failed() }
            return memory.answered(Self.value(number))
        }
    }

    /// `u 4` as busctl prints it, `(<uint32 4>,)` as gdbus does; nil for anything else.
    private static func number(_ output: String) -> UInt32? {
        let words = output.split { !$0.isLetter && !$0.isNumber }.map(String.init)
        guard ["u", "uint32"].contains(words.first ?? "") else { return nil }
        return words.last.flatMap { UInt32($0) }
    }

    /// NMMetered: 0 unknown, 1 yes, 2 no, 3 and 4 the same as guesses.
    private static func value(_ number: UInt32) -> Bool? {
        switch number {
        case 1, 3: true
        case 2, 4: false
        default: nil
        }
    }
}
