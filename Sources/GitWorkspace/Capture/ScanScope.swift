/// Where the next scan has to look: everywhere, or in the folders that were heard of and in those that differ from the
/// base, which a capture lists each time. Owned by the workspace.
final class ScanScope {
    private var isWhole = true
    private var folders: Set<[UInt8]> = []
    /// Scans that looked everywhere.
    var wholeScans = 0
    private(set) var lastWhole = ContinuousClock.now

    /// What a watcher heard of.
    func add(_ changes: WatchedChanges) {
        if changes.everything != nil { isWhole = true }
        folders.formUnion(changes.folders)
    }

    func addEverything() { isWhole = true }

    /// Folders of paths that differ from what is known.
    func add(_ lines: [TreeLine]) { for line in lines { folders.insert(Self.folder(of: line.path)) } }

    /// The folders to look into; nil: everywhere. A scan that does not get to `settle` is made again, everywhere.
    func begin() -> Set<[UInt8]>? {
        defer { isWhole = true }
        if !isWhole { return folders }
        lastWhole = .now
        return nil
    }

    /// What was found, and is not known well enough to be left alone.
    func settle(_ findings: ScanFindings, _ reading: FileReading) {
        isWhole = false
        folders = []
        add(findings.changed)
        add(reading.lines)
        for held in findings.held + reading.held {
            folders.insert(Self.folder(of: held.path))
            // It may be a folder of which nothing could be said.
            folders.insert(held.path)
        }
        for candidate in findings.candidates where candidate.folder.files[candidate.name]?.stamp == nil {
            folders.insert(Self.folder(of: candidate.path))
        }
        if !reading.writes {
            for candidate in findings.candidates { folders.insert(Self.folder(of: candidate.path)) }
        }
    }

    private static func folder(of path: [UInt8]) -> [UInt8] {
        path.lastIndex(of: 47).map { Array(path[..<$0]) } ?? []
    }
}
