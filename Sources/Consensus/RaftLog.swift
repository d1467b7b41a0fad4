import Primitives

/// The log in memory: the entries after `base`, and the memberships that they and the snapshot hold.
struct RaftLog<Command: Hashable & Sendable, Image: Hashable & Sendable>: Hashable, Sendable {
    /// The place before the first entry that is still here.
    private(set) var baseIndex: LogIndex
    private(set) var baseTerm: Term
    private(set) var entries: [Entry<Command>]
    private(set) var snapshot: Snapshot<Image>?
    /// Ascending; the first is the snapshot's. The last is in use as soon as it is here (thesis, section 4.1).
    private(set) var memberships: [PlacedMembership]

    struct PlacedMembership: Hashable, Sendable {
        var index: LogIndex
        var membership: Membership
    }

    init(restored: PersistentState<Command, Image>) {
        snapshot = restored.snapshot
        let snapshotIndex = restored.snapshot?.index ?? .zero
        // Storage has checked what it gives back; whatever does not join the snapshot without a gap is not used.
        var kept = restored.entries[...]
        let joined = kept.indices.dropFirst().prefix { kept[$0].index.number == kept[$0 - 1].index.number &+ 1 }
        kept = kept.prefix(min(kept.count, joined.count + 1))
        if let first = kept.first, let last = kept.last, first.index > snapshotIndex.next || last.index < snapshotIndex
        {
            kept = []
        }
        // Entries that an installed snapshot replaced may still be stored. They may differ from it and are no base.
        if let replaced = kept.firstIndex(where: { $0.index == snapshotIndex }),
            kept[replaced].term != restored.snapshot?.term
        {
            kept = kept[(replaced + 1)...]
        }
        if let first = kept.first, first.index <= snapshotIndex {
            // The entry before the first one is gone, and with it its term: the first itself serves as the base.
            (baseIndex, baseTerm) = (first.index, first.term)
            kept.removeFirst()
        } else {
            (baseIndex, baseTerm) = (snapshotIndex, restored.snapshot?.term ?? .zero)
        }
        entries = Array(kept)
        memberships = [
            PlacedMembership(index: snapshotIndex, membership: restored.snapshot?.membership ?? Membership(voters: []))
        ]
        noteMemberships(in: entries[...])
    }

    // In place: `last` would copy the entry.
    var lastIndex: LogIndex { entries.isEmpty ? baseIndex : entries[entries.count - 1].index }
    var lastTerm: Term { entries.isEmpty ? baseTerm : entries[entries.count - 1].term }
    var membership: PlacedMembership { memberships[memberships.count - 1] }
    /// In use before the newest one; the newest if there is no other here.
    var previousMembership: Membership { memberships[max(0, memberships.count - 2)].membership }

    /// Nil outside of what is here.
    func term(at index: LogIndex) -> Term? {
        if index == baseIndex { return baseTerm }
        guard index > baseIndex, index <= lastIndex else { return nil }
        return entries[offset(of: index)].term
    }

    /// False only if there is another entry in that place.
    func agrees(with entry: Entry<Command>) -> Bool {
        guard let term = term(at: entry.index) else { return true }
        return term == entry.term
    }

    func slice(from index: LogIndex, limit: Int) -> [Entry<Command>] {
        guard index > baseIndex, index <= lastIndex else { return [] }
        let start = offset(of: index)
        return Array(entries[start..<min(entries.count, start + limit)])
    }

    func slice(from index: LogIndex, through last: LogIndex) -> ArraySlice<Entry<Command>> {
        guard index > baseIndex, index <= last, last <= lastIndex else { return [] }
        return entries[offset(of: index)...offset(of: last)]
    }

    /// The largest index up to `index` whose term is not above `term`: where a conflict search goes on.
    func lastPlace(notAbove term: Term, from index: LogIndex) -> (index: LogIndex, term: Term) {
        var place = min(index, lastIndex)
        while place > baseIndex, let here = self.term(at: place), here > term { place = place.previous }
        return (place, self.term(at: place) ?? .zero)
    }

    /// Whether a candidate's log is at least as new as this one (section 3.6.1).
    func isUpToDate(index: LogIndex, term: Term) -> Bool {
        term > lastTerm || (term == lastTerm && index >= lastIndex)
    }

    mutating func append(_ new: ArraySlice<Entry<Command>>) {
        entries += new
        noteMemberships(in: new)
    }

    /// Removes everything from `index` on; memberships that were there are rolled back.
    mutating func truncate(from index: LogIndex, _ mutants: MutantSet = .none) {
        guard index > baseIndex, index <= lastIndex else { return }
        entries.removeSubrange(offset(of: index)...)
        guard !mutants.has(.membershipsKeptOverTruncation) else { return }
        while memberships.count > 1, membership.index >= index { memberships.removeLast() }
    }

    /// Puts a snapshot of our own in place and drops entries up to `keepAfter`.
    mutating func compact(_ snapshot: Snapshot<Image>, keepAfter: LogIndex) {
        self.snapshot = snapshot
        if keepAfter > baseIndex, let term = term(at: keepAfter) {
            entries.removeSubrange(..<(offset(of: keepAfter) + 1))
            (baseIndex, baseTerm) = (keepAfter, term)
        }
        let later = memberships.filter { $0.index > snapshot.index }
        memberships = [PlacedMembership(index: snapshot.index, membership: snapshot.membership)] + later
    }

    /// A leader's snapshot: what agrees with it and goes beyond is kept (thesis, figure 5.3).
    mutating func install(_ snapshot: Snapshot<Image>, _ mutants: MutantSet = .none) {
        if term(at: snapshot.index) == snapshot.term, snapshot.index > baseIndex {
            return compact(snapshot, keepAfter: snapshot.index)
        }
        let tail = mutants.has(.tailKeptBehindSnapshot) ? entries.filter { $0.index > snapshot.index } : []
        replaceAll(by: snapshot)
        entries = tail
    }

    /// Nothing but the snapshot is left.
    mutating func replaceAll(by snapshot: Snapshot<Image>) {
        self.snapshot = snapshot
        entries = []
        (baseIndex, baseTerm) = (snapshot.index, snapshot.term)
        memberships = [PlacedMembership(index: snapshot.index, membership: snapshot.membership)]
    }

    func membership(at index: LogIndex) -> Membership {
        (memberships.last { $0.index <= index } ?? memberships[0]).membership
    }

    private mutating func noteMemberships(in new: ArraySlice<Entry<Command>>) {
        for entry in new {
            guard case .membership(let membership) = entry.payload, entry.index > memberships[0].index else { continue }
            memberships.append(PlacedMembership(index: entry.index, membership: membership))
        }
    }

    private func offset(of index: LogIndex) -> Int { Int(index - baseIndex) - 1 }
}
