import DeviceCore
import Locks
import MeshTransport
import Primitives
import SyncRounds
import Synchronization

/// Counts what happens, for `baton metrics`: since the start of the agent. Labels have few values, all known here.
final class AgentMetrics: Sendable {
    private let state = Mutex(Counts())

    struct Counts: Sendable {
        var rounds: [String: UInt64] = [:]
        var roundDurations = Histogram()
        var phases: [RoundPhase: Histogram] = [:]
        var pauses = Histogram()
        var earlyPauses: UInt64 = 0
        var writers: [String: UInt64] = [:]
        var captures: [String: UInt64] = [:]
        var capturedFiles: UInt64 = 0
        var appliedFiles: UInt64 = 0
        var lateFiles: UInt64 = 0
        var declined: UInt64 = 0
        var refusedTokens: UInt64 = 0
        var refusedPublications: UInt64 = 0
        var leaderships: UInt64 = 0
        var quorumLeaderships: UInt64 = 0
        var sleeps: UInt64 = 0
        /// The phase that the round led here is in, and since when.
        fileprivate var phase: (RoundPhase, Instant)?
    }

    var counts: Counts { state.withLock { $0 } }

    func note(_ events: [DeviceEvent], device: DeviceID, at now: Instant) {
        state.withLock { counts in
            for event in events { counts.note(event, device, now) }
        }
    }
}

extension AgentMetrics.Counts {
    fileprivate mutating func note(_ event: DeviceEvent, _ device: DeviceID, _ now: Instant) {
        switch event {
        case .consensus(.becameLeader): quorumLeaderships += 1
        case .leading: leaderships += 1
        case .roundPhase(_, let next): enter(next, now)
        case .roundEnded(let summary):
            enter(nil, now)
            rounds[summary.result.word, default: 0] += 1
            roundDurations.observe(summary.ended - summary.started)
        case .publicationRefused: refusedPublications += 1
        case .refusedToken: refusedTokens += 1
        case .pauseEnded(_, let held, let early, let report):
            pauses.observe(held)
            if early { earlyPauses += 1 }
            writers["paused", default: 0] += UInt64(report.paused.count)
            writers["unanswered", default: 0] += UInt64(report.unanswered.count)
        case .memberSaid(.captured(_, let report), from: device):
            captures[report.revision == nil ? "clean" : "changed", default: 0] += 1
            capturedFiles += UInt64(report.changedFiles)
        case .applied(_, let report):
            appliedFiles += UInt64(report.appliedFiles)
            lateFiles += UInt64(report.lateFiles)
        case .declined: declined += 1
        case .slept: sleeps += 1
        case .consensus, .lock, .leadershipLost, .decided, .roundStarted, .published, .memberSaid, .membership, .hub,
            .review,
            .stop,
            .dropped, .epoch:
            break
        }
    }

    private mutating func enter(_ next: RoundPhase?, _ now: Instant) {
        if let (old, began) = phase { phases[old, default: Histogram()].observe(now - began) }
        phase = next.map { ($0, now) }
    }
}
