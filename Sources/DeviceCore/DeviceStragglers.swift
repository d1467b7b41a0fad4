import Primitives
import SyncRounds

// Whom rounds do not bring to the head, and how long they are left alone (behaviour P5).

/// A device that stayed behind although a round was there to catch it up: its disk is full, or a path cannot be put in
/// place there. Another round would come to the same and pause every writer for it.
struct Straggler: Hashable, Sendable {
    var device: DeviceID
    /// What it has, and what it is to have: with another of either it is another matter.
    var base: Revision?
    var head: Revision?
    /// Rounds in a row that left it behind.
    var rounds: UInt64
    var notBefore: Instant
}

extension Device {
    /// Before this no round starts only to catch the device up.
    func chasedFrom(_ member: DeviceID) -> Instant? { schedule.stragglers.first { $0.device == member }?.notBefore }

    private func base(of member: DeviceID) -> Revision?? {
        if member == device { return own.schedule(head: state.head.revision).behind ? own.base : Revision??.none }
        guard links.contains(member), let peer = peers.first(where: { $0.device == member }),
            peer.isBehind(state.head.revision)
        else { return nil }
        return peer.facts?.base
    }

    /// Whoever is behind no more, or told of anything new, or went away, is due at once the next time.
    mutating func forgetStragglers() {
        guard !schedule.stragglers.isEmpty else { return }
        let head = state.head.revision
        schedule.stragglers = schedule.stragglers.filter { base(of: $0.device) == $0.base && $0.head == head }
    }

    /// A round ended, and these devices had their chance in it. A round that was given up says nothing of any of them.
    mutating func noteStragglers(_ summary: RoundSummary, at now: Instant) {
        if case .aborted = summary.result { return }
        let before = schedule.stragglers
        schedule.stragglers = []
        guard !configuration.mutants.has(.noBackOff) else { return }
        for member in summary.participants + summary.leftOut {
            guard let base = base(of: member) else { continue }
            let rounds = (before.first { $0.device == member }?.rounds ?? 0) + 1
            // Who took part to the end stays behind until something changes there; who failed may succeed at any time.
            let most = summary.leftOut.contains(member) ? Limits.backOffDoublings : Limits.stragglerDoublings
            let pause = Limits.roundBackOff * (1 << Int(min(rounds, most)))
            let jitter = schedule.jitter.duration(in: .zero...pause / Limits.backOffJitter)
            schedule.stragglers.append(
                Straggler(
                    device: member, base: base, head: state.head.revision, rounds: min(rounds, most),
                    notBefore: now + pause + jitter))
        }
    }
}
