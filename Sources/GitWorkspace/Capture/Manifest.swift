import Glibc

/// One component of a path: any bytes but zero and slash.
struct Name: Hashable, Sendable {
    let bytes: [UInt8]
    init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }
    func hash(into hasher: inout Hasher) { bytes.withUnsafeBytes { hasher.combine(bytes: $0) } }
}

/// What `lstat` says of a file, as far as a changed file always shows in it.
struct Stamp: Hashable, Sendable {
    var size: Int64
    var modified: Int64
    var changed: Int64
    var inode: UInt64
    var mode: UInt32

    init(size: Int64, modified: Int64, changed: Int64, inode: UInt64, mode: UInt32) {
        self.size = size
        self.modified = modified
        self.changed = changed
        self.inode = inode
        self.mode = mode
    }

    init(_ raw: stat) {
        size = Int64(raw.st_size)
        modified = Int64(raw.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(raw.st_mtim.tv_nsec)
        changed = Int64(raw.st_ctim.tv_sec) &* 1_000_000_000 &+ Int64(raw.st_ctim.tv_nsec)
        inode = UInt64(truncatingIfNeeded: raw.st_ino)
        mode = UInt32(raw.st_mode)
    }

    var isLink: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFLNK) }
    var isFile: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFREG) }
    var treeMode: UInt32 {
        isLink ? TreeEntry.link : mode & UInt32(S_IXUSR) != 0 ? TreeEntry.executable : TreeEntry.file
    }

    /// True if a change after `clock` (the file system's own) must show in the stamp: one that falls into the same tick
    /// as the last change would not. File systems that count whole seconds get two of them.
    func isSettled(at clock: Int64) -> Bool {
        let isCoarse = changed % 1_000_000_000 == 0 && modified % 1_000_000_000 == 0
        return changed &+ (isCoarse ? 2_000_000_000 : 0) < clock
    }
}

/// What is known of one file.
struct FileRecord {
    /// In the base tree.
    var base: Version?
    /// The newest version of this device that is in the store.
    var last: Version?
    /// Of the file when `last` was read; nil where a change since might not show.
    var stamp: Stamp?
    /// The scan that saw it.
    var scan: UInt32 = 0

    /// What stays in the tree while the file cannot be read.
    var kept: Version? { last ?? base }
}

/// A folder of the workspace as the last scan found it, and the files of the base tree in it.
final class Folder {
    var files: [Name: FileRecord] = [:]
    var folders: [Name: Folder] = [:]
    /// Names that the ignore rules leave out; valid while no rule file changes.
    var ignored: Set<Name> = []
    /// Names that a filter leaves out: known ones, and others that a scan met.
    var leftOut: Set<Name> = []
    /// Of those that are not known, the folders.
    var leftOutFolders: Set<Name> = []
    var scan: UInt32 = 0
    /// Changes with the `.gitignore` in it.
    var rules: UInt64 = 0

    func forgetIgnored() {
        ignored.removeAll()
        for (_, folder) in folders { folder.forgetIgnored() }
    }

    var isEmpty: Bool { files.isEmpty && folders.isEmpty }
}

/// Every file of the base tree and of the last scan: the stat cache and the base tree in one. Not thread-safe; owned
/// by the workspace.
final class Manifest {
    let root = Folder()
    var filter = PathFilter()
    /// The tree whose files are the records' `base`.
    var baseTree: ObjectID?
    var scan: UInt32 = 0
    /// Changes with every `.gitignore` of a folder that was walked.
    var ignoreSignature: UInt64 = 0
    /// Changes with the ignore rules outside of the tree.
    var outerSignature: UInt64 = 0

    /// Moves the base: `lines` is what differs between the old base tree and `tree`.
    func setBase(_ tree: ObjectID, _ lines: [TreeLine]) {
        for line in lines {
            let parts = line.path.split(separator: 47)
            guard let last = parts.last else { continue }
            var folder = root
            var path: [UInt8] = []
            for part in parts.dropLast() {
                let name = Name(part)
                path = Folder.join(path, name)
                if let known = folder.folders[name] {
                    folder = known
                } else {
                    let made = Folder()
                    folder.folders[name] = made
                    if filter.leavesOut(path, isFolder: true), !filter.mayIncludeBelow(path) {
                        folder.leftOut.insert(name)
                    }
                    folder = made
                }
            }
            if filter.leavesOut(line.path) { folder.leftOut.insert(Name(last)) }
            var record = folder.files[Name(last)] ?? FileRecord()
            record.base = line.new
            folder.files[Name(last)] = record.base == nil && record.last == nil ? nil : record
        }
        baseTree = tree
    }

    func record(_ path: [UInt8]) -> FileRecord? {
        let parts = path.split(separator: 47)
        guard let last = parts.last else { return nil }
        var folder = root
        for part in parts.dropLast() {
            guard let next = folder.folders[Name(part)] else { return nil }
            folder = next
        }
        return folder.files[Name(last)]
    }

    /// Changes what is known of a file; one that is neither in the base nor on disk is forgotten.
    func update(_ path: [UInt8], _ body: (inout FileRecord) -> Void) {
        let parts = path.split(separator: 47)
        guard let last = parts.last else { return }
        var folder = root
        for part in parts.dropLast() {
            guard let next = folder.folders[Name(part)] else { return }
            folder = next
        }
        var record = folder.files[Name(last)] ?? FileRecord()
        body(&record)
        folder.files[Name(last)] = record.base == nil && record.last == nil ? nil : record
    }
}
