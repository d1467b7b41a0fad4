import Primitives

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Settles the paths of one round, one at a time, from the files as they are found.
///
/// The order of a replacement: open, lease, hash (a late edit is seen here and nothing was touched), exchange, look
/// whether what came out is the very file that was hashed and nobody waits to write to it; if not, exchange back.
struct PathExchange {
    let applier: Applier
    let staging: Descriptor
    let name: String
    let journal: ApplyJournal
    var report = ApplyReport()
    /// Directories that something of this round goes into: they are not removed when a deletion empties them.
    private let wantedDirectories: Set<[UInt8]>

    init(applier: Applier, staging: Descriptor, name: String, journal: ApplyJournal) {
        self.applier = applier
        self.staging = staging
        self.name = name
        self.journal = journal
        var wanted: Set<[UInt8]> = []
        for staged in journal.changes where staged.change.new != nil {
            var path = Self.split(staged.change.path).parent
            while !path.isEmpty, wanted.insert(path).inserted { path = Self.split(path).parent }
        }
        wantedDirectories = wanted
    }

    mutating func settle(_ staged: StagedChange, recovering: Bool) throws(ApplyError) {
        var outcome: PathOutcome?
        if recovering { outcome = try resume(staged) }
        let settled = if let outcome { outcome } else { try apply(staged) }
        report.add(staged.change.path, settled)
        guard staged.change.new == nil, settled == .applied, try status(staged.taken) != nil else { return }
        try removeEmptied(Self.split(staged.change.path).parent)
    }

    // MARK: One path

    private mutating func apply(_ staged: StagedChange) throws(ApplyError) -> PathOutcome {
        let change = staged.change
        let (parentPath, leaf) = Self.split(change.path)
        let parent: Descriptor
        switch try openParent(parentPath, making: change.old == nil) {
        case .open(let directory): parent = directory
        case .missing: return change.new == nil ? .applied : .late
        case .blocked(let reason): return .blocked(reason)
        }
        guard let old = change.old else { return try add(staged, parent, leaf) }
        switch LiveFile.inspect(parent, leaf, digits: digits(change), leases: applier.capabilities.readLease) {
        case .missing: return change.new == nil ? .applied : .late
        case .directory: return .late
        case .special: return .blocked(.specialFile)
        case .busy: return .deferred
        case .unreadable(let code): return .blocked(.system(code))
        case .entry(let live):
            if let new = change.new, same(live.entry, new) { return .applied }
            guard same(live.entry, old) else { return .late }
            if change.isModeOnly { return try changeMode(live, change) }
            return try replace(staged, parent, leaf, live)
        }
    }

    private func add(_ staged: StagedChange, _ parent: Descriptor, _ leaf: [UInt8]) throws(ApplyError) -> PathOutcome {
        guard let new = staged.change.new else { return .applied }
        // Somebody may put a file there between the look and the move: then look again.
        for _ in 0..<3 {
            switch LiveFile.inspect(parent, leaf, digits: digits(staged.change), leases: false) {
            case .directory: return .blocked(.directoryInTheWay)
            case .special: return .blocked(.specialFile)
            case .busy: return .deferred
            case .unreadable(let code): return .blocked(.system(code))
            case .entry(let live): return same(live.entry, new) ? .applied : .late
            case .missing:
                try step("add", staged)
                guard let code = move(staging, staged.incoming, parent, leaf) else {
                    try step("added", staged)
                    return .applied
                }
                if code != EEXIST { return failure(code) }
            }
        }
        return .deferred
    }

    /// The same file under another executable bit: no new inode, no new mtime.
    private func changeMode(_ live: LiveEntry, _ change: PathChange) throws(ApplyError) -> PathOutcome {
        guard let file = live.file, applier.capabilities.executableBit else { return .applied }
        try applier.onStep("change the mode of \(String(decoding: change.path, as: UTF8.self))")
        do throws(CallFailure) {
            let now = try FileCalls.status(file).permissions
            let executable = change.new?.mode == TreeEntry.executable
            try FileCalls.setPermissions(file, executable ? now | (now & 0o444) >> 2 : now & ~0o111)
            return .applied
        } catch { return failure(error.code) }
    }

    private mutating func replace(
        _ staged: StagedChange, _ parent: Descriptor, _ leaf: [UInt8], _ live: LiveEntry
    ) throws(ApplyError) -> PathOutcome {
        let exchanges = journal.exchanges && staged.change.new != nil
        let taken = exchanges ? staged.incoming : staged.taken
        if let code = keepPermissions(of: live, staged) { return failure(code) }
        try step(exchanges ? "exchange" : "take out", staged)
        do throws(CallFailure) {
            if exchanges {
                try FileCalls.exchange(parent, leaf, staging, staged.incoming)
            } else {
                try FileCalls.rename(parent, leaf, staging, staged.taken)
            }
        } catch { return failure(error.code) }
        try step(exchanges ? "exchanged" : "taken out", staged)
        if let problem = try problem(with: taken, taking: live, staged.change) {
            try restore(staged, taken, parent, leaf)
            return problem
        }
        if exchanges || staged.change.new == nil { return .applied }
        return try putIn(staged, parent, leaf)
    }

    /// New bytes stand under the permissions of the old: who could read the file can read it still. Nil, or the errno.
    private func keepPermissions(of live: LiveEntry, _ staged: StagedChange) -> Int32? {
        guard let new = staged.change.new, !new.isLink, let file = live.file, applier.capabilities.executableBit else {
            return nil
        }
        do throws(CallFailure) {
            let now = try FileCalls.status(file).permissions & 0o777
            let wanted = new.mode == TreeEntry.executable ? now | (now & 0o444) >> 2 : now & ~0o111
            try FileCalls.setPermissions(staging, staged.incoming, wanted)
            return nil
        } catch { return error.code }
    }

    /// Without exchange: the second half of a replacement.
    mutating func putIn(
        _ staged: StagedChange, _ parent: Descriptor, _ leaf: [UInt8]
    ) throws(ApplyError) -> PathOutcome {
        try step("put in", staged)
        guard let code = move(staging, staged.incoming, parent, leaf) else {
            try step("put in place", staged)
            return .applied
        }
        if code == EEXIST { return .late }
        try restore(staged, staged.taken, parent, leaf)
        return failure(code)
    }

    /// Nil if what was taken out is what was hashed, and nobody wrote to it or waits to.
    private func problem(
        with taken: [UInt8], taking live: LiveEntry, _ change: PathChange
    ) throws(ApplyError) -> PathOutcome? {
        guard let status = try status(taken), status.identity == live.identity else { return .late }
        if live.file != nil, applier.capabilities.executableBit {
            guard status.isExecutable == (live.entry.mode == TreeEntry.executable) else { return .late }
        }
        if live.isFrozen { return nil }
        if live.lease != nil { return .deferred }
        guard case .entry(let again) = LiveFile.inspect(staging, taken, digits: digits(change), leases: false),
            again.entry.blob == live.entry.blob
        else { return .late }
        return nil
    }

    // MARK: Shared pieces

    static func split(_ path: [UInt8]) -> (parent: [UInt8], leaf: [UInt8]) {
        guard let slash = path.lastIndex(of: UInt8(ascii: "/")) else { return ([], path) }
        return (Array(path[..<slash]), Array(path[(slash + 1)...]))
    }

    func digits(_ change: PathChange) -> Int { (change.new ?? change.old)?.blob.utf8.count ?? 40 }

    func same(_ a: TreeEntry, _ b: TreeEntry) -> Bool {
        guard a.blob == b.blob, a.isLink == b.isLink else { return false }
        return a.mode == b.mode || !applier.capabilities.executableBit
    }

    func step(_ what: String, _ staged: StagedChange) throws(ApplyError) {
        try applier.onStep("\(what) \(String(decoding: staged.change.path, as: UTF8.self))")
    }

    /// The status of one of our own names.
    func status(_ own: [UInt8]) throws(ApplyError) -> FileStatus? {
        try applier.ours("read", "\(applier.place.path)/\(name)") { () throws(CallFailure) in
            try FileCalls.status(staging, own)
        }
    }

    func failure(_ code: Int32) -> PathOutcome {
        switch code {
        case ENOENT, EEXIST: .late
        case EXDEV: .blocked(.otherFileSystem)
        default: .blocked(.system(code))
        }
    }

    /// Moves to a name that must be free. Nil, or the errno.
    func move(_ from: Descriptor, _ name: [UInt8], _ to: Descriptor, _ other: [UInt8]) -> Int32? {
        do throws(CallFailure) {
            if journal.exchanges {
                try FileCalls.renameWithoutReplacing(from, name, to, other)
            } else {
                try FileCalls.hardLink(from, name, to, other)
                try FileCalls.remove(from, name)
            }
            return nil
        } catch { return error.code }
    }

    private func removeEmptied(_ directory: [UInt8]) throws(ApplyError) {
        var path = directory
        while !path.isEmpty, !wantedDirectories.contains(path) {
            let (parentPath, leaf) = Self.split(path)
            guard case .open(let parent) = try openParent(parentPath, making: false) else { return }
            try applier.onStep("remove the directory \(String(decoding: path, as: UTF8.self))")
            do throws(CallFailure) { try FileCalls.remove(parent, leaf, isDirectory: true) } catch { return }
            path = parentPath
        }
    }
}
