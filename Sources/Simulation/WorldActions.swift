import DeviceCore
import Primitives
import SyncRounds

// The shells of a device: gate, capture, fetch, merge, stage, apply. Each answers later, and may fail.

extension World {
    mutating func perform(_ node: Int, _ action: DeviceAction) {
        switch action {
        case .closeGate(let round, let limit): closeGate(node, round, limit: limit.wholeNanoseconds)
        case .extendGate(let round, let limit):
            noteOwnWork(node)
            let local = nodes[node].clock.local(at: now)
            if nodes[node].gate.extend(round, limit: limit.wholeNanoseconds, local: local) { planGateDeadline(node) }
        case .openGate(let round):
            if mutants.has(.lateResume) { return later(node, .resume(round)) }
            checkOpening(node, round)
            openGate(node, round)
        case .capture(let round):
            effect(node, round)
            enqueue(node, .capture(round))
        case .apply(let round, let revision):
            effect(node, round)
            nodes[node].gate.replaces(round)
            checkApplied(node, round, revision)
            if let number = store.number(revision) {
                enqueue(node, .apply(round, number))
            } else {
                later(node, .failed(.apply(round)))
            }
        case .fetch(let round, let revision, let from):
            let source = machine(of: from, for: node)
            let fails = !canReach(node, source, revision)
            later(node, fails ? .failed(.fetch(round, revision)) : .fetch(round, revision, from: source ?? node))
        case .stage(let round, let revision, let from):
            effect(node, round)
            let source = machine(of: from, for: node)
            let fails = !canReach(node, source, revision)
            later(node, fails ? .failed(.stage(round, revision)) : .stage(round, revision, from: source ?? node))
        case .merge(let round, let head, let captures, _): beginMerge(node, round, head, captures)
        case .headMoved(let revision):
            if let number = store.number(revision), nodes[node].workspace.has(number) {
                tell(node, .published(revision: number))
            }
        case .ground(let head, let peers): ground(node, onto: head, from: peers)
        case .hub(let order): begin(node, order)
        case .endRound: break
        }
    }

    /// The fence of the ghost: an effect with a token below one that was carried out here before.
    func isStale(_ node: Int, _ round: RoundID) -> Bool { round.token < nodes[node].highestEffect }

    mutating func effect(_ node: Int, _ round: RoundID) {
        if isStale(node, round) {
            let highest = nodes[node].highestEffect
            clash(
                .fence, "device \(node + 1) carried out an effect of token \(highest)",
                "and now one of round \(round), which is older")
        }
        let durable = nodes[node].disk.acceptedToken.highest
        if durable < round.token {
            clash(
                .tokenDurableFirst, "device \(node + 1) carries out an effect of round \(round)",
                "and the highest token on its disk is \(durable)")
        }
        noteEffect(node, round.token)
        nodes[node].highestEffect = max(nodes[node].highestEffect, round.token)
    }

    private mutating func delay(_ node: Int) -> Nanoseconds {
        nodes[node].draws.work.delay(isHealing ? .around(scenario.work.delay.typical) : scenario.work.delay)
    }

    private mutating func later(_ node: Int, _ done: WorkDone) {
        var done = done
        if !isHealing, nodes[node].draws.work.chance(perMillion: scenario.work.failures) {
            hit(.actionFailed)
            done = done.failing
        }
        queue.push(.work(node, incarnation: nodes[node].incarnation, done), at: now + delay(node))
    }

    /// Objects travel only over a link that works in both directions, from a process that runs.
    func canReach(_ node: Int, _ from: Int?, _ revision: Revision) -> Bool {
        guard let number = store.number(revision) else { return false }
        if nodes[node].workspace.has(number) { return true }
        guard let from, from != node, nodes[from].power == .running, network.isConnected(node, from) else {
            return false
        }
        guard !network.isCut(from: node, to: from), !network.isCut(from: from, to: node) else { return false }
        return nodes[from].workspace.has(number)
    }

    mutating func finish(_ done: WorkDone, at node: Int) {
        switch done {
        case .capture(let round): endCapture(node, round)
        case .resume(let round): openGate(node, round)
        case .fetch(let round, let revision, let from):
            guard canReach(node, from, revision), let number = store.number(revision) else {
                tellCut(node, revision, from)
                return feed(node, .fetched(round, revision, cutShort(node)))
            }
            receive(node, round, number, from: from, durably: false)
            feed(node, .fetched(round, revision, .done(true)))
        case .stage(let round, let revision, let from):
            guard canReach(node, from, revision), let number = store.number(revision) else {
                tellCut(node, revision, from)
                return feed(node, .staged(round, revision, cutShort(node)))
            }
            receive(node, round, number, from: from, durably: true)
            feed(node, .staged(round, revision, .done(true)))
        case .merge(let round, let head, let captures): endMerge(node, round, head, captures)
        case .failed(let work): failed(node, work)
        }
    }

    private mutating func receive(_ node: Int, _ round: RoundID, _ number: Int, from: Int, durably: Bool) {
        let had = nodes[node].workspace.has(number)
        nodes[node].workspace.receive(number, durably: durably, store)
        tell(node, .received(round, revision: number, from: from, had: had, staged: durably))
    }

    /// A stream that ends too early: an error, or a part that is taken for the whole until it is looked at.
    private mutating func cutShort(_ node: Int) -> Completion<Bool> {
        guard nodes[node].draws.work.below(2) == 0 else { return .failed("the link broke") }
        hit(.incompleteFetch)
        return .done(false)
    }

    private mutating func tellCut(_ node: Int, _ revision: Revision, _ from: Int) {
        guard let number = store.number(revision), from != node, nodes[from].workspace.has(number),
            !nodes[node].workspace.has(number)
        else { return }
        tell(node, .cut(revision: number, from: from))
    }

    private mutating func failed(_ node: Int, _ work: FailedWork) {
        let why = "made to fail"
        switch work {
        case .capture(let round):
            nodes[node].workspace.reading = nil
            feed(node, .captured(round, .failed(why)))
            nextJob(node)
        case .fetch(let round, let revision): feed(node, .fetched(round, revision, .failed(why)))
        case .stage(let round, let revision): feed(node, .staged(round, revision, .failed(why)))
        case .merge(let round): feed(node, .merged(round, .failed(why)))
        case .apply(let round): feed(node, .applied(round, .failed(why)))
        }
    }

    // MARK: Merge

    /// An edit that meets a deletion stays, whoever made which.
    private mutating func checkMerge(
        _ node: Int, _ round: RoundID, _ head: Int?, _ captures: [DeviceCaptureNumber], _ merged: Int
    ) {
        guard checks else { return }
        for capture in captures {
            guard let path = store.edits(of: capture, head: head).first(where: { store.tree(merged)[$0] == 0 }),
                !captures.contains(where: { $0 != capture && store.settles(path, of: capture, $0, head: head) })
            else { continue }
            clash(
                .editBeatsDeletion, "capture \(capture.revision) holds an edit of path \(path)",
                "and device \(node + 1) merges it away in round \(round)")
        }
    }

    private mutating func beginMerge(_ node: Int, _ round: RoundID, _ head: Revision?, _ captures: [DeviceCapture]) {
        let numbers = captures.compactMap { capture in
            store.number(capture.revision).map {
                DeviceCaptureNumber(
                    device: capture.device, revision: $0, base: capture.base.flatMap(store.number))
            }
        }
        let have = nodes[node].workspace
        let complete =
            numbers.allSatisfy { have.has($0.revision) } && (head.flatMap(store.number).map(have.has) ?? (head == nil))
        if !complete {
            clash(
                .mergesWhatIsThere, "device \(node + 1) does not hold all that round \(round) merges",
                "and its core has it merged all the same")
        }
        later(node, complete ? .merge(round, head: head, numbers) : .failed(.merge(round)))
    }

    private mutating func endMerge(_ node: Int, _ round: RoundID, _ head: Revision?, _ captures: [DeviceCaptureNumber])
    {
        let merge = store.merge(
            head: head.flatMap(store.number), captures: captures.map { ($0.revision, $0.base) },
            keeping: captures.first { $0.device == .hub }?.revision, mutants)
        if hub != nil, merge.revision == store.revisions.count - 1 { hub?.roundTokens[merge.revision] = round.token }
        if captures.contains(where: { $0.device == .hub }) { hit(.hubNewsMerged) }
        checkMerge(node, round, head.flatMap(store.number), captures, merge.revision)
        nodes[node].workspace.receive(merge.revision, durably: false, store)
        if merge.conflicts > 0 { hit(.conflictKept) }
        keepConflicts(node, round, merge.kept)
        if gitEvents != nil {
            let merged = captures.map { GitEvent.Capture(device: $0.device, revision: $0.revision, base: $0.base) }
            tell(
                node,
                .merged(
                    round, head: head.flatMap(store.number), captures: merged, revision: merge.revision,
                    conflicts: merge.conflicts))
        }
        let report = MergeReport(
            revision: store.name(merge.revision), changedFiles: UInt32(merge.changed),
            conflicts: UInt32(merge.conflicts))
        feed(node, .merged(round, .done(report)))
    }
}

extension WorkDone {
    /// The same work, but it fails.
    var failing: WorkDone {
        switch self {
        case .capture(let round): .failed(.capture(round))
        case .fetch(let round, let revision, _): .failed(.fetch(round, revision))
        case .stage(let round, let revision, _): .failed(.stage(round, revision))
        case .merge(let round, _, _): .failed(.merge(round))
        case .failed, .resume: self
        }
    }
}
