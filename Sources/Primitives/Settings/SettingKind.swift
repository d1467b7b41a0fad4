/// How the value of a setting is written, and what is allowed.
package enum SettingKind: Hashable, Sendable {
    /// `250ms`, `2s`, `5m`, `1h`, `1d`. `plain`: what a number without a unit counts; nil: a unit is needed.
    case duration(ClosedRange<Duration>, plain: Duration? = nil)
    /// `512KiB`, `10MiB`, `1GiB`; in bytes.
    case size(ClosedRange<Int64>)
    /// Whole numbers; the unit (`%`) may stand behind, and does in the canonical form.
    case number(ClosedRange<Int64>, unit: String = "")
    case flag
    case choice([String])
    /// Patterns of paths as in `.gitignore`, separated by spaces; quoted where they hold one.
    case patterns
    /// Some of these words, separated by spaces.
    case words([String])
    /// `PATTERN=WORD`, separated by spaces; quoted as patterns are.
    case rules(words: [String])
    case text(example: String)

    /// What may be written, for messages and `config explain`.
    package var allowed: String {
        switch self {
        case .duration(let range, let plain):
            "\(range.lowerBound.settingText) to \(range.upperBound.settingText)"
                + (plain == nil ? "" : ", a plain number is minutes")
        case .size(let range): "\(SettingText.size(range.lowerBound)) to \(SettingText.size(range.upperBound))"
        case .number(let range, let unit): "\(range.lowerBound) to \(range.upperBound)\(unit)"
        case .flag: "on or off"
        case .choice(let words): words.joined(separator: ", ")
        case .patterns: "path patterns as in .gitignore, separated by spaces"
        case .words(let words): "any of \(words.joined(separator: ", ")), separated by spaces"
        case .rules(let words): "PATTERN=WORD, separated by spaces; words: \(words.joined(separator: ", "))"
        case .text: "a text"
        }
    }

    var example: String {
        switch self {
        case .duration(let range, _): range.upperBound.settingText
        case .size(let range): SettingText.size(range.upperBound)
        case .number(let range, _): "\(range.upperBound)"
        case .flag: "on"
        case .choice(let words): words.first ?? ""
        case .patterns: "*.log build/"
        case .words(let words): words.first ?? ""
        case .rules(let words): "*.md=\(words.first ?? "")"
        case .text(let example): example
        }
    }

    /// Nil for what is no such value, or out of range.
    package func read(_ text: String) -> SettingValue? {
        switch self {
        case .duration(let range, let plain):
            guard let value = Duration(setting: text) ?? Self.counted(text, plain), range.contains(value) else {
                return nil
            }
            return .duration(value)
        case .size(let range):
            guard let value = SettingText.size(text), range.contains(value) else { return nil }
            return .size(value)
        case .number(let range, let unit):
            let digits = !unit.isEmpty && text.hasSuffix(unit) ? text.dropLast(unit.count) : text[...]
            guard let value = SettingText.number(digits), range.contains(value) else { return nil }
            return .number(value)
        case .flag: return Self.flag(text).map { .flag($0) }
        case .choice(let words): return words.contains(text) ? .choice(text) : nil
        case .patterns: return SettingText.words(text).map { .patterns($0) }
        case .words(let allowed):
            guard let words = SettingText.words(text), words.allSatisfy(allowed.contains) else { return nil }
            return .patterns(allowed.filter(words.contains))
        case .rules(let words): return SettingText.rules(text, words).map { .rules($0) }
        case .text: return .text(text)
        }
    }

    /// The one text of a value.
    package func text(_ value: SettingValue) -> String {
        switch value {
        case .duration(let value): value.settingText
        case .size(let value): SettingText.size(value)
        case .number(let value):
            if case .number(_, let unit) = self { "\(value)\(unit)" } else { "\(value)" }
        case .flag(let value): value ? "on" : "off"
        case .choice(let word), .text(let word): word
        case .patterns(let patterns): patterns.map(SettingText.quoted).joined(separator: " ")
        case .rules(let rules):
            rules.map { "\(SettingText.quoted($0.pattern))=\($0.word)" }.joined(separator: " ")
        }
    }

    private static func counted(_ text: String, _ unit: Duration?) -> Duration? {
        guard let unit, let count = SettingText.number(text[...]), (0...525_600).contains(count) else { return nil }
        return unit * Int(count)
    }

    private static func flag(_ text: String) -> Bool? {
        switch text {
        case "on", "true", "yes": true
        case "off", "false", "no": false
        default: nil
        }
    }
}
