import Primitives

/// Tells a loop from work: the same few files, and no others, in round after round. Something answers each sync with
/// another change - a formatter on two devices, a tool that writes a time into its file. Such paths are set aside: this
/// device's captures leave them as they were, so that the others go on (behaviours P2, P3).
///
/// A path that is set aside goes on by itself when nobody changed it for a while; twice as long each time that the loop
/// begins anew, so that two formatters come to rest. One that never becomes quiet goes with a round now and then.
///
/// What was set aside together goes on together: a writer may have changed those paths as one (behaviour W1).
package struct LoopBreaker: Hashable, Sendable {
    package typealias Path = [UInt8]

    /// A path that captures leave out.
    package struct SetAside: Hashable, Sendable {
        package let path: Path
        /// Since when. Those with the same moment are a group.
        package let since: Instant
        /// So long nobody must change it, and it goes on.
        package let quiet: Duration
        fileprivate var changed: Instant
        /// When a round took it last.
        fileprivate var taken: Instant

        fileprivate var goesOn: Instant { changed + quiet }
        /// A capture that comes anyway takes it when half of that is over, or most of the rest: what came to rest
        /// together goes together.
        fileprivate var mayJoin: Instant { min(changed + quiet / 2, taken + rest * 3 / 4) }
        fileprivate var isDue: Instant { taken + rest }
        private var rest: Duration { max(Limits.loopRest, quiet) }
    }

    /// What a round changed, as this device saw it.
    private struct Change: Hashable, Sendable {
        var at: Instant
        var paths: [Path]
    }

    /// A path that went on by itself, and is watched for a while.
    private struct Watched: Hashable, Sendable {
        var path: Path
        var until: Instant
        var quiet: Duration
        var rounds = 0
    }

    /// Sorted by path.
    package private(set) var list: [SetAside] = []
    private var changes: [Change] = []
    private var watched: [Watched] = []

    package init() {}

    /// A round was published that changed these paths: captured here, or put in place here.
    /// - Returns: what is set aside from now on, sorted.
    package mutating func published(_ paths: [Path], at now: Instant) -> [Path] {
        touch(paths) { $0.taken = now }
        forget(at: now)
        // Each path is named at most twice: as captured and as put in place.
        guard !paths.isEmpty, paths.count <= Limits.loopPaths * 2 else { return [] }
        let paths = Self.sorted(paths)
        guard paths.count <= Limits.loopPaths else { return [] }
        changes.append(Change(at: now, paths: paths))
        if changes.count > Limits.loopChanges { changes.removeFirst() }
        var found = again(paths)
        if changes.count(where: { $0.paths == paths }) >= Limits.loopRounds {
            found += paths.map { ($0, Limits.loopQuiet) }
        }
        let fresh = Self.sorted(found.map { $0.0 }.filter { path in !list.contains { $0.path == path } })
        let quiet = found.map { $0.1 }.max() ?? Limits.loopQuiet
        // All of them or none: half of a group is worse than a loop.
        let news = list.count + fresh.count <= Limits.loopSetAside ? fresh : []
        for path in news {
            let item = SetAside(path: path, since: now, quiet: quiet, changed: now, taken: now)
            list.insert(item, at: list.firstIndex { path.lexicographicallyPrecedes($0.path) } ?? list.endIndex)
        }
        watched.removeAll { news.contains($0.path) }
        // What was counted has led to this: another loop of the same paths is five other rounds.
        if !news.isEmpty { changes.removeAll { $0.paths.contains { news.contains($0) } } }
        return news
    }

    /// A person's own round took these: it is no sign of a loop, whoever asks for five in a row.
    package mutating func taken(_ paths: [Path], at now: Instant) { touch(paths) { $0.taken = now } }

    /// The groups of these paths.
    private mutating func touch(_ paths: [Path], _ change: (inout SetAside) -> Void) {
        let groups = list.filter { paths.contains($0.path) }.map(\.since)
        guard !groups.isEmpty else { return }
        for place in list.indices where groups.contains(list[place].since) { change(&list[place]) }
    }

    /// Paths that went on, and are at it again: the round that took them is one, its answer the second.
    private mutating func again(_ paths: [Path]) -> [(Path, Duration)] {
        var found: [(Path, Duration)] = []
        for place in watched.indices where paths.contains(watched[place].path) {
            watched[place].rounds += 1
            guard watched[place].rounds > 1 else { continue }
            found.append((watched[place].path, min(watched[place].quiet * 2, Limits.loopQuietMax)))
        }
        return found
    }

    /// Somebody changed a path that is set aside.
    package mutating func changed(_ path: Path, at now: Instant) {
        touch([path]) { $0.changed = now }
    }

    /// What a look at the files leaves out now; a path that is due starts a round like any other.
    package func held(at now: Instant) -> [Path] {
        list.filter { now < $0.goesOn && now < $0.isDue }.map(\.path)
    }

    /// What a capture leaves out that comes anyway.
    package func heldByCapture(at now: Instant) -> [Path] {
        list.filter { now < $0.mayJoin }.map(\.path)
    }

    /// When something goes on or is due.
    package func nextDeadline(after now: Instant) -> Instant? {
        list.flatMap { [$0.goesOn, $0.isDue] }.filter { $0 > now }.min()
    }

    /// - Returns: what has become quiet and is set aside no more.
    package mutating func goOn(at now: Instant) -> [Path] {
        watch(at: now) { now >= $0.goesOn }
    }

    /// Another device's version of these could not be put in place, since they were changed here: they go on at once,
    /// as only a merge brings the two together.
    /// - Returns: those that were set aside.
    package mutating func collided(_ paths: [Path], at now: Instant) -> [Path] {
        watch(at: now) { paths.contains($0.path) }
    }

    private mutating func watch(at now: Instant, _ isMeant: (SetAside) -> Bool) -> [Path] {
        let groups = list.filter(isMeant).map(\.since)
        guard !groups.isEmpty else { return [] }
        let free = list.filter { groups.contains($0.since) }
        list.removeAll { groups.contains($0.since) }
        watched += free.map { Watched(path: $0.path, until: now + Limits.loopWindow, quiet: $0.quiet) }
        if watched.count > Limits.loopSetAside { watched.removeFirst(watched.count - Limits.loopSetAside) }
        return free.map(\.path)
    }

    /// A person lets these go on: what was counted of them is forgotten.
    /// - Returns: those that were set aside.
    package mutating func release(_ paths: [Path]) -> [Path] {
        let released = list.map(\.path).filter { paths.contains($0) }
        list.removeAll { paths.contains($0.path) }
        watched.removeAll { paths.contains($0.path) }
        changes.removeAll { $0.paths.contains { paths.contains($0) } }
        return released
    }

    private mutating func forget(at now: Instant) {
        changes.removeAll { $0.at + Limits.loopWindow < now }
        watched.removeAll { $0.until < now }
    }

    private static func sorted(_ paths: [Path]) -> [Path] {
        var all: [Path] = []
        for path in paths.sorted(by: { $0.lexicographicallyPrecedes($1) }) where all.last != path { all.append(path) }
        return all
    }
}
