import Primitives

/// What a scenario file may ask for: a bad one must neither hang nor eat memory.
extension Limits {
    package static let scenarioFileBytes = 64 << 10
    package static let scenarioLines = 2000
    package static let scenarioLineBytes = 2 << 10
    package static let scenarioRules = 1000
    package static let scenarioExpectations = 64
    /// Seeds of one scenario, and of one command.
    package static let scenarioSeeds: UInt64 = 10_000_000
    package static let scenarioTime: Duration = .seconds(86_400)
    package static let scenarioWallJump: Duration = .seconds(20 * 365 * 86_400)
    /// Writes of files that one scenario may come to in one seed.
    package static let scenarioWrites: Int64 = 10_000_000
    /// The least time between two of `every`.
    package static let scenarioInterval: Duration = .milliseconds(10)
    package static let scenarioLinkDelay: Duration = .seconds(60)
    package static let scenarioWorkDelay: Duration = .seconds(600)
    package static let scenarioAboutLines = 20
    /// Scenario files that one command reads, and how deep their folders may lie.
    package static let scenarioFiles = 5000
    package static let scenarioFolders = 16
}
