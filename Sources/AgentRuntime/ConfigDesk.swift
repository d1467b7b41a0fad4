import ControlSocket
import DeviceCore
import Primitives

// Answers `config.*` of the control socket.

extension AgentHandler {
    func config() throws -> ConfigReport {
        try known { () throws(SettingProblem) in try agent.settings.readAgain() }
        let layers = agent.settings.layers
        return ConfigReport(
            items: SettingCatalogue.keys.map { key in
                ConfigReport.Item(
                    key: key.name, value: layers.text(key), standard: key.standard,
                    source: layers.effective(key).source.rawValue, about: key.about, scope: Self.word(key.scope),
                    allowed: key.kind.allowed, example: key.example,
                    environment: key.mayBeOnDevice ? key.environmentName : nil, alias: key.alias)
            })
    }

    func set(_ call: ConfigSetting) async throws -> ConfigReport {
        let key = try known { () throws(SettingProblem) in try SettingCatalogue.existing(call.key) }
        let value = try known { () throws(SettingProblem) in try key.canonical(call.value) }
        if try isHere(key, call.here ?? false) {
            try known { () throws(SettingProblem) in try agent.settings.setHere(key, to: value) }
        } else {
            try settled(await agent.loop.ask(.set(Setting(key: key.name, value: value))), key)
        }
        agent.audit.add("setting", "\(key.name) = \(value)")
        return try config()
    }

    func unset(_ call: ConfigKey) async throws -> ConfigReport {
        let key = try known { () throws(SettingProblem) in try SettingCatalogue.existing(call.key) }
        if try isHere(key, call.here ?? false) {
            try known { () throws(SettingProblem) in try agent.settings.setHere(key, to: nil) }
        } else {
            try settled(await agent.loop.ask(.unset(key: key.name)), key)
        }
        agent.audit.add("setting", "\(key.name) is unset")
        return try config()
    }

    /// Whether the setting is of this device alone: by its scope, or because that is asked for.
    private func isHere(_ key: SettingKey, _ asked: Bool) throws -> Bool {
        guard asked else { return !key.mayBeInMesh }
        guard key.mayBeOnDevice else {
            throw ControlFailure(
                code: ExitCode.usage, message: "\(key.name) is the same on every device",
                hint: "leave out --here: baton config set \(key.name) \(key.example)")
        }
        return true
    }

    private func settled(_ reply: ClientReply, _ key: SettingKey) throws {
        if case .refused(.limitReached) = reply {
            throw ControlFailure(
                code: ExitCode.notAllowed,
                message: "all settings together may have \(Limits.settingsBytes) bytes: \(key.name) was not set",
                hint: "shorten it, or another one: baton config list")
        }
        try done(reply)
    }

    private func known<Value>(_ body: () throws(SettingProblem) -> Value) throws -> Value {
        do throws(SettingProblem) { return try body() } catch {
            throw ControlFailure(code: ExitCode.usage, message: error.message, hint: error.hint)
        }
    }

    private static func word(_ scope: SettingKey.Scope) -> String {
        switch scope {
        case .mesh: "mesh"
        case .device: "device"
        case .meshOrDevice: "mesh_or_device"
        }
    }
}
