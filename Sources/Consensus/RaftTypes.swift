import Primitives

// Consensus: Raft as one value - inputs in, outputs out (Ongaro & Ousterhout 2014; "thesis" below: Ongaro 2014).
// Never: locks, rounds, I/O, a clock, unkeyed randomness. It does not know what its commands mean.
// Start with RaftStep.swift (what goes in and comes out), then Raft.swift.

/// Who votes and who only receives the log. Both sorted and disjoint.
package struct Membership: Hashable, Sendable {
    package var voters: [DeviceID]
    package var learners: [DeviceID]

    package init(voters: [DeviceID], learners: [DeviceID] = []) {
        self.voters = voters
        self.learners = learners
    }

    package func contains(_ device: DeviceID) -> Bool { voters.contains(device) || learners.contains(device) }

    /// Whether the two differ by what one device is, so that every majority of one meets every majority of the other
    /// (thesis, section 4.1).
    package func differsByOne(from other: Membership) -> Bool {
        let devices = (voters + learners + other.voters + other.learners).sorted()
        var changed: [DeviceID] = []
        for device in devices where changed.last != device {
            let before = (voters.contains(device), learners.contains(device))
            let after = (other.voters.contains(device), other.learners.contains(device))
            if before != after { changed.append(device) }
        }
        return changed.count == 1
    }

    /// Sorted, disjoint, with a voter.
    package var isSound: Bool {
        !voters.isEmpty && zip(voters, voters.dropFirst()).allSatisfy(<)
            && zip(learners, learners.dropFirst()).allSatisfy(<) && !voters.contains(where: learners.contains)
    }
}

package enum Payload<Command: Hashable & Sendable>: Hashable, Sendable {
    /// At the start of each term (section 6.4): commits what older terms left.
    case noop
    case membership(Membership)
    case command(Command)
}

package struct Entry<Command: Hashable & Sendable>: Hashable, Sendable {
    package var term: Term
    package var index: LogIndex
    package var payload: Payload<Command>

    package init(term: Term, index: LogIndex, payload: Payload<Command>) {
        self.term = term
        self.index = index
        self.payload = payload
    }
}

package struct HardState: Hashable, Sendable {
    package var term: Term
    package var votedFor: DeviceID?

    package init(term: Term = .zero, votedFor: DeviceID? = nil) {
        self.term = term
        self.votedFor = votedFor
    }
}

/// The replicated state at `index`, in place of all entries up to it (thesis, section 5.1).
package struct Snapshot<Image: Hashable & Sendable>: Hashable, Sendable {
    package var index: LogIndex
    package var term: Term
    package var membership: Membership
    private var box: Box

    /// The image is large and rarely looked at, and a snapshot is part of values that move with every message: it lies
    /// behind a reference.
    private indirect enum Box: Hashable, Sendable {
        case image(Image)
    }

    package init(index: LogIndex, term: Term, membership: Membership, image: Image) {
        self.index = index
        self.term = term
        self.membership = membership
        box = .image(image)
    }

    package var image: Image {
        get {
            switch box {
            case .image(let image): image
            }
        }
        set { box = .image(newValue) }
    }
}

/// What storage gives back at start. Entries are contiguous and reach back to the snapshot or before it.
package struct PersistentState<Command: Hashable & Sendable, Image: Hashable & Sendable>: Hashable, Sendable {
    package var hardState: HardState
    package var snapshot: Snapshot<Image>?
    package var entries: [Entry<Command>]

    package init(hardState: HardState = HardState(), snapshot: Snapshot<Image>? = nil, entries: [Entry<Command>] = []) {
        self.hardState = hardState
        self.snapshot = snapshot
        self.entries = entries
    }

    /// A mesh of one: a quorum of one. Its first entry is a snapshot, so that whoever joins gets the image too.
    package static func founding(_ device: DeviceID, image: Image) -> Self {
        Self(
            hardState: HardState(term: Term(1)),
            snapshot: Snapshot(
                index: LogIndex(1), term: Term(1), membership: Membership(voters: [device]), image: image))
    }

    /// A device that joins: silent, never a candidate, until a leader brings it the log.
    package static func joining(image: Image) -> Self {
        Self(snapshot: Snapshot(index: .zero, term: .zero, membership: Membership(voters: []), image: image))
    }

    /// Carries an update out, as storage does.
    package mutating func apply(_ update: PersistentUpdate<Command, Image>) {
        if let hardState = update.hardState { self.hardState = hardState }
        if let snapshot = update.snapshot { self.snapshot = snapshot }
        if let from = update.appendFrom {
            entries.removeAll { $0.index >= from }
            entries += update.entries
        }
        if let compactTo = update.compactTo { entries.removeAll { $0.index <= compactTo } }
    }
}

/// What must be durable before any message of the same output leaves.
package struct PersistentUpdate<Command: Hashable & Sendable, Image: Hashable & Sendable>: Hashable, Sendable {
    package var hardState: HardState?
    /// All stored entries at and after this are replaced by `entries` (which may be empty: a truncation).
    package var appendFrom: LogIndex?
    package var entries: [Entry<Command>] = []
    package var snapshot: Snapshot<Image>?
    /// Entries up to and including this may be dropped.
    package var compactTo: LogIndex?

    package init() {}

    package var isEmpty: Bool {
        hardState == nil && appendFrom == nil && snapshot == nil && compactTo == nil
    }

    /// Adds a later update to this one: carrying the sum out equals carrying out both in order.
    package mutating func merge(_ later: PersistentUpdate) {
        if let hardState = later.hardState { self.hardState = hardState }
        if let snapshot = later.snapshot { self.snapshot = snapshot }
        if let from = later.appendFrom { append(later.entries, from: from) }
        if let compactTo = later.compactTo { self.compactTo = max(compactTo, self.compactTo ?? compactTo) }
    }

    package mutating func append(_ new: [Entry<Command>], from: LogIndex) {
        guard let start = appendFrom, from > start else {
            appendFrom = from
            entries = new
            return
        }
        entries.removeAll { $0.index >= from }
        entries += new
    }
}
