import Primitives

/// What became of the bytes of one path: every published round that changed it, or in which devices disagreed about it,
/// and the captures that hold a version of it that no round published.
package struct PathHistory: Hashable, Sendable {
    /// One version of the path; a folder has no size.
    package struct Version: Hashable, Sendable {
        package var entry: TreeEntry
        package var bytes: Int?
    }

    /// A device brought this version to the round (nil: it deleted the path).
    package struct Brought: Hashable, Sendable {
        package var device: DeviceID
        package var capture: Revision
        package var version: Version?
    }

    package struct Change: Hashable, Sendable {
        package var number: UInt64
        package var round: String?
        package var revision: Revision
        /// Since 1970, by the clock of a device: for people.
        package var seconds: Int64
        package var before: Version?
        package var after: Version?
        package var brought: [Brought]
        package var conflicts: [Conflict]
        /// The round is an undo of this one.
        package var undoes: UInt64?
        /// The undo left the path as it was.
        package var isLeft: Bool
        /// Files that changed, if the path is a folder.
        package var files: Int?
    }

    /// A capture that a ref of this device's keeps and no round has published.
    package struct Unpublished: Hashable, Sendable {
        package var device: DeviceID?
        package var capture: Revision
        package var seconds: Int64
        package var version: Version?
    }

    /// Newest first.
    package var changes: [Change] = []
    package var unpublished: [Unpublished] = []
    /// In the head.
    package var now: Version?
    /// The number of the oldest round that is kept here.
    package var oldestRound: UInt64 = 1

    package init() {}
}

/// Reads the history of one path out of the store.
struct PathHistoryReader {
    let rounds: PublishedRounds
    let path: [UInt8]
    private var store: Store { rounds.store }

    init(_ rounds: PublishedRounds, path: [UInt8]) {
        self.rounds = rounds
        self.path = path
    }

    /// - Parameter limit: of changes, the newest ones.
    func read(limit: Int) throws(GitError) -> PathHistory {
        var history = PathHistory()
        history.now = try version(in: rounds.head)
        let wanted = try touching().union(mentioning())
        let all = try rounds.newest(.max)
        history.oldestRound = all.last?.number ?? rounds.number
        for (number, revision) in all where wanted.contains(revision) && history.changes.count < limit {
            history.changes.append(try change(number, revision))
        }
        history.unpublished = try unpublished()
        return history
    }

    /// Rounds whose head has another version than the head before.
    private func touching() throws(GitError) -> Set<Revision> {
        let arguments = ["rev-list", "--first-parent"]
        if let text = String(validating: path, as: UTF8.self) {
            let named = text.isEmpty ? "." : text
            return ids(try store.git.runBlocking(arguments + [rounds.head.hex, "--", named]).output)
        }
        // A name that is no text cannot be an argument here; one with a line break cannot be a line there.
        let input = Array("\(rounds.head.hex)\n--\n".utf8) + path + [10]
        return ids(try store.git.runBlocking(arguments + ["--stdin"], from: .bytes(input)).output)
    }

    /// Rounds that say something of the path although it stayed as it was.
    private func mentioning() throws(GitError) -> Set<Revision> {
        let name = Conflict.escaped(path)
        var found = ids(
            try store.git.runBlocking([
                "rev-list", "--first-parent", "--fixed-strings", "--grep=\(name)", rounds.head.hex,
            ]).output)
        for revision in found {
            let record = try store.commit(revision)
            let hasConflict = try !conflicts(of: revision).isEmpty
            if !hasConflict, !left(record) { found.remove(revision) }
        }
        return found
    }

    private func ids(_ output: [UInt8]) -> Set<Revision> {
        Set(output.split(separator: 10).compactMap { ObjectID(bytes: $0)?.revision })
    }

    private func conflicts(of revision: Revision) throws(GitError) -> [Conflict] {
        let all = try store.conflicts(of: revision)
        return all.filter { $0.path == path || $0.path.starts(with: path + [47]) }
    }

    private func left(_ record: CommitRecord) -> Bool {
        record.trailers(UndoStep.leftTrailer).contains { Conflict.unescaped($0[...]) == path }
    }

    private func change(_ number: UInt64, _ revision: Revision) throws(GitError) -> PathHistory.Change {
        let record = try store.commit(revision)
        // Behind the oldest round nothing is known.
        var before = record.parents.first
        if let parent = before, try !store.has(parent) { before = nil }
        var brought: [PathHistory.Brought] = []
        for candidate in [revision] + record.parents.dropFirst() {
            guard let one = try self.brought(by: candidate), !brought.contains(one) else { continue }
            brought.append(one)
        }
        let (old, new) = (try entry(in: before), try entry(in: revision))
        var files: Int?
        if old?.mode == TreeObject.folder || new?.mode == TreeObject.folder {
            let sides = [old, new].map { $0?.mode == TreeObject.folder ? $0?.id : nil }
            files = try store.compare(sides[0] ?? store.emptyTree, sides[1] ?? store.emptyTree).count
        }
        return PathHistory.Change(
            number: number, round: record.trailers("Baton-Round").last, revision: revision, seconds: record.seconds,
            before: try version(old), after: try version(new), brought: brought, conflicts: try conflicts(of: revision),
            undoes: UndoStep.made(record)?.number, isLeft: left(record), files: files)
    }

    /// What a capture changed at the path, against what its device had; nil if nothing, or if it is no capture.
    private func brought(by revision: Revision) throws(GitError) -> PathHistory.Brought? {
        let record = try store.commit(revision)
        guard let device = record.trailers("Baton-Device").last.flatMap({ DeviceID(hex: $0[...]) }) else { return nil }
        let base = record.parents.first
        if let base, try !store.has(base) { return nil }
        let (old, new) = (try entry(in: base), try entry(in: revision))
        if old == new { return nil }
        return PathHistory.Brought(device: device, capture: revision, version: try version(new))
    }

    /// Captures that refs keep, and that the head does not hold.
    private func unpublished() throws(GitError) -> [PathHistory.Unpublished] {
        var found: [PathHistory.Unpublished] = []
        let now = try entry(in: rounds.head)
        for ref in try store.refs(under: RefName.devices) + store.refs(under: RefName.captures) {
            guard let revision = ref.id.revision, !found.contains(where: { $0.capture == revision }),
                try !store.isAncestor(revision, of: rounds.head)
            else { continue }
            let record = try store.commit(revision)
            let base = record.parents.first
            if let base, try !store.has(base) { continue }
            let (old, new) = (try entry(in: base), try entry(in: revision))
            if old == new || new == now { continue }
            let device = record.trailers("Baton-Device").last.flatMap { DeviceID(hex: $0[...]) }
            found.append(
                PathHistory.Unpublished(
                    device: device, capture: revision, seconds: record.seconds, version: try version(new)))
        }
        return found.sorted { ($1.seconds, $0.capture.hex) < ($0.seconds, $1.capture.hex) }
    }

    private func entry(in revision: Revision?) throws(GitError) -> Version? {
        guard let revision else { return nil }
        return try store.entry(store.tree(of: revision), path)
    }

    private func version(in revision: Revision) throws(GitError) -> PathHistory.Version? {
        try version(entry(in: revision))
    }

    private func version(_ entry: Version?) throws(GitError) -> PathHistory.Version? {
        guard let entry else { return nil }
        let hasBytes = entry.mode != TreeObject.folder && !entry.isGitlink
        return PathHistory.Version(entry: entry.entry, bytes: hasBytes ? try store.size(of: entry.id) : nil)
    }
}

extension Workspace {
    /// What became of a path, from the published rounds and from the captures that are kept here.
    /// - Parameter number: of the round that published `head`.
    package nonisolated func history(
        of path: [UInt8], head: Revision, number: UInt64, limit: Int = Limits.pathChangesShown
    ) async throws(WorkspaceError) -> PathHistory {
        try await question { store throws(GitError) in
            let rounds = PublishedRounds(store: store, head: head, number: number)
            return try PathHistoryReader(rounds, path: path).read(limit: limit)
        }
    }

    /// An imported snapshot by its name, or a revision by the beginning of its id (of eight digits at least).
    package nonisolated func revision(named text: String) async throws(WorkspaceError) -> Revision? {
        let imported = try await snapshots().first { $0.name == text }
        if let imported { return imported.revision }
        guard (8...64).contains(text.utf8.count), text.allSatisfy(\.isHexDigit) else { return nil }
        return try await question { store throws(GitError) in
            let result = try store.git.runBlocking(
                ["rev-parse", "--verify", "--quiet", "\(text.lowercased())^{commit}"], accepting: [0, 1, 128])
            guard result.status == 0, let line = result.output.split(separator: 10).first else { return nil }
            return ObjectID(bytes: line)?.revision
        }
    }
}
