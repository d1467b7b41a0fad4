import Primitives

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Brings changed paths into a workspace without git: **stage, then exchange**.
///
/// `stage` writes every new file beside the workspace, with a journal and one sync, while writers may still run;
/// `exchange` then swaps path by path, each in one step, and only where the bytes in place are those that were
/// captured. What was taken out is kept until `discard`. After a crash `recover` finishes what had begun. Nothing
/// outside the changed paths is touched, no link is followed, and no file of the user is ever unlinked.
///
/// One caller at a time; the caller decides when writers hold still.
package struct Applier: Sendable {
    package let root: String
    /// Where files wait; outside the synced tree, on its file system.
    package var stagingPath: String { place.path }
    /// Where bytes of writers wait that were in the way of an exchange.
    var rescuePath: String { "\(place.path)/\(StagingPlace.rescueName)" }
    package var capabilities: ApplyCapabilities { place.capabilities }

    let rootDirectory: Descriptor
    var place: StagingPlace
    /// Called before every call that changes the file system, with what comes next. Tests stop the apply there.
    var onStep: @Sendable (String) throws(ApplyError) -> Void = { step throws(ApplyError) in try DiskStep.apply(step) }

    /// - Parameters:
    ///   - root: the workspace, absolute.
    ///   - state: a directory of ours; preferred for staging if it is on the same mount.
    ///   - limited: capabilities to do without, for file systems whose probe is known to lie.
    package init(root: String, state: String, limited: ApplyCapabilities? = nil) throws(ApplyError) {
        self.root = root
        do { rootDirectory = try FileCalls.openDirectory(root) } catch {
            throw ApplyError.system(operation: "open", path: root, code: error.code)
        }
        place = try StagingPlace.choose(root: root, rootDirectory: rootDirectory, state: state)
        guard let limited else { return }
        place.capabilities.exchange = place.capabilities.exchange && limited.exchange
        place.capabilities.openBeneath = place.capabilities.openBeneath && limited.openBeneath
        place.capabilities.readLease = place.capabilities.readLease && limited.readLease
        place.capabilities.executableBit = place.capabilities.executableBit && limited.executableBit
    }

    /// The rounds of which something is kept, oldest first, each once.
    package func keptRounds() throws(ApplyError) -> [RoundID] {
        var rounds: Set<RoundID> = []
        for name in try directoryNames() {
            if let (journal, _) = try readJournal(name) { rounds.insert(journal.round) }
        }
        return rounds.sorted()
    }

    // MARK: Staging directories

    /// `7.1843-12-0`, `7.1843-12-1`, ...: one for each try of a round.
    func directoryNames() throws(ApplyError) -> [String] {
        let names = try ours("read", place.path) { () throws(CallFailure) in try FileCalls.names(place.path) }
        return names.filter { $0 != StagingPlace.rescueName && $0.contains("-") && !$0.hasPrefix("probe-") }
    }

    /// Nil if the directory has no journal that is complete, and nothing was exchanged from it.
    func readJournal(_ name: String) throws(ApplyError) -> (ApplyJournal, ApplyJournal.Phase)? {
        let directory = try openStaging(name)
        for phase in ApplyJournal.Phase.allCases.reversed() {
            let path = "\(place.path)/\(name)/\(phase.rawValue)"
            guard
                try ours("read", path, { () throws(CallFailure) in try FileCalls.status(directory, phase.name) }) != nil
            else { continue }
            let bytes = try ours("read", path) { () throws(CallFailure) in
                try FileCalls.contents(directory, phase.name)
            }
            if let journal = ApplyJournal(bytes: bytes) { return (journal, phase) }
            if phase == .staged { return nil }
            throw ApplyError.corruptJournal(path)
        }
        return nil
    }

    func openStaging(_ name: String) throws(ApplyError) -> Descriptor {
        try ours("open", "\(place.path)/\(name)") { () throws(CallFailure) in
            try FileCalls.open(place.directory, Array(name.utf8), O_RDONLY | O_DIRECTORY)
        }
    }

    /// A call on our own files; its failure stops the apply as a whole.
    func ours<Value>(
        _ operation: String, _ path: String, _ body: () throws(CallFailure) -> Value
    ) throws(ApplyError) -> Value {
        do throws(CallFailure) { return try body() } catch {
            throw ApplyError.system(operation: operation, path: path, code: error.code)
        }
    }
}
