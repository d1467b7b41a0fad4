/// Reading and writing the parts of setting values.
enum SettingText {
    private static let units: [(name: String, bytes: Int64)] = [
        ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1),
    ]

    /// ASCII digits, at most 18 of them.
    static func number(_ digits: Substring) -> Int64? {
        guard (1...18).contains(digits.count), digits.allSatisfy({ $0.isASCII && $0.isNumber }) else { return nil }
        return Int64(digits)
    }

    static func size(_ text: String) -> Int64? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let count = number(digits), let unit = units.first(where: { $0.name == text.dropFirst(digits.count) })
        else { return nil }
        let (product, overflows) = count.multipliedReportingOverflow(by: unit.bytes)
        return overflows ? nil : product
    }

    /// In the largest unit that it is a whole number of.
    static func size(_ bytes: Int64) -> String {
        guard bytes > 0, let unit = units.first(where: { bytes % $0.bytes == 0 }) else { return "\(bytes)B" }
        return "\(bytes / unit.bytes)\(unit.name)"
    }

    /// Splits at spaces outside of double quotes; within quotes `\"` and `\\` stand for `"` and `\`. Nil if a quote is
    /// not closed or a word is empty.
    static func words(_ text: String) -> [String]? {
        var words: [String] = []
        var rest = text[...]
        while true {
            rest = rest.drop { $0 == " " }
            guard let first = rest.first else { return words }
            var word = ""
            if first == "\"" {
                guard let inside = quoted(&rest) else { return nil }
                word = inside
            }
            let plain = rest.prefix { $0 != " " }
            guard !plain.contains("\"") else { return nil }
            word += plain
            rest = rest.dropFirst(plain.count)
            guard !word.isEmpty else { return nil }
            words.append(word)
        }
    }

    /// Takes a quoted text from the front.
    private static func quoted(_ rest: inout Substring) -> String? {
        var inside = ""
        rest = rest.dropFirst()
        while let next = rest.popFirst() {
            if next == "\"" { return inside }
            guard next == "\\" else {
                inside.append(next)
                continue
            }
            guard let escaped = rest.popFirst(), escaped == "\"" || escaped == "\\" else { return nil }
            inside.append(escaped)
        }
        return nil
    }

    static func quoted(_ word: String) -> String {
        guard word.contains(where: { $0 == " " || $0 == "\"" }) else { return word }
        return "\"" + word.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : String($0) }.joined() + "\""
    }

    static func rules(_ text: String, _ allowed: [String]) -> [SettingRule]? {
        guard let words = words(text) else { return nil }
        var rules: [SettingRule] = []
        for word in words {
            guard let equals = word.lastIndex(of: "="), equals > word.startIndex else { return nil }
            let rule = SettingRule(
                pattern: String(word[..<equals]), word: String(word[word.index(after: equals)...]))
            guard allowed.contains(rule.word) else { return nil }
            rules.append(rule)
        }
        return rules
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
