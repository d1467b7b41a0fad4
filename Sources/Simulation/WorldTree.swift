import DeviceCore
import Primitives
import SyncRounds

// Work on one device's tree: captures and applies, one at a time, while writers and people go on.

extension World {
    mutating func enqueue(_ node: Int, _ job: WorkspaceJob) {
        nodes[node].workspace.waiting.append(job)
        nextJob(node)
    }

    mutating func nextJob(_ node: Int) {
        guard nodes[node].workspace.isFree, !nodes[node].workspace.waiting.isEmpty else { return }
        let incarnation = nodes[node].incarnation
        switch nodes[node].workspace.waiting.removeFirst() {
        case .capture(let round):
            nodes[node].workspace.beginCapture(round, behind: nodes[node].gate)
            queue.push(.work(node, incarnation: incarnation, captureWork(node, round)), at: now + captureTime(node))
        case .apply(let round, let revision):
            guard nodes[node].workspace.has(revision) else {
                feed(node, .applied(round, .failed("the revision is not here")))
                return nextJob(node)
            }
            guard !userIsBusy(node) || mutants.has(.ownersLockRemoved) else {
                hit(.applyWaited)
                let base = nodes[node].workspace.base.map(store.name)
                feed(node, .applied(round, .done(ApplyReport(base: base, waiting: "rebase in progress"))))
                return nextJob(node)
            }
            if userIsBusy(node) {
                clash(
                    .ownersLockHolds, "a command of the user holds the repository of device \(node + 1)",
                    "and files of \(round) are put in place")
            }
            nodes[node].workspace.beginApply(round, revision, store, mutants)
            queue.push(.applyNext(node, incarnation: incarnation), at: now + captureTime(node))
        }
    }

    private mutating func captureTime(_ node: Int) -> Nanoseconds {
        nodes[node].draws.work.delay(isHealing ? .around(scenario.work.delay.typical) : scenario.work.delay)
    }

    private mutating func captureWork(_ node: Int, _ round: RoundID) -> WorkDone {
        guard !isHealing, nodes[node].draws.work.chance(perMillion: scenario.work.failures) else {
            return .capture(round)
        }
        hit(.actionFailed)
        return .failed(.capture(round))
    }

    // MARK: Capture

    mutating func endCapture(_ node: Int, _ round: RoundID) {
        guard nodes[node].workspace.reading?.round == round else { return }
        let wasCovered = nodes[node].workspace.reading?.openings == nodes[node].gate.openings
        guard let tree = nodes[node].workspace.endCapture() else { return }
        if !wasCovered { nodes[node].rounds.uncovered = round }
        let base = nodes[node].workspace.base
        checkBaseIsOfEpoch(node, round, base)
        if checks, let path = nodes[node].workspace.phantom(in: tree, store) {
            clash(
                .onlyEditsCaptured, "nobody wrote path \(path) of device \(node + 1) since it was brought to its base",
                "and its capture for \(round) has other bytes there")
        }
        var revision: Int?
        if tree != store.tree(base) {
            let number = store.add(
                parents: base.map { [$0] } ?? [], earlier: earlierCapture(node, base: base), tree: tree)
            for version in tree { store.versions[Int(version)].isCaptured = true }
            nodes[node].workspace.receive(number, durably: true, store)
            nodes[node].workspace.pin = number
            revision = number
            oracle.captures.append((node, number))
            tell(node, .captured(round, revision: number, base: base))
        }
        nodes[node].workspace.roundCapture = (round, tree, revision)
        fire(.captureTaken, at: node)
        let changed = revision.map { _ in UInt32(zip(tree, store.tree(base)).count { $0 != $1 }) } ?? 0
        let report = CaptureReport(
            base: base.map(store.name), revision: revision.map(store.name), changedFiles: changed)
        feed(node, .captured(round, .done(report)))
        nextJob(node)
    }

    /// A capture that the base does not hold stays reachable as a parent of the next one.
    private func earlierCapture(_ node: Int, base: Int?) -> Int? {
        guard let pin = nodes[node].workspace.pin else { return nil }
        if let base, store.isAncestor(pin, of: base) { return nil }
        return pin
    }

    // MARK: Apply

    /// One path, verified and then replaced; the last one ends the apply.
    mutating func applyNext(_ node: Int) {
        guard let apply = nodes[node].workspace.applying else { return }
        fire(.applyStep, at: node)
        if crashes(node, .midApply) { return }
        guard !apply.rest.isEmpty else { return endApply(node) }
        if case .some(.some(let gone)) = nodes[node].workspace.applyOne(store, mutants) {
            checkReplaced(node, gone, apply)
        }
        let step = max(scenario.work.delay.typical / 8, 1)
        var delay = nodes[node].draws.work.between(step / 2, step * 2)
        if !isHealing, nodes[node].draws.work.chance(perMillion: scenario.work.bigFiles) {
            hit(.bigFileApplied)
            delay &+= scenario.work.bigFile
        }
        queue.push(.applyNext(node, incarnation: nodes[node].incarnation), at: now + delay)
    }

    private mutating func endApply(_ node: Int) {
        guard let apply = nodes[node].workspace.endApply(store) else { return }
        if mutants.has(.untrackedRemoved) {
            for gone in nodes[node].workspace.removeUnknown(apply, store) { checkReplaced(node, gone, apply) }
        }
        if apply.late > 0 { hit(.lateEditKept) }
        tell(node, .applied(revision: apply.revision))
        let report = ApplyReport(
            base: store.name(apply.revision), appliedFiles: apply.applied, lateFiles: apply.late)
        feed(node, .applied(apply.round, .done(report)))
        scanSoon(node)
        nextJob(node)
    }

    /// Bytes that an apply takes away must be had back: captured, and in a history that holds them.
    private mutating func checkReplaced(_ node: Int, _ gone: VersionID, _ apply: Workspace.Apply) {
        guard gone != 0 else { return }
        let version = store.versions[Int(gone)]
        if !version.isCaptured {
            clash(
                .onlyCapturedReplaced,
                "device \(node + 1) replaced version \(gone) of path \(version.path) in \(apply.round)",
                "and no capture ever held that version")
        } else if !store.isPublished(version: gone, in: apply.era) {
            clash(
                .onlyMergedReplaced,
                "device \(node + 1) replaced version \(gone) of path \(version.path) in \(apply.round)",
                "and no published revision holds that version")
        }
    }

    /// Only revisions of the published chain reach a tree.
    mutating func checkApplied(_ node: Int, _ round: RoundID, _ revision: Revision) {
        if let number = store.number(revision) { checkForward(node, number) }
        let known = store.number(revision).map { store.isPublished($0) } ?? false
        if !known {
            clash(
                .appliedIsPublished, "device \(node + 1) applies \(revision.hex.suffix(6)) in round \(round)",
                "and that revision was never published")
        }
    }

    // MARK: Watching

    /// A watcher tells of changes, some time later.
    mutating func scanSoon(_ node: Int) {
        guard !nodes[node].scanIsDue else { return }
        nodes[node].scanIsDue = true
        queue.push(.scan(node), at: now + nodes[node].draws.scan.between(.milliseconds(5), .milliseconds(200)))
    }

    /// Whatever the watcher says: it may have told of a change just before a capture that had read that file already.
    mutating func regularScan(_ node: Int) {
        if nodes[node].hasProcess, isAwake(node) { scanSoon(node) }
        queue.push(.regularScan(node), at: now + Limits.regularScan.wholeNanoseconds)
    }

    mutating func scan(_ node: Int) {
        nodes[node].scanIsDue = false
        guard nodes[node].hasProcess else { return }
        feed(node, .workspaceChanged(pendingFiles: nodes[node].workspace.pendingFiles(store)))
    }
}
