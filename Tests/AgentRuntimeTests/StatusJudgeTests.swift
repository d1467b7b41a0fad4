import Foundation
import Primitives
import Testing

@testable import AgentRuntime

/// The first line's word from the facts.
@Suite struct StatusJudgeTests {
    private func report(_ change: (inout StatusReport) -> Void = { _ in }) -> StatusReport {
        let writers = StatusReport.Writers(active: 0, paused: 0, names: [])
        let sync = StatusReport.DeviceSync(state: "up_to_date", files_pending: 0)
        var report = StatusReport(
            generated_at: "", view: "quorum", health: "", reasons: [],
            mesh: .init(id: "", name: "", epoch: 1, members: 1, online: 1, quorum: 1, profile: "lan"), self: "a",
            leader: .init(device: "a", token: "1.1"),
            quorum_leader: .init(device: "a", term: 1, commit_index: 1, last_index: 1),
            sync: .init(round: 1, phase: "idle"), head: nil,
            devices: [
                .init(id: "a", name: "a", role: "leader", state: "online", sync: sync, writers: writers, addresses: [])
            ],
            conflicts: .init(open: 0, paths: []), held: [], workspace: .init(root: "", branch: ""),
            agent: .init(
                pid: 1, version: "", uptime_s: 1, listen: "", refused_connections: 0, refused_tokens: 0))
        change(&report)
        return report
    }

    private func facts(_ change: (inout HealthFacts) -> Void = { _ in }) -> HealthFacts {
        var facts = HealthFacts(voters: 3, votersOnline: 3)
        facts.peersOnline = 2
        facts.uptime = .seconds(10_000)
        facts.sinceComplete = .seconds(10)
        change(&facts)
        return facts
    }

    private func verdict(_ report: StatusReport, _ facts: HealthFacts) -> (String, StatusReport.Reason?) {
        let (health, reasons) = StatusJudge(report: report, facts: facts).verdict
        return (health, reasons.first)
    }

    @Test("S2 three intervals without a complete round while a peer is reachable are called stuck, with the reason")
    func stuck() {
        let waiting = facts { facts in
            facts.sinceComplete = .seconds(901)
            facts.oldestNeed = .seconds(900)
            facts.lastFailure = "nas: the disk is full"
        }
        let (health, reason) = verdict(report(), waiting)
        #expect(health == "stuck")
        #expect(reason?.text == "no complete round for 15 min; the last one was given up: nas: the disk is full")
        #expect(reason?.fix == "baton doctor")
        let under: [(inout HealthFacts) -> Void] = [
            { $0.sinceComplete = .seconds(899) }, { $0.oldestNeed = .seconds(899) }, { $0.oldestNeed = nil },
            { $0.peersOnline = 0 }, { $0.uptime = .seconds(899) }, { $0.interval = .seconds(301) },
        ]
        for change in under {
            var facts = waiting
            change(&facts)
            #expect(verdict(report(), facts).0 == "healthy")
        }
        var never = waiting
        never.sinceComplete = nil
        never.lastFailure = nil
        #expect(verdict(report(), never).1?.text == "no round was ever completed; the leader gives no reason")
        never.sparingLeader = "laptop leads, which spares its battery (12 %)"
        let spared = verdict(report(), never).1
        #expect(spared?.text == "no round was ever completed; laptop leads, which spares its battery (12 %)")
        #expect(spared?.fix == "baton sync --now")
    }

    @Test func whoStoppedComesFirst() {
        let stop = StopFact(by: "nas", since: .seconds(200), why: "emergency stop", fix: "baton resume")
        let (health, reason) = verdict(
            report { $0.quorum_leader = nil },
            facts { facts in
                facts.stop = stop
                facts.votersOnline = 1
            })
        #expect(health == "stopped")
        #expect(reason?.text == "by nas, 3 min ago: emergency stop" && reason?.fix == "baton resume")
    }

    @Test func noLeaderNamesSinceWhenAndVotes() {
        let electing = facts { facts in
            facts.electingFor = .seconds(4)
            facts.votes = 1
        }
        #expect(verdict(report { $0.quorum_leader = nil }, electing).1?.text == "electing since 4 s, 1 of 2 votes")
        #expect(verdict(report { $0.quorum_leader = nil }, electing).0 == "no_leader")
        #expect(verdict(report { $0.quorum_leader = nil }, facts { $0.votersOnline = 1 }).0 == "no_quorum")
        #expect(verdict(report { $0.leader = nil }, facts()).0 == "no_leader")
    }

    @Test func theOthers() {
        #expect(verdict(report(), facts()).0 == "healthy")
        #expect(verdict(report { $0.sync.phase = "merge" }, facts()).0 == "syncing")
        #expect(verdict(report { $0.conflicts.open = 1 }, facts()).0 == "attention")
        #expect(verdict(report { $0.devices[0].sync.waiting = "rebase" }, facts()).0 == "attention")
        #expect(verdict(report(), facts { $0.votersOnline = 2 }).0 == "degraded")
        var alone = facts { $0.votersOnline = 1 }
        alone.voters = 1
        #expect(verdict(report(), alone).0 == "healthy")
    }
}
