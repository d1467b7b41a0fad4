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
        var refusedConnections: UInt64
        var refusedTokens: UInt64
        var lastComplete: (at: Int64, result: String)?
    }

    func report(_ value: borrowing Device, _ around: Surroundings, at now: Instant) -> StatusReport {
        let (leader, quorumLeader) = (leader(value, now), quorumLeader(value))
        let devices = value.state.devices.map { self.row($0, value, around, now) }
        let online = devices.count { $0.state == "online" }
        let onlineVoters = value.raft.membership.voters.count { value.hasLink(to: $0) }
        let quorum = value.raft.membership.voters.count / 2 + 1
        var report = StatusReport(
            generated_at: Timestamps.text(AuditTrail.unixMilliseconds), view: quorumLeader == nil ? "local" : "quorum",
            health: "healthy", reasons: [],
            mesh: StatusReport.Mesh(
                id: mesh.mesh.description, name: mesh.name, epoch: value.state.locks.epoch, members: devices.count,
                online: online, quorum: quorum, profile: mesh.profile),
            self: device.description, leader: leader, quorum_leader: quorumLeader, sync: sync(value, around, now),
            head: value.state.head.revision?.hex, devices: devices,
            conflicts: StatusReport.Conflicts(open: value.state.head.conflicts, paths: around.conflictPaths),
            held: around.held.map {
                StatusReport.Held(
                    path: String(decoding: $0.path, as: UTF8.self), reason: "\($0.reason)",
                    can_be_allowed: $0.reason.canBeAllowed)
            }, left_out: Self.leftOut(around.leftOut),
            workspace: StatusReport.Workspace(root: mesh.workspace, branch: mesh.branch),
            agent: StatusReport.Agent(
                pid: getpid(), version: version, uptime_s: (now - started).fractionalSeconds, listen: listen,
                refused_connections: around.refusedConnections, refused_tokens: around.refusedTokens))
        judge(
            &report, isDegraded: onlineVoters == quorum && value.raft.membership.voters.count > 1, onlineVoters, quorum)
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

    /// The first line's word, and what needs the user.
    private func judge(_ report: inout StatusReport, isDegraded: Bool, _ onlineVoters: Int, _ quorum: Int) {
        let own = report.devices.first { $0.id == report.`self` }
        if let waiting = own?.sync.waiting {
            report.reasons.append(.init(code: "waiting", text: "the workspace waits: \(waiting)", fix: nil))
        }
        if report.conflicts.open > 0 {
            report.reasons.append(
                .init(
                    code: "conflicts", text: "\(report.conflicts.open) conflicts (both versions kept)",
                    fix: "baton log --kind published"))
        }
        if report.quorum_leader == nil {
            if onlineVoters < quorum, quorum > 0 {
                report.health = "no_quorum"
                report.reasons.insert(
                    .init(
                        code: "no_quorum",
                        text: "\(onlineVoters) of \(quorum) needed voters reached; work is saved here and syncs later",
                        fix: nil), at: 0)
            } else {
                report.health = "no_leader"
                report.reasons.insert(.init(code: "electing", text: "no quorum leader: electing", fix: nil), at: 0)
            }
        } else if report.leader == nil {
            report.health = "no_leader"
            report.reasons.insert(.init(code: "no_lock", text: "nobody holds the sync lock yet", fix: nil), at: 0)
        } else if report.sync.phase != "idle" {
            report.health = "syncing"
        } else if own?.sync.waiting != nil || report.conflicts.open > 0 {
            report.health = "attention"
        } else if isDegraded {
            report.health = "degraded"
            report.reasons.append(
                .init(code: "no_slack", text: "if one more voter goes away, syncing stops", fix: nil))
        }
    }

    private func leader(_ value: borrowing Device, _ now: Instant) -> StatusReport.Leader? {
        guard let holder = value.syncLeader else { return nil }
        let left = holder.device == device ? value.leaseRemaining(at: now).fractionalSeconds : nil
        return StatusReport.Leader(
            device: holder.device.description, token: holder.token.description, lease_remaining_s: left)
    }

    private func quorumLeader(_ value: borrowing Device) -> StatusReport.QuorumLeader? {
        guard let leader = value.raft.leader else { return nil }
        return StatusReport.QuorumLeader(
            device: leader.description, term: value.raft.term.number, commit_index: value.raft.commitIndex.number,
            last_index: value.raft.lastIndex.number)
    }

    private func sync(_ value: borrowing Device, _ around: Surroundings, _ now: Instant) -> StatusReport.Sync {
        var sync = StatusReport.Sync(round: value.state.head.number, phase: "idle")
        if let current = value.roundLeader.current {
            sync.phase = current.phase.rawValue
        } else if value.roundMember.current != nil {
            sync.phase = "paused"
        }
        if let last = around.lastComplete {
            sync.last_ok_at = Timestamps.text(last.at)
            sync.age_s = Double(AuditTrail.unixMilliseconds - last.at) / 1000
            sync.last_result = last.result
        }
        sync.paused_s = around.gateClosedFor?.fractionalSeconds
        guard value.mayLead(at: now) else { return sync }
        switch value.scheduleVerdict(at: now) {
        case .go(let reason):
            sync.next_in_s = 0
            sync.next_reason = reason.rawValue
        case .wait(let until, let rule):
            sync.next_in_s = until.map { max($0 - now, .zero).fractionalSeconds }
            sync.next_reason = rule.rawValue
        }
        return sync
    }

    private func row(
        _ record: DeviceRecord, _ value: borrowing Device, _ around: Surroundings, _ now: Instant
    ) -> StatusReport.Device {
        let isSelf = record.device == device
        let isOnline = value.hasLink(to: record.device)
        let peer = value.peers.first { $0.device == record.device }
        let facts = isSelf ? value.facts(at: now) : peer?.facts
        var role = value.raft.membership.voters.contains(record.device) ? "voter" : "learner"
        if value.syncLeader?.device == record.device { role = "leader" }
        let seen = isSelf || isOnline ? 0 : peer?.lastLinked.map { (now - $0).fractionalSeconds }
        return StatusReport.Device(
            id: record.device.description, name: record.name, role: role, state: isOnline ? "online" : "offline",
            sync: deviceSync(facts, head: value.state.head.revision),
            writers: StatusReport.Writers(
                active: facts?.activeWriters ?? 0, paused: facts?.pausedWriters ?? 0,
                names: isSelf ? around.writers.map(\.name) : []),
            last_seen_s: seen, via: around.links.first { $0.device == record.device }?.remote,
            version: facts.map(\.version), addresses: record.addresses)
    }

    private func deviceSync(_ facts: DeviceFacts?, head: Revision?) -> StatusReport.DeviceSync {
        guard let facts else { return StatusReport.DeviceSync(state: "unknown", files_pending: 0) }
        var state = "up_to_date"
        if facts.waiting != nil {
            state = "waiting"
        } else if facts.pendingFiles > 0 {
            state = "pending"
        } else if facts.base != head {
            state = "behind"
        }
        return StatusReport.DeviceSync(
            state: state, files_pending: facts.pendingFiles, applied: facts.base?.hex, waiting: facts.waiting)
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
