import DeviceCore
import SyncRounds

extension StatusReport {
    /// What needs a person at the hub, with the command that settles it.
    mutating func judgeHub() {
        guard let hub, let state = HubState(rawValue: hub.state) else { return }
        let needs: (text: String, fix: String?)?
        switch state {
        case .unknown, .current, .behind, .news: needs = nil
        case .away:
            let rounds = hub.rounds_behind == 1 ? "1 round" : "\(hub.rounds_behind) rounds"
            let why = hub.why.map { ": \($0)" } ?? ""
            needs = ("the hub is away (\(rounds) behind, caught up when it is back)\(why)", "baton hub probe")
        case .staleToken:
            let token = hub.token ?? "a newer token"
            needs = ("the hub's fence carries \(token), newer than this mesh's: nothing is pushed", "baton hub show")
        case .rewritten:
            needs = ("somebody rewrote the hub's branch \(hub.branch): nothing is pushed there", "baton hub accept")
        case .fenceGone: needs = ("somebody deleted the hub's fence: nothing is pushed there", "baton hub accept")
        case .otherMesh: needs = ("another mesh took the hub's fence: nothing is pushed there", "baton hub accept")
        }
        guard let needs else { return }
        reasons.append(Reason(code: "hub_\(hub.state)", text: needs.text, fix: needs.fix))
        if state.isStopped, health == "healthy" { health = "attention" }
    }
}
