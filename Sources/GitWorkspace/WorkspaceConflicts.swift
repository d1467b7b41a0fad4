import Glibc
import Primitives

/// One conflict as a person looks at it.
package struct ConflictView: Hashable, Sendable {
    /// One of its versions.
    package struct Side: Hashable, Sendable {
        /// Whose it is; nil if that was too long ago to be found.
        package var device: DeviceID?
        /// When it was captured there, seconds since 1970.
        package var captured: Int64?
        /// Nil: this side has no file.
        package var bytes: Int?
        /// Against what both began with; nil where lines cannot be counted.
        package var added: Int?
        package var removed: Int?
    }

    /// What is in the working tree now.
    package enum Standing: String, Hashable, Sendable {
        case ours, theirs, edited, gone
        /// A folder has the name.
        case folder
    }

    package var conflict: Conflict
    package var ours: Side
    package var theirs: Side
    package var standing: Standing
}

/// Which record is meant: its name, and the published revision that brought it.
package struct ConflictPlace: Hashable, Sendable {
    package var id: ShortID
    package var revision: Revision

    package init(id: ShortID, revision: Revision) {
        self.id = id
        self.revision = revision
    }
}

extension Workspace {
    /// The records of open conflicts, in the order asked; nil for one whose revision is not here yet.
    package nonisolated func conflicts(
        at places: [ConflictPlace]
    ) async throws(WorkspaceError) -> [ConflictView?] {
        let root = root
        return try await question { store throws(GitError) in
            var known: [Revision: [Conflict]] = [:]
            var views: [ConflictView?] = []
            for place in places {
                guard let conflict = try store.conflict(place, &known) else {
                    views.append(nil)
                    continue
                }
                views.append(try store.view(conflict, of: place.revision, root: root))
            }
            return views
        }
    }

    /// The paths alone; nil for one whose revision is not here yet.
    package nonisolated func conflictPaths(
        at places: [ConflictPlace]
    ) async throws(WorkspaceError) -> [[UInt8]?] {
        try await question { store throws(GitError) in
            var known: [Revision: [Conflict]] = [:]
            var paths: [[UInt8]?] = []
            for place in places { paths.append(try store.conflict(place, &known)?.path) }
            return paths
        }
    }

    /// The difference between two versions as git tells it, from the first hunk on; nil where there is none to tell.
    package nonisolated func difference(
        _ old: TreeEntry?, _ new: TreeEntry?
    ) async throws(WorkspaceError) -> String? {
        guard let new else { return nil }
        return try await question { store throws(GitError) -> String? in
            let before = if let old { old.blob } else { try store.addEmptyBlob().hex }
            let output = try store.git.runBlocking(
                ["diff", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", before, new.blob]
            ).output
            let lines = output.split(separator: 10, omittingEmptySubsequences: false)
            guard let start = lines.firstIndex(where: { $0.starts(with: Array("@@".utf8)) }) else { return nil }
            let text = Array(lines[start...].joined(separator: [10])).prefix(Limits.differenceBytes)
            return String(decoding: text, as: UTF8.self)
        }
    }

    /// Lines added and removed by a change that waits; nil if they cannot be counted.
    package nonisolated func lineCounts(
        _ change: QuarantinedChange
    ) async throws(WorkspaceError) -> (added: Int, removed: Int)? {
        try await question { store throws(GitError) -> (added: Int, removed: Int)? in
            guard let new = ObjectID(hex: change.new.blob) else { return nil }
            let old = change.old.flatMap { ObjectID(hex: $0.blob) }
            let before = if let old { try store.blob(old) } else { [UInt8]() }
            return LineCounts.between(before, try store.blob(new))
        }
    }

    /// Writes `base`, `ours`, `theirs` (as far as there are such) and `merged` into a folder outside of the workspace,
    /// for a merge tool. True if `merged` has conflict markers.
    package nonisolated func export(
        _ conflict: Conflict, to folder: String, labels: (ours: String, theirs: String)
    ) async throws(WorkspaceError) -> Bool {
        try await question { store throws(GitError) in
            for (name, entry) in [("base", conflict.base), ("ours", conflict.ours), ("theirs", conflict.theirs)] {
                guard let entry, let id = ObjectID(hex: entry.blob) else { continue }
                try DurableFile.write(store.blob(id), to: "\(folder)/\(name)", synced: false)
            }
            guard let ours = conflict.ours, conflict.theirs != nil else { return false }
            let (base, merged) = ("\(folder)/base", "\(folder)/merged")
            if conflict.base == nil { try DurableFile.write([], to: base, synced: false) }
            let result = try store.git.runBlocking(
                [
                    "merge-file", "--stdout", "--quiet", "-L", labels.ours, "-L", "before", "-L", labels.theirs,
                    "\(folder)/ours", base, "\(folder)/theirs",
                ], accepting: Array(0...127) + [255])
            guard result.status < 128 else {
                // No text: the merge begins with what stands.
                if let id = ObjectID(hex: ours.blob) {
                    try DurableFile.write(store.blob(id), to: merged, synced: false)
                }
                return false
            }
            try DurableFile.write(result.output, to: merged, synced: false)
            return result.status > 0
        }
    }
}

extension Store {
    /// For comparisons with nothing.
    fileprivate func addEmptyBlob() throws(GitError) -> ObjectID {
        let batch = ObjectBatch(self)
        let id = try batch.add(.blob, [])
        if try kind(of: id) == nil { try batch.finish() }
        return id
    }

    /// A conflict's record: from the message of its revision, or kept apart from it.
    func conflict(_ place: ConflictPlace, _ known: inout [Revision: [Conflict]]) throws(GitError) -> Conflict? {
        if known[place.revision] == nil, try has(place.revision) {
            known[place.revision] = try conflicts(of: place.revision)
        }
        if let found = known[place.revision]?.first(where: { $0.id == place.id.hex }) { return found }
        guard let kept = try pinned(place.id.hex, "record"), let object = try object(kept), object.kind == .blob
        else { return nil }
        return Conflict(String(decoding: object.bytes, as: UTF8.self))
    }

    func view(_ conflict: Conflict, of revision: Revision, root: String) throws(GitError) -> ConflictView {
        ConflictView(
            conflict: conflict,
            ours: try side(conflict.ours, conflict.oursDevice, conflict, revision),
            theirs: try side(conflict.theirs, conflict.theirsDevice, conflict, revision),
            standing: standing(conflict, root: root))
    }

    private func side(
        _ entry: TreeEntry?, _ device: DeviceID?, _ conflict: Conflict, _ revision: Revision
    ) throws(GitError) -> ConflictView.Side {
        var side = ConflictView.Side(device: device)
        guard let entry, let id = ObjectID(hex: entry.blob) else { return side }
        if let capture = try origin(of: entry, at: conflict.path, from: revision) {
            side.device = capture.device
            side.captured = capture.seconds
        }
        guard let bytes = try object(id)?.bytes else { return side }
        side.bytes = bytes.count
        let base = conflict.base.flatMap { ObjectID(hex: $0.blob) }
        let before = if let base, let object = try object(base) { object.bytes } else { [UInt8]() }
        if let counts = LineCounts.between(before, bytes) { (side.added, side.removed) = counts }
        return side
    }

    /// The capture that brought a version into the history that ends in `revision`.
    private func origin(
        of entry: TreeEntry, at path: [UInt8], from revision: Revision
    ) throws(GitError) -> (device: DeviceID, seconds: Int64)? {
        var next: Revision? = revision
        for _ in 0..<Limits.roundsLookedBack {
            guard let published = next, try has(published) else { return nil }
            let record = try commit(published)
            for candidate in [published] + record.parents.dropFirst() where try has(candidate) {
                let capture = try commit(candidate)
                guard let name = capture.trailers("Baton-Device").last, let device = DeviceID(hex: name),
                    try self.entry(capture.tree, path)?.entry == entry
                else { continue }
                return (device, capture.seconds)
            }
            next = record.parents.first
        }
        return nil
    }

    private func standing(_ conflict: Conflict, root: String) -> ConflictView.Standing {
        switch LiveVersion.look(root, conflict.path, digits: digits) {
        case .gone: .gone
        case .hot, .other: .edited
        case .folder: .folder
        case .version(let entry, _):
            entry == conflict.ours ? .ours : entry == conflict.theirs ? .theirs : .edited
        }
    }
}

/// What stands at a path of the working tree, with its bytes.
enum LiveVersion {
    case version(TreeEntry, bytes: [UInt8])
    case gone
    case folder
    /// It does not hold still.
    case hot
    /// Neither file nor link, or it cannot be read.
    case other

    static func look(_ root: String, _ path: [UInt8], digits: Int) -> LiveVersion {
        let descriptor = Glibc.open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return .other }
        defer { Glibc.close(descriptor) }
        var raw = stat()
        guard fstatat(descriptor, FolderReader.terminated(path), &raw, AT_SYMLINK_NOFOLLOW) == 0 else { return .gone }
        if raw.st_mode & S_IFMT == S_IFDIR { return .folder }
        let reader = StableRead(root: descriptor, path: path)
        for attempt in 0..<StableRead.attempts {
            if attempt > 0 { usleep(useconds_t(4000 << (2 * attempt))) }
            var bytes: [UInt8] = []
            let outcome: StableRead.Outcome
            if raw.st_mode & S_IFMT == S_IFLNK {
                (outcome, bytes) = reader.link()
            } else {
                do throws(GitError) {
                    outcome = try reader.file { _ throws(GitError) in
                    } piece: { piece throws(GitError) in
                        bytes.append(contentsOf: piece)
                    }
                } catch { return .other }
            }
            switch outcome {
            case .read(let stamp, _):
                let blob = BlobHash.id(of: bytes, digits: digits)
                return .version(TreeEntry(mode: stamp.treeMode, blob: blob), bytes: bytes)
            case .hot: continue
            case .gone: return .gone
            case .special, .unreadable: return .other
            }
        }
        return .hot
    }
}
