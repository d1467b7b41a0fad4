import Primitives

/// The settings of rounds, as durations. Read from the replicated key-value settings; what is missing has its default.
package struct SyncSettings: Hashable, Sendable {
    /// Quiet time after the last change before an automatic round.
    package var settle: Duration = .seconds(2)
    /// The longest that a change waits for quiet.
    package var maxWait: Duration = .seconds(60)
    /// The least time between the starts of two automatic rounds.
    package var minInterval: Duration = .seconds(300)
    /// Beyond this a gate reopens after its capture.
    package var pauseBudget: Duration = .seconds(2)
    /// The hard bound of one pause.
    package var pauseMax: Duration = Limits.pauseMax

    package init() {}

    /// One setting: its key, its default, the range of sensible values.
    package struct Key: Hashable, Sendable {
        package var name: String
        package var about: String
        package var range: ClosedRange<Duration>
        package var standard: Duration
    }

    package static let keys: [Key] = [
        Key(
            name: "pause.budget", about: "a gate reopens after its capture when the pause lasts longer",
            range: .milliseconds(50)...Limits.pauseMax, standard: SyncSettings().pauseBudget),
        Key(
            name: "pause.max", about: "no pause lasts longer than this", range: .seconds(1)...Limits.pauseMax,
            standard: SyncSettings().pauseMax),
        Key(
            name: "sync.max-wait", about: "the longest that a change waits for quiet",
            range: .seconds(1)...(.seconds(3600)),
            standard: SyncSettings().maxWait),
        Key(
            name: "sync.min-interval", about: "the least time between two automatic rounds",
            range: .seconds(1)...(.seconds(86_400)), standard: SyncSettings().minInterval),
        Key(
            name: "sync.settle", about: "quiet time after the last change before an automatic round",
            range: .zero ... .seconds(600), standard: SyncSettings().settle),
    ]

    package static func key(named name: String) -> Key? { keys.first { $0.name == name } }

    /// Sets one value; false for an unknown key or a value outside of its range, which changes nothing.
    @discardableResult
    package mutating func set(_ name: String, to text: String) -> Bool {
        guard let key = Self.key(named: name), let value = Duration(setting: text), key.range.contains(value) else {
            return false
        }
        switch name {
        case "pause.budget": pauseBudget = value
        case "pause.max": pauseMax = value
        case "sync.max-wait": maxWait = value
        case "sync.min-interval": minInterval = value
        case "sync.settle": settle = value
        default: return false
        }
        return true
    }
}

extension Duration {
    /// Reads `250ms`, `1s`, `5m`, `2h`, `1d`; nil for anything else. At most a year.
    package init?(setting text: some StringProtocol) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let count = Int64(digits), count <= 31_536_000_000 else { return nil }
        switch text.dropFirst(digits.count) {
        case "ms": self = .milliseconds(count)
        case "s": self = .seconds(count)
        case "m": self = .seconds(count) * 60
        case "h": self = .seconds(count) * 3600
        case "d": self = .seconds(count) * 86_400
        default: return nil
        }
        guard self <= .seconds(31_536_000) else { return nil }
    }

    /// The shortest exact form that `init(setting:)` reads.
    package var settingText: String {
        let milliseconds = wholeMilliseconds
        if milliseconds % 1000 != 0 { return "\(milliseconds)ms" }
        let seconds = milliseconds / 1000
        if seconds == 0 || seconds % 60 != 0 { return "\(seconds)s" }
        if seconds % 3600 != 0 { return "\(seconds / 60)m" }
        return seconds % 86_400 == 0 ? "\(seconds / 86_400)d" : "\(seconds / 3600)h"
    }
}
