import AgentRuntime
import Primitives

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension Demo {
    /// `kill -9` of the leader in the middle of a round.
    func killLeader() async throws {
        let leader = try await currentLeader(of: place.devices)
        let name = leader.device.name
        narrator.title("kill -9 of the leader, in the middle of a round")
        let head = try await status(of: leader.device).sync.round
        try await everyoneWrites(3)
        guard let pid = agents[name] else { throw DemoFailure("the agent of \(name) is not known") }
        let listen = try await status(of: leader.device).agent.listen
        let phase = try await roundUnderWay(of: leader.device, in: ["collect", "merge", "stage"])
        kill(pid, SIGKILL)
        let watch = Stopwatch()
        let others = place.others(than: leader.device)
        var phases: [String] = []
        for device in others { phases.append(try await status(of: device).sync.phase) }
        clients[name] = nil
        narrator.type("kill -9 \(pid)")
        try await eventually("process \(pid) is gone") { !Detached.isRunning(pid) }
        agents[name] = nil
        try narrator.claim(
            "\(name) died in the phase `\(phase)` of a round; \(others[0].name) and \(others[1].name) hold their "
                + "writers for it",
            if: phases == ["paused", "paused"], else: "they are \(phases)")
        let next = try await eventually("a next leader") { try await self.leader(namedBy: others, after: leader.token) }
        let took = watch.elapsed
        try narrator.claim(
            "\(next.device.name) leads after \(took.shown) (the lease had to run out: 3 s), token \(leader.token) -> "
                + "\(next.token)",
            if: next.device != leader.device && next.token > leader.token && took < .seconds(8),
            else: "\(next.device.name), \(next.token), \(took.shown)")
        try await everyoneWrites(2)
        try narrator.claim(
            "every writer writes again \(watch.elapsed.shown) after the kill", if: watch.elapsed < .seconds(15),
            else: "only after \(watch.elapsed.shown)")
        let round = try await eventually("a round of the two") {
            () -> SyncReport? in
            let report = try await sync(on: next.device)
            return report.result == "published" ? report : nil
        }
        try narrator.claim(
            "round \(round.round) is published by the two that are left", if: round.round > head,
            else: "round \(head) was there before")
        try await restart(leader.device, listen: listen)
    }

    /// Starts the agent of the killed device again, and shows that it has caught up and that nothing was lost.
    private func restart(_ device: DemoDevice, listen: String) async throws {
        narrator.type("baton up")
        try await baton(["up", "--listen", listen], on: device)
        try await noteAgent(of: device)
        try await eventually("\(device.name) is back") {
            try await status(of: place.others(than: device)[0]).devices.allSatisfy { $0.state == "online" }
        }
        let written = written()
        let report = try await wholeRound()
        let lines = try await nothingIsLost(written, in: place.devices)
        try narrator.claim(
            "\(device.name) is back and up to date; nothing lost: each of \(lines) lines is in each tree, once",
            if: report.participants.count == 3 && lines > 0, else: "\(report)")
    }

    /// A published round that all three took part in.
    func wholeRound() async throws -> SyncReport {
        try await eventually("a round of all three", within: .seconds(30)) {
            let report = try await sync(on: place.devices[1])
            return report.result == "published" && report.participants.count == place.devices.count ? report : nil
        }
    }

    func currentLeader(of devices: [DemoDevice]) async throws -> DemoLeader {
        try await eventually("the leader that all name") { try await self.leader(namedBy: devices) }
    }
}
