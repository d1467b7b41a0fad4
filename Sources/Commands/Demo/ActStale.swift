import AgentRuntime
import Primitives

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension Demo {
    /// A leader stops in the middle of a round, as a suspended laptop does, and wakes up after its lease: what it still
    /// sends is refused where it lands.
    func wakeStaleLeader() async throws {
        narrator.title("A leader that slept through its lease")
        for _ in 0..<3 {
            if try await staleLeaderIsRefused() { return }
            narrator.say("its round was decided before it stopped, so it had nothing stale to send: once more")
        }
        throw DemoFailure("no stale message was seen to be refused")
    }

    /// False if the leader, once awake, had nothing to send that could be refused.
    private func staleLeaderIsRefused() async throws -> Bool {
        let old = try await currentLeader(of: place.devices)
        guard let pid = agents[old.device.name] else {
            throw DemoFailure("the agent of \(old.device.name) is not known")
        }
        let others = place.others(than: old.device)
        try await everyoneWrites(2)
        let phase = try await roundUnderWay(of: old.device, in: ["prepare", "collect", "merge"])
        kill(pid, SIGSTOP)
        let watch = Stopwatch()
        narrator.type("kill -STOP \(pid)")
        narrator.say("\(old.device.name), token \(old.token), stands still in the phase `\(phase)` of its round")
        let next = try await eventually("a next leader") { try await self.leader(namedBy: others, after: old.token) }
        try narrator.claim(
            "\(next.device.name) leads under token \(next.token) after \(watch.elapsed.shown)",
            if: next.token > old.token && next.device != old.device, else: "\(next.device.name), \(next.token)")
        let round = try await eventually("a round without \(old.device.name)", within: .seconds(40)) {
            try await audit(of: next.device, kind: "round").first {
                $0.token == next.token.description && $0.summary.contains("published")
            }
        }
        let members = round.detail("participants") ?? ""
        try narrator.claim(
            "a round is published by \(members.split(separator: " ").joined(separator: " and ")) alone, with "
                + "the old leader still asleep",
            if: members.split(separator: " ").count == 2 && !members.contains(old.device.name), else: round.details)

        kill(pid, SIGCONT)
        narrator.type("kill -CONT \(pid)")
        guard let (witness, row) = try await refusal(of: old, seenBy: others) else { return false }
        let presented = row.detail("presented") ?? ""
        let highest = row.detail("highest").flatMap { FencingToken($0) } ?? .none
        try narrator.claim(
            "audit of \(witness.name): \(row.summary)", if: presented == old.token.description && highest > old.token,
            else: row.details)
        try await nothingCameOfIt(old, seenBy: others)
        return true
    }

    private func refusal(of old: DemoLeader, seenBy others: [DemoDevice]) async throws -> (DemoDevice, LogReport.Row)? {
        let watch = Stopwatch()
        while watch.elapsed < .seconds(4) {
            for device in others {
                let rows = try await audit(of: device, kind: "token-refused")
                if let row = rows.last(where: { $0.detail("presented") == old.token.description }) {
                    return (device, row)
                }
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        return nil
    }

    /// Nobody published anything under the old token once the new one was granted; the old leader follows again.
    private func nothingCameOfIt(_ old: DemoLeader, seenBy others: [DemoDevice]) async throws {
        let report = try await wholeRound()
        var late: [String] = []
        for device in place.devices {
            let granted = try await audit(of: device, kind: "lock-granted")
                .first { $0.token.flatMap { FencingToken($0) } ?? .none > old.token }
            late += try await audit(of: device, kind: "published").filter { row in
                row.token == old.token.description && granted.map { row.id > $0.id } ?? false
            }.map { "\(device.name): \($0.summary)" }
        }
        let now = try await currentLeader(of: place.devices)
        try narrator.claim(
            "it changed nothing anywhere, and follows \(now.device.name) now: round \(report.round) has all three",
            if: late.isEmpty && now.token > old.token, else: late.joined(separator: "; "))
    }
}
