/// One setting of the catalogue.
package struct SettingKey: Hashable, Sendable {
    package enum Scope: Hashable, Sendable {
        /// Replicated: the same on every device.
        case mesh
        /// Of one device alone: its `config.toml`, or its environment.
        case device
        /// Replicated; a device may say otherwise in its environment, and for itself where the mesh says nothing.
        case meshOrDevice
    }

    package var name: String
    package var scope: Scope
    package var kind: SettingKind
    /// In its canonical form.
    package var standard: String
    /// One line, without a capital and without a full stop.
    package var about: String
    /// A value for messages, where the default is not telling.
    var sample: String?
    /// An older name under which it is found too.
    package var alias: String?

    package init(
        _ name: String, _ scope: Scope, _ kind: SettingKind, _ standard: String, _ about: String, sample: String? = nil,
        alias: String? = nil
    ) {
        self.name = name
        self.scope = scope
        self.kind = kind
        self.standard = standard
        self.about = about
        self.sample = sample
        self.alias = alias
    }

    package var example: String { sample ?? (standard.isEmpty ? kind.example : standard) }

    /// `BATON_SYNC_MIN_INTERVAL`.
    package var environmentName: String {
        "BATON_" + name.uppercased().map { $0 == "." || $0 == "-" ? "_" : String($0) }.joined()
    }

    package var mayBeInMesh: Bool { scope != .device }
    package var mayBeOnDevice: Bool { scope != .mesh }

    /// What the text means.
    package func read(_ text: String) throws(SettingProblem) -> SettingValue {
        let isPlain = text.unicodeScalars.allSatisfy { $0.value >= 32 && !(127..<160).contains($0.value) }
        guard text.utf8.count <= Limits.settingValueBytes, isPlain else {
            let why = isPlain ? "has \(text.utf8.count) bytes" : "has control characters"
            throw SettingProblem(
                "the value for \(name) \(why); at most \(Limits.settingValueBytes) bytes of plain text are allowed",
                hint: hint)
        }
        guard let value = kind.read(text) else {
            throw SettingProblem("'\(text)' is no value for \(name) (\(kind.allowed))", hint: hint)
        }
        return value
    }

    /// The text in its canonical form: one value has one text.
    package func canonical(_ text: String) throws(SettingProblem) -> String { kind.text(try read(text)) }

    private var hint: String {
        let word = example.contains(" ") || example.contains("*") ? "'\(example)'" : example
        return "for instance: baton config set \(name) \(word)"
    }
}
