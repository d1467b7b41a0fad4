import Simulation
import Synchronization

/// Which git the devices of a run work with.
enum GitTier: String, CaseIterable, Sendable {
    /// The model: fast.
    case model
    /// The model, and beside it real git in temporary repositories, which must not object.
    case real
    /// The same, and what real git did is compared with the model after every event of git.
    case both
}

/// The way in for a program that brings real git along: `baton-simulate` alone does without.
public enum RealGit {
    package typealias Run = @Sendable (_ scenario: Scenario, _ comparesWithModel: Bool) -> RunReport

    private static let installed = Mutex<Run?>(nil)

    /// Before the command is parsed.
    package static func install(_ run: @escaping Run) { installed.withLock { $0 = run } }

    static func run(_ tier: GitTier) throws -> @Sendable (Scenario) -> RunReport {
        guard tier != .model else { return { Simulation.run($0) } }
        guard let run = installed.withLock({ $0 }) else {
            throw CommandProblem(
                "--git \(tier.rawValue) is not in this program; use 'baton simulate', "
                    + "or leave it out to run the model of git")
        }
        return { run($0, tier == .both) }
    }
}
