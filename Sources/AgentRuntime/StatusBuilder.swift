import Consensus
import DeviceCore
import GitWorkspace
import Locks
import MeshTransport
import Primitives
import Storage
import SyncRounds
import WriterGate

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Puts the status together from what this device knows at this moment. Never waits for a peer or a quorum.
struct StatusBuilder: Sendable {
    let mesh: StoredMesh
    let device: DeviceID
    let version: String
    let listen: String
    let started: Instant

    /// What is read outside of the device value.
    struct Surroundings: Sendable {
        var links: [LinkSummary]
        var writers: [GateWriter]
        var gateClosedFor: Duration?
        var held: [HeldPath]
        var leftOut: (count: Int, paths: [LeftOutPath]) = (0, [])
        var conflictPaths: [String]
        var code: [String]
        var deletions: [StatusReport.Deletions]
        var refusedConnections: UInt64
        var refusedTokens: UInt64
        /// What the record tells beyond the state: a device that has just started knows of the mesh what it wrote down.
        var record: RecordFacts
        var stop: StopFact?
        var outside: [OutsideWrites.Seen] = []
    }

    func report(_ value: Device, _ around: Surroundings, at now: Instant) -> StatusReport {
        let isBehind = around.record.roster.applied > value.raft.appliedIndex.number || value.state.devices.isEmpty
        let roster = around.record.roster.devices
        let records = isBehind && !roster.isEmpty ? roster : value.state.devices
        let head = knownHead(value.state.head, around.record)
        let quorumLeader = quorumLeader(value)
        let devices = records.map { self.row($0, value, around, head, now) }
        let voters = value.raft.membership.voters
        var report = StatusReport(
            generated_at: Timestamps.text(AuditTrail.unixMilliseconds), view: quorumLeader == nil ? "local" : "quorum",
            health: "healthy", reasons: [],
            mesh: StatusReport.Mesh(
                id: mesh.mesh.description, name: mesh.name, epoch: value.state.locks.epoch, members: devices.count,
                online: devices.count { $0.state == "online" }, quorum: voters.count / 2 + 1, profile: mesh.profile),
            self: device.description, leader: leader(value, now), quorum_leader: quorumLeader,
            sync: sync(value, around, head, now), head: head.revision?.hex, devices: devices,
            conflicts: StatusReport.Conflicts(
                open: UInt32(clamping: value.state.conflicts.list.count) &+ value.state.conflicts.unlisted,
                paths: around.conflictPaths),
            held: around.held.map {
                StatusReport.Held(
                    path: String(decoding: $0.path, as: UTF8.self), reason: "\($0.reason)",
                    can_be_allowed: $0.reason.canBeAllowed)
            }, left_out: Self.leftOut(around.leftOut), deletions: around.deletions, code: around.code,
            workspace: StatusReport.Workspace(root: mesh.workspace, branch: mesh.branch),
            agent: StatusReport.Agent(
                pid: getpid(), version: version, uptime_s: (now - started).fractionalSeconds, listen: listen,
                refused_connections: around.refusedConnections, refused_tokens: around.refusedTokens))
        let facts = healthFacts(value, around, now)
        (report.health, report.reasons) = StatusJudge(report: report, facts: facts).verdict
        report.hub = value.state.hub.map { HubStatus($0, value.hubFacts) }
        report.judgeHub()
        return report
    }

    private static func leftOut(_ leftOut: (count: Int, paths: [LeftOutPath])) -> StatusReport.LeftOut? {
        guard leftOut.count > 0 else { return nil }
        return StatusReport.LeftOut(
            count: leftOut.count,
            paths: leftOut.paths.map { left in
                StatusReport.LeftOut.Path(
                    path: String(decoding: left.path, as: UTF8.self) + (left.isFolder ? "/" : ""), rule: left.rule)
            })
    }

    /// The head of the state, or the one that the record tells of if that is newer: after a start, before a quorum.
    private func knownHead(_ head: PublishedHead, _ record: RecordFacts) -> PublishedHead {
        guard let newest = record.newest, newest.number > head.number else { return head }
        return PublishedHead(
            revision: newest.revision, round: head.round, number: newest.number, conflicts: newest.conflicts)
    }

    private func healthFacts(_ value: Device, _ around: Surroundings, _ now: Instant) -> HealthFacts {
        let voters = value.raft.membership.voters
        var facts = HealthFacts(
            voters: voters.count, votersOnline: voters.count { value.hasLink(to: $0) }, stop: around.stop)
        facts.peersOnline = value.links.count
        for peer in value.peers where peer.rival != nil {
            facts.rivals.append(value.state.record(of: peer.device)?.name ?? peer.device.short)
        }
        facts.interval = max(value.state.syncSettings.minInterval, Limits.shortestStuckInterval)
        facts.uptime = now - started
        facts.sinceComplete = around.record.lastComplete.map {
            .milliseconds(max(0, AuditTrail.unixMilliseconds - $0.at))
        }
        facts.lastFailure = around.record.lastFailure
        facts.sparingLeader = sparingLeader(value)
        facts.electingFor = around.record.leaderlessSince.map { now - $0 } ?? facts.uptime
        facts.votes = value.raft.votesGranted.count
        facts.oldestNeed = value.oldestNeed(at: now)
        return facts
    }

    private func sparingLeader(_ value: Device) -> String? {
        guard let leader = value.sparingLeader else { return nil }
        let name = leader.device == device ? "this device" : value.state.record(of: leader.device)?.name
        let charge = leader.rule == .battery ? leader.power.battery.map { " (\($0) %)" } ?? "" : ""
        return "\(name ?? leader.device.short) leads, \(leader.rule.sparing)\(charge)"
    }

    private func leader(_ value: Device, _ now: Instant) -> StatusReport.Leader? {
        guard let holder = value.syncLeader else { return nil }
        let left = holder.device == device ? value.leaseRemaining(at: now).fractionalSeconds : nil
        return StatusReport.Leader(
            device: holder.device.description, token: holder.token.description, lease_remaining_s: left)
    }

    private func quorumLeader(_ value: Device) -> StatusReport.QuorumLeader? {
        guard let leader = value.raft.leader else { return nil }
        return StatusReport.QuorumLeader(
            device: leader.description, term: value.raft.term.number, commit_index: value.raft.commitIndex.number,
            last_index: value.raft.lastIndex.number)
    }

    private func sync(
        _ value: Device, _ around: Surroundings, _ head: PublishedHead, _ now: Instant
    ) -> StatusReport.Sync {
        var sync = StatusReport.Sync(round: head.number, phase: "idle")
        if let current = value.roundLeader.current {
            sync.phase = current.phase.rawValue
        } else if value.roundMember.current != nil {
            sync.phase = "paused"
        }
        if let last = around.record.lastComplete {
            sync.last_ok_at = Timestamps.text(last.at)
            sync.age_s = Double(AuditTrail.unixMilliseconds - last.at) / 1000
            sync.last_result = last.result
        }
        sync.paused_s = around.gateClosedFor?.fractionalSeconds
        let table = value.scheduleTable(at: now)
        sync.rules = table.rows.map { row in
            StatusReport.Rule(
                rule: row.rule.title, value: row.value, limit: row.limit, says: row.says.rawValue,
                decides: row.rule == table.deciding)
        }
        guard value.mayLead(at: now) else { return sync }
        switch value.scheduleVerdict(at: now) {
        case .go(let reason):
            sync.next_in_s = 0
            sync.next_reason = reason.rawValue
        case .wait(let until, let rule):
            sync.next_in_s = until.map { max($0 - now, .zero).fractionalSeconds }
            sync.next_reason = rule.rawValue
        }
        sync.next_at = sync.next_in_s.map { Timestamps.text(AuditTrail.unixMilliseconds + Int64($0 * 1000)) }
        return sync
    }

    private func row(
        _ record: DeviceRecord, _ value: Device, _ around: Surroundings, _ head: PublishedHead, _ now: Instant
    ) -> StatusReport.Device {
        let isSelf = record.device == device
        let isOnline = value.hasLink(to: record.device)
        let peer = value.peers.first { $0.device == record.device }
        var facts = isSelf ? value.facts(at: now) : peer?.facts
        if !isSelf, facts?.base != head.revision, facts?.waiting == nil { facts?.waiting = peer?.trouble }
        let link = around.links.first { $0.device == record.device }
        var role = value.raft.membership.voters.contains(record.device) ? "voter" : "learner"
        if value.syncLeader?.device == record.device { role = "leader" }
        let seen = isSelf || isOnline ? 0 : peer?.lastLinked.map { (now - $0).fractionalSeconds }
        return StatusReport.Device(
            id: record.device.description, name: record.name, role: role, state: isOnline ? "online" : "offline",
            sync: deviceSync(facts, head, around.record),
            writers: StatusReport.Writers(
                active: facts?.activeWriters ?? 0, paused: facts?.pausedWriters ?? 0,
                names: isSelf ? around.writers.map(\.name) : [],
                ungated: isSelf ? UInt32(clamping: around.outside.count) : nil,
                outside: isSelf ? around.outside.map { $0.report(at: now) } : nil),
            last_seen_at: seen.map { Timestamps.text(AuditTrail.unixMilliseconds - Int64($0 * 1000)) },
            last_seen_s: seen, via: link?.remote, dialed_here: link?.dialedHere,
            dial_failure: around.record.dialFailures[record.device],
            rtt_s: link?.roundTrip.map { Double($0.wholeNanoseconds) / 1_000_000_000 },
            clock_offset_s: link?.clockOffset?.fractionalSeconds, version: facts.map(\.version),
            addresses: record.addresses)
    }

    private func deviceSync(
        _ facts: DeviceFacts?, _ head: PublishedHead, _ record: RecordFacts
    ) -> StatusReport.DeviceSync {
        guard let facts else { return StatusReport.DeviceSync(state: "unknown", files_pending: 0) }
        var state = "up_to_date"
        if facts.waiting != nil {
            state = "waiting"
        } else if facts.pendingFiles > 0 {
            state = "pending"
        } else if facts.base != head.revision {
            state = "behind"
        }
        let isAtHead = facts.base == head.revision
        let number = facts.base.flatMap { record.number($0) }
        let behind = isAtHead ? 0 : number.map { head.number - min($0, head.number) }
        return StatusReport.DeviceSync(
            state: state, files_pending: facts.pendingFiles, rounds_behind: behind, applied: facts.base?.hex,
            waiting: facts.waiting)
    }
}

extension OutsideWrites.Seen {
    fileprivate func report(at now: Instant) -> StatusReport.Outside {
        StatusReport.Outside(name: name, pauses: pauses, files: files, last_s: (now - last).fractionalSeconds)
    }
}

/// RFC 3339 in UTC with milliseconds.
enum Timestamps {
    static func text(_ unixMilliseconds: Int64) -> String {
        var seconds = time_t(unixMilliseconds / 1000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let digits = { (value: Int32, width: Int) -> String in
            let text = String(value)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        let date = "\(digits(parts.tm_year + 1900, 4))-\(digits(parts.tm_mon + 1, 2))-\(digits(parts.tm_mday, 2))"
        let clock = "\(digits(parts.tm_hour, 2)):\(digits(parts.tm_min, 2)):\(digits(parts.tm_sec, 2))"
        return "\(date)T\(clock).\(digits(Int32(unixMilliseconds % 1000), 3))Z"
    }
}

extension Duration {
    var fractionalSeconds: Double { Double(wholeMilliseconds) / 1000 }
}
