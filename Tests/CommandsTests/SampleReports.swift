import Foundation

@testable import AgentRuntime

/// Reports as an agent gives them, made from JSON: what the socket carries.
enum Sample {
    static func status(_ change: (inout StatusReport) -> Void = { _ in }) throws -> StatusReport {
        var report = try JSONDecoder().decode(StatusReport.self, from: Data(json.utf8))
        change(&report)
        return report
    }

    static func log(_ rows: String) throws -> LogReport {
        try JSONDecoder().decode(LogReport.self, from: Data("{\"rows\":[\(rows)]}".utf8))
    }

    /// One of the closed list of first lines, as the agent fills the report for it.
    static func status(health: String) throws -> StatusReport {
        try status { report in
            report.health = health
            switch health {
            case "syncing":
                report.sync.phase = "collect"
                report.sync.paused_s = 0.31
            case "attention":
                report.conflicts = .init(open: 1, paths: ["plan.md"])
                report.reasons = [
                    .init(
                        code: "conflicts", text: "1 conflicts (both versions kept)", fix: "baton log --kind published")
                ]
            case "degraded":
                report.reasons = [.init(code: "no_slack", text: "if one more voter goes away, syncing stops", fix: nil)]
            case "no_leader":
                report.reasons = [.init(code: "electing", text: "no quorum leader: electing", fix: nil)]
                report.leader = nil
                report.quorum_leader = nil
                report.view = "local"
            case "no_quorum":
                report.reasons = [
                    .init(
                        code: "no_quorum", text: "1 of 2 needed voters reached; work is saved here and syncs later",
                        fix: nil)
                ]
                report.leader = nil
                report.quorum_leader = nil
                report.view = "local"
                for at in report.devices.indices.dropFirst() { report.devices[at].state = "offline" }
                report.mesh.online = 1
            case "stuck":
                report.reasons = [
                    .init(code: "stuck", text: "nas refuses every round: its disk is full, since 12 min", fix: nil)
                ]
            case "stopped":
                report.reasons = [
                    .init(code: "stopped", text: "by nas, 3 min ago: emergency stop", fix: nil),
                    .init(code: "resume", text: "automatic rounds are off", fix: "baton sync --now"),
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
                more: #","last_seen_s":1.2,"via":"192.168.1.7:47700","version":"0.1.0""#),
            device(
                "c", "nas", "voter", "online", sync: #"{"state":"up_to_date","files_pending":0}"#,
                writers: #"{"active":0,"paused":0,"names":[]}"#,
                more: #","last_seen_s":3,"via":"[fd00::7]:47700","version":"0.1.0""#),
            device(
                "d", "tablet", "learner", "offline", sync: #"{"state":"behind","files_pending":0}"#,
                writers: #"{"active":0,"paused":0,"names":[]}"#, more: #","last_seen_s":190000"#),
        ]
        return """
            {"schema":"baton.status/1","generated_at":"2026-01-31T21:30:05.250Z","view":"quorum","health":"healthy",
             "reasons":[],"mesh":{"id":"\(String(repeating: "e", count: 64))","name":"notes","epoch":1,"members":4,
             "online":3,"quorum":2,"profile":"lan"},"self":"\(String(repeating: "a", count: 64))",
             "leader":{"device":"\(String(repeating: "a", count: 64))","token":"1.1843","lease_remaining_s":24.4},
             "quorum_leader":{"device":"\(String(repeating: "b", count: 64))","term":7,"commit_index":4711,
             "last_index":4712},"sync":{"round":1843,"phase":"idle","last_ok_at":"2026-01-31T21:29:53.000Z","age_s":12.3,
             "last_result":"published","next_in_s":40.7,"next_reason":"settling"},
             "head":"89abcdef0123456789abcdef0123456789abcdef","devices":[\(devices.joined(separator: ","))],
             "conflicts":{"open":0,"paths":[]},"held":[],"workspace":{"root":"/home/ann/notes","branch":"main"},
             "agent":{"pid":4242,"version":"0.1.0","uptime_s":260000,"listen":"0.0.0.0:47700","refused_connections":3,
             "refused_tokens":1}}
            """
    }
}
