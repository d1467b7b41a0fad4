import Primitives

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Going back, and going on after a crash.
extension PathExchange {
    /// What an interrupted exchange had made of this path, brought to an end. Nil if it was not yet touched.
    mutating func resume(_ staged: StagedChange) throws(ApplyError) -> PathOutcome? {
        if staged.change.isModeOnly { return nil }
        let (parentPath, leaf) = Self.split(staged.change.path)
        var parent: Descriptor?
        if case .open(let directory) = try openParent(parentPath, making: false) { parent = directory }
        try dropSecondNames(staged, parent, leaf)
        let incoming = try status(staged.incoming)
        let taken = try status(staged.taken)
        if staged.change.new == nil {
            return taken == nil ? nil : try verify(staged, staged.taken, parent, leaf)
        }
        if staged.change.old == nil { return incoming == nil ? .applied : nil }
        if journal.exchanges {
            guard let incoming else { return stands(staged, parent, leaf) ? .applied : .late }
            if incoming.identity.inode == staged.inode { return nil }
            return try verify(staged, staged.incoming, parent, leaf)
        }
        if taken != nil {
            let outcome = try verify(staged, staged.taken, parent, leaf)
            guard incoming != nil, outcome == .applied, let parent else { return outcome }
            return try putIn(staged, parent, leaf)
        }
        if incoming != nil { return nil }
        return stands(staged, parent, leaf) ? .applied : .late
    }

    /// A move without exchange is a second name, then the first one removed; a crash between leaves both.
    private func dropSecondNames(_ staged: StagedChange, _ parent: Descriptor?, _ leaf: [UInt8]) throws(ApplyError) {
        guard !journal.exchanges, let parent else { return }
        let live: FileStatus?
        do throws(CallFailure) { live = try FileCalls.status(parent, leaf) } catch { live = nil }
        guard let live else { return }
        for own in [staged.incoming, staged.taken] where try status(own)?.identity == live.identity {
            try applier.ours("remove", "\(applier.place.path)/\(name)") { () throws(CallFailure) in
                try FileCalls.remove(staging, own)
            }
        }
    }

    /// Compares what was taken out with what had been captured; puts it back if a writer was late.
    private mutating func verify(
        _ staged: StagedChange, _ taken: [UInt8], _ parent: Descriptor?, _ leaf: [UInt8]
    ) throws(ApplyError) -> PathOutcome {
        switch takenState(staged, taken) {
        case .asCaptured: return .applied
        case .busy:
            try restore(staged, taken, parent, leaf)
            return .deferred
        case .changed:
            try restore(staged, taken, parent, leaf)
            return .late
        }
    }

    private enum TakenState { case asCaptured, busy, changed }

    private func takenState(_ staged: StagedChange, _ taken: [UInt8]) -> TakenState {
        guard let old = staged.change.old else { return .changed }
        let leases = applier.capabilities.readLease
        switch LiveFile.inspect(staging, taken, digits: digits(staged.change), leases: leases) {
        case .entry(let live): return same(live.entry, old) ? .asCaptured : .changed
        case .busy: return .busy
        case .missing, .directory, .special, .unreadable: return .changed
        }
    }

    /// The new bytes are in place.
    private func stands(_ staged: StagedChange, _ parent: Descriptor?, _ leaf: [UInt8]) -> Bool {
        guard let parent, let new = staged.change.new else { return false }
        let found = LiveFile.inspect(parent, leaf, digits: digits(staged.change), leases: false)
        guard case .entry(let live) = found else { return false }
        return same(live.entry, new)
    }

    /// Puts back what was taken out. If somebody has made something else of the path meanwhile, that stays, and what
    /// was taken out is kept aside and reported.
    mutating func restore(
        _ staged: StagedChange, _ taken: [UInt8], _ parent: Descriptor?, _ leaf: [UInt8]
    ) throws(ApplyError) {
        guard let parent else { return try rescue(staged, taken) }
        try step("restore", staged)
        switch lookForRestoring(staged, parent, leaf) {
        case .missing:
            if move(staging, taken, parent, leaf) != nil { try rescue(staged, taken) }
        case .entry(let live):
            guard let new = staged.change.new, live.identity.inode == staged.inode, same(live.entry, new) else {
                return try rescue(staged, taken)
            }
            try takeBack(staged, taken, parent, leaf)
        case .directory, .special, .busy, .unreadable: try rescue(staged, taken)
        }
        try step("restored", staged)
    }

    /// A child that this process starts has the new file open, as it was written, from its fork to its exec: for such a
    /// moment "busy" says nothing of writers.
    private func lookForRestoring(_ staged: StagedChange, _ parent: Descriptor, _ leaf: [UInt8]) -> LiveFile {
        let leases = applier.capabilities.readLease
        for _ in 0..<Limits.busyLooks {
            let found = LiveFile.inspect(parent, leaf, digits: digits(staged.change), leases: leases)
            guard case .busy = found else { return found }
            usleep(1000)
        }
        return .busy
    }

    /// Our own new file stands in place, unchanged: out with it, in with what was there.
    private mutating func takeBack(
        _ staged: StagedChange, _ taken: [UInt8], _ parent: Descriptor, _ leaf: [UInt8]
    ) throws(ApplyError) {
        do throws(CallFailure) {
            if journal.exchanges {
                try FileCalls.exchange(parent, leaf, staging, taken)
            } else {
                try FileCalls.rename(parent, leaf, staging, staged.incoming)
            }
        } catch { return try rescue(staged, taken) }
        // In the instant before, a writer may have replaced our file: then it is theirs that came out.
        if try status(staged.incoming)?.identity.inode != staged.inode { try rescue(staged, staged.incoming) }
        if !journal.exchanges, move(staging, taken, parent, leaf) != nil { try rescue(staged, taken) }
    }

    /// Before a round is let go: a file that changed after it was taken out is kept.
    mutating func handOverIfChanged(_ staged: StagedChange) throws(ApplyError) {
        for own in [staged.incoming, staged.taken] {
            guard let status = try status(own) else { continue }
            if own == staged.incoming, status.identity.inode == staged.inode { continue }
            if takenState(staged, own) != .asCaptured { try rescue(staged, own) }
        }
    }

    private mutating func rescue(_ staged: StagedChange, _ own: [UInt8]) throws(ApplyError) {
        let base = applier.rescuePath
        try step("rescue", staged)
        mkdir(base, 0o700)
        let folder = try applier.ours("open", base) { () throws(CallFailure) in try FileCalls.openDirectory(base) }
        var file = "\(name)-\(staged.number)"
        while try applier.ours(
            "look into", base, { () throws(CallFailure) in try FileCalls.status(folder, Array(file.utf8)) }) != nil
        {
            file += "x"
        }
        let rescued = RescuedFile(path: staged.change.path, old: staged.change.old, file: "\(base)/\(file)")
        note(rescued, folder, file)
        try applier.ours("keep a late edit in", base) { () throws(CallFailure) in
            try FileCalls.rename(staging, own, folder, Array(file.utf8))
            try FileCalls.sync(folder)
        }
        report.rescued.append(rescued)
    }

    /// First says what it will be. A disk that is too full for that must not keep the file from being moved.
    private func note(_ rescued: RescuedFile, _ folder: Descriptor, _ file: String) {
        do throws(CallFailure) {
            let name = Array((file + RescuedFile.noteSuffix).utf8)
            let note = try FileCalls.open(folder, name, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
            try FileCalls.write(note, rescued.note)
            try FileCalls.sync([note])
        } catch { return }
    }
}
