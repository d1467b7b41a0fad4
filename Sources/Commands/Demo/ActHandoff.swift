import AgentRuntime
import ControlSocket
import Primitives

extension Demo {
    /// Leadership is passed on gracefully, while writers write.
    func handOff() async throws {
        let leader = try await currentLeader(of: place.devices)
        let target = place.others(than: leader.device)[0]
        narrator.title("A graceful handoff")
        narrator.type("baton handoff \(target.name)")
        let report = try await eventually("\(leader.device.name) hands off to \(target.name)") {
            // Right after a round the target is not behind.
            _ = try await wholeRound()
            let report: HandoffReport = try await call(
                ControlCall.handoff, HandoffCall(device: target.name), on: leader.device)
            return report
        }
        let took = Duration.microseconds(Int64(report.took_s * 1_000_000))
        let now = try await currentLeader(of: place.devices)
        let row = try await eventually("the handoff is in the audit") {
            try await audit(of: target, kind: "handoff").last { $0.token == leader.token.description }
        }
        try narrator.claim(
            "\(row.summary) in \(took.shown), token \(leader.token) -> \(report.token), in one entry of the log: never "
                + "without a holder",
            if: now.device == target && now.token.description == report.token
                && now.token.counter == leader.token.counter + 1
                && took < .seconds(2),
            else: "\(now.device.name) leads under \(now.token)")
    }
}
