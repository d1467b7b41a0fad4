import DeviceCore
import Primitives
import SyncRounds

// The hub: what git of a device does there, what the server makes of it, and what people do to it.

extension World {
    /// A pack on a slow line: the update comes so much later than the refs were read.
    private static let slowPush: ClosedRange<Nanoseconds> = .seconds(1)...(.seconds(20))
    private static let hangStep = Nanoseconds.seconds(1)

    mutating func startHub() {
        guard hub != nil else { return }
        queue.push(.hub(.put), at: TrueTime(.milliseconds(1200)))
        queue.push(.hub(.person), at: TrueTime(.seconds(5)))
    }

    mutating func hubStep(_ step: HubStep) {
        switch step {
        case .put: putHub()
        case .person: personAtHub()
        case .look(let node, let incarnation, let number, let look):
            if runs(node, incarnation), !waitsForHub(step) { looksAtHub(node, number, look) }
        case .push(let node, let incarnation, let number, let push):
            if runs(node, incarnation), !waitsForHub(step) { pushesToHub(node, number, push) }
        case .update(let update): if !waitsForHub(step) { hubGets(update) }
        case .readBack(let update):
            if runs(update.node, update.incarnation), !waitsForHub(step) { readsBack(update) }
        case .answer(let node, let incarnation, let answer): if runs(node, incarnation) { feed(node, .hub(answer)) }
        }
    }

    /// True while the hub hangs: the same comes again.
    private mutating func waitsForHub(_ step: HubStep) -> Bool {
        guard let hub, hub.hangsUntil > now else { return false }
        queue.push(.hub(step), at: min(hub.hangsUntil, now + Self.hangStep))
        return true
    }

    private mutating func hubDelay() -> Nanoseconds {
        guard let conditions = hub?.conditions else { return 0 }
        return hub?.draw.delay(isHealing ? .around(conditions.delay.typical) : conditions.delay) ?? 0
    }

    // MARK: Git of a device

    mutating func begin(_ node: Int, _ order: HubOrder) {
        let incarnation = nodes[node].incarnation
        let step: HubStep =
            switch order {
            case .look(let number, let look): .look(node, incarnation: incarnation, number, look)
            case .push(let number, let push): .push(node, incarnation: incarnation, number, push)
            }
        queue.push(.hub(step), at: now + hubDelay())
    }

    private mutating func answer(_ node: Int, _ incarnation: UInt64, _ answer: HubAnswer) {
        queue.push(.hub(.answer(node, incarnation: incarnation, answer)), at: now + hubDelay())
    }

    private mutating func looksAtHub(_ node: Int, _ number: UInt64, _ look: HubLook) {
        answer(node, nodes[node].incarnation, .looked(number, hubReport(node, look)))
    }

    /// With what stands there the device has all that it reaches.
    private mutating func hubReport(_ node: Int, _ look: HubLook) -> Completion<HubReport> {
        guard let hub else { return .failed("there is no hub") }
        let published = look.published.flatMap(store.number)
        guard look.published == nil || published.map(nodes[node].workspace.has) == true else {
            return .failed("the published head is not on this device yet")
        }
        let fence = look.fencing == .fenceRef ? hub.refs.fence : tokenOnBranch(hub.refs.head, nodes[node].id)
        var report = HubReport(
            head: hub.refs.head.map(store.name), fence: fence.map { .found($0) } ?? .absent, published: look.published)
        let mirrored = look.fencing == .fenceRef ? fence?.mirrored.flatMap(store.number) : hub.mirrored[node]
        if let mirrored { report.holdsMirrored = hub.refs.head.map { store.isAncestor(mirrored, of: $0) } ?? false }
        guard let head = hub.refs.head else {
            report.roundsBehind = store.rounds(published, beyond: nil)
            return .done(report)
        }
        nodes[node].workspace.receive(head, durably: true, store)
        guard let published else {
            (report.bringsChanges, report.holdsPublished) = (true, true)
            return .done(report)
        }
        if head == published { self.hub?.mirrored[node] = head }
        report.isPublished = store.isAncestor(head, of: published)
        report.holdsPublished = store.isAncestor(published, of: head)
        let base = store.commonAncestor(head, published)
        report.base = base.map(store.name)
        if !report.isPublished { report.bringsChanges = store.tree(head) != store.tree(base) }
        report.roundsBehind = store.rounds(published, beyond: head)
        return .done(report)
    }

    /// The newest token on a branch without a fence.
    private func tokenOnBranch(_ head: Int?, _ device: DeviceID) -> HubFence? {
        var next = head
        for _ in 0..<Limits.hubCommitsLookedBack {
            guard let hub, let revision = next else { return nil }
            if let takeover = hub.takeovers[revision] { return takeover }
            if let token = hub.roundTokens[revision] {
                let name = store.name(revision)
                return HubFence(revision: name, token: token, sequence: 0, device: device, mirrored: name)
            }
            next = store.revisions[revision].parents.first
        }
        return nil
    }

    /// Git has read the refs: what it was to find is there, or nothing is sent.
    private mutating func pushesToHub(_ node: Int, _ number: UInt64, _ push: HubPush) {
        guard let refs = hub?.refs else { return }
        let incarnation = nodes[node].incarnation
        let branch = push.branch.flatMap(store.number)
        if let branch, let old = push.oldHead.flatMap(store.number), !push.replaces, !mutants.has(.hubForced),
            !store.isAncestor(old, of: branch)
        {
            return answer(node, incarnation, .pushed(number, .failed("the push would take something away there")))
        }
        guard stands(push, refs) else { return answer(node, incarnation, .pushed(number, .done(.moved))) }
        guard var fence = hub?.newFence(push) else { return }
        var head = branch
        if push.fencing == .branchAlone {
            if let old = refs.head, head == nil {
                let takeover = store.add(parents: [old], tree: store.tree(old))
                nodes[node].workspace.receive(takeover, durably: true, store)
                fence.revision = store.name(takeover)
                hub?.takeovers[takeover] = fence
                head = takeover
            } else if let head {
                fence.revision = store.name(head)
            } else {
                return answer(node, incarnation, .pushed(number, .failed("there is nothing to push")))
            }
        }
        let update = HubUpdate(
            node: node, incarnation: incarnation, number: number, push: push, fence: fence, head: head)
        let isSlow = !isHealing && hub?.draw.below(8) == 0
        let slow = isSlow ? hub?.draw.between(Self.slowPush.lowerBound, Self.slowPush.upperBound) ?? 0 : 0
        queue.push(.hub(.update(update)), at: now + hubDelay() + slow)
    }

    /// What the push expects is what stands there.
    private func stands(_ push: HubPush, _ refs: HubModel.Refs) -> Bool {
        let isHead = refs.head.map(store.name) == push.oldHead || mutants.has(.hubForced)
        return isHead && (push.fencing == .branchAlone || refs.fence?.revision == push.oldFence)
    }

    // MARK: The server

    private mutating func hubGets(_ update: HubUpdate) {
        guard var hub else { return }
        let refuses =
            hub.refusesUntil > now || !isHealing && hub.draw.chance(perMillion: hub.conditions.refusals)
        let moves = refuses ? (head: false, fence: false) : moved(by: update, hub.refs)
        if !runs(update.node, update.incarnation) || nodes[update.node].power == .suspended { hit(.hubPushCameLate) }
        if !moves.head, !moves.fence, update.push.token < hub.highestToken { hit(.hubStaleRefused) }
        if moves.head || moves.fence {
            checkLanding(update, movesHead: moves.head, movesFence: moves.fence)
            land(update, moves.head, moves.fence, &hub)
        }
        let isLost = hub.repliesToLose > 0 || !isHealing && hub.draw.chance(perMillion: hub.conditions.lostReplies)
        if hub.repliesToLose > 0 { hub.repliesToLose -= 1 }
        self.hub = hub
        trace.mix(hub.refs.head ?? -1)
        row(nil, "the hub \(refuses ? "refuses" : "gets") a push under \(update.push.token) of \(update.node + 1)")
        if isLost {
            hit(.hubReplyLost)
            return queue.push(.hub(.readBack(update)), at: now + hubDelay() + .seconds(1))
        }
        let isDone = update.push.fencing == .branchAlone ? moves.head : moves.fence || moves.head
        let outcome: HubPushOutcome =
            if isDone {
                .landed(head: update.head ?? update.push.oldHead.flatMap(store.number), update.fence, store)
            } else {
                refuses ? .refused("made to refuse") : .moved
            }
        if isDone { self.hub?.mirrored[update.node] = hub.refs.head }
        answer(update.node, update.incarnation, .pushed(update.number, .done(outcome)))
    }

    /// Which refs the server moves: all that were sent, or none.
    private func moved(by update: HubUpdate, _ refs: HubModel.Refs) -> (head: Bool, fence: Bool) {
        let push = update.push
        let isHead = refs.head.map(store.name) == push.oldHead || mutants.has(.hubForced)
        guard push.fencing == .fenceRef else { return (isHead, false) }
        let isFence = refs.fence?.revision == push.oldFence
        let sendsHead = update.head != nil
        if mutants.has(.hubFenceKept), sendsHead { return (isHead, false) }
        if mutants.has(.hubNotAtomic) { return (sendsHead && isHead, isFence) }
        // The lease of a branch that is not sent is nobody's business here.
        let all = isFence && (isHead || !sendsHead)
        return (all && sendsHead, all)
    }

    private mutating func land(_ update: HubUpdate, _ head: Bool, _ fence: Bool, _ hub: inout HubModel) {
        if fence { hub.refs.fence = update.fence }
        hub.landed.append(update.key)
        hub.highestToken = max(hub.highestToken, update.push.token)
        guard head, let new = update.head else { return }
        hub.refs.head = new
        if update.push.replaces { forgetTakenAway(&hub) }
    }

    /// What a person took away on purpose is not to be merged any more.
    private func forgetTakenAway(_ hub: inout HubModel) {
        let head = hub.refs.head
        hub.foreign.removeAll { pushed in
            !store.isPublished(pushed) && !(head.map { store.isAncestor(pushed, of: $0) } ?? false)
        }
    }

    /// After an end that says nothing: our commit on the fence means that it was done.
    private mutating func readsBack(_ update: HubUpdate) {
        guard let hub else { return }
        if mutants.has(.hubRetriesBlindly) {
            var again = update
            again.push.oldHead = hub.refs.head.map(store.name)
            again.push.oldFence = hub.refs.fence?.revision
            return queue.push(.hub(.update(again)), at: now + hubDelay())
        }
        let isHead = update.head == nil || hub.refs.head == update.head
        let isFence = update.push.fencing == .branchAlone || hub.refs.fence?.revision == update.fence.revision
        guard isHead, isFence else {
            return answer(update.node, update.incarnation, .pushed(update.number, .failed("the connection broke")))
        }
        hit(.hubReadBack)
        self.hub?.mirrored[update.node] = hub.refs.head
        let head = update.head ?? update.push.oldHead.flatMap(store.number)
        answer(
            update.node, update.incarnation, .pushed(update.number, .done(.landed(head: head, update.fence, store))))
    }
}

extension HubPushOutcome {
    fileprivate static func landed(head: Int?, _ fence: HubFence, _ store: RevisionStore) -> HubPushOutcome {
        .landed(head: head.map(store.name), fence)
    }
}

extension RevisionStore {
    /// What both build on: the newest, so that none of the others holds it.
    func commonAncestor(_ a: Int, _ b: Int) -> Int? {
        let reached = ancestors(of: b)
        return ancestors(of: a).newest { reached[$0] }
    }

    /// Merges in the line of first parents that `head` does not hold.
    func rounds(_ published: Int?, beyond head: Int?) -> UInt32 {
        let held = head.map(ancestors)
        var count: UInt32 = 0
        var next = published
        while let revision = next, held?[revision] != true {
            count += 1
            next = revisions[revision].parents.first
        }
        return count
    }

    private func ancestors(of revision: Int) -> Bits {
        var open = [revision]
        var seen = Bits()
        while let next = open.popLast() {
            guard !seen[next] else { continue }
            seen.insert(next)
            open.append(contentsOf: revisions[next].parents)
        }
        return seen
    }
}
