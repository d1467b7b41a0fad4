import Primitives

/// A file that a scan found changed or deleted, and when it was, on the clock that stamps files.
package struct WrittenFile: Hashable, Sendable {
    package var path: [UInt8]
    /// Nanoseconds since 1970.
    package var at: Int64

    package init(path: [UInt8], at: Int64) {
        self.path = path
        self.at = at
    }
}

/// What scans see beside what differs: files that were written or deleted, and changes of files that are set aside.
/// Owned by the workspace.
final class ScanNotes {
    private var writes: Set<WrittenFile> = []
    /// Why each path is set aside; of the scan under way.
    private(set) var setAside: [[UInt8]: String] = [:]
    /// As they were when they were last met.
    private var stamps: [[UInt8]: Stamp] = [:]
    private var moved: [[UInt8]] = []
    /// What a watcher heard that is gone, and when; what of it a scan finds missing was deleted then.
    private var gone: [[UInt8]: Int64] = [:]

    func begin(setAside: [[UInt8]: String]) {
        self.setAside = setAside
        stamps = stamps.filter { setAside[$0.key] != nil }
    }

    func wrote(_ path: [UInt8], _ stamp: Stamp) {
        guard writes.count < Limits.writesRemembered else { return }
        writes.insert(WrittenFile(path: path, at: stamp.changed))
    }

    func heard(_ changes: WatchedChanges) {
        // Scans that fail one after another find nothing of it.
        guard gone.count < Limits.writesRemembered else { return }
        gone.merge(changes.gone) { _, newer in newer }
    }

    /// A deletion leaves no stamp: its moment is the one at which the file, or a folder around it, was heard to go.
    func found(_ lines: [TreeLine]) {
        defer { gone = [:] }
        if gone.isEmpty { return }
        for line in lines where line.new == nil && line.old != nil && writes.count < Limits.writesRemembered {
            guard let at = moment(of: line.path) else { continue }
            writes.insert(WrittenFile(path: line.path, at: at))
        }
    }

    private func moment(of path: [UInt8]) -> Int64? {
        if let at = gone[path] { return at }
        let folders = path.indices.filter { path[$0] == 47 }.reversed()
        return folders.lazy.compactMap { self.gone[Array(path[..<$0])] }.first
    }

    func take() -> [WrittenFile] {
        defer { writes = [] }
        return writes.sorted {
            $0.at == $1.at ? $0.path.lexicographicallyPrecedes($1.path) : $0.at < $1.at
        }
    }

    func takeMoved() -> [[UInt8]] {
        defer { moved = [] }
        return moved
    }

    /// Why the path is left as it was; nil if it is not set aside. Its changes are noted.
    func meet(_ path: [UInt8], _ stamp: Stamp) -> HeldPath.Reason? {
        guard let who = setAside[path] else { return nil }
        if stamps[path] != stamp {
            stamps[path] = stamp
            if moved.last != path { moved.append(path) }
            wrote(path, stamp)
        }
        return .loop(who)
    }

    /// What is set aside and gone stays in the tree, too.
    func hold(_ findings: inout ScanFindings) {
        guard !setAside.isEmpty else { return }
        for line in findings.changed where line.new == nil {
            if let who = setAside[line.path] { findings.held.append(HeldPath(path: line.path, reason: .loop(who))) }
        }
        findings.changed.removeAll { $0.new == nil && setAside[$0.path] != nil }
    }
}

extension Workspace {
    /// Files that captures and looks found changed since the last call.
    package func takeWrites() -> [WrittenFile] { notes.take() }

    /// What the newest capture brought to its round: its first paths.
    package func capturedPaths(limit: Int) -> [[UInt8]] { (previous?.lines ?? []).prefix(limit).map(\.path) }
}
