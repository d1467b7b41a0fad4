import Primitives

// A follower's side: entries, snapshots, compaction (thesis, sections 3.5 and 5.1).

extension Raft {
    mutating func append(
        _ request: AppendRequest<Command>, from peer: DeviceID, at now: Instant, into output: inout Output
    ) {
        guard request.term == term else {
            // A leader of an older term learns of the newer one.
            return reply(.stale, to: peer, 0, into: &output)
        }
        guard follow(peer, at: now, into: &output) else { return }
        guard request.isSound else { return output.events.append(.dropped("entries out of order from \(peer.short)")) }
        guard request.previousIndex >= commitIndex || request.lastIndex > commitIndex else {
            return reply(.matches(commitIndex), to: peer, request.confirmation, into: &output)
        }
        // What is committed agrees with every later leader; only what is beyond is compared.
        let isInside = request.previousIndex >= commitIndex
        if isInside, log.term(at: request.previousIndex) != request.previousTerm {
            let hint = log.lastPlace(notAbove: request.previousTerm, from: request.previousIndex.previous)
            let verdict = AppendReply.Verdict.conflicts(
                at: request.previousIndex, hint: hint.index, hintTerm: hint.term)
            return reply(verdict, to: peer, request.confirmation, into: &output)
        }
        if let wrong = request.entries.first(where: { $0.index <= commitIndex && !log.agrees(with: $0) }) {
            return output.events.append(
                .safetyRefusal("\(peer.short) sends another entry at \(wrong.index), committed up to \(commitIndex)"))
        }
        if mutants.has(.truncateOnAnyAppend), request.lastIndex >= commitIndex, log.lastIndex > request.lastIndex {
            log.truncate(from: request.lastIndex.next)
            output.persist.append([], from: request.lastIndex.next)
        }
        let new = request.entries.drop { entry in
            entry.index <= commitIndex || log.term(at: entry.index) == entry.term
        }
        if let first = new.first {
            guard first.index > commitIndex, first.index <= log.lastIndex.next else {
                return output.events.append(
                    .safetyRefusal("an entry at \(first.index), committed up to \(commitIndex)"))
            }
            log.truncate(from: first.index, mutants)
            log.append(new)
            output.persist.append(Array(new), from: first.index)
        }
        let last = max(request.lastIndex, commitIndex)
        let compared = mutants.has(.commitWithoutMin) ? log.lastIndex : last
        commitIndex = max(commitIndex, min(request.commitIndex, compared, log.lastIndex))
        reply(.matches(last), to: peer, request.confirmation, into: &output)
    }

    /// Takes the sender for the leader of this term. False if that cannot be.
    private mutating func follow(_ peer: DeviceID, at now: Instant, into output: inout Output) -> Bool {
        guard role != .leader, leader == nil || leader == peer else {
            output.events.append(.safetyRefusal("\(peer.short) claims to lead in term \(term) too"))
            return false
        }
        becomeFollower(term, leader: peer, at: now, into: &output)
        leaderHeard = now
        resetElectionTimer(at: now)
        return true
    }

    private func reply(
        _ verdict: AppendReply.Verdict, to peer: DeviceID, _ confirmation: UInt64, into output: inout Output
    ) {
        let reply = AppendReply(term: term, verdict: verdict, confirmation: confirmation)
        send(.appendReply(reply), to: peer, into: &output)
    }

    mutating func install(
        _ snapshot: Snapshot<Image>, of sent: Term, from peer: DeviceID, at now: Instant, into output: inout Output
    ) {
        guard sent == term else { return reply(.stale, to: peer, 0, into: &output) }
        guard follow(peer, at: now, into: &output) else { return }
        guard snapshot.membership.isSound, snapshot.term <= term else {
            return output.events.append(.dropped("a snapshot without sense from \(peer.short)"))
        }
        if snapshot.index > commitIndex {
            log.install(snapshot, mutants)
            commitIndex = snapshot.index
            appliedIndex = snapshot.index
            if mutants.has(.snapshotResetsVote) {
                votedFor = nil
                persistHardState(into: &output)
            }
            output.install = snapshot
            output.committed = []
            output.persist.snapshot = snapshot
            output.persist.append(log.entries, from: snapshot.index.next)
            output.persist.compactTo = snapshot.index
            output.events.append(.snapshotInstalled(snapshot.index))
        }
        reply(.matches(commitIndex), to: peer, 0, into: &output)
    }

    mutating func compact(upTo index: LogIndex, image: Image, into output: inout Output) {
        guard index <= appliedIndex, index > log.snapshot?.index ?? .zero, let at = log.term(at: index) else { return }
        let snapshot = Snapshot(index: index, term: at, membership: log.membership(at: index), image: image)
        let kept = LogIndex(index - LogIndex(entriesKept))
        log.compact(snapshot, keepAfter: kept)
        output.persist.snapshot = snapshot
        // A snapshot that the same output installs may let go of more.
        output.persist.compactTo = max(log.baseIndex.previous, output.persist.compactTo ?? .zero)
        output.events.append(.snapshotTaken(index))
    }
}

extension AppendRequest {
    var lastIndex: LogIndex { entries.last?.index ?? previousIndex }

    /// Contiguous, with terms that never go back and never pass the message's.
    var isSound: Bool {
        var (index, last) = (previousIndex, previousTerm)
        for entry in entries {
            guard entry.index.number == index.number &+ 1, entry.term >= last, entry.term <= term else { return false }
            if case .membership(let membership) = entry.payload, !membership.isSound { return false }
            (index, last) = (entry.index, entry.term)
        }
        return previousTerm <= term
    }
}
