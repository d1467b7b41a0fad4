import Glibc
import Primitives

/// Deletions in this workspace that wait for a word, and those that got one. Kept over restarts.
struct DeletionBrakes {
    private let state: String
    /// Held back: nothing leaves this device, and nothing is applied here, before somebody says that it was meant.
    private(set) var pending: DeletionSet?
    /// Allowed, by the name of the question, until the working tree has been brought to a revision without them.
    private(set) var allowed: (id: ShortID, paths: Set<Name>)?
    /// What the merge of a round would delete, as far as this device led it; another leader asks anew.
    var ofRound: DeletionSet?
    var allowedOfRound: Set<Name> = []

    init(state: String) {
        self.state = state
        pending = Self.read(state + "/deletions").map { DeletionSet(paths: $0.paths, files: $0.number) }
        allowed = Self.read(state + "/deletions-allowed").map { kept in
            (DeletionSet(paths: kept.paths, files: 0).id, Set(kept.paths.map { Name($0) }))
        }
    }

    mutating func hold(_ set: DeletionSet?) throws(GitError) {
        if set == pending { return }
        try Self.write(set?.paths, number: set?.files ?? 0, to: state + "/deletions")
        pending = set
    }

    /// The answer to the question of this name.
    mutating func allow(_ id: ShortID) throws(GitError) -> Bool {
        guard let pending, pending.id == id else { return false }
        try Self.write(pending.paths, number: 0, to: state + "/deletions-allowed")
        allowed = (id, Set(pending.paths.map { Name($0) }))
        try hold(nil)
        return true
    }

    mutating func forgetAllowed() throws(GitError) {
        if allowed == nil { return }
        try Self.write(nil, number: 0, to: state + "/deletions-allowed")
        allowed = nil
    }

    private static func read(_ path: String) -> (paths: [[UInt8]], number: Int)? {
        guard let bytes = DurableFile.read(path), !bytes.isEmpty else { return nil }
        var fields = bytes.split(separator: 0).map(Array.init)
        guard !fields.isEmpty, let number = Int(String(decoding: fields.removeFirst(), as: UTF8.self)) else {
            return nil
        }
        return (fields, number)
    }

    private static func write(_ paths: [[UInt8]]?, number: Int, to path: String) throws(GitError) {
        var bytes: [UInt8] = []
        if let paths { bytes = paths.reduce(into: Array("\(number)".utf8) + [0]) { $0 += $1 + [0] } }
        try DurableFile.write(bytes, to: path)
    }
}

extension Workspace {
    /// Deletions that wait for a word on this device.
    package var heldDeletions: DeletionSet? { brakes.pending }
    /// The question that was answered, while its deletions are not yet everywhere.
    package var allowedDeletions: ShortID? { brakes.allowed?.id }

    /// Why nothing of this workspace leaves it and nothing is applied to it.
    var brakeReason: String? {
        brakes.pending.map { set in
            set.paths.count >= set.files
                ? "every file is gone: baton allow --deletions"
                : "\(set.paths.count) of \(set.files) files are gone: baton allow --deletions"
        }
    }

    /// Somebody said that these very deletions were meant: those of this workspace, or of the round that it led.
    package func allowDeletions(_ id: ShortID) async throws(WorkspaceError) -> Bool {
        try await exclusively { workspace throws(WorkspaceError) in
            if let set = workspace.brakes.ofRound, set.id == id {
                workspace.brakes.allowedOfRound = Set(set.paths.map { Name($0) })
                workspace.brakes.ofRound = nil
                return true
            }
            let isAsked = try workspace.checked { () throws(GitError) in try workspace.brakes.allow(id) }
            // The next capture says whose question was answered, so it is another.
            if isAsked { workspace.previous = nil }
            return isAsked
        }
    }

    /// A capture that deletes too much stays on this device. So does one of a folder that is empty where there were
    /// files: that is rather a disk that is not mounted than a wish.
    func checkDeletions(_ result: CaptureResult) throws(GitError) -> CaptureResult {
        guard case .captured(let revision, let base, _, let held) = result else {
            if case .clean = result { try brakes.hold(nil) }
            return result
        }
        let (before, after) = (try store.tree(of: base), try store.tree(of: revision))
        let lines = try store.compare(before, after)
        let allowed = brakes.allowed?.paths ?? []
        var set = try DeletionSet.check(store, before: before, lines: lines, allowed: allowed)
        let isEmptied = after == store.emptyTree && before != after
        if set == nil, isEmptied, !lines.allSatisfy({ allowed.contains(Name($0.path)) }) {
            set = DeletionSet(paths: lines.map(\.path), files: lines.count)
        }
        try brakes.hold(set)
        guard set != nil, let reason = brakeReason else { return result }
        return .withheld(revision, base: base, reason: reason, held: held)
    }

    /// After a scan: the files may be back. A scan does not know where files were moved to, so it never asks.
    func reconsiderDeletions(_ gone: [[UInt8]]) throws(GitError) {
        guard let pending = brakes.pending else { return }
        let waiting = Set(pending.paths.map { Name($0) })
        let left = gone.count { waiting.contains(Name($0)) }
        if left < pending.files, !DeletionSet.asks(left, of: pending.files) { try brakes.hold(nil) }
    }
}
