import AgentRuntime
import ControlSocket
import Primitives

extension Demo {
    /// Three devices become a mesh with a leader, as a user would do it: `init`, `invite`, `join`.
    func found() async throws {
        narrator.plain("Baton keeps one git workspace in step on all your devices, while writers keep working in it.")
        narrator.title("A mesh of three")
        narrator.say("the workspace is \(try await makeWorkspace())")
        narrator.say("each device has its own key, database and workspace below \(place.root)")
        narrator.type("baton init work --name laptop")
        try await baton(
            ["init", place.laptop.workspace, "--name", place.laptop.name, "--listen", "127.0.0.1:0"], on: place.laptop)
        try await noteAgent(of: place.laptop)
        for (key, value) in [("sync.min-interval", "1s"), ("sync.max-wait", "1s"), ("sync.settle", "300ms")] {
            try await baton(["config", "set", key, value], on: place.laptop)
        }
        narrator.say("quick settings for a short show: a round a second while something changes")
        for device in place.others(than: place.laptop) { try await join(device) }
        let all = place.devices
        let (leader, quorum) = try await eventually("the three agree on a leader") {
            () -> (DemoLeader, StatusReport.QuorumLeader)? in
            guard let leader = try await self.leader(namedBy: all) else { return nil }
            let report = try await self.status(of: leader.device)
            let isWhole =
                report.devices.count == all.count
                && report.devices.allSatisfy { $0.state == "online" && $0.role != "learner" }
            guard isWhole, let quorum = report.quorum_leader else { return nil }
            return (leader, quorum)
        }
        try narrator.claim(
            "elected: \(leader.device.name) leads under fencing token \(leader.token), quorum leader in term "
                + "\(quorum.term); all three agree, all three vote",
            if: leader.token > .none && quorum.term > 0, else: "no token or no term")
    }

    private func join(_ device: DemoDevice) async throws {
        narrator.type("BATON_INVITE=$(baton invite) baton join work --name \(device.name)")
        let invite = try await baton(["invite"], on: place.laptop).output.trimmed
        let joined = try await baton(
            ["join", device.workspace, "--name", device.name, "--listen", "127.0.0.1:0"], on: device,
            environment: ["BATON_INVITE": invite])
        let said = joined.errors.split(separator: "\n").first { $0.hasPrefix("check") }
        let words = said.map { $0.dropFirst(5).trimmingSpaces } ?? ""
        try await noteAgent(of: device)
        let row = try await audit(of: place.laptop, kind: "joined").last
        try narrator.claim(
            "\(device.name) is in, over mutual TLS; both screens show: \(words)",
            if: !words.isEmpty && row?.detail("words") == words,
            else: "laptop shows: \(row?.detail("words") ?? "nothing")")
    }

    /// From now on the agent is one that is ended at the end.
    func noteAgent(of device: DemoDevice) async throws {
        let report = try await status(of: device)
        agents[device.name] = report.agent.pid
        narrator.say("\(device.name): process \(report.agent.pid), listens on \(report.agent.listen)")
    }
}
