/// Where the value of a setting comes from, the strongest first.
package enum SettingSource: String, Hashable, Sendable, CaseIterable {
    case environment, mesh, device
    case standard = "default"
}

/// The settings as they hold on one device: environment, then what the mesh agreed on, then the device's own file, then
/// the default. A value that cannot be read (a newer version wrote it) counts as not set.
package struct SettingLayers: Hashable, Sendable {
    /// `BATON_<KEY>` of the agent's environment.
    package var environment: [Setting]
    package var mesh: [Setting]
    package var device: [Setting]

    package init(environment: [Setting] = [], mesh: [Setting] = [], device: [Setting] = []) {
        self.environment = environment
        self.mesh = mesh
        self.device = device
    }

    package func effective(_ key: SettingKey) -> (value: SettingValue, source: SettingSource) {
        for (source, settings) in layers where Self.mayBe(key, source) {
            if let text = settings.value(of: key.name), let value = key.kind.read(text) { return (value, source) }
        }
        guard let standard = key.kind.read(key.standard) else {
            preconditionFailure("the catalogue's default of \(key.name) cannot be read: a test reads all of them")
        }
        return (standard, .standard)
    }

    /// The value in its canonical text.
    package func text(_ key: SettingKey) -> String { key.kind.text(effective(key).value) }

    private var layers: [(SettingSource, [Setting])] {
        [(.environment, environment), (.mesh, mesh), (.device, device)]
    }

    private static func mayBe(_ key: SettingKey, _ source: SettingSource) -> Bool {
        switch source {
        case .environment, .device: key.mayBeOnDevice
        case .mesh: key.mayBeInMesh
        case .standard: true
        }
    }
}

// MARK: - Typed readers

extension SettingLayers {
    /// Each reader names a line of the catalogue, of its kind: anything else is a fault of the program.
    private func value(_ name: String) -> SettingValue {
        guard let key = SettingCatalogue.keys.first(where: { $0.name == name }) else {
            preconditionFailure("\(name) is read and stands in no line of the catalogue")
        }
        return effective(key).value
    }

    package func duration(_ name: String) -> Duration {
        guard case .duration(let value) = value(name) else { preconditionFailure("\(name) is no duration") }
        return value
    }

    /// In bytes.
    package func size(_ name: String) -> Int64 {
        guard case .size(let value) = value(name) else { preconditionFailure("\(name) is no size") }
        return value
    }

    package func number(_ name: String) -> Int64 {
        guard case .number(let value) = value(name) else { preconditionFailure("\(name) is no number") }
        return value
    }

    package func flag(_ name: String) -> Bool {
        guard case .flag(let value) = value(name) else { preconditionFailure("\(name) is no flag") }
        return value
    }

    /// A word of a choice, or a text.
    package func word(_ name: String) -> String {
        switch value(name) {
        case .choice(let value), .text(let value): return value
        case .duration, .size, .number, .flag, .patterns, .rules: preconditionFailure("\(name) is no word")
        }
    }

    package func patterns(_ name: String) -> [String] {
        guard case .patterns(let value) = value(name) else { preconditionFailure("\(name) is no list of patterns") }
        return value
    }

    package func rules(_ name: String) -> [SettingRule] {
        guard case .rules(let value) = value(name) else { preconditionFailure("\(name) is no list of rules") }
        return value
    }
}
