import DeviceCore
import Foundation
import Logging
import Primitives
import Synchronization

/// The settings as they hold on this device: what the mesh agreed on, between the agent's environment and the file of
/// this device alone. Shells that follow a setting observe it here.
final class AgentSettings: Sendable {
    private struct State {
        var layers: SettingLayers
        var observers: [@Sendable (SettingLayers) -> Void] = []
    }

    private let path: String
    private let logger: Logger
    private let state: Mutex<State>

    /// - Parameter environment: the value of a variable, if it is set.
    init(home: Home, environment: (String) -> String?, logger: Logger) throws(SettingProblem) {
        path = home.config
        self.logger = logger
        let overrides = SettingCatalogue.keys.compactMap { key in
            environment(key.environmentName).map { Setting(key: key.name, value: $0) }
        }
        let file = try Self.read(home.config)
        state = Mutex(State(layers: SettingLayers(environment: overrides, device: file.settings)))
        for setting in overrides { warn(setting, from: "the environment") }
        for setting in file.settings { warn(setting, from: "config.toml") }
    }

    var layers: SettingLayers { state.withLock { $0.layers } }

    /// What the mesh agreed on; called in the order of the log.
    func meshIs(_ settings: [Setting]) { change { $0.mesh = settings } }

    /// Calls back now, and whenever a setting may have changed. Must be quick.
    func observe(_ body: @escaping @Sendable (SettingLayers) -> Void) {
        let layers = state.withLock { state in
            state.observers.append(body)
            return state.layers
        }
        body(layers)
    }

    /// Sets a value of this device alone, durably; nil removes it.
    func setHere(_ key: SettingKey, to value: String?) throws(SettingProblem) {
        var file = try Self.read(path)
        try file.set(key.name, to: value)
        do { try Data(file.text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic) } catch {
            throw SettingProblem(
                "\(path) cannot be written: \(error.localizedDescription)", hint: "check its owner and the free space")
        }
        change { $0.device = file.settings }
    }

    /// Somebody may have edited the file.
    func readAgain() throws(SettingProblem) {
        let settings = try Self.read(path).settings
        change { $0.device = settings }
    }

    private func change(_ body: (inout SettingLayers) -> Void) {
        let (layers, observers) = state.withLock { state in
            let before = state.layers
            body(&state.layers)
            return (state.layers, state.layers == before ? [] : state.observers)
        }
        for observer in observers { observer(layers) }
    }

    private static func read(_ path: String) throws(SettingProblem) -> DeviceSettingsFile {
        guard FileManager.default.fileExists(atPath: path) else { return try DeviceSettingsFile("") }
        guard let bytes = FileManager.default.contents(atPath: path), bytes.count <= Limits.settingsFileBytes,
            let text = String(data: bytes, encoding: .utf8)
        else {
            throw SettingProblem(
                "\(path) cannot be read, or is no text of at most \(Limits.settingsFileBytes) bytes",
                hint: "mend it or move it away, then: baton up")
        }
        return try DeviceSettingsFile(text)
    }

    /// What was written by hand may be wrong: it counts as not set, and is said.
    private func warn(_ setting: Setting, from place: String) {
        do throws(SettingProblem) {
            let key = try SettingCatalogue.existing(setting.key)
            _ = try key.read(setting.value)
            guard key.mayBeOnDevice else {
                throw SettingProblem("\(key.name) is the same on every device", hint: "baton config set \(key.name)")
            }
        } catch {
            logger.warning("a setting of \(place) is ignored", metadata: ["reason": "\(error.message)"])
        }
    }
}
