import Consensus
import DeviceCore
import Locks
import Primitives
import SyncRounds

// Rules of the protocol that can be seen broken before anything is lost by it: what must be durable before it is said,
// what a term begins with, who may run for leader, what a newer token forbids.

/// What was seen of elections and of one device's leading.
struct ElectionWatch: Sendable {
    /// When it campaigned last, on its own clock, and the time between the last two and between those before.
    var campaigned: Instant?
    var intervals: [Duration] = []
    /// Since when it leads with these voters, without a sleep; on its own clock.
    var leadsSince: Instant?
    var voters: [DeviceID] = []
    /// When it took an answer of each device.
    var answered: [Instant] = []
    /// Since when it leads, on its own clock; and when it then last heard from the holder of each token.
    var ledFrom: Instant?
    var holders: [(token: FencingToken, at: Instant)] = []
    /// Who voted before the voters of now, while it leads.
    var votersBefore: [DeviceID] = []
    /// When it last heard from a leader, and of which term; when it last voted for another.
    var heardLeader: (term: Term, at: Instant)?
    var voted: Instant?
    /// As a leader: up to where each device told it that its log agrees.
    var agreed: [Agreement?] = []
    /// In true time; and the number of the newest renewal that it had sent before.
    var sleptAt = TrueTime.start
    var voidRenewal: UInt64 = 0
    var newestRenewal: UInt64 = 0
    /// Up to where its disk was written.
    var written = LogIndex.zero

    struct Agreement: Sendable {
        var device: DeviceID
        var term: Term
        var index: LogIndex
        /// The step in which it was told.
        var step: UInt64
    }

    /// Steps so far.
    var steps: UInt64 = 0

    init(_ devices: Int = 0) {
        answered = Array(repeating: .origin, count: devices)
        agreed = Array(repeating: nil, count: devices)
    }

    /// Three equal intervals in a row: the timeouts are not drawn. Equal but for what a clock's rate rounds.
    mutating func campaigns(at now: Instant) -> Bool {
        let interval = campaigned.map { now - $0 }
        campaigned = now
        guard let interval else { return false }
        intervals.append(interval)
        if intervals.count > 3 { intervals.removeFirst() }
        guard intervals.count == 3, let least = intervals.min(), let most = intervals.max() else { return false }
        return most - least < .nanoseconds(8)
    }
}

extension Oracle {
    struct Candidacy: Hashable, Sendable {
        var candidate: DeviceID
        var term: Term
    }

    // MARK: On the disk

    /// `voters` vote by the newest membership of the device, which has committed up to `commit`.
    mutating func checkWrite(
        _ node: Int, as device: DeviceID, leads: Bool, _ update: DeviceUpdate, disk: DevicePersistentState,
        voters: [DeviceID], commit: LogIndex
    ) {
        let before = disk.raft.hardState
        if let after = update.raft.hardState {
            checkHardState(node, device, before, after, voters: voters)
        }
        checkTruncation(node, update.raft, disk: disk)
        checkTail(node, update.raft, disk: disk)
        guard leads else { return }
        for entry in update.raft.entries {
            if case .command(let command) = entry.payload, case .removeDevice = command.operation {
                checkOwnTerm(.removesInOwnTerm, "a removal", node, entry, disk: disk, commit: commit)
            }
            guard case .membership = entry.payload else { continue }
            checkOwnTerm(.changesInOwnTerm, "a change of voters", node, entry, disk: disk, commit: commit)
            let open = disk.raft.entries.last { $0.isMembership && $0.index > commit && $0.index < entry.index }
            guard let open else { continue }
            fail(
                .oneChangeAtATime, "the change of voters in entry \(open.index) is not committed",
                "and device \(node + 1), which leads, begins another in entry \(entry.index)")
        }
    }

    /// Until then it does not know what an older term left half decided (Ongaro 2015, on single-server changes).
    private mutating func checkOwnTerm(
        _ check: CheckID, _ what: String, _ node: Int, _ entry: MeshEntry, disk: DevicePersistentState, commit: LogIndex
    ) {
        guard let term = disk.term(at: commit), term < entry.term else { return }
        fail(
            check, "device \(node + 1), which leads in \(entry.term), has committed entries up to term \(term)",
            "and begins \(what) in entry \(entry.index)")
    }

    /// What stays behind a snapshot follows the very entry that is the snapshot's last.
    private mutating func checkTail(
        _ node: Int, _ update: PersistentUpdate<MeshCommand, MeshState>, disk: DevicePersistentState
    ) {
        guard let snapshot = update.snapshot, let next = update.entries.first, next.index == snapshot.index.next,
            let term = disk.term(at: snapshot.index), term != snapshot.term
        else { return }
        fail(
            .tailFollowsSnapshot,
            "device \(node + 1) takes a snapshot up to entry \(snapshot.index) of term \(snapshot.term)",
            "and keeps what follows its own entry there, of term \(term)")
    }

    private mutating func checkHardState(
        _ node: Int, _ device: DeviceID, _ before: HardState, _ after: HardState, voters: [DeviceID]
    ) {
        if after.term < before.term {
            fail(.diskNeverBack, "device \(node + 1) was in term \(before.term)", "and writes term \(after.term)")
        }
        if after.term == before.term, let vote = before.votedFor, after.votedFor != vote {
            fail(
                .oneVote, "device \(node + 1) voted for device \(vote.number) in term \(after.term)",
                "and writes another vote, or none, for the same term")
        }
        let candidacy = Candidacy(candidate: device, term: after.term)
        guard after.term > before.term, after.votedFor == device, !transfers.contains(candidacy) else { return }
        let granted = (preVotes[candidacy] ?? 0)
        let count = voters.count { $0 == device || granted >> UInt64($0.place) & 1 == 1 }
        if count <= voters.count / 2 {
            fail(
                .preVoteFirst, "device \(node + 1) runs for leader in term \(after.term)",
                "and only \(count) of its \(voters.count) voters would have voted for it")
        }
    }

    /// In one term there is one leader, and it takes nothing back: neither do its followers.
    private mutating func checkTruncation(
        _ node: Int, _ update: PersistentUpdate<MeshCommand, MeshState>, disk: DevicePersistentState
    ) {
        guard let from = update.appendFrom, let last = disk.raft.entries.last, from <= last.index else { return }
        let term = disk.raft.hardState.term
        guard update.hardState.map({ $0.term == term }) ?? true, update.snapshot == nil else { return }
        for entry in disk.raft.entries.suffix(Int(last.index - from) + 1) where entry.term == term {
            guard update.term(at: entry.index) != term else { continue }
            fail(
                .nothingTakenBack, "device \(node + 1) holds entry \(entry.index) of term \(term)",
                "and removes it in the same term")
            return
        }
    }

    // MARK: In the log

    /// A term begins with a no-op.
    mutating func checkFirstOfTerm(_ entry: MeshEntry, before: Term?) {
        guard let before, before < entry.term, entry.payload != .noop else { return }
        fail(
            .noopFirst, "entry \(entry.index) is the first of term \(entry.term)",
            "and it is no no-op: what older terms left stays uncommitted")
    }

    /// What a removed device waits for it would get.
    mutating func checkWaiters(without gone: DeviceID) {
        for queue in queues where state.locks.waiters(of: queue.name).contains(gone) {
            fail(
                .removedWaitsForNothing, "device \(gone.number) is removed", "and still waits for \(queue.name)")
        }
    }

    /// With its removal a device is cut off at once: a quorum that still counts it may never meet again.
    mutating func checkRemoval(_ command: MeshCommand, _ change: MeshChange) {
        guard case .removeDevice(let gone) = command.operation, change.rosterChanged else { return }
        checkWaiters(without: gone)
        guard voters.contains(gone) else { return }
        fail(
            .removedHasNoVote, "device \(gone.number) votes by the newest committed membership",
            "and it is removed")
    }

    /// A command of a stale token ends no grant, and what is published is published under the present one.
    mutating func checkTokens(_ command: MeshCommand, _ change: MeshChange) {
        if let known = requests.updateValue(command.operation, forKey: command.request) {
            if known != command.operation {
                fail(
                    .oneRequestOneCommand, "request \(command.request) was a command of the log before",
                    "and comes again as another command")
            }
            if change.isNew, !state.removed.contains(command.request.device) {
                fail(
                    .requestsOnce, "request \(command.request) was carried out before", "and is carried out once more")
            }
        }
        for event in change.lockEvents {
            switch (event, command.operation) {
            case (.released(let name, let grant), .lock(.release(_, let given))),
                (.expired(let name, let grant), .lock(.expire(_, let given, _))),
                (.transferred(let name, let grant, _), .lock(.transfer(_, let given, _))):
                guard grant.token != given else { continue }
                fail(
                    .staleTokenEndsNothing, "\(name) was held under \(grant.token)",
                    "and a command with token \(given) ended that")
            case (.released, _), (.expired, _), (.transferred, _), (.granted, _), (.queued, _), (.orphaned, _),
                (.stoppedWaiting, _):
                continue
            }
        }
        for event in change.lockEvents {
            switch event {
            case .granted(.sync, let grant, _): syncToken = grant.token
            case .released(.sync, _), .expired(.sync, _): syncToken = nil
            case .granted, .released, .expired, .transferred, .queued, .orphaned, .stoppedWaiting: break
            }
        }
        if let publication = change.published, publication.round.token != syncToken {
            fail(
                .publishedUnderToken, "the sync lock is held under \(syncToken?.description ?? "no token")",
                "and round \(publication.round) is published")
        }
    }
}

extension Entry {
    var isMembership: Bool { if case .membership = payload { true } else { false } }
}
