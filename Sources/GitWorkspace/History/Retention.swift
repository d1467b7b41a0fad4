import Glibc
import Primitives
import Synchronization

/// How long what was captured and published is kept on this device.
package struct RetentionPolicy: Hashable, Sendable {
    /// Beyond this it goes, the oldest first.
    package var days: Int64
    /// Beyond this size of the store what is younger goes too, down to `fewestDays`.
    package var bytes: Int64

    /// Nothing younger than this ever goes.
    package static let fewestDays: Int64 = 30
    /// Nor one of so many newest rounds, however old: merges look back, and a mesh at rest keeps its past.
    package static let fewestRounds = 256

    package init(days: Int64 = 90, bytes: Int64 = 4 << 30) {
        self.days = max(days, Self.fewestDays)
        self.bytes = bytes
    }
}

/// What a look at the store's age came to.
package struct RetentionReport: Hashable, Sendable {
    /// Refs of captures and rescued files that went.
    package var refs = 0
    /// Rounds that are older than what is kept now.
    package var rounds = 0
    package var bytes: Int64 = 0

    package init() {}
    package var isEmpty: Bool { refs == 0 && rounds == 0 }
}

/// Lets go of what is too old: refs by when they were written here, history by cutting it off behind a round, as a
/// shallow repository of git's is. Pins of conflicts, imported snapshots and what any ref names stay, with their files;
/// what goes is the past behind them. Blocking.
///
/// In two steps, `cut` and later `sweep`, so that whoever was at work during the first is done before the second.
struct Retention {
    let store: Store
    let policy: RetentionPolicy
    /// Seconds since 1970, by this device's clock.
    let now: Int64

    private var shallowFile: String { store.path + "/shallow" }

    // MARK: Cutting

    /// - Parameter number: of the round that published `head`; what is behind round 1 is the user's own history, which
    ///   never goes for its age alone.
    func cut(head: Revision, number: UInt64) throws(GitError) -> RetentionReport {
        var report = RetentionReport()
        report.bytes = store.size.bytes
        var days = policy.days
        if report.bytes > policy.bytes, policy.bytes > 0 {
            let fitting = Double(days) * Double(policy.bytes) / Double(report.bytes)
            days = max(RetentionPolicy.fewestDays, Int64(fitting))
        }
        let oldest = now - days * 86_400
        report.refs = try dropRefs(writtenBefore: oldest)
        report.rounds = try cutHistory(head, number, before: oldest)
        if !report.isEmpty { store.cache.removeAll() }
        return report
    }

    /// Captures that no round published, and rescued files. The ref's own age counts: it was written by this clock.
    private func dropRefs(writtenBefore oldest: Int64) throws(GitError) -> Int {
        var gone: [RefChange] = []
        for folder in [RefName.captures, RefName.prefix + "rescued/"] {
            for name in DurableFile.names(in: "\(store.path)/\(folder)") where !name.hasSuffix(".lock") {
                var raw = stat()
                guard stat("\(store.path)/\(folder)\(name)", &raw) == 0 else { continue }
                if Int64(raw.st_mtim.tv_sec) < oldest { gone.append(RefChange(name: folder + name, new: nil)) }
            }
        }
        if !gone.isEmpty { try store.update(gone) }
        return gone.count
    }

    /// Dates of commits are by the clocks of several devices: a round is as old as the newest date up to it. So one
    /// clock that is behind lets nothing go early.
    private func cutHistory(_ head: Revision, _ number: UInt64, before oldest: Int64) throws(GitError) -> Int {
        let output = try store.git.runBlocking([
            "rev-list", "--first-parent", "--timestamp", "--reverse", head.hex,
        ]).output
        let all = output.split(separator: 10)
        let lines = Array(all.suffix(Int(clamping: number)))
        guard lines.count > RetentionPolicy.fewestRounds else { return 0 }
        var newest: Int64 = 0
        var place: Int?
        for (offset, line) in lines.dropLast(RetentionPolicy.fewestRounds).enumerated() {
            let words = line.split(separator: 32)
            guard words.count == 2, let seconds = Int64(String(decoding: words[0], as: UTF8.self)) else {
                throw .damaged("rev-list gave a line without a date")
            }
            newest = max(newest, seconds)
            if newest >= oldest { break }
            place = offset
        }
        // The first place is where it was cut before.
        guard let place, place > 0, let id = lines[place].split(separator: 32).last,
            let revision = ObjectID(bytes: id)?.revision
        else { return 0 }
        if let founding = all.dropLast(lines.count).last?.split(separator: 32).last {
            // Cut off from the rounds, and kept for itself.
            try store.update([RefChange(name: RefName.founding, new: ObjectID(bytes: founding))])
        }
        try write(shallow: ends(behind: revision))
        return place
    }

    /// Commits that lose their past: the round itself, and whatever else the kept ones or a ref reach behind it.
    private func ends(behind round: Revision) throws(GitError) -> [ObjectID] {
        var tips: [ObjectID] = []
        for ref in try store.refs(under: RefName.prefix) where try store.kind(of: ref.id) == .commit {
            if !tips.contains(ref.id) { tips.append(ref.id) }
        }
        let question = tips.map { "\($0.hex)\n" }.joined() + "^\(round.hex)\n"
        let output = try store.git.runBlocking(
            ["rev-list", "--boundary", "--stdin"], from: .bytes(Array(question.utf8))
        ).output
        var ends: Set<ObjectID> = [ObjectID(round)]
        var kept: Set<ObjectID> = []
        for line in output.split(separator: 10) {
            if line.first == 45 {
                if let id = ObjectID(bytes: line.dropFirst()) { ends.insert(id) }
            } else if let id = ObjectID(bytes: line) {
                kept.insert(id)
            }
        }
        let founding = try store.ref(RefName.founding).map { ObjectID($0) }
        for tip in tips where !kept.contains(tip) && tip != founding { ends.insert(tip) }
        return ends.sorted()
    }

    private func write(shallow ends: [ObjectID]) throws(GitError) {
        let known = (DurableFile.read(shallowFile) ?? []).split(separator: 10).compactMap { ObjectID(bytes: $0) }
        let all = Set(ends + known).sorted()
        try DurableFile.write(Array(all.map { "\($0.hex)\n" }.joined().utf8), to: shallowFile)
    }

    // MARK: Sweeping

    /// Drops from disk what nothing reaches any more, and is not new: what is on its way in has no ref yet.
    func sweep(cancellation: Cancellation) throws(GitError) {
        _ = try store.git.runBlocking(
            [
                "-c", "pack.window=10", "repack", "--cruft", "--cruft-expiration=\(now - 3600)", "-d", "--quiet",
            ], deadline: Limits.maintenanceDeadline, cancellation: cancellation)
        // It may know packs that are gone.
        store.reader.close()
        store.cache.removeAll()
        let ends = (DurableFile.read(shallowFile) ?? []).split(separator: 10).compactMap { ObjectID(bytes: $0) }
        var left: [ObjectID] = []
        for end in ends where try store.kind(of: end) != nil { left.append(end) }
        if left.count < ends.count {
            try DurableFile.write(Array(left.map { "\($0.hex)\n" }.joined().utf8), to: shallowFile)
        }
    }
}

/// When the store was last looked at, and whether something waits to be swept.
final class RetentionClock: Sendable {
    enum Step: Hashable, Sendable { case cut, sweep }

    private struct State {
        var policy = RetentionPolicy()
        var lastCut: ContinuousClock.Instant?
        var cutAt: ContinuousClock.Instant?
    }

    private let state = Mutex(State())

    var policy: RetentionPolicy {
        get { state.withLock { $0.policy } }
        set { state.withLock { $0.policy = newValue } }
    }

    /// What is due at this moment; counts as done.
    func due(at now: ContinuousClock.Instant = .now) -> Step? {
        state.withLock { state in
            if let cut = state.cutAt {
                guard now - cut >= Limits.retentionPause else { return nil }
                state.cutAt = nil
                return .sweep
            }
            if let last = state.lastCut, now - last < Limits.retentionLook { return nil }
            state.lastCut = now
            return .cut
        }
    }

    func wasCut(at now: ContinuousClock.Instant = .now) { state.withLock { $0.cutAt = now } }
}

extension Workspace {
    package nonisolated func setRetention(_ policy: RetentionPolicy) { retention.policy = policy }

    /// For the time between rounds: now and then lets go of what is older than the policy keeps.
    /// - Parameter number: of the newest published round.
    package nonisolated func retain(number: UInt64) async throws(WorkspaceError) -> RetentionReport? {
        guard let step = retention.due() else { return nil }
        let (policy, seconds) = (retention.policy, Int64(time(nil)))
        do throws(GitError) {
            let report = try await BlockingThread.run { [store] cancellation throws(GitError) -> RetentionReport? in
                guard let head = try store.ref(RefName.main) else { return nil }
                let work = Retention(store: store, policy: policy, now: seconds)
                switch step {
                case .cut: return try work.cut(head: head, number: number)
                case .sweep:
                    try work.sweep(cancellation: cancellation)
                    return nil
                }
            }
            if let report, !report.isEmpty { retention.wasCut() }
            return report
        } catch { throw .git(error) }
    }
}
