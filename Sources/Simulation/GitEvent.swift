import DeviceCore
import Primitives
import SyncRounds

/// Something that happened to the git of one device in the model, for whoever does the same with real git beside it.
/// Revisions are the model's numbers.
package struct GitEvent: Hashable, Sendable {
    package struct Capture: Hashable, Sendable {
        package var device: DeviceID
        package var revision: Int
        package var base: Int?
    }

    package enum What: Hashable, Sendable {
        case captured(RoundID, revision: Int, base: Int?)
        /// - had: it was all here before.
        /// - staged: durable, for the round; else only to be merged.
        case received(RoundID, revision: Int, from: Int, had: Bool, staged: Bool)
        /// The link broke while it was on its way.
        case cut(revision: Int, from: Int)
        case merged(RoundID, head: Int?, captures: [Capture], revision: Int, conflicts: Int)
        /// The published head moved, and it is here.
        case published(revision: Int)
        /// The working tree was brought to it.
        case applied(revision: Int)
        case crashed
        /// Another device, with an empty disk, is in its place.
        case replaced
    }

    package var node: Int
    package var device: DeviceID
    package var time: TrueTime
    package var what: What
}

extension World {
    /// From now on what happens to git is kept until it is taken.
    package mutating func followGit() { gitEvents = [] }

    package mutating func takeGitEvents() -> [GitEvent] {
        guard let events = gitEvents, !events.isEmpty else { return [] }
        gitEvents = []
        return events
    }

    /// The version of each path; zero: no such file.
    package func versions(of revision: Int) -> [UInt32] { store.tree(revision) }

    /// Where an image or another disk took a device's place, nothing but the safety of effects is demanded.
    package var isBeyondComparison: Bool { isBeyond }

    /// Ends the run.
    package mutating func realGitDiffers(_ fact: String, _ model: String) { clash(.realGit, fact, model) }

    mutating func tell(_ node: Int, _ what: GitEvent.What) {
        guard gitEvents != nil else { return }
        gitEvents?.append(GitEvent(node: node, device: nodes[node].id, time: now, what: what))
    }
}
