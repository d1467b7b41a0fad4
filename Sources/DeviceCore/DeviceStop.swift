import Locks
import Primitives
import SyncRounds

// Pause, resume and the emergency stop: what a person's word does here, and how the others hear of it. Consensus goes
// on: a stopped device votes and replicates, it only syncs no more.

extension Device {
    /// As `stops` has it: asked at every step.
    package var isStopped: Bool { own.isStopped }

    mutating func stop(
        _ order: StopOrder, everywhere: Bool, tag: UInt64, at now: Instant, into output: inout DeviceOutput
    ) {
        if everywhere {
            guard order.kind == .emergency || stops.mesh.order?.kind != .emergency else {
                let why = "an emergency stop holds already, which stops more than a pause"
                return output.replies.append(TaggedReply(tag: tag, reply: .failed(why)))
            }
            write(MeshStop(version: stops.mesh.version + 1, by: device, order: order), at: now)
        } else {
            stops.here = order
            stopEnds.here = order.left.map { now + $0 }
        }
        output.events.append(.stop(.stopped(order, everywhere: everywhere)))
        stopsChanged(at: now, into: &output)
        if everywhere { tellStop(except: nil, at: now, into: &output) }
        output.replies.append(TaggedReply(tag: tag, reply: .done))
    }

    mutating func resume(everywhere: Bool, tag: UInt64, at now: Instant, into output: inout DeviceOutput) {
        guard everywhere || stops.mesh.order == nil else {
            let why = "every device is stopped, not this one alone; to let all go on: baton resume --all"
            return output.replies.append(TaggedReply(tag: tag, reply: .failed(why)))
        }
        let isStoppedForAll = stops.mesh.order != nil
        if isStopped { output.events.append(.stop(.resumed(by: device, everywhere: isStoppedForAll))) }
        stops.here = nil
        stopEnds.here = nil
        if isStoppedForAll { write(MeshStop(version: stops.mesh.version + 1, by: device), at: now) }
        stopsChanged(at: now, into: &output)
        if isStoppedForAll { tellStop(except: nil, at: now, into: &output) }
        output.replies.append(TaggedReply(tag: tag, reply: .done))
    }

    /// Another device's word. What it does not know yet it is told; what is news here goes on to the others, so that
    /// also those hear it whom only this device reaches.
    mutating func receiveStop(_ word: MeshStop, from peer: DeviceID, at now: Instant, into output: inout DeviceOutput) {
        guard word.version <= stops.mesh.version + Limits.stopVersionsAhead else {
            return output.events.append(.dropped("\(peer.short) tells of stop \(word.version), which cannot be"))
        }
        guard word.isNewer(than: stops.mesh) else {
            if stops.mesh.isNewer(than: word), !configuration.mutants.has(.stopNotTold) {
                send(.stop(stopWord(at: now)), to: peer, into: &output)
            }
            return
        }
        let wasStopped = stops.mesh.order != nil
        write(word, at: now)
        if let order = word.order {
            output.events.append(.stop(.stopped(order, everywhere: true)))
        } else if wasStopped {
            output.events.append(.stop(.resumed(by: word.by, everywhere: true)))
        }
        stopsChanged(at: now, into: &output)
        tellStop(except: peer, at: now, into: &output)
    }

    func stopWord(at now: Instant) -> MeshStop {
        var word = stops.mesh
        if let end = stopEnds.mesh { word.order?.left = max(end - now, .zero) }
        return word
    }

    private mutating func tellStop(except peer: DeviceID?, at now: Instant, into output: inout DeviceOutput) {
        if !configuration.mutants.has(.stopToldAlways) { stopToldAt = now }
        let word = stopWord(at: now)
        for link in links where link != peer {
            output.send.append(PeerEnvelope(to: link, message: .stop(word)))
        }
    }

    private mutating func write(_ word: MeshStop, at now: Instant) {
        stops.mesh = word
        stopEnds.mesh = word.order?.left.map { now + $0 }
    }

    private mutating func stopsChanged(at now: Instant, into output: inout DeviceOutput) {
        own.isStopped = stops.order != nil
        output.persist.stops = stops
        stopCheckpoint = now + Limits.stopCheckpoint
        if isStopped { holdStill(at: now, into: &output) }
    }
}

// MARK: - Standing still

extension Device {
    /// Writers first, then the round, then the locks; each by this device alone.
    private mutating func holdStill(at now: Instant, into output: inout DeviceOutput) {
        if !configuration.mutants.has(.stopKeepsWriters) { memberStep(.stop, at: now) }
        drainMember(at: now, into: &output)
        leaderStep(.abandon("syncing was stopped"), at: now)
        drainLeader(at: now, into: &output)
        for asker in schedule.asked {
            let answer = isAskedElsewhere(asker) ? SyncAnswer.notLeader : .refused(Self.stoppedText)
            send(.syncAnswer(number: asker.number, answer), to: asker.device, into: &output)
        }
        schedule.asked = []
        for wait in waits where wait.isForRound {
            output.replies.append(TaggedReply(tag: wait.tag, reply: .failed(Self.stoppedText)))
        }
        waits.removeAll(where: \.isForRound)
        if stops.order?.kind == .emergency { dropUserLocks(at: now, into: &output) }
        giveSyncLockUp(at: now, into: &output)
    }

    /// A stop of this device alone is none of the asker's: it asks whoever leads next.
    func isAskedElsewhere(_ asker: ScheduleMemory.Asker) -> Bool {
        isStopped && stops.mesh.order == nil && asker.device != device
    }

    static let stoppedText = "syncing is stopped"

    private mutating func dropUserLocks(at now: Instant, into output: inout DeviceOutput) {
        for wait in waits {
            guard case .lock = wait.purpose else { continue }
            output.replies.append(TaggedReply(tag: wait.tag, reply: .failed(Self.stoppedText)))
        }
        waits.removeAll { if case .lock = $0.purpose { true } else { false } }
        for claim in claims where claim.name != .sync {
            if let client = claim.client {
                let reply = claim.claim.token.map { ClientReply.lost(claim.name, $0) } ?? .failed(Self.stoppedText)
                output.replies.append(TaggedReply(tag: client, reply: reply))
            }
            letGo(claim.name, at: now, into: &output)
        }
    }

    /// To another device where one is fit, without a gap; else the lock is released, or its lease runs out.
    private mutating func giveSyncLockUp(at now: Instant, into output: inout DeviceOutput) {
        guard let claim = claims.first(where: { $0.name == .sync }),
            claim.claim.token != nil || claim.isQueued || claim.acquire != nil
        else { return }
        if stops.mesh.order == nil, handoff == nil, roundLeader.current == nil, mayLead(at: now),
            case .success(let target) = fitTarget(nil)
        {
            handoff = Handoff(asker: nil, target: target, deadline: now)
        } else if handoff == nil {
            letGo(.sync, at: now, into: &output)
        }
    }
}

// MARK: - Time

extension Device {
    var stopsDeadline: Instant? {
        guard stopEnds.here != nil || stopEnds.mesh != nil else { return nil }
        return min(stopEnds.here ?? stopCheckpoint, stopEnds.mesh ?? stopCheckpoint, stopCheckpoint)
    }

    /// After a start, from whoever knows how long no agent ran.
    package mutating func stopHereEnds(in left: Duration, at now: Instant) {
        stopEnds.here = now + left
        reconsiderDeadline()
    }

    /// What is left of the stop that counts; nil without an end.
    package func stopLeft(at now: Instant) -> Duration? {
        (stops.isForAll ? stopEnds.mesh : stopEnds.here).map { max($0 - now, .zero) }
    }

    /// When the word that stops all is told once more: one may be lost on a link that stays.
    var stopReminder: Instant? {
        guard isStopped, stops.mesh.order != nil, !links.isEmpty, !configuration.mutants.has(.stopNotTold) else {
            return nil
        }
        return stopToldAt.map { $0 + Limits.stopReminder } ?? lastStep
    }

    mutating func repeatStop(at now: Instant, into output: inout DeviceOutput) {
        if let due = stopReminder, now >= due { tellStop(except: nil, at: now, into: &output) }
    }

    /// Ends what has had its time. What is left is written down now and then: a restart makes the
    /// mesh's stop longer by no more than that, and never shorter.
    mutating func keepStops(at now: Instant, into output: inout DeviceOutput) {
        guard let due = stopsDeadline, now >= due else { return }
        if let end = stopEnds.here, now >= end {
            stops.here = nil
            stopEnds.here = nil
            output.events.append(.stop(.resumed(by: nil, everywhere: false)))
        }
        if let end = stopEnds.mesh, now >= end {
            write(MeshStop(version: stops.mesh.version + 1, by: device), at: now)
            output.events.append(.stop(.resumed(by: nil, everywhere: true)))
            tellStop(except: nil, at: now, into: &output)
        }
        stops.mesh = stopWord(at: now)
        stopsChanged(at: now, into: &output)
    }
}

/// When timed stops are over, on this device's own clock.
struct StopEnds: Hashable, Sendable {
    var here: Instant?
    var mesh: Instant?

    init(_ stops: StopState, at now: Instant) {
        here = stops.here?.left.map { now + $0 }
        mesh = stops.mesh.order?.left.map { now + $0 }
    }
}
