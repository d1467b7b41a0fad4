/// The text of a device's own settings, `config.toml`: the part of TOML that settings need (`key = "text"`, numbers,
/// `true`, `false`, tables, comments). Changing one setting leaves every other line as it was.
package struct DeviceSettingsFile: Hashable, Sendable {
    private struct Assignment: Hashable {
        var line: Int
        var setting: Setting
    }

    package private(set) var lines: [String]
    private var assignments: [Assignment]

    package init(_ text: String) throws(SettingProblem) {
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last?.isEmpty == true { lines.removeLast() }
        assignments = try Self.assignments(lines)
    }

    package var text: String { lines.isEmpty ? "" : lines.joined(separator: "\n") + "\n" }

    /// Sorted by key.
    package var settings: [Setting] { assignments.map(\.setting).sorted { $0.key < $1.key } }

    /// Nil removes it.
    package mutating func set(_ key: String, to value: String?) throws(SettingProblem) {
        let found = assignments.first { $0.setting.key == key }
        var changed = lines
        switch (found, value) {
        case (let found?, let value?): changed[found.line] = Self.line(key, value, like: lines[found.line])
        case (let found?, nil): changed.remove(at: found.line)
        // In front of the first table: behind it the key would be one of that table.
        case (nil, let value?):
            let place = lines.firstIndex { Self.trimmed($0[...]).hasPrefix("[") } ?? lines.endIndex
            changed.insert(Self.line(key, value, like: key), at: place)
        case (nil, nil): return
        }
        assignments = try Self.assignments(changed)
        lines = changed
    }

    /// The key as the line has it: within a table it is the rest of the name.
    private static func line(_ key: String, _ value: String, like old: String) -> String {
        let written = trimmed(old.prefix { $0 != "=" })
        let escaped = value.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : String($0) }.joined()
        return "\(written) = \"\(escaped)\""
    }

    private static func assignments(_ lines: [String]) throws(SettingProblem) -> [Assignment] {
        var table = ""
        var found: [Assignment] = []
        for (number, line) in lines.enumerated() {
            let content = trimmed(line[...])
            if content.isEmpty || content.hasPrefix("#") { continue }
            if content.hasPrefix("[") {
                let name = trimmed(content.dropFirst().prefix { $0 != "]" })
                guard content.contains("]"), isKey(name) else {
                    throw problem(number, "a table is written [name]")
                }
                table = name + "."
                continue
            }
            guard let equals = content.firstIndex(of: "=") else {
                throw problem(number, "a setting is written key = \"value\"")
            }
            let name = trimmed(content[..<equals])
            guard isKey(name) else { throw problem(number, "'\(name)' is no key") }
            guard let value = value(trimmed(content[content.index(after: equals)...])) else {
                throw problem(number, "the value of \(name) is a text in quotes, a number, true or false")
            }
            let setting = Setting(key: table + name, value: value)
            guard !found.contains(where: { $0.setting.key == setting.key }) else {
                throw problem(number, "\(setting.key) is set twice")
            }
            found.append(Assignment(line: number, setting: setting))
        }
        return found
    }

    private static func problem(_ line: Int, _ what: String) -> SettingProblem {
        SettingProblem("config.toml, line \(line + 1): \(what)", hint: "mend that line, and repeat the command")
    }

    private static func isKey(_ text: String) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return parts.allSatisfy { part in
            !part.isEmpty && part.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
        }
    }

    /// `"text"`, `'text'`, a number, `true`, `false`; a comment may follow.
    private static func value(_ text: String) -> String? {
        guard let quote = text.first, quote == "\"" || quote == "'" else {
            let word = trimmed(text.prefix { $0 != "#" })
            let isPlain =
                word.allSatisfy { $0.isASCII && ($0.isNumber || $0 == "-") } || ["true", "false"].contains(word)
            return isPlain && !word.isEmpty ? word : nil
        }
        var rest = text.dropFirst()
        var value = ""
        while let next = rest.popFirst() {
            if next == quote {
                let after = trimmed(rest)
                return after.isEmpty || after.hasPrefix("#") ? value : nil
            }
            if next == "\\", quote == "\"" {
                guard let escaped = rest.popFirst(), escaped == "\"" || escaped == "\\" else { return nil }
                value.append(escaped)
            } else {
                value.append(next)
            }
        }
        return nil
    }

    private static func trimmed(_ text: Substring) -> String {
        var rest = text
        while let first = rest.first, first == " " || first == "\t" || first == "\r" { rest.removeFirst() }
        while let last = rest.last, last == " " || last == "\t" || last == "\r" { rest.removeLast() }
        return String(rest)
    }
}
