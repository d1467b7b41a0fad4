import Primitives
import SyncRounds

// The hub from the device's side: what its mirror may know, and when it may act.

extension Device {
    /// Phase 7, and the looks before a round: whatever is due, if this device leads and may act.
    mutating func driveHub(at now: Instant, into output: inout DeviceOutput) {
        // Whoever does not lead has nothing to do with it; the mirror begins anew with each leadership.
        guard announcedToken != nil || hubMirror.isLeading else { return }
        var events: [HubEvent] = []
        let context = HubMirror.Context(
            record: state.hub, device: device, token: announcedToken, mayAct: mayLead(at: now) && !isStopping,
            published: state.head.revision, number: state.head.number,
            sequenceBase: incarnation << Limits.sequenceBits)
        if let order = hubMirror.step(context, at: now, into: &events) { output.actions.append(.hub(order)) }
        for event in events { output.events.append(.hub(event)) }
    }

    mutating func hubAnswered(_ answer: HubAnswer, at now: Instant, into output: inout DeviceOutput) {
        var events: [HubEvent] = []
        hubMirror.answered(answer, at: now, into: &events)
        for event in events { output.events.append(.hub(event)) }
    }

    /// How the hub stands, as this device knows it: by itself if it leads, else as the leader told. Nil without a hub,
    /// or if no leader has said anything yet.
    package var hubFacts: HubFacts? {
        guard state.hub != nil else { return nil }
        if let own = hubMirror.facts { return own }
        guard let leader = syncLeader?.device else { return nil }
        return peers.first { $0.device == leader }?.facts?.hub
    }
}

extension RoundResult {
    var isPublished: Bool { if case .published = self { true } else { false } }
}
