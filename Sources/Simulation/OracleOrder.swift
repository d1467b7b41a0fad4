import DeviceCore
import Primitives

// What goes one way only: the roster's tombstones, the heads that a device applies; and voters who always meet.

extension Oracle {
    /// A removed key never comes back, and no tombstone vanishes.
    mutating func checkRoster() {
        for gone in tombstones where !state.removed.contains(gone) {
            fail(.removedForGood, "device \(gone.number) was removed", "and the roster has forgotten that")
        }
        for gone in state.removed where state.record(of: gone) != nil {
            fail(.removedForGood, "device \(gone.number) was removed", "and it is a member")
        }
        tombstones = state.removed
    }

    /// Every majority of the voters before meets every majority of those after.
    mutating func checkMeeting(_ before: [DeviceID], _ after: [DeviceID], at index: LogIndex) {
        let all = before + after.filter { !before.contains($0) }
        if before.count / 2 + 1 + after.count / 2 + 1 <= all.count {
            fail(
                .votersMeet, "the voters were \(before.map(\.number))",
                "and entry \(index) makes them \(after.map(\.number)), who may decide without those before")
        }
    }
}

extension World {
    /// What a device applies comes after what it applied before.
    mutating func checkForward(_ node: Int, _ revision: Int) {
        guard let number = oracle.headNumbers[revision] else { return }
        let before = nodes[node].workspace.appliedHead
        if number < before {
            clash(
                .appliesForward, "device \(node + 1) applied head \(before)",
                "and now applies head \(number), which is older")
        }
        nodes[node].workspace.appliedHead = max(before, number)
    }

    /// More than signs of life: a mesh at rest says nothing of the kind.
    mutating func noteTalk(_ message: PeerMessage) {
        switch message {
        case .raft, .renew, .renewed: break
        case .propose, .notLeader, .round, .facts, .syncRequest, .syncAnswer, .handoffRequest, .handoffAnswer,
            .leaving, .stop:
            oracle.talk &+= 1
        }
    }
}
