import Glibc
import Primitives

/// Which conflicts this device keeps versions of, and since when they are closed: a file of our state, since nothing
/// replicated has a clock.
struct KeptConflicts {
    private let path: String
    /// Seconds since 1970 when it was seen closed; 0 while it is open.
    private(set) var closed: [ShortID: Int64] = [:]

    init(state: String) {
        path = state + "/conflicts"
        for line in (DurableFile.read(path) ?? []).split(separator: 10) {
            let words = line.split(separator: 32)
            guard words.count == 2, let id = ShortID(hex: String(decoding: words[0], as: UTF8.self)),
                let seconds = Int64(String(decoding: words[1], as: UTF8.self))
            else { continue }
            closed[id] = seconds
        }
    }

    mutating func set(_ known: [ShortID: Int64]) throws(GitError) {
        if known == closed { return }
        closed = known
        let lines = known.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)\n" }
        try DurableFile.write(Array(lines.joined().utf8), to: path)
    }
}

extension Workspace {
    /// Keeps both versions and the record of every open conflict under a ref of its own, and lets them go 30 days after
    /// it was resolved.
    /// - Parameter now: seconds since 1970.
    package func keepConflicts(
        _ open: [ConflictPlace], now: Int64 = Int64(time(nil))
    ) async throws(WorkspaceError) {
        try await exclusively { workspace throws(WorkspaceError) in
            try workspace.checked { () throws(GitError) in try workspace.keep(open, now: now) }
        }
    }

    private func keep(_ open: [ConflictPlace], now: Int64) throws(GitError) {
        var kept = KeptConflicts(state: state)
        var next = kept.closed
        var changes: [RefChange] = []
        var known: [Revision: [Conflict]] = [:]
        let batch = ObjectBatch(store)
        let folder = "\(store.path)/\(RefName.conflicts)"
        let pinned = Set(DurableFile.names(in: folder).compactMap { ShortID(hex: $0) })
        for place in open where next[place.id] != 0 || !pinned.contains(place.id) {
            // A revision that is not here yet is looked for again when the next head moves.
            guard let conflict = try store.conflict(place, &known) else { continue }
            let record = try batch.add(.blob, Array(conflict.value.utf8))
            if let pin = try store.pin(conflict, and: [("record", record)], in: batch) { changes.append(pin) }
            next[place.id] = 0
        }
        let ids = Set(open.map(\.id))
        // Pins of a round that was staged and never published are as good as closed.
        for id in pinned.sorted() where next[id] == nil && !ids.contains(id) { next[id] = now }
        for (id, seconds) in kept.closed.sorted(by: { $0.key < $1.key }) where !ids.contains(id) {
            if seconds == 0 {
                next[id] = now
            } else if now - seconds > Int64(Limits.conflictsKept.wholeMilliseconds / 1000) {
                changes.append(RefChange(name: RefName.conflicts + id.hex, new: nil))
                next[id] = nil
            }
        }
        try batch.finish(refs: changes)
        try kept.set(next)
    }
}
