import Primitives

/// On the quorum leader: since when each lease runs on the leader's own clock, and which have run out.
///
/// What makes it safe, and who does it (protocol.md, section 4):
/// - a new leader lets every lease run its full ttl anew, since it does not know what the last one confirmed;
/// - a renewal is answered only if `renewed` said yes, a quorum confirmed *after* that that the leader still leads, and
///   the applied table (at least up to that confirmation's read index) still holds the token;
/// - once an expiry is proposed, its lease is not renewed any more: the holder would act on the answer while the entry,
///   already in the log, gives the lock to another;
/// - an acquire by the present holder is answered with the present grant, so it renews it too: `acquireReceived`.
package struct LeaseWatch: Hashable, Sendable {
    private struct Lease: Hashable {
        var name: LockName
        var token: FencingToken
        var ttl: Duration
        var since: Instant
        /// The expiry is in the log, or on its way there.
        var expiring = false

        var deadline: Instant { since + ttl }
    }

    /// The term in which this device leads; nil while it does not.
    package private(set) var term: Term?
    /// One for each grant of the table as last seen, sorted by name.
    private var leases: [Lease] = []

    private let mutants: MutantSet

    package init(mutants: MutantSet = .none) { self.mutants = mutants }

    /// Every lease gets its full ttl anew.
    package mutating func becameLeader(term: Term, at now: Instant, table: LockTable) {
        self.term = term
        let waits = !mutants.has(.grantWithoutWaiting)
        leases = table.grants.map { Self.lease($0, since: waits ? now : now - $0.grant.ttl) }
    }

    package mutating func steppedDown() {
        term = nil
        leases = []
    }

    /// The table changed by an applied entry: new grants start now, ended ones go.
    package mutating func tableChanged(_ table: LockTable, at now: Instant) {
        guard term != nil, !matches(table) else { return }
        var old = leases[...]
        leases = table.grants.map { held in
            while let first = old.first, first.name < held.name { old.removeFirst() }
            guard let first = old.first, first.name == held.name, first.token == held.grant.token else {
                let keeps = mutants.has(.grantOnOldTime) && old.first?.name == held.name
                return Self.lease(held, since: keeps ? old.first?.since ?? now : now)
            }
            return first
        }
    }

    /// A renewal arrived. False: not leading, another token, or already expiring; then it must be refused.
    package mutating func renewed(_ name: LockName, token: FencingToken, receivedAt: Instant) -> Bool {
        guard term != nil, let at = offset(of: name, token) else { return false }
        guard !leases[at].expiring || mutants.has(.renewalAfterExpiry) else { return false }
        leases[at].since = max(leases[at].since, receivedAt)
        return true
    }

    /// An acquire arrived, before it is proposed. From the present holder it counts as a renewal.
    package mutating func acquireReceived(_ name: LockName, from device: DeviceID, at now: Instant, table: LockTable) {
        tableChanged(table, at: now)
        guard let grant = table.grant(of: name), grant.holder == device, !mutants.has(.acquireRenewsNothing) else {
            return
        }
        // If its expiry is already proposed, the acquire comes after it in the log and is a new grant.
        _ = renewed(name, token: grant.token, receivedAt: now)
    }

    /// The leases that have run out: propose an expiry of this watch's `term` for each. Each is named once, until its
    /// lock has another grant or the term changes.
    package mutating func due(at now: Instant, table: LockTable) -> [(name: LockName, token: FencingToken)] {
        tableChanged(table, at: now)
        var due: [(name: LockName, token: FencingToken)] = []
        for at in leases.indices where !leases[at].expiring && leases[at].deadline <= now {
            leases[at].expiring = true
            due.append((leases[at].name, leases[at].token))
        }
        return due
    }

    /// The expiry could not be proposed (the log takes no more at the moment): it is due again.
    package mutating func notProposed(_ name: LockName, token: FencingToken) {
        if let at = offset(of: name, token) { leases[at].expiring = false }
    }

    /// When `due` has something to say at the earliest; nil if no lease runs.
    package var nextDeadline: Instant? {
        leases.lazy.filter { !$0.expiring }.map(\.deadline).min()
    }
}

extension LeaseWatch {
    private static func lease(_ held: HeldLock, since: Instant) -> Lease {
        Lease(name: held.name, token: held.grant.token, ttl: held.grant.ttl, since: since)
    }

    private func matches(_ table: LockTable) -> Bool {
        leases.count == table.grants.count
            && zip(leases, table.grants).allSatisfy { $0.name == $1.name && $0.token == $1.grant.token }
    }

    private func offset(of name: LockName, _ token: FencingToken) -> Int? {
        leases.firstIndex { $0.name == name && $0.token == token }
    }
}
