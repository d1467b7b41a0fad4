import DeviceCore
import MeshTransport
import Primitives
import SyncRounds

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension AgentParts {
    /// What is counted and what is now, as Prometheus reads it.
    func metricsText() async -> String {
        let report = await status()
        return MetricsText(
            counts: audit.metrics.counts, report: report, transport: transport.counters, lostRows: audit.lostRows,
            hooks: hooks.counts,
            lastComplete: audit.lastComplete.map { Double($0.at) / 1000 },
            started: Double(AuditTrail.unixMilliseconds) / 1000 - report.agent.uptime_s
        ).text
    }
}

/// Every metric of an agent. Names as Prometheus's own page on naming has them: a prefix, base units, `_total` for what
/// only grows. Labels: devices by name (at most nine), and closed lists.
struct MetricsText {
    let counts: AgentMetrics.Counts
    let report: StatusReport
    let transport: TransportCounters
    let lostRows: UInt64
    var hooks: [String: UInt64] = [:]
    /// Unix seconds.
    let lastComplete: Double?
    let started: Double

    var text: String {
        var out = Exposition()
        agent(&out)
        rounds(&out)
        devices(&out)
        links(&out)
        return out.text
    }

    private typealias Label = Exposition.Label
    private typealias Sample = Exposition.Sample

    private func agent(_ out: inout Exposition) {
        out.family(
            "baton_build_info", .gauge, "The version that runs; always 1.",
            [Sample([Label("version", report.agent.version)], 1)])
        out.gauge("baton_start_time_seconds", "When the agent started, in seconds since 1970.", started)
        out.family(
            "baton_health", .gauge, "1 for the first word of baton status, 0 for the others.",
            StatusReport.healths.map { Sample([Label("state", $0)], $0 == report.health ? 1 : 0) })
        out.gauge(
            "baton_stopped", "1 while somebody stopped syncing: pause or emergency stop.",
            report.health == "stopped" ? 1 : 0)
        out.gauge("baton_sync_leader", "1 while this device leads rounds.", isLeader ? 1 : 0)
        out.gauge("baton_quorum", "1 while a quorum leader is heard.", report.view == "quorum" ? 1 : 0)
        out.gauge("baton_term", "The term of the replicated log.", report.quorum_leader.map { Double($0.term) })
        out.gauge(
            "baton_commit_index", "The log's index up to which it is committed.",
            report.quorum_leader.map { Double($0.commit_index) })
        out.gauge(
            "baton_lease_remaining_seconds", "Time left of the lease held here.", report.leader?.lease_remaining_s)
        out.counter("baton_leaderships_total", "How often this device began to lead rounds.", counts.leaderships)
        out.counter(
            "baton_quorum_leaderships_total", "How often this device began to lead the log.", counts.quorumLeaderships)
        out.counter("baton_sleeps_total", "How often this device was found to have slept.", counts.sleeps)
        out.counter("baton_audit_rows_lost_total", "Rows that could not be written into the audit.", lostRows)
        out.family(
            "baton_hook_events_total", .counter, "Events of AI coding agents' hooks, by what was said to them.",
            HookDesk.words.map { Sample([Label("answer", $0)], Double(hooks[$0] ?? 0)) })
    }

    private var isLeader: Bool { report.leader?.device == report.`self` }

    private func rounds(_ out: inout Exposition) {
        out.family(
            "baton_rounds_total", .counter, "Rounds that this device led, by how they ended.",
            ["published", "nothing_to_do", "caught_up", "aborted"].map {
                Sample([Label("result", $0)], Double(counts.rounds[$0] ?? 0))
            })
        out.histogram(
            "baton_round_duration_seconds", "How long the rounds led here took.", [([], counts.roundDurations)])
        out.histogram(
            "baton_round_phase_duration_seconds", "How long the phases of the rounds led here took.",
            RoundPhase.allCases.map { ([Label("phase", $0.rawValue)], counts.phases[$0] ?? Histogram()) })
        out.histogram("baton_pause_duration_seconds", "How long writers were held here.", [([], counts.pauses)])
        out.counter("baton_pauses_ended_early_total", "Pauses that their own deadline ended.", counts.earlyPauses)
        out.family(
            "baton_pause_writers_total", .counter, "Writers asked to pause, by whether they answered.",
            ["paused", "unanswered"].map { Sample([Label("answer", $0)], Double(counts.writers[$0] ?? 0)) })
        out.family(
            "baton_captures_total", .counter, "Captures of this device's tree.",
            ["changed", "clean"].map { Sample([Label("result", $0)], Double(counts.captures[$0] ?? 0)) })
        out.counter("baton_captured_files_total", "Changed files in captures of this device.", counts.capturedFiles)
        out.counter("baton_applied_files_total", "Files that rounds put in place here.", counts.appliedFiles)
        out.counter(
            "baton_late_files_total", "Files that a writer changed before a round reached them.", counts.lateFiles)
        out.counter("baton_rounds_declined_total", "Rounds that this device took no part in.", counts.declined)
        out.counter("baton_token_refusals_total", "Messages refused for a stale fencing token.", counts.refusedTokens)
        out.counter(
            "baton_publications_refused_total", "Publications that the log refused.", counts.refusedPublications)
        out.gauge("baton_round_number", "The number of the newest published round.", Double(report.sync.round))
        out.gauge(
            "baton_last_complete_round_timestamp_seconds",
            "When a round last ended well here, in seconds since 1970.", lastComplete)
    }

    private func devices(_ out: inout Exposition) {
        let own = report.devices.first { $0.id == report.`self` }
        out.gauge("baton_devices", "Members of the mesh.", Double(report.mesh.members))
        out.gauge("baton_devices_online", "Members that are reached, this one included.", Double(report.mesh.online))
        out.gauge(
            "baton_pending_files", "Changed files here that no round has yet.",
            own.map { Double($0.sync.files_pending) })
        out.gauge("baton_conflicts_open", "Conflicts that wait for somebody.", Double(report.conflicts.open))
        out.gauge("baton_held_paths", "Paths that captures leave out here.", Double(report.held.count))
        out.gauge("baton_writers_active", "Registered writers here.", own.map { Double($0.writers.active) })
        let peers = report.devices.filter { $0.id != report.`self` }
        out.family(
            "baton_peer_up", .gauge, "1 while a device is linked.",
            peers.map { Sample([Label("device", $0.name)], $0.state == "online" ? 1 : 0) })
        out.family(
            "baton_peer_round_trip_seconds", .gauge, "How long the last ping and its answer took.",
            peers.compactMap { peer in peer.rtt_s.map { Sample([Label("device", peer.name)], $0) } })
    }

    private func links(_ out: inout Exposition) {
        let ways = { (inward: UInt64, outward: UInt64) in
            [Sample([Label("direction", "in")], Double(inward)), Sample([Label("direction", "out")], Double(outward))]
        }
        out.family(
            "baton_link_frames_total", .counter, "Frames on control links.",
            ways(transport.framesIn, transport.framesOut))
        out.family(
            "baton_link_bytes_total", .counter, "Bytes of frames on control links.",
            ways(transport.bytesIn, transport.bytesOut))
        out.counter("baton_frames_dropped_total", "Frames that found no room.", transport.framesDropped)
        out.counter("baton_links_lost_total", "Links that ended.", transport.linksDown)
        out.counter("baton_dials_failed_total", "Attempts to reach a device that failed.", transport.dialsFailed)
        out.family(
            "baton_connections_refused_total", .counter, "Connections, or what came over them, turned away.",
            RefusalReason.allCases.map {
                Sample([Label("reason", $0.description)], Double(transport.refused($0)))
            })
    }
}
