import CSystemCalls
import GitWorkspace
import Primitives
import Synchronization
import WriterGate

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Notices writes of programs that take no part in the gate, while it is closed: by the stamps of the files that a
/// capture, or the look after the round, finds changed, and by the moment at which what it finds missing was heard to
/// go. Who it was is known where the program still has the file open.
final class OutsideWrites: Sendable {
    /// While the gate was closed, on the clock that stamps files.
    fileprivate struct Window: Sendable {
        var round: RoundID
        var closed: Int64
        var opened: Int64?
        /// Registered writers that did not answer may have been it.
        var isSure: Bool
    }

    /// A program, and how often it was seen.
    struct Seen: Hashable, Sendable {
        var name: String
        /// Rounds in whose pause it wrote.
        var pauses: UInt32 = 0
        var files: UInt32 = 0
        var last: Instant
        fileprivate var round: RoundID?
    }

    fileprivate struct State: Sendable {
        var windows: [Window] = []
        var counted: Set<WrittenFile> = []
        var seen: [Seen] = []
        var files: UInt64 = 0
    }

    private let root: String
    private let state = Mutex(State())
    private static let windowsKept = 4

    init(workspace: String) {
        let real = realpath(workspace, nil)
        defer { free(real) }
        root = real.map { String(cString: $0) } ?? workspace
    }

    func closed(_ round: RoundID, unanswered: Int) {
        let window = Window(round: round, closed: csystem_file_clock_nanoseconds(), isSure: unanswered == 0)
        state.withLock { state in
            state.windows.append(window)
            if state.windows.count > Self.windowsKept { state.windows.removeFirst() }
        }
    }

    func opened(_ round: RoundID) {
        let now = csystem_file_clock_nanoseconds()
        state.withLock { state in
            for place in state.windows.indices
            where state.windows[place].round == round && state.windows[place].opened == nil {
                state.windows[place].opened = now
            }
        }
    }

    /// Those seen within the last day, whoever wrote last first.
    func seen(at now: Instant) -> [Seen] {
        state.withLock { $0.seen.filter { $0.last + Limits.outsideRemembered > now } }.sorted { $0.last > $1.last }
    }

    /// Files written by programs outside of the gate while it was closed, from the agent's start.
    var files: UInt64 { state.withLock { $0.files } }

    /// What became known of one round.
    struct Finding: Hashable, Sendable {
        var round: RoundID
        /// Programs, or `unknown` once.
        var names: [String]
        var paths: [[UInt8]]
    }

    /// - Parameters:
    ///   - writes: files that were found changed.
    ///   - groups: of registered writers.
    func look(_ writes: [WrittenFile], except groups: [ProcessGroupID], at now: Instant) -> [Finding] {
        let windows = state.withLock { $0.windows }
        guard !windows.isEmpty else { return [] }
        let news = state.withLock { state in
            writes.filter { write in windows.contains { $0.holds(write.at) } && !state.counted.contains(write) }
        }
        guard !news.isEmpty else { return [] }
        let open = OpenFile.forWriting(below: root, except: groups)
        var findings: [Finding] = []
        for window in windows {
            let mine = news.filter { window.holds($0.at) }
            guard !mine.isEmpty, let finding = finding(window, mine, open) else { continue }
            findings.append(finding)
        }
        count(findings, news, now)
        return findings
    }

    private func finding(_ window: Window, _ writes: [WrittenFile], _ open: [OpenFile]) -> Finding? {
        var names: [String] = []
        var paths: [[UInt8]] = []
        for write in writes {
            let path = String(decoding: write.path, as: UTF8.self)
            let holders = open.filter { $0.path == path }.map(\.name)
            if holders.isEmpty, !window.isSure { continue }
            names += holders.isEmpty ? [Self.unknown] : holders
            if !paths.contains(write.path) { paths.append(write.path) }
        }
        guard !paths.isEmpty else { return nil }
        return Finding(round: window.round, names: Array(Set(names)).sorted(), paths: paths)
    }

    static let unknown = StatusReport.unknownWriter

    private func count(_ findings: [Finding], _ writes: [WrittenFile], _ now: Instant) {
        state.withLock { state in
            if state.counted.count > Limits.writesRemembered { state.counted = [] }
            state.counted.formUnion(writes)
            for finding in findings {
                state.files += UInt64(finding.paths.count)
                for name in finding.names { state.note(name, finding, now) }
            }
        }
    }
}

extension OutsideWrites.Window {
    /// The clock that stamps files is coarse: what has the stamp of either end may be of a writer that was let go on.
    fileprivate func holds(_ moment: Int64) -> Bool { moment > closed && moment < opened ?? .max }
}

extension OutsideWrites.State {
    fileprivate mutating func note(_ name: String, _ finding: OutsideWrites.Finding, _ now: Instant) {
        if !seen.contains(where: { $0.name == name }) {
            if seen.count >= Limits.outsideWriters, let oldest = seen.indices.min(by: { seen[$0].last < seen[$1].last })
            {
                seen.remove(at: oldest)
            }
            seen.append(OutsideWrites.Seen(name: name, last: now))
        }
        guard let place = seen.firstIndex(where: { $0.name == name }) else { return }
        if seen[place].round != finding.round { seen[place].pauses += 1 }
        seen[place].round = finding.round
        seen[place].files += UInt32(clamping: finding.paths.count)
        seen[place].last = now
    }
}
