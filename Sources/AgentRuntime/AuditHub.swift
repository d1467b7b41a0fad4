import Primitives
import SyncRounds

// What the audit says of the hub.

extension AuditTrail {
    func note(_ event: HubEvent) {
        switch event {
        case .mirrored(let revision, let token):
            add("hub-mirrored", "the hub has \(revision.short)", token: token, details: ["to": revision.hex])
        case .tookOver(let token): add("hub-fence", "the hub's fence carries token \(token)", token: token)
        case .changed(let facts):
            // A push that is due, or done, has a row of its own.
            guard let words = facts.auditWords else { return }
            var details = ["state": facts.state.rawValue, "rounds_behind": "\(facts.roundsBehind)"]
            if let head = facts.head { details["head"] = head.hex }
            if let why = facts.why { details["why"] = why }
            add("hub", words, token: facts.token, details: details)
        }
    }
}

extension HubFacts {
    fileprivate var auditWords: String? {
        switch state {
        case .unknown, .behind, .current: nil
        case .news: "somebody pushed \(head?.short ?? "something") to the hub; the next round merges it"
        case .away: "the hub is away: \(why ?? "no reason is known")"
        case .staleToken: "nothing is pushed to the hub: its fence carries \(token.map { "\($0)" } ?? "a newer token")"
        case .rewritten: "somebody rewrote the hub's branch; nothing is pushed until a person decides"
        case .fenceGone: "the hub's fence was deleted; nothing is pushed until a person decides"
        case .otherMesh: "the hub's fence is another mesh's; nothing is pushed until a person decides"
        }
    }
}
