import GitWorkspace
import Primitives
import Simulation

// GitTwin: real git repositories beside the simulator's model of git, one a device, in a temporary folder: what happens
// to git in the model is done with the agent's own merger, packs and refs, and compared. Never: a part of the agent; a
// file outside of its folder, or one that stays. Start with GitTwin.swift (a run), then TwinSteps.swift (each event).

/// A deliberate flaw of the twin, to show that a difference is seen.
package enum TwinFlaw: Hashable, Sendable {
    /// Captures lose their first file.
    case dropsPath
    /// Every third transfer stops halfway and says nothing.
    case cutsSilently
}

/// What real git was made to do in a run.
package struct TwinCounts: Hashable, Sendable {
    package var captures = 0
    package var packs = 0
    package var cuts = 0
    package var merges = 0
    package var conflicts = 0
    package var published = 0
    package var applied = 0
    package var reopened = 0

    package init() {}
}

/// One run, and what real git did in it.
package struct TwinRun: Sendable {
    package var report: RunReport
    package var counts: TwinCounts
    /// Where the repositories were.
    package var folder: String?
}

package enum GitTwin {
    /// Runs a scenario with real git beside the model.
    /// - Parameter compares: with what the model says, after every event of git. Else only real git itself may object:
    ///   to a pack, a merge, a ref, an incomplete store.
    package static func run(_ scenario: Scenario, compares: Bool, flaw: TwinFlaw? = nil) -> RunReport {
        counted(scenario, compares: compares, flaw: flaw).report
    }

    package static func counted(
        _ scenario: Scenario, compares: Bool, flaw: TwinFlaw? = nil
    ) -> TwinRun {
        // People's pushes are nobody's captures: the hub has its tests against real git.
        var scenario = scenario
        scenario.hub = nil
        var world = World(scenario)
        world.followGit()
        let twin: Twin
        do throws(GitError) {
            twin = try Twin(devices: scenario.devices, compares: compares, flaw: flaw)
        } catch {
            world.realGitDiffers("real git could not be started: \(error.message)", error.hint)
            return TwinRun(report: world.report, counts: TwinCounts())
        }
        defer { twin.remove() }
        while world.advance() {
            for event in world.takeGitEvents() where !world.isBeyondComparison {
                if let found = twin.play(event, world) { world.realGitDiffers(found.real, found.model) }
            }
        }
        if !world.isBeyondComparison, world.violation == nil, let found = twin.lastLook() {
            world.realGitDiffers(found.real, found.model)
        }
        return TwinRun(report: world.report, counts: twin.counts, folder: twin.folder)
    }
}
