import Foundation

@testable import AgentRuntime

/// Reports as an agent gives them, made from JSON: what the socket carries.
enum Sample {
    static func status(_ change: (inout StatusReport) -> Void = { _ in }) throws -> StatusReport {
        var report = try JSONDecoder().decode(StatusReport.self, from: Data(json.utf8))
        change(&report)
        return report
    }

    private static func row(
        _ id: Int64, _ op: String, _ age: Double, _ kind: String, _ by: String, _ summary: String,
        round: String? = nil, token: String? = "1.7", details: String = "{}"
    ) -> LogReport.Row {
        LogReport.Row(
            id: id, op: op, at: "2026-01-31T21:\(30 - Int(age) / 60):05.000Z", age_s: age, kind: kind,
            device: String(repeating: by == "laptop" ? "a" : "b", count: 64), device_name: by, round: round,
            token: token, summary: summary, details: details, hash: String(repeating: "0f", count: 32))
    }

    private static func operation(
        _ op: String, _ age: Double, _ by: String, _ what: String, _ result: String, _ took: Double?,
        kind: String = "round", round: UInt64? = nil
    ) -> LogReport.Operation {
        LogReport.Operation(
            op: op, at: "2026-01-31T21:\(30 - Int(age) / 60):05.000Z", age_s: age, kind: kind,
            by: String(repeating: "a", count: 64), by_name: by, what: what, result: result, took_s: took, round: round,
            round_id: kind == "round" ? "1.7/3" : nil, rows: 9)
    }

    static func log() throws -> LogReport {
        LogReport(
            rows: [
                row(7, "k0007", 605, "handoff", "desktop", "sync/notes: handoff desktop -> laptop"),
                row(
                    8, "k0008", 245, "published", "desktop", "round 1841: 3 files, 1 conflict", round: "1.7/1",
                    details: #"{"number":"1841","conflicts":"1"}"#),
                row(
                    9, "k0009", 58, "round", "laptop", "round nothing to do, 104 ms", round: "1.7/2",
                    details: #"{"took_ms":"104","result":"nothing_to_do"}"#),
                row(
                    10, "k000a", 12, "round", "laptop", "round published, 1900 ms", round: "1.7/3",
                    details: #"{"took_ms":"1900","result":"published"}"#),
                row(
                    11, "k000b", 0.3, "token-refused", "laptop",
                    "refused desktop: its token 1.7 is older than 1.8 of laptop", token: "1.8"),
                row(
                    12, "k000c", 0.2, "round", "laptop", "round given up: nas went away", round: "1.8/1", token: "1.8",
                    details: #"{"took_ms":"3000","why":"nas went away","result":"aborted"}"#),
            ],
            operations: [
                operation("k000c", 0.2, "laptop", "round given up: nas went away", "given up", 3),
                operation(
                    "k000b", 0.3, "laptop", "refused desktop: its token 1.7 is older than 1.8 of laptop", "refused",
                    nil, kind: "token-refused"),
                operation("k000a", 12, "laptop", "round 1843: 14 files, 3 devices", "ok", 1.9, round: 1843),
                operation("k0009", 58, "laptop", "round: nothing to do", "skipped", 0.104),
                operation(
                    "k0008", 245, "desktop", "round 1841: 3 files, 2 devices", "1 conflict", 2.4, round: 1841),
                operation(
                    "k0007", 605, "desktop", "sync/notes: handoff desktop -> laptop", "ok", nil, kind: "handoff"),
            ])
    }

    /// A round with its phases on two devices.
    static func operation() throws -> LogReport {
        let all = #""leader":"laptop","reason":"change""#
        let revision = "0123456789abcdef0123456789abcdef01234567"
        return LogReport(
            rows: [
                row(
                    20, "k000m", 14, "round-started", "laptop", "round started (change) with 2 devices",
                    round: "1.7/3", details: "{\(all),\"after_ms\":\"0\"}"),
                row(
                    21, "k000m", 13, "captured", "laptop", "nothing changed", round: "1.7/3",
                    details: "{\(all),\"after_ms\":\"41\",\"paused\":\"claude\"}"),
                row(
                    22, "k000m", 13, "captured", "desktop", "captured 14 files, 1 held back", round: "1.7/3",
                    details: "{\(all),\"after_ms\":\"350\",\"unanswered\":\"cron: nightly.sh\",\"held_paths\":\".env\"}"
                ),
                row(
                    23, "k000m", 12, "published", "laptop", "round 1843: 14 files", round: "1.7/3",
                    details: "{\(all),\"after_ms\":\"1100\",\"to\":\"\(revision)\",\"number\":\"1843\"}"),
                row(
                    24, "k000m", 12, "round", "laptop", "round published, 1900 ms", round: "1.7/3",
                    details:
                        "{\(all),\"after_ms\":\"1900\",\"prepare_ms\":\"41\",\"collect_ms\":\"309\",\"left_out\":\"tablet\"}"
                ),
            ],
            operations: [operation("k000m", 12, "laptop", "round 1843: 14 files, 2 devices", "ok", 1.9, round: 1843)])
    }

    /// One of the closed list of first lines, as the agent fills the report for it.
    static func status(health: String, _ change: (inout StatusReport) -> Void = { _ in }) throws -> StatusReport {
        try status { report in
            defer { change(&report) }
            report.health = health
            switch health {
            case "syncing":
                report.sync.phase = "collect"
                report.sync.paused_s = 0.31
            case "attention":
                report.conflicts = .init(open: 1, paths: ["plan.md"])
                report.reasons = [
                    .init(
                        code: "conflicts", text: "1 conflict (both versions kept)", fix: "baton conflicts")
                ]
            case "degraded":
                report.reasons = [.init(code: "no_slack", text: "if one more voter goes away, syncing stops", fix: nil)]
            case "no_leader":
                report.reasons = [.init(code: "electing", text: "electing since 4 s, 1 of 2 votes", fix: nil)]
                report.leader = nil
                report.quorum_leader = nil
                report.view = "local"
            case "no_quorum":
                report.reasons = [
                    .init(
                        code: "no_quorum", text: "1 of 2 needed voters reached; work is saved here and syncs later",
                        fix: "baton doctor")
                ]
                report.leader = nil
                report.quorum_leader = nil
                report.view = "local"
                for at in report.devices.indices.dropFirst() { report.devices[at].state = "offline" }
                report.mesh.online = 1
            case "stuck":
                report.reasons = [
                    .init(
                        code: "stuck",
                        text: "no complete round for 16 min; the last one was given up: nas: the disk is full",
                        fix: "baton doctor")
                ]
            case "stopped":
                report.reasons = [
                    .init(code: "stopped", text: "by nas, 3 min ago: emergency stop", fix: "baton resume")
                ]
            default: break
            }
        }
    }

    private static func device(
        _ letter: Character, _ name: String, _ role: String, _ state: String, sync: String, writers: String,
        more: String
    ) -> String {
        """
        {"id":"\(String(repeating: letter, count: 64))","name":"\(name)","role":"\(role)","state":"\(state)",
         "sync":\(sync),"writers":\(writers),"addresses":["10.0.0.1\(role.count):47700"]\(more)}
        """
    }

    private static var json: String {
        let devices = [
            device(
                "a", "laptop", "leader", "online",
                sync: #"{"state":"up_to_date","files_pending":0,"applied":"0123456789abcdef0123"}"#,
                writers: #"{"active":2,"paused":0,"names":["claude","codex"]}"#,
                more: #","last_seen_s":0,"version":"0.1.0""#),
            device(
                "b", "desktop", "voter", "online", sync: #"{"state":"pending","files_pending":14,"applied":"0123"}"#,
                writers: #"{"active":1,"paused":0,"names":[]}"#,
                more:
                    #","last_seen_s":1.2,"last_seen_at":"2026-01-31T21:30:04.000Z","via":"192.168.1.7:47700","dialed_here":true,"version":"0.1.0","rtt_s":0.0023,"clock_offset_s":-61.4"#
            ),
            device(
                "c", "nas", "voter", "online", sync: #"{"state":"up_to_date","files_pending":0}"#,
                writers: #"{"active":0,"paused":0,"names":[]}"#,
                more: #","last_seen_s":3,"via":"[fd00::7]:47700","version":"0.1.0""#),
            device(
                "d", "tablet", "learner", "offline",
                sync: #"{"state":"behind","files_pending":0,"rounds_behind":3}"#,
                writers: #"{"active":0,"paused":0,"names":[]}"#, more: #","last_seen_s":190000"#),
        ]
        return """
            {"schema":"baton.status/1","generated_at":"2026-01-31T21:30:05.250Z","view":"quorum","health":"healthy",
             "reasons":[],"mesh":{"id":"\(String(repeating: "e", count: 64))","name":"notes","epoch":1,"members":4,
             "online":3,"quorum":2,"profile":"lan"},"self":"\(String(repeating: "a", count: 64))",
             "leader":{"device":"\(String(repeating: "a", count: 64))","token":"1.1843","lease_remaining_s":24.4},
             "quorum_leader":{"device":"\(String(repeating: "b", count: 64))","term":7,"commit_index":4711,
             "last_index":4712},"sync":{"round":1843,"phase":"idle","last_ok_at":"2026-01-31T21:29:53.000Z","age_s":12.3,
             "last_result":"published","next_in_s":40.7,"next_reason":"settling","rules":[
             {"rule":"quorum","value":"3","limit":"2","says":"go","decides":false},
             {"rule":"battery","value":"laptop 18 %","limit":"20 %","says":"slower","decides":false},
             {"rule":"oldest change","value":"71 s","limit":"120 s","says":"wait","decides":true}]},
             "head":"89abcdef0123456789abcdef0123456789abcdef","devices":[\(devices.joined(separator: ","))],
             "conflicts":{"open":0,"paths":[]},"held":[],"workspace":{"root":"/home/ann/notes","branch":"main"},
             "agent":{"pid":4242,"version":"0.1.0","uptime_s":260000,"listen":"0.0.0.0:47700","refused_connections":3,
             "refused_tokens":1}}
            """
    }
}
