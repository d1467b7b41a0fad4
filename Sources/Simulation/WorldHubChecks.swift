import DeviceCore
import Primitives
import SyncRounds

// What must hold at the hub (protocol.md, section 6), seen by somebody who sees every ref of it in true time.

extension World {
    private func describe(_ update: HubUpdate) -> String {
        "a push of device \(update.node + 1) under \(update.push.token)"
    }

    /// Before a push of ours moves anything there.
    mutating func checkLanding(_ update: HubUpdate, movesHead: Bool, movesFence: Bool) {
        guard checks, let hub else { return }
        if update.push.token < hub.highestToken {
            clash(
                .hubStaleToken, "a push under \(hub.highestToken) has landed on the hub", "and \(describe(update)) does"
            )
        }
        if hub.landed.contains(update.key) {
            clash(.hubPushedOnce, "\(describe(update)) has landed on the hub", "and lands there again")
        }
        guard let new = update.head else { return }
        // With that mutant the fence is not named.
        if update.push.fencing == .fenceRef, movesHead != movesFence, !mutants.has(.hubFenceKept) {
            clash(
                .hubAllOrNothing, "\(describe(update)) moves the \(movesHead ? "branch" : "fence")",
                "and leaves the other ref, which it names too")
        }
        guard movesHead else { return }
        checkBranch(update, from: hub.refs.head, to: new, hub)
    }

    /// The branch moves along what was published and what people pushed; what people took away stays away until
    /// somebody says what is to become of it.
    private mutating func checkBranch(_ update: HubUpdate, from old: Int?, to new: Int, _ hub: HubModel) {
        if oracle.headNumbers[new] == nil, hub.takeovers[new] == nil {
            clash(.hubChain, "revision \(new) was never published", "and \(describe(update)) puts it on the hub")
        }
        guard let old else { return }
        if update.push.replaces {
            guard !hub.givenUp.contains(old) else { return }
            clash(.hubPeople, "nobody gave up revision \(old) on the hub", "and \(describe(update)) replaces it")
        } else if !store.isAncestor(old, of: new) {
            let check: CheckID = hub.foreign.contains(old) ? .hubPeople : .hubChain
            clash(check, "the hub's branch is revision \(old)", "and \(describe(update)) takes it away for \(new)")
        } else if hub.isRewritten, hub.fencing == .fenceRef, !hub.accepted.contains(old) {
            clash(
                .hubPeople, "somebody rewrote the hub's branch to revision \(old), and nobody accepted that",
                "and \(describe(update)) makes it \(new)")
        }
    }

    /// Why the hub is not what the mended mesh makes of it; nil if it is, or there is none.
    func hubUnsettled() -> (check: CheckID, why: String)? {
        guard let hub else { return nil }
        guard oracle.state.hub != nil else { return (.hubCatchesUp, "the mesh does not know its hub") }
        if let head = oracle.chain.head {
            guard let there = hub.refs.head, store.isAncestor(head, of: there) else {
                return (.hubCatchesUp, "the hub does not have what is published")
            }
        }
        if let lost = hub.foreign.first(where: { !store.isPublished($0) }) {
            return (.hubPeople, "revision \(lost), which somebody pushed to the hub, is not published")
        }
        guard let leader = syncLeader, let facts = nodes[leader].device?.hubFacts else { return nil }
        guard facts.state == .current || facts.state == .news, facts.roundsBehind == 0 else {
            return (
                .hubCatchesUp,
                "the leader says that the hub is \(facts.state.rawValue), \(facts.roundsBehind) rounds behind"
            )
        }
        return nil
    }

    /// What a device says of the hub.
    mutating func observe(_ node: Int, _ event: HubEvent) {
        switch event {
        case .mirrored: hit(.hubMirrored)
        case .tookOver: hit(.hubTookOver)
        case .changed(let facts):
            row(node, "the hub is \(facts.state.rawValue)")
            switch facts.state {
            case .away: hit(.hubAway)
            case .rewritten: hit(.hubRewritten)
            case .fenceGone: hit(.hubFenceGone)
            case .unknown, .current, .behind, .news, .staleToken, .otherMesh: break
            }
        }
    }
}
