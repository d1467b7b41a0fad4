import Consensus
import DeviceCore
import Locks
import Primitives
import SyncRounds

// After every step: what changed at a device, and whether it may.

extension World {
    /// The output's first part is durable; nothing has left yet.
    mutating func observe(_ node: Int, _ events: [DeviceEvent], rosterChanged: Bool) {
        observeRaft(node)
        observeHolders(node)
        if checks, let closed = nodes[node].gate.closed { checkPause(node, closed) }
        for event in events { observe(node, event) }
        if rosterChanged, let state = nodes[node].device?.state { self.rosterChanged(state) }
        if let fault = oracle.takeFault() { clash(fault.check, fault.fact, fault.clash) }
    }

    private mutating func observeRaft(_ node: Int) {
        let (term, commit) = (nodes[node].glance.term, nodes[node].glance.commit)
        let applied = nodes[node].glance.applied
        let seen = nodes[node].seen
        let leads = nodes[node].glance.leadsQuorum
        trace.mix(term.number &* 31 &+ commit.number)
        if leads, !seen.isLeader || seen.term != term {
            quorumLeader = node
            if nodes.indices.contains(where: { $0 != node && network.isCut(from: node, to: $0) }) {
                hit(.electionUnderPartition)
            }
            if checks { oracle.elected(node, term, disk: nodes[node].disk) }
            fire(.quorumLeaderChange, at: node)
            row(node, "leads the consensus in term \(term)")
        }
        if commit < seen.commit {
            clash(
                .commitNeverBack, "device \(node + 1) had committed up to \(seen.commit)",
                "and now only up to \(commit)")
        }
        nodes[node].seen.term = term
        nodes[node].seen.isLeader = leads
        if commit > seen.commit {
            nodes[node].seen.commit = commit
            commits(node, from: seen.commit, to: commit)
        }
        if let fault = oracle.takeFault() { clash(fault.check, fault.fact, fault.clash) }
        if checks { checkLeading(node, since: seen.commit) }
        if applied > seen.applied {
            nodes[node].seen.applied = applied
            if checks { checkState(node, applied) }
        }
    }

    // MARK: Commitment

    private mutating func commits(_ node: Int, from: LogIndex, to: LogIndex) {
        var index = from.next
        while index <= to {
            if let entry = nodes[node].disk.entry(at: index) ?? lateEntry(node, index) {
                if !oracle.isKnown(entry, at: node) { newlyCommitted(node, entry) }
            } else if !nodes[node].disk.holdsUpTo(index) {
                clash(
                    .committedIsDurable, "device \(node + 1) says that entry \(index) is committed",
                    "and its own disk does not hold it")
            }
            index = index.next
        }
        if !nodes[node].lately.isEmpty { nodes[node].lately = [] }
    }

    /// The first device that says so is the leader, and a majority of its voters has it on disk.
    private mutating func newlyCommitted(_ node: Int, _ entry: MeshEntry) {
        if let last = oracle.committed.last, entry.index != last.index.next {
            return clash(
                .observerSawAll, "the observer saw entries committed up to \(last.index)",
                "and device \(node + 1) commits entry \(entry.index) next")
        }
        // A change of voters may have entered the log in the very step that committed this under the voters before.
        let voters = nodes[node].device?.raft.membership.voters ?? []
        let isDurable = isLogged(entry, by: voters)
        if !isDurable,
            !recentVoters(node).contains(where: { isLogged(entry, by: $0) })
        {
            clash(
                .committedIsDurable,
                "device \(node + 1) says that entry \(entry.index) of term \(entry.term) is committed",
                "and no majority of its \(voters.count) voters has it on disk")
        }
        oracle.committed.append(entry)
        oracle.committedIn.append(nodes[node].seen.term)
        if case .membership(let membership) = entry.payload {
            oracle.votersAre(membership.voters, since: entry.index)
            fire(.membershipChange, at: node)
        }
        if case .command(let command) = entry.payload {
            let change = oracle.state.apply(command, term: entry.term, voters: oracle.voters, mutants: mutants)
            for event in change.lockEvents {
                oracle.learn(event)
                if case .granted(.sync, let grant, _) = event { noteGranted(grant.token) }
            }
            oracle.checkTokens(command, change)
            oracle.checkQueues(change)
            oracle.checkRemoval(command, change)
            if case .removeDevice(let gone) = command.operation, change.rosterChanged { checkHeadOutlives(gone) }
            if change.rosterChanged { oracle.checkRoster() }
            if let publication = change.published { published(publication, at: node, voters: voters) }
        }
        if checks { oracle.fingerprints.append(oracle.state.fingerprint) }
    }

    /// Who votes by the newest committed membership, and by each one in the log of `node` after it.
    private func recentVoters(_ node: Int) -> [[DeviceID]] {
        var voters = [oracle.voters]
        for entry in nodes[node].disk.raft.entries where entry.index >= oracle.votersSince {
            if case .membership(let membership) = entry.payload { voters.append(membership.voters) }
        }
        return voters
    }

    /// `holds` is asked by number: a node is large to copy. A disk that was lost since counts as it was.
    private func isHeld(by voters: [DeviceID], _ holds: (Int) -> Bool, _ held: (DiskImage) -> Bool) -> Bool {
        let holders = voters.count { voter in
            if let node = offset(of: voter) { return holds(node) }
            return oracle.lostDisks.first { $0.device == voter }.map { held($0.image) } ?? false
        }
        return holders > voters.count / 2
    }

    private func isLogged(_ entry: MeshEntry, by voters: [DeviceID]) -> Bool {
        isHeld(by: voters) { node in
            nodes[node].era == eras.current && nodes[node].disk.holds(entry.index, entry.term)
                || oracle.leftDisks.contains {
                    $0.device == nodes[node].id && $0.disk.holds(entry.index, entry.term)
                }
        } _: {
            $0.disk.holds(entry.index, entry.term)
        }
    }

    private func isStored(_ revision: Int, by voters: [DeviceID]) -> Bool {
        isHeld(by: voters) {
            nodes[$0].workspace.hasDurably(revision)
        } _: {
            $0.workspace.hasDurably(revision)
        }
    }

    private mutating func published(_ publication: Publication, at node: Int, voters: [DeviceID]) {
        hit(.roundPublished)
        let leader = oracle.holder(of: publication.round.token).flatMap { offset(of: $0.device) }
        fire(.round(.published), at: leader ?? node)
        if let leader { checkNotCalledOff(leader, publication.round) }
        if publication.old != oracle.chain.revision {
            clash(
                .publishedChain, "the head is \(oracle.chain.revision?.tail ?? "nothing")",
                "and round \(publication.round) publishes \(publication.new.tail) over \(publication.old?.tail ?? "nothing")"
            )
        }
        guard let number = store.number(publication.new) else { return }
        if !isStored(number, by: voters), !recentVoters(node).contains(where: { isStored(number, by: $0) }) {
            clash(
                .publishedIsHeld, "round \(publication.round) publishes \(publication.new.tail)",
                "and no majority of its \(voters.count) voters holds that revision")
        }
        oracle.chain = PublishedChain(number: oracle.chain.number + 1, head: number, revision: publication.new)
        oracle.headNumbers[number] = oracle.chain.number
        let mergesOld = oracle.captures.suffix(32).contains {
            !store.isPublished($0.revision) && nodes[$0.node].workspace.pin != $0.revision
        }
        if let hub, max(hub.hangsUntil, hub.refusesUntil) > now { hit(.roundWithoutHub) }
        store.publish(number)
        journal?.published(store, nodes, at: now)
        if mergesOld { hit(.captureMergedLater) }
        checkGroups(number)
    }

    /// The writers' groups in a published tree are whole.
    private mutating func checkGroups(_ revision: Int) {
        let tree = store.revisions[revision].tree
        for node in nodes.indices {
            for (at, writer) in nodes[node].writers.enumerated() {
                let sections = writer.paths.map { store.versions[Int(tree[$0])].section ?? 0 }
                guard let newest = sections.max(), sections.contains(where: { $0 != newest }) else { continue }
                guard !oracle.isExcused(node: node, writer: at, section: newest) else { continue }
                clash(
                    .noTornGroup, "writer \(at + 1) of device \(node + 1) changed its files in one section of the gate",
                    "and \(store.name(revision).tail) was published with sections \(sections)")
            }
        }
    }

    private mutating func checkState(_ node: Int, _ applied: LogIndex) {
        guard let place = oracle.place(of: applied), place < oracle.fingerprints.count,
            let fingerprint = nodes[node].device?.fingerprint()
        else { return }
        if fingerprint != oracle.fingerprints[place] {
            clash(
                .sameState, "the log up to \(applied) makes one state",
                "and device \(node + 1) has another one after applying it")
        }
        if let claim = nodes[node].device?.claimAgainstLog() {
            clash(
                .logEndsClaim, "by its own log up to \(applied) another holds \(claim.name) under \(claim.current)",
                "and device \(node + 1) still claims it under \(claim.own)")
        }
    }

    // MARK: Holders

    /// No two devices act under one lock at the same true time.
    private mutating func observeHolders(_ node: Int) {
        let local = deviceTime(node)
        let acts = nodes[node].glance.mayLead
        nodes[node].seen.wasActing = acts
        if acts {
            syncLeader = node
            if leasesAreSafe, checks {
                for other in nodes.indices where other != node && nodes[other].seen.wasActing {
                    checkOverlap(node, other, .sync)
                }
            }
        }
        guard checks, nodes[node].glance.claims > 1, leasesAreSafe else { return }
        for name in nodes[node].device?.userLocksActed(at: local) ?? [] {
            for other in nodes.indices where other != node { checkOverlap(node, other, name) }
        }
    }

    private mutating func checkOverlap(_ node: Int, _ other: Int, _ name: LockName) {
        // Whoever was given up and is alive may still act in its old epoch: there tokens are what protects.
        guard nodes[other].power == .running, nodes[other].era == nodes[node].era else { return }
        let local = deviceTime(other)
        guard let token = nodes[other].device?.tokenActed(of: name, at: local) else {
            // It acts again only after a step of its own.
            if name == .sync { nodes[other].seen.wasActing = false }
            return
        }
        let here = deviceTime(node)
        let own = nodes[node].device?.tokenActed(of: name, at: here)
        clash(
            .oneHolder, "device \(other + 1) acts as holder of \(name) under \(token)",
            "and so does device \(node + 1) under \(own?.description ?? "none")")
    }
}
