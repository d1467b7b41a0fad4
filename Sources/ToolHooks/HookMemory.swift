import Primitives

/// What sessions have seen of files, and what rounds changed since: the stale-write guard as a value.
///
/// A path that a session never read is no concern of the guard. Everything is bounded: what is forgotten lets pass.
package struct HookMemory: Hashable, Sendable {
    /// A file that a round brought in place.
    package struct Change: Hashable, Sendable {
        package var round: String
        /// Whose work it was, as far as known.
        package var device: String
        package var at: Instant

        package init(round: String, device: String, at: Instant) {
            self.round = round
            self.device = device
            self.at = at
        }
    }

    package struct Stale: Hashable, Sendable {
        package var path: String
        package var change: Change
    }

    private struct Session: Hashable, Sendable {
        var seen: [String: Instant] = [:]
        var used: Instant
    }

    private var sessions: [String: Session] = [:]
    private var changes: [String: Change] = [:]

    package init() {}

    package var sessionCount: Int { sessions.count }

    /// A round changed these; seen by nobody since.
    package mutating func changed(_ paths: [String], _ change: Change) {
        for path in paths { changes[path] = change }
        guard changes.count > Limits.hookChanges else { return }
        let kept = changes.sorted { ($1.value.at, $0.key) < ($0.value.at, $1.key) }.prefix(Limits.hookChanges / 2)
        changes = Dictionary(kept.map { ($0.key, $0.value) }) { first, _ in first }
    }

    /// The session read or wrote these at `at`.
    package mutating func saw(_ paths: [String], session id: String, at: Instant, now: Instant) {
        expire(at: now)
        var session = sessions[id] ?? Session(used: now)
        session.used = now
        for path in paths { session.seen[path] = max(at, session.seen[path] ?? at) }
        if session.seen.count > Limits.hookSeenPaths {
            let kept = session.seen.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(Limits.hookSeenPaths / 2)
            session.seen = Dictionary(kept.map { ($0.key, $0.value) }) { first, _ in first }
        }
        sessions[id] = session
        guard sessions.count > Limits.hookSessions,
            let oldest = sessions.min(by: { ($0.value.used, $0.key) < ($1.value.used, $1.key) })
        else { return }
        sessions[oldest.key] = nil
    }

    /// What changed since the session last saw it. Told once: from now on it counts as seen.
    package mutating func stale(_ paths: [String], session id: String, now: Instant) -> [Stale] {
        expire(at: now)
        guard let session = sessions[id] else { return [] }
        let stale = paths.compactMap { path -> Stale? in
            guard let seen = session.seen[path], let change = changes[path], change.at > seen else { return nil }
            return Stale(path: path, change: change)
        }
        if !stale.isEmpty { saw(stale.map(\.path), session: id, at: now, now: now) }
        return stale
    }

    package mutating func ended(session id: String) { sessions[id] = nil }

    private mutating func expire(at now: Instant) {
        sessions = sessions.filter { now - $0.value.used < Limits.hookSessionLifetime }
    }
}
