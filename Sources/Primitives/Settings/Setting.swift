/// A setting as text: `sync.settle` = `2s`. What is replicated, stored and typed has this form; the catalogue says what
/// it means.
package struct Setting: Hashable, Sendable {
    package var key: String
    package var value: String

    package init(key: String, value: String) {
        self.key = key
        self.value = value
    }

    var bytes: Int { key.utf8.count + value.utf8.count }
}

extension [Setting] {
    /// Keys and values together, in bytes: what `Limits.settingsBytes` bounds.
    package var bytes: Int { reduce(0) { $0 + $1.bytes } }

    package func value(of key: String) -> String? { first { $0.key == key }?.value }
}

/// What a setting's text means.
package enum SettingValue: Hashable, Sendable {
    case duration(Duration)
    /// In bytes.
    case size(Int64)
    case number(Int64)
    case flag(Bool)
    case choice(String)
    case patterns([String])
    case rules([SettingRule])
    case text(String)
}

/// One `PATTERN=WORD`.
package struct SettingRule: Hashable, Sendable {
    package var pattern: String
    package var word: String

    package init(pattern: String, word: String) {
        self.pattern = pattern
        self.word = word
    }
}

/// Why a setting was not taken: one line, and the next command to type.
package struct SettingProblem: Error, Hashable, Sendable {
    package var message: String
    package var hint: String

    package init(_ message: String, hint: String) {
        self.message = message
        self.hint = hint
    }
}
