import Primitives
import SyncRounds

// What a device knows of itself and of the others besides the log: for the scheduler and for status.

/// Another device as it looks from here.
package struct PeerView: Hashable, Sendable {
    package let device: DeviceID
    /// What it last told; nil before the first word.
    package internal(set) var facts: DeviceFacts?
    package internal(set) var heard: Instant?
    /// When its link was last there; nil before the first one ended.
    package internal(set) var lastLinked: Instant?
    package internal(set) var isLeaving = false
    /// Why it could not go on with the last round that it gave up, as it told this device.
    package internal(set) var trouble: String?
    /// It is in an epoch of this one's number that is another: neither hears the other.
    package internal(set) var rival: Epoch?
    /// When it was last told that it is in an older epoch.
    var epochToldAt: Instant?

    init(device: DeviceID) { self.device = device }

    /// Its clean tree is not at the head, and nothing there hinders a catch-up.
    func isBehind(_ head: Revision?) -> Bool {
        guard let facts, let head, !facts.isStopped else { return false }
        return facts.base != head && facts.pendingFiles == 0 && facts.waiting == nil
    }

    func schedule(head: Revision?) -> RoundSchedule.Facts {
        var told = RoundSchedule.Facts(firstChange: nil, lastChange: nil, behind: isBehind(head))
        guard let facts, let heard else { return told }
        told.power = facts.power
        guard facts.pendingFiles > 0, !facts.isStopped else { return told }
        told.firstChange = heard - facts.firstChangeAge
        told.lastChange = heard - facts.lastChangeAge
        told.trigger = facts.trigger
        return told
    }
}

/// What this device knows of its own workspace and writers, and what it told the others.
struct OwnFacts: Hashable, Sendable {
    var base: Revision?
    var pendingFiles: UInt32 = 0
    var firstChange: Instant?
    var lastChange: Instant?
    var activeWriters: UInt32 = 0
    var pausedWriters: UInt32 = 0
    var waiting: String?
    /// Why the last round could not be staged or applied here. Unlike what `waiting` tells of, nobody has to end it: a
    /// round is tried again and again, so the others are not told.
    var trouble: String?
    var isStopped = false
    var power = PowerFacts()
    /// Why changes do not wait for quiet, and how long that is told.
    var trigger: RoundReason?
    var triggerEnds: Instant?
    var told: DeviceFacts?
    var toldLastChange: Instant?
    var toldAt: Instant?

    /// The tree was looked at, or something in it moved, and `files` differ from the base.
    mutating func changed(_ files: UInt32, at now: Instant) {
        pendingFiles = files
        firstChange = files == 0 ? nil : firstChange ?? now
        lastChange = files == 0 ? nil : now
    }

    mutating func writersChanged(active: UInt32, paused: UInt32) {
        activeWriters = active
        pausedWriters = paused
    }

    mutating func triggered(_ reason: RoundReason, at now: Instant) {
        trigger = reason
        triggerEnds = now + Limits.triggerLasts
    }

    mutating func endTrigger() {
        trigger = nil
        triggerEnds = nil
    }

    /// What a capture holds does not wait any more, unless its round fails: then the device is still dirty.
    mutating func captured(_ report: CaptureReport, at now: Instant) {
        endTrigger()
        base = report.base
        if report.revision == nil {
            changed(0, at: now)
        } else if pendingFiles == 0 {
            changed(max(report.changedFiles, 1), at: now)
        }
    }

    mutating func applied(_ report: ApplyReport, at now: Instant) {
        waiting = report.waiting
        guard report.waiting == nil else { return }
        base = report.base
        firstChange = nil
        changed(report.lateFiles, at: now)
    }

    /// What the others are told.
    func facts(at now: Instant, version: String, hub: HubFacts?) -> DeviceFacts {
        DeviceFacts(
            base: base, pendingFiles: pendingFiles, firstChangeAge: firstChange.map { now - $0 } ?? .zero,
            lastChangeAge: lastChange.map { now - $0 } ?? .zero, activeWriters: activeWriters,
            pausedWriters: pausedWriters, waiting: waiting, version: version, hub: hub,
            isStopped: isStopped, power: power, trigger: trigger)
    }

    func schedule(head: Revision?) -> RoundSchedule.Facts {
        let behind = pendingFiles == 0 && head != nil && base != head && waiting == nil
        var told = RoundSchedule.Facts(firstChange: firstChange, lastChange: lastChange, behind: behind)
        told.power = power
        told.trigger = trigger
        return told
    }

    /// Whether the others do not know this yet. Ages alone are no news; another change is.
    func isNews(_ hub: HubFacts?) -> Bool {
        guard let told else { return true }
        return told.hub != hub || told.base != base || told.pendingFiles != pendingFiles
            || told.activeWriters != activeWriters
            || told.pausedWriters != pausedWriters || told.waiting != waiting || told.isStopped != isStopped
            || toldLastChange != lastChange
            || told.power != power || (pendingFiles > 0 && told.trigger != trigger)
    }
}

extension Device {
    /// As this device itself sees them.
    package func facts(at now: Instant) -> DeviceFacts {
        var facts = word(at: now)
        facts.waiting = facts.waiting ?? own.trouble
        return facts
    }

    private func word(at now: Instant) -> DeviceFacts {
        own.facts(at: now, version: configuration.version, hub: hubMirror.facts)
    }

    /// Why a round cannot be staged or applied here, as its shell sees it; nil when one could be.
    package mutating func troubleChanged(_ reason: String?) { own.trouble = reason }

    /// The hindrance that keeps this device's tree from the head, as its workspace shell sees it; nil when it is gone.
    package mutating func waitingChanged(_ reason: String?) {
        own.waiting = reason
        reconsiderDeadline()
    }

    /// The hindrance that is known now.
    package var waitsFor: String? { own.waiting }

    /// What this device runs on and what its link costs, as its shell sees it.
    package mutating func powerChanged(_ power: PowerFacts) {
        own.power = power
        if power.spares == nil {
            schedule.waysMade = 0
            schedule.makesWayFrom = nil
        }
        reconsiderDeadline()
    }

    /// Changes of this device do not wait for quiet for a while; the minimum interval counts.
    package mutating func hurry(_ reason: RoundReason) {
        own.triggered(reason, at: lastStep)
        reconsiderDeadline()
    }

    /// How long the changes of this device, or of one that is linked, have waited for a round; nil if none wait.
    package func oldestNeed(at now: Instant) -> Duration? {
        var needs = [own.firstChange.map { now - $0 }]
        for peer in peers where links.contains(peer.device) {
            guard let facts = peer.facts, let heard = peer.heard, facts.pendingFiles > 0, !facts.isStopped
            else { continue }
            needs.append(now - heard + facts.firstChangeAge)
        }
        return needs.compactMap { $0 }.max()
    }

    var factsDeadline: Instant? {
        guard !links.isEmpty else { return nil }
        guard own.isNews(hubMirror.facts) else {
            return needsRound ? own.toldAt.map { $0 + Limits.factsReminder } : nil
        }
        return own.toldAt.map { $0 + Limits.factsInterval } ?? lastStep
    }

    /// Its tree is not the head, and a round would help. A device at rest has nothing to repeat: a silent mesh stays
    /// silent.
    private var needsRound: Bool {
        own.pendingFiles > 0 || (own.waiting == nil && state.head.revision != nil && own.base != state.head.revision)
    }

    /// Tells every linked device what changed here, at most once a `factsInterval`; what a round must mend, again and
    /// again.
    mutating func tellFacts(at now: Instant, into output: inout DeviceOutput) {
        guard let due = factsDeadline, now >= due else { return }
        let facts = word(at: now)
        own.told = facts
        own.toldLastChange = own.lastChange
        own.toldAt = now
        for peer in links { send(.facts(facts), to: peer, into: &output) }
    }

    mutating func linkUp(_ peer: DeviceID, at now: Instant, into output: inout DeviceOutput) {
        guard peer != device, !links.contains(peer), links.count < Limits.devices else { return }
        links.insert(peer, at: links.firstIndex { $0 > peer } ?? links.endIndex)
        stepRaft(.linkUp(peer), at: now)
        send(.facts(word(at: now)), to: peer, into: &output)
        if isStopping { send(.leaving(true), to: peer, into: &output) }
        if stops.mesh.version > 0, !configuration.mutants.has(.stopNotTold) {
            send(.stop(stopWord(at: now)), to: peer, into: &output)
        }
        for place in pending.indices { pending[place].sendAt = now }
        membershipCheck = now
    }

    mutating func linkDown(_ peer: DeviceID, at now: Instant, into output: inout DeviceOutput) {
        links.removeAll { $0 == peer }
        view(of: peer) { $0.lastLinked = now }
        for place in waits.indices where waits[place].askedOf == peer { waits[place].forgetQuestion(at: now) }
        leaderStep(.away(peer), at: now)
        membershipCheck = now
    }

    mutating func view(of peer: DeviceID, _ change: (inout PeerView) -> Void) {
        if let place = peers.firstIndex(where: { $0.device == peer }) {
            change(&peers[place])
        } else if state.record(of: peer) != nil || links.contains(peer) {
            var view = PeerView(device: peer)
            change(&view)
            peers.insert(view, at: peers.firstIndex { $0.device > peer } ?? peers.endIndex)
        }
    }

    mutating func forgetRemovedPeers() {
        peers.removeAll { state.removed.contains($0.device) }
    }
}
