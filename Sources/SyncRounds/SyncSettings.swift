import Primitives

/// The settings of rounds, as durations. Read from the replicated settings; what is missing has its default.
package struct SyncSettings: Hashable, Sendable {
    /// False: rounds start only when somebody asks for one.
    package var automatic = true
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

    package init(_ settings: [Setting]) {
        let layers = SettingLayers(mesh: settings)
        automatic = layers.flag("sync.automatic")
        settle = layers.duration("sync.settle")
        maxWait = layers.duration("sync.max-wait")
        minInterval = layers.duration("sync.min-interval")
        pauseBudget = layers.duration("pause.budget")
        pauseMax = layers.duration("pause.max")
    }

    /// The settings that the device itself reads, and a simulated mesh with it.
    package static let keys = SettingCatalogue.keys.filter { key in
        key.mayBeInMesh && ["sync.", "pause."].contains { key.name.hasPrefix($0) }
    }

    package static func key(named name: String) -> SettingKey? { keys.first { $0.name == name } }
}
