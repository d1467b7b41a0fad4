import Glibc

/// A file that must be read: new, or its stamp is not the remembered one.
struct Candidate {
    var path: [UInt8]
    var folder: Folder
    var name: Name
    var stamp: Stamp
}

/// What a scan found. `changed` holds what is known to differ from the base without reading a file.
struct ScanFindings {
    var candidates: [Candidate] = []
    var changed: [TreeLine] = []
    var held: [HeldPath] = []
    /// Files seen, ignored ones left out.
    var files = 0
}

/// Walks the workspace once, or some of its folders, and compares what `lstat` says with the manifest. Reads no file.
struct WorkspaceScan {
    private enum Unknown {
        case file(Folder, Name, Stamp)
        case folder(Folder, Name)
        case special(Folder, Name)

        var isFolder: Bool { if case .folder = self { true } else { false } }
    }

    private struct Taken: Hashable {
        var folder: ObjectIdentifier
        var name: String
    }

    static let depth = 200

    let manifest: Manifest
    let root: Int32
    /// Of the given paths, the ones that the user's ignore rules leave out.
    let ignored: ([[UInt8]]) throws(GitError) -> Set<Name>
    var names = NameLimits()
    /// Let through by the user.
    var allowed: Set<[UInt8]> = []
    /// Absent, and not deleted.
    var sparse: Set<Name> = []
    /// New names of this scan, as a member that folds them has them.
    private var taken: Set<Taken> = []
    private var findings = ScanFindings()
    private var unknown: [(path: [UInt8], item: Unknown)] = []
    private var signature: UInt64 = 0
    private let outerSignature: UInt64
    /// Whether known folders are gone into.
    private var descends = true
    private var haveRulesChanged = false

    init(
        _ manifest: Manifest, root: Int32, signature: UInt64,
        ignored: @escaping ([[UInt8]]) throws(GitError) -> Set<Name>
    ) {
        self.manifest = manifest
        self.root = root
        self.ignored = ignored
        outerSignature = signature
    }

    mutating func run() throws(GitError) -> ScanFindings {
        signature = outerSignature
        descends = true
        manifest.scan &+= 1
        walk(root, manifest.root, [], depth: 0)
        if signature != manifest.ignoreSignature {
            // A rule file changed: what was ignored may count now.
            manifest.root.forgetIgnored()
            manifest.ignoreSignature = signature
            (findings, unknown, signature) = (ScanFindings(), [], outerSignature)
            manifest.scan &+= 1
            walk(root, manifest.root, [], depth: 0)
        }
        while !unknown.isEmpty { try settleUnknown() }
        manifest.ignoreSignature = signature
        manifest.outerSignature = outerSignature
        return findings
    }

    /// Looks only into the given folders, and into new ones in them: nothing changed anywhere else. Nil if a rule file
    /// changed; then everything has to be looked at.
    mutating func run(only folders: Set<[UInt8]>) throws(GitError) -> ScanFindings? {
        guard outerSignature == manifest.outerSignature else { return nil }
        signature = manifest.ignoreSignature
        descends = false
        manifest.scan &+= 1
        var places: [(path: [UInt8], folder: Folder)] = []
        var seen: Set<[UInt8]> = []
        for path in folders {
            guard let place = known(path), seen.insert(place.path).inserted else { continue }
            places.append(place)
        }
        for place in places.sorted(by: { $0.path.lexicographicallyPrecedes($1.path) }) {
            let descriptor =
                place.path.isEmpty
                ? fcntl(root, F_DUPFD_CLOEXEC, 0)
                : StableRead.open(root, place.path, O_RDONLY | O_DIRECTORY | O_NONBLOCK)
            guard descriptor >= 0 else {
                hold(place.folder, place.path, .unreadable(errno))
                continue
            }
            defer { close(descriptor) }
            walk(
                descriptor, place.folder, place.path, depth: place.path.isEmpty ? 0 : place.path.count { $0 == 47 } + 1)
        }
        descends = true
        if haveRulesChanged { return nil }
        while !unknown.isEmpty { try settleUnknown() }
        manifest.ignoreSignature = signature
        return findings
    }

    /// The folder itself if it is known and there, else the nearest above it; nil for what is ignored.
    private func known(_ path: [UInt8]) -> (path: [UInt8], folder: Folder)? {
        var chain: [(path: [UInt8], folder: Folder)] = [([], manifest.root)]
        for part in path.split(separator: 47) {
            guard let last = chain.last else { return nil }
            let name = Name(part)
            if last.folder.ignored.contains(name) || last.folder.leftOut.contains(name) { return nil }
            guard let next = last.folder.folders[name] else { break }
            chain.append((Self.join(last.path, name), next))
        }
        while chain.count > 1, let last = chain.last {
            var raw = stat()
            let result = fstatat(root, FolderReader.terminated(last.path), &raw, AT_SYMLINK_NOFOLLOW)
            if result == 0, raw.st_mode & S_IFMT == S_IFDIR { break }
            chain.removeLast()
        }
        return chain.last
    }

    private mutating func walk(_ descriptor: Int32, _ folder: Folder, _ path: [UInt8], depth: Int) {
        folder.scan = manifest.scan
        guard let entries = FolderReader.entries(descriptor) else {
            return hold(folder, path, .unreadable(errno))
        }
        if depth > 0, entries.contains(where: { $0.name.bytes == Self.dotGit }) {
            return hold(folder, path, .nestedRepository)
        }
        if depth > Self.depth { return hold(folder, path, .tooDeep) }
        let rules = folder.rules
        folder.rules = 0
        for entry in entries {
            if depth == 0 && entry.name.bytes == Self.dotGit { continue }
            switch entry.kind {
            case .folder: visitFolder(descriptor, folder, entry.name, Self.join(path, entry.name), depth: depth)
            case .file, .link: visitFile(descriptor, folder, entry, path)
            case .special: visitSpecial(folder, entry.name, Self.join(path, entry.name))
            }
        }
        if !descends, rules != folder.rules { haveRulesChanged = true }
        if !folder.leftOut.isEmpty { folder.forgetLeftOut(except: entries.map(\.name)) }
        collectMissing(folder, path)
    }

    private static let dotGit = Array(".git".utf8)
    private static let dotGitIgnore = Array(".gitignore".utf8)

    private mutating func visitFolder(_ parent: Int32, _ folder: Folder, _ name: Name, _ path: [UInt8], depth: Int) {
        if folder.leftOut.contains(name) { return }
        if let record = folder.files[name], record.base?.isGitlink == true {
            folder.files[name]?.scan = manifest.scan
            findings.held.append(HeldPath(path: path, reason: .nestedRepository))
            return
        }
        guard let known = folder.folders[name] else {
            if !folder.ignored.contains(name) { unknown.append((path, .folder(folder, name))) }
            return
        }
        descend(parent, known, name, path, depth: depth)
    }

    private mutating func descend(_ parent: Int32, _ folder: Folder, _ name: Name, _ path: [UInt8], depth: Int) {
        if !descends { return folder.scan = manifest.scan }
        let descriptor = FolderReader.open(parent, name.bytes)
        guard descriptor >= 0 else {
            // Gone or replaced since: the next scan sees what it is. What cannot be opened is kept.
            folder.scan = manifest.scan
            return hold(folder, path, .unreadable(errno))
        }
        defer { close(descriptor) }
        walk(descriptor, folder, path, depth: depth + 1)
    }

    /// The path is put together only for a file that has something to say: most have not.
    private mutating func visitFile(_ parent: Int32, _ folder: Folder, _ entry: FolderEntry, _ above: [UInt8]) {
        let name = entry.name
        let status = entry.stamp.map { FolderReader.Status.found($0) } ?? FolderReader.status(parent, name)
        if case .found(let stamp) = status, name.bytes == Self.dotGitIgnore {
            sign(folder, Self.join(above, name), stamp)
        }
        if folder.leftOut.contains(name) { return }
        guard let index = folder.files.index(forKey: name) else {
            guard case .found(let stamp) = status, !folder.ignored.contains(name) else { return }
            unknown.append((Self.join(above, name), .file(folder, name, stamp)))
            return
        }
        findings.files += 1
        switch status {
        case .gone: return
        case .failed(let code):
            folder.files.values[index].scan = manifest.scan
            keep(folder.files.values[index], Self.join(above, name), .unreadable(code))
        case .found(let stamp):
            folder.files.values[index].scan = manifest.scan
            let record = folder.files.values[index]
            if record.stamp != stamp {
                let path = Self.join(above, name)
                findings.candidates.append(Candidate(path: path, folder: folder, name: name, stamp: stamp))
            } else if record.last != record.base {
                findings.changed.append(TreeLine(path: Self.join(above, name), old: record.base, new: record.last))
            }
        }
    }

    private static func join(_ path: [UInt8], _ name: Name) -> [UInt8] {
        path.isEmpty ? name.bytes : path + [47] + name.bytes
    }

    private mutating func visitSpecial(_ folder: Folder, _ name: Name, _ path: [UInt8]) {
        if folder.leftOut.contains(name) { return }
        if let record = folder.files[name] {
            folder.files[name]?.scan = manifest.scan
            keep(record, path, .special)
        } else if !folder.ignored.contains(name) {
            unknown.append((path, .special(folder, name)))
        }
    }

    /// A file that stays in the tree as it was last captured.
    private mutating func keep(_ record: FileRecord, _ path: [UInt8], _ reason: HeldPath.Reason) {
        findings.held.append(HeldPath(path: path, reason: reason))
        if record.kept != record.base {
            findings.changed.append(TreeLine(path: path, old: record.base, new: record.kept))
        }
    }

    /// A folder of which nothing can be said: everything in it stays as it was last captured.
    private mutating func hold(_ folder: Folder, _ path: [UInt8], _ reason: HeldPath.Reason) {
        findings.held.append(HeldPath(path: path, reason: reason))
        keepAll(folder, path)
    }

    private mutating func keepAll(_ folder: Folder, _ path: [UInt8]) {
        folder.scan = manifest.scan
        for (name, record) in folder.files {
            folder.files[name]?.scan = manifest.scan
            if record.kept != record.base {
                let child = Self.join(path, name)
                findings.changed.append(TreeLine(path: child, old: record.base, new: record.kept))
            }
        }
        for (name, child) in folder.folders { keepAll(child, Self.join(path, name)) }
    }

    /// What the manifest has and the disk has not: deleted.
    private mutating func collectMissing(_ folder: Folder, _ path: [UInt8]) {
        for (name, record) in folder.files where record.scan != manifest.scan {
            // What is left out stays published as it is, whatever becomes of it here.
            if folder.leftOut.contains(name) { continue }
            // A submodule that is not checked out has no folder, and is not deleted.
            if record.base?.isGitlink == true { continue }
            if !sparse.isEmpty, sparse.contains(Name(Self.join(path, name))) { continue }
            if record.base == nil {
                folder.files[name] = nil
            } else {
                folder.files[name]?.last = nil
                folder.files[name]?.stamp = nil
                let child = Self.join(path, name)
                findings.changed.append(TreeLine(path: child, old: record.base, new: nil))
            }
        }
        for (name, child) in folder.folders where child.scan != manifest.scan {
            if folder.leftOut.contains(name) { continue }
            collectMissing(child, Self.join(path, name))
            if child.isEmpty { folder.folders[name] = nil }
        }
    }

    /// Asks the ignore rules about everything new at once, then goes into the new folders.
    private mutating func settleUnknown() throws(GitError) {
        let items = unknown.filter { !leaveOut($0.item, $0.path) }
        unknown = []
        let left = try ignored(items.map(\.path))
        let filter = manifest.filter
        for (path, item) in items {
            let isWanted = filter.includes(path, isFolder: item.isFolder)
            let isIgnored =
                left.contains(Name(path)) && !isWanted && !(item.isFolder && filter.mayIncludeBelow(path))
            if !isIgnored, !allowed.contains(path), let reason = refusal(item) {
                findings.held.append(HeldPath(path: path, reason: .otherMembers(reason)))
                continue
            }
            switch item {
            case .file(let folder, let name, _) where isIgnored: folder.ignored.insert(name)
            case .folder(let folder, let name) where isIgnored: folder.ignored.insert(name)
            case .special(let folder, let name) where isIgnored: folder.ignored.insert(name)
            case .special: findings.held.append(HeldPath(path: path, reason: .special))
            case .file(let folder, let name, let stamp):
                findings.files += 1
                if PathRules.allows(path) {
                    findings.candidates.append(Candidate(path: path, folder: folder, name: name, stamp: stamp))
                } else {
                    findings.held.append(HeldPath(path: path, reason: .forbiddenName))
                }
            case .folder(let folder, let name): enter(folder, name, path)
            }
        }
    }

    /// True for what a filter leaves out; its place remembers that.
    private func leaveOut(_ item: Unknown, _ path: [UInt8]) -> Bool {
        guard manifest.filter.leavesOut(path, isFolder: item.isFolder) else { return false }
        if item.isFolder, manifest.filter.mayIncludeBelow(path) { return false }
        switch item {
        case .file(let folder, let name, _), .special(let folder, let name): folder.leftOut.insert(name)
        case .folder(let folder, let name):
            folder.leftOut.insert(name)
            folder.leftOutFolders.insert(name)
        }
        return true
    }

    private mutating func refusal(_ item: Unknown) -> String? {
        switch item {
        case .file(let folder, let name, _), .folder(let folder, let name):
            if let reason = names.refusal(name, in: folder, scan: manifest.scan) { return reason }
            guard names.folds else { return nil }
            let isFirst = taken.insert(Taken(folder: ObjectIdentifier(folder), name: names.fold(name))).inserted
            return isFirst ? nil : "it is one name with another new one there"
        case .special: return nil
        }
    }

    private mutating func enter(_ parent: Folder, _ name: Name, _ path: [UInt8]) {
        guard PathRules.allows(path) else {
            findings.held.append(HeldPath(path: path, reason: .forbiddenName))
            return
        }
        let descriptor = StableRead.open(root, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno != ENOENT { findings.held.append(HeldPath(path: path, reason: .unreadable(errno))) }
            return
        }
        defer { close(descriptor) }
        let folder = Folder()
        walk(descriptor, folder, path, depth: path.split(separator: 47).count)
        parent.folders[name] = folder
    }

    /// Mixes a rule file into the signature, in whatever order the folders are walked.
    private mutating func sign(_ folder: Folder, _ path: [UInt8], _ stamp: Stamp) {
        var mixed: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in path { mixed = (mixed ^ UInt64(byte)) &* 0x100_0000_01B3 }
        for part in [stamp.size, stamp.modified, stamp.changed, Int64(bitPattern: stamp.inode)] {
            mixed = (mixed ^ UInt64(bitPattern: part)) &* 0x9E37_79B9_7F4A_7C15
            mixed ^= mixed >> 29
        }
        folder.rules &+= mixed
        if descends { signature &+= mixed }
    }
}
