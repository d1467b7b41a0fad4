import Glibc

/// Reads candidates one by one: those that are as they were only refresh the manifest, the others go into the store.
struct FileReading {
    let store: Store
    let root: Int32
    /// Without it nothing goes into the store: the reading only tells what differs.
    let writes: Bool
    /// Small files, and later the trees and the commit.
    let batch: ObjectBatch
    /// Started with the first large file.
    private var objects: ObjectImport?
    /// What differs from the base.
    private(set) var lines: [TreeLine] = []
    private(set) var held: [HeldPath] = []
    private var pending: [(candidate: Candidate, mark: Int, stamp: Stamp, isTrusted: Bool)] = []

    /// Up to this size a file is read into memory, once, and hashed here if it may be unchanged.
    static let smallBytes: Int64 = 8 << 20

    init(store: Store, root: Int32, writes: Bool) {
        self.store = store
        self.root = root
        self.writes = writes
        batch = ObjectBatch(store)
    }

    mutating func read(_ candidate: Candidate) throws(GitError) {
        for attempt in 0..<StableRead.attempts {
            if attempt > 0 { usleep(useconds_t(2000 << (2 * attempt))) }
            let outcome = candidate.stamp.isLink ? try link(candidate) : try file(candidate)
            switch outcome {
            case .read: return
            case .hot: continue
            case .gone: return gone(candidate)
            case .special: return hold(candidate, .special)
            case .unreadable(let code): return hold(candidate, .unreadable(code))
            }
        }
        hold(candidate, .hot)
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
        if compare(candidate, id.hex, stamp, isTrusted) || !writes { return }
        try batch.add(id, blob)
        enter(candidate, Version(mode: stamp.treeMode, id: id), stamp, isTrusted)
    }

    /// True if the id is one that is known (the mode may have changed); otherwise it is listed as a difference.
    @discardableResult
    private mutating func compare(_ candidate: Candidate, _ hex: String, _ stamp: Stamp, _ isTrusted: Bool) -> Bool {
        let record = candidate.folder.files[candidate.name]
        if let id = ObjectID(hex: hex), [record?.last?.id, record?.base?.id].contains(id) {
            enter(candidate, Version(mode: stamp.treeMode, id: id), stamp, isTrusted)
            return true
        }
        if !writes { lines.append(TreeLine(path: candidate.path, old: record?.base, new: nil)) }
        return false
    }

    private mutating func enter(_ candidate: Candidate, _ version: Version, _ stamp: Stamp, _ isTrusted: Bool) {
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
