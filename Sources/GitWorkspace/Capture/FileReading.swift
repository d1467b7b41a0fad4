import Glibc

/// Reads candidates one by one: those that are as they were only refresh the manifest, the others go into the store.
struct FileReading {
    let store: Store
    let root: Int32
    /// Without it nothing goes into the store: the reading only tells what differs.
    let writes: Bool
    /// Small files, and later the trees and the commit.
    let batch: ObjectBatch
    let gates: CaptureGates
    let hot: HotFiles
    private let notes: ScanNotes
    private let filter: PathFilter
    private let waiting: [WaitingChanges]
    /// Started with the first large file.
    private var objects: ObjectImport?
    /// What differs from the base.
    private(set) var lines: [TreeLine] = []
    private(set) var held: [HeldPath] = []
    private var pending: [(candidate: Candidate, mark: Int, stamp: Stamp, isTrusted: Bool)] = []
    /// What was known of the files that were entered.
    private var before: [(folder: Folder, name: Name, record: FileRecord?)] = []

    /// Up to this size a file is read into memory, once, and hashed here if it may be unchanged.
    static let smallBytes: Int64 = 8 << 20

    init(_ capturer: Capturer, writes: Bool) {
        store = capturer.store
        root = capturer.root
        gates = capturer.gates
        hot = capturer.hot
        notes = capturer.notes
        filter = capturer.manifest.filter
        waiting = capturer.waiting
        self.writes = writes
        batch = ObjectBatch(store)
    }

    mutating func read(_ candidate: Candidate) throws(GitError) {
        if let rule = filter.rule(for: candidate.stamp) { return hold(candidate, .filtered(rule)) }
        if let reason = notes.meet(candidate.path, candidate.stamp) { return hold(candidate, reason) }
        if known(candidate) == nil, candidate.stamp.size > gates.newFileBytes, !gates.allowed.contains(candidate.path) {
            return hold(candidate, .tooLarge(candidate.stamp.size))
        }
        for attempt in 0..<StableRead.attempts {
            if attempt > 0 { usleep(useconds_t(2000 << (2 * attempt))) }
            let outcome = candidate.stamp.isLink ? try link(candidate) : try file(candidate)
            switch outcome {
            case .read: return writes ? hot.cool(candidate.path) : ()
            case .hot: continue
            case .gone: return gone(candidate)
            case .special: return hold(candidate, .special)
            case .unreadable(let code): return hold(candidate, .unreadable(code))
            }
        }
        notes.wrote(candidate.path, candidate.stamp)
        if writes, hot.isDue(candidate.path), try takeUnsettled(candidate) { return }
        hold(candidate, .hot)
    }

    /// Captures a file in the middle of its changes. Its stamp is not kept: the next capture reads it again.
    private mutating func takeUnsettled(_ candidate: Candidate) throws(GitError) -> Bool {
        guard !candidate.stamp.isLink, let (bytes, stamp) = StableRead(root: root, path: candidate.path).unsettled(),
            gate(candidate, bytes) == nil
        else { return false }
        let version = Version(mode: stamp.treeMode, id: try batch.add(.blob, bytes))
        enter(candidate, version, stamp, false)
        held.append(HeldPath(path: candidate.path, reason: .unsettled))
        return true
    }

    /// What is there already of a file. A file of the user's where a published one could not be put is a new one.
    private func known(_ candidate: Candidate) -> Version? {
        let isOwn = waiting.contains { list in
            !list.changes.isEmpty && list.changes[Name(candidate.path)].map { $0.old == nil } ?? false
        }
        return isOwn ? nil : candidate.folder.files[candidate.name]?.kept
    }

    /// Why the user has to be asked first.
    private func gate(_ candidate: Candidate, _ bytes: [UInt8]) -> HeldPath.Reason? {
        if gates.allowed.contains(candidate.path) { return nil }
        let known = known(candidate)
        if known == nil, Int64(bytes.count) > gates.newFileBytes { return .tooLarge(Int64(bytes.count)) }
        guard gates.holdsSecrets else { return nil }
        if known == nil, let kind = SecretSigns.byName(candidate.path) { return .secret(kind) }
        guard let kind = SecretSigns.byContents(bytes) else { return nil }
        // What has left with an earlier version is no secret any more.
        if let known, let before = try? store.blob(known.id), SecretSigns.byContents(before) != nil { return nil }
        return .secret(kind)
    }

    /// Learns the ids of the large files and enters them; they are on disk then.
    mutating func settlePending() throws(GitError) {
        guard let objects else { return }
        let ids = try objects.ids(pending.map(\.mark))
        try objects.finish()
        self.objects = nil
        for (item, id) in zip(pending, ids) {
            enter(item.candidate, Version(mode: item.stamp.treeMode, id: id), item.stamp, item.isTrusted)
        }
        pending = []
    }

    private mutating func link(_ candidate: Candidate) throws(GitError) -> StableRead.Outcome {
        let (outcome, target) = StableRead(root: root, path: candidate.path).link()
        if case .read(let stamp, let isTrusted) = outcome { try take(candidate, target, stamp, isTrusted) }
        return outcome
    }

    private mutating func file(_ candidate: Candidate) throws(GitError) -> StableRead.Outcome {
        var bytes: [UInt8] = []
        var mark: Int?
        var hash: BlobHash?
        var writer = objects
        let outcome = try StableRead(root: root, path: candidate.path).file { size throws(GitError) in
            if size <= Self.smallBytes {
                bytes.reserveCapacity(Int(size))
            } else if writes {
                let target = if let writer { writer } else { try ObjectImport(store) }
                writer = target
                mark = try target.beginBlob(size: size)
            } else {
                hash = BlobHash(digits: store.digits, size: Int(size))
            }
        } piece: { piece throws(GitError) in
            if mark != nil {
                try writer?.append(piece)
            } else if hash != nil {
                hash?.update(piece)
            } else {
                bytes.append(contentsOf: piece)
            }
        }
        objects = writer
        if mark != nil { try writer?.endBlob() }
        guard case .read(let stamp, let isTrusted) = outcome else { return outcome }
        if let mark {
            notes.wrote(candidate.path, stamp)
            pending.append((candidate, mark, stamp, isTrusted))
        } else if var hash {
            compare(candidate, hash.finish(), stamp, isTrusted)
        } else {
            try take(candidate, bytes, stamp, isTrusted)
        }
        return outcome
    }

    /// The bytes of one small file.
    private mutating func take(
        _ candidate: Candidate, _ bytes: [UInt8], _ stamp: Stamp, _ isTrusted: Bool
    ) throws(GitError) {
        let blob = StoredObject(kind: .blob, bytes: bytes)
        let id = try blob.id(digits: store.digits)
        if isKnown(candidate, id) {
            enter(candidate, Version(mode: stamp.treeMode, id: id), stamp, isTrusted)
            return
        }
        notes.wrote(candidate.path, stamp)
        if !stamp.isLink, let reason = gate(candidate, bytes) { return hold(candidate, reason) }
        if compare(candidate, id.hex, stamp, isTrusted) || !writes { return }
        try batch.add(id, blob)
        enter(candidate, Version(mode: stamp.treeMode, id: id), stamp, isTrusted)
    }

    private func isKnown(_ candidate: Candidate, _ id: ObjectID) -> Bool {
        let record = candidate.folder.files[candidate.name]
        return record?.last?.id == id || record?.base?.id == id
    }

    /// True if the id is one that is known (the mode may have changed); otherwise it is listed as a difference.
    @discardableResult
    private mutating func compare(_ candidate: Candidate, _ hex: String, _ stamp: Stamp, _ isTrusted: Bool) -> Bool {
        let record = candidate.folder.files[candidate.name]
        if let id = ObjectID(hex: hex), isKnown(candidate, id) {
            enter(candidate, Version(mode: stamp.treeMode, id: id), stamp, isTrusted)
            return true
        }
        if !writes { lines.append(TreeLine(path: candidate.path, old: record?.base, new: nil)) }
        return false
    }

    /// After a failure: what was read did not get into the store, and must not be taken for known.
    func forget() {
        for item in before.reversed() {
            var record = item.record
            record?.stamp = nil
            item.folder.files[item.name] = record
        }
    }

    private mutating func enter(_ candidate: Candidate, _ version: Version, _ stamp: Stamp, _ isTrusted: Bool) {
        before.append((candidate.folder, candidate.name, candidate.folder.files[candidate.name]))
        var record = candidate.folder.files[candidate.name] ?? FileRecord()
        record.last = version
        record.stamp = isTrusted ? stamp : nil
        candidate.folder.files[candidate.name] = record
        if version != record.base { lines.append(TreeLine(path: candidate.path, old: record.base, new: version)) }
    }

    private mutating func gone(_ candidate: Candidate) {
        guard let record = candidate.folder.files[candidate.name] else { return }
        candidate.folder.files[candidate.name]?.last = nil
        candidate.folder.files[candidate.name]?.stamp = nil
        if record.base == nil {
            candidate.folder.files[candidate.name] = nil
        } else {
            lines.append(TreeLine(path: candidate.path, old: record.base, new: nil))
        }
    }

    private mutating func hold(_ candidate: Candidate, _ reason: HeldPath.Reason) {
        held.append(HeldPath(path: candidate.path, reason: reason))
        guard let record = candidate.folder.files[candidate.name], record.kept != record.base else { return }
        lines.append(TreeLine(path: candidate.path, old: record.base, new: record.kept))
    }
}
