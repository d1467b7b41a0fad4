import Primitives

// A leader's work: replication with flow control, commitment, check-quorum (thesis, sections 3.5, 3.6, 6.2, 10.2).

/// What a leader knows of one other member.
package struct Progress: Hashable, Sendable {
    enum Mode: Hashable, Sendable {
        /// The place of agreement is searched: one message at a time.
        case probing(isWaiting: Bool)
        /// Entries are sent without waiting for the answers, up to a limit.
        case streaming
        /// A snapshot is on its way.
        case snapshot(sentAt: Instant)
    }

    package let peer: DeviceID
    /// The member's log equals ours up to here.
    package internal(set) var match = LogIndex.zero
    package internal(set) var heard: Instant
    var next: LogIndex
    var mode = Mode.probing(isWaiting: false)
    /// The last indexes of the messages that are not answered yet.
    var inFlight: [LogIndex] = []
    var confirmed: UInt64 = 0
    /// The commit index that the messages on their way tell it.
    var told = LogIndex.zero
}

extension Raft {
    mutating func propose(_ command: Command, at now: Instant, into output: inout Output) {
        guard role == .leader, transfer == nil, log.lastIndex - commitIndex < UInt64(Limits.proposalsInFlight) else {
            return output.refused.append(.proposal(command))
        }
        appendOwn(.command(command), at: now, into: &output)
    }

    /// What a mutant does in place of its first entry.
    mutating func heartbeatWithoutNoop(at now: Instant, into output: inout Output) {
        followMembership(at: now)
        heartbeat(at: now, into: &output)
    }

    /// Puts an entry of this term at the end of the log and on its way.
    mutating func appendOwn(_ payload: Payload<Command>, at now: Instant, into output: inout Output) {
        let entry = Entry(term: term, index: log.lastIndex.next, payload: payload)
        log.append([entry])
        output.persist.append([entry], from: entry.index)
        followMembership(at: now)
        for place in progress.indices { sendEntries(to: place, at: now, into: &output) }
        advanceCommit(at: now, into: &output)
    }

    /// One progress for each other member of the newest membership, sorted by id.
    private mutating func followMembership(at now: Instant) {
        let members = (membership.voters + membership.learners).filter { $0 != device }.sorted()
        guard members != progress.map(\.peer) else { return }
        progress = members.map { member in
            progress.first { $0.peer == member } ?? Progress(peer: member, heard: now, next: log.lastIndex)
        }
    }

    mutating func leaderTick(at now: Instant, into output: inout Output) {
        if let transfer, now >= transfer.deadline, !mutants.has(.handoverNeverEnds) {
            self.transfer = nil
            output.events.append(.transferGivenUp(to: transfer.to))
        }
        guard now >= heartbeatAt else { return }
        guard isHeardByQuorum(at: now) || mutants.has(.noCheckQuorum) else {
            output.events.append(.lostQuorum(term))
            return becomeFollower(term, leader: nil, at: now, into: &output)
        }
        heartbeat(at: now, into: &output)
    }

    /// Check-quorum: a leader that a quorum has not answered for an election timeout is none (thesis, section 6.2).
    private func isHeardByQuorum(at now: Instant) -> Bool {
        var heard = membership.voters.contains(device) ? 1 : 0
        for peer in progress where membership.voters.contains(peer.peer) {
            if now < peer.heard + profile.election.upperBound { heard += 1 }
        }
        return heard >= quorum
    }

    /// To everybody; it also carries what is due to them.
    mutating func heartbeat(at now: Instant, into output: inout Output) {
        heartbeatAt = now + profile.heartbeat
        for place in progress.indices {
            switch progress[place].mode {
            case .probing:
                progress[place].mode = .probing(isWaiting: false)
                sendEntries(to: place, at: now, into: &output)
            case .streaming: sendAppend(to: place, entries: [], into: &output)
            case .snapshot(let sentAt):
                if now >= sentAt + profile.election.upperBound, !mutants.has(.snapshotSentOnce) {
                    progress[place].mode = .probing(isWaiting: false)
                    sendEntries(to: place, at: now, into: &output)
                } else {
                    sendAppend(to: place, entries: [], into: &output)
                }
            }
        }
    }

    /// A sign of life that everybody answers. The heartbeats stay due as they were: a stream of reads must
    /// neither put off the check of the quorum nor repeat entries more often.
    mutating func askEverybody(into output: inout Output) {
        for place in progress.indices { sendAppend(to: place, entries: [], into: &output) }
    }

    /// Sends what the member lacks, as far as flow control allows; at least one message to a member that is probed.
    mutating func sendEntries(to place: Int, at now: Instant, into output: inout Output) {
        let peer = progress[place]
        switch peer.mode {
        case .snapshot, .probing(isWaiting: true): return
        case .probing(isWaiting: false):
            guard peer.next > log.baseIndex else { return sendSnapshot(to: place, at: now, into: &output) }
            progress[place].mode = .probing(isWaiting: true)
            sendAppend(to: place, entries: log.slice(from: peer.next, limit: Limits.appendEntries), into: &output)
        case .streaming:
            guard peer.next > log.baseIndex else { return sendSnapshot(to: place, at: now, into: &output) }
            while progress[place].next <= log.lastIndex, progress[place].inFlight.count < Limits.appendsInFlight {
                let entries = log.slice(from: progress[place].next, limit: Limits.appendEntries)
                guard let last = entries.last else { return }
                sendAppend(to: place, entries: entries, into: &output)
                progress[place].next = last.index.next
                progress[place].inFlight.append(last.index)
            }
        }
    }

    private mutating func sendAppend(to place: Int, entries: [Entry<Command>], into output: inout Output) {
        let peer = progress[place]
        // A member that waits for a snapshot gets only the sign of life: agreement at the beginning proves nothing
        // more.
        let previous = max(peer.next.previous, log.baseIndex)
        let request = AppendRequest(
            term: term, previousIndex: previous, previousTerm: log.term(at: previous) ?? .zero, entries: entries,
            commitIndex: commitIndex, confirmation: confirmation)
        progress[place].told = max(peer.told, min(commitIndex, request.lastIndex))
        send(.append(request), to: peer.peer, into: &output)
    }

    private mutating func sendSnapshot(to place: Int, at now: Instant, into output: inout Output) {
        guard let snapshot = log.snapshot else { return }
        progress[place].mode = .snapshot(sentAt: now)
        progress[place].inFlight = []
        send(.installSnapshot(term: term, snapshot), to: progress[place].peer, into: &output)
    }

    mutating func note(_ reply: AppendReply, from peer: DeviceID, at now: Instant, into output: inout Output) {
        let isOfTerm = reply.term == term || mutants.has(.oldTermResponses)
        guard role == .leader, isOfTerm, let place = progress.firstIndex(where: { $0.peer == peer }) else { return }
        progress[place].heard = now
        // A message of an older term carried another count, or another leader's: its answer confirms nothing here.
        if reply.verdict != .stale {
            progress[place].confirmed = max(progress[place].confirmed, min(reply.confirmation, confirmation))
        }
        switch reply.verdict {
        case .stale: break
        case .matches(let index): matched(index, place, at: now, into: &output)
        case .conflicts(let at, let hint, let hintTerm):
            conflicted(at: at, hint: hint, hintTerm: hintTerm, place, at: now, into: &output)
        }
        answerReads(into: &output)
    }

    private mutating func matched(_ index: LogIndex, _ place: Int, at now: Instant, into output: inout Output) {
        guard index <= log.lastIndex else {
            return output.events.append(.dropped("an answer for an entry beyond the log"))
        }
        progress[place].inFlight.removeAll { $0 <= index }
        progress[place].match = max(progress[place].match, index)
        if mutants.has(.matchBeyondAck) {
            progress[place].match = max(progress[place].match, min(progress[place].next.previous, log.lastIndex))
        }
        switch progress[place].mode {
        case .probing:
            progress[place].mode = .streaming
            progress[place].next = progress[place].match.next
        case .snapshot:
            progress[place].next = max(progress[place].next, progress[place].match.next)
            // The log may have been cut again since the snapshot left: what counts is that the rest of it is here.
            guard progress[place].match >= log.baseIndex else { break }
            progress[place].mode = .streaming
        case .streaming: progress[place].next = max(progress[place].next, progress[place].match.next)
        }
        let committed = commitIndex
        advanceCommit(at: now, into: &output)
        guard role == .leader, place < progress.count else { return }
        sendEntries(to: place, at: now, into: &output)
        spreadCommit(to: place, into: &output)
        if commitIndex == committed { sendTransferIfReady(into: &output) }
    }

    private mutating func conflicted(
        at rejected: LogIndex, hint: LogIndex, hintTerm: Term, _ place: Int, at now: Instant, into output: inout Output
    ) {
        let goesBack = mutants.has(.agreedIndexBack)
        guard rejected > progress[place].match || goesBack, hint < rejected else { return }
        switch progress[place].mode {
        case .snapshot: return
        case .probing: guard max(progress[place].next.previous, log.baseIndex) == rejected else { return }
        case .streaming: break
        }
        let agreed = log.lastPlace(notAbove: hintTerm, from: hint).index
        progress[place].next = goesBack ? agreed.next : max(progress[place].match.next, agreed.next)
        progress[place].inFlight = []
        progress[place].told = .zero
        progress[place].mode = .probing(isWaiting: false)
        // The beginning of the log is gone and the member does not share our base: only a snapshot helps.
        if agreed <= log.baseIndex, rejected <= log.baseIndex { return sendSnapshot(to: place, at: now, into: &output) }
        sendEntries(to: place, at: now, into: &output)
    }

    /// Figure 8: only an entry of the own term is committed by counting; older ones come with it.
    mutating func advanceCommit(at now: Instant, into output: inout Output) {
        guard role == .leader, log.lastIndex > commitIndex else { return }
        let counted = membership.voters + (mutants.has(.learnerCounted) ? membership.learners : [])
        var matches = counted.map { voter in
            voter == device ? log.lastIndex : progress.first { $0.peer == voter }?.match ?? .zero
        }
        matches.sort(by: >)
        guard matches.count >= quorum else { return }
        let agreed = matches[quorum - 1]
        guard agreed > commitIndex, log.term(at: agreed) == term || mutants.has(.oldTermCommitted) else { return }
        commitIndex = agreed
        for place in progress.indices { spreadCommit(to: place, into: &output) }
        answerReads(into: &output)
        sendTransferIfReady(into: &output)
        leaveIfRemoved(at: now, into: &output)
    }

    /// Followers hear of a commit at once, not with the next heartbeat.
    private mutating func spreadCommit(to place: Int, into output: inout Output) {
        guard case .streaming = progress[place].mode, progress[place].next > log.lastIndex,
            progress[place].told < commitIndex
        else { return }
        sendAppend(to: place, entries: [], into: &output)
    }

    mutating func linkUp(_ peer: DeviceID, at now: Instant, into output: inout Output) {
        switch role {
        case .leader:
            guard let place = progress.firstIndex(where: { $0.peer == peer }) else { return }
            progress[place].mode = .probing(isWaiting: false)
            progress[place].inFlight = []
            progress[place].told = .zero
            progress[place].next = max(progress[place].match.next, log.lastIndex)
            sendEntries(to: place, at: now, into: &output)
        case .preCandidate, .candidate:
            if membership.voters.contains(peer) { askForVote(of: peer, into: &output) }
        case .follower: break
        }
    }
}
