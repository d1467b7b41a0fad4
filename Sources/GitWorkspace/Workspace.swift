import Glibc
import Logging
import Primitives
import Synchronization

/// One workspace of this device: everything the agent does with files and git goes through here. Its own thread; calls
/// that change something wait for each other.
package actor Workspace {
    package nonisolated let root: String
    package nonisolated let device: DeviceID
    nonisolated let name: String
    nonisolated let store: Store
    nonisolated let state: String
    nonisolated let repository: UserRepository
    /// The user's repository, asked without a process a question.
    nonisolated let userReader: BatchReader
    nonisolated let logger: Logger
    nonisolated let maintenance = Maintenance()
    nonisolated let retention = RetentionClock()
    /// The branch in sync: the one that was checked out when the workspace was first opened.
    package nonisolated let branch: String

    let applier: Applier
    let tasks: BlockingTasks
    private nonisolated let executor: BlockingExecutor
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// What the working tree was really brought to.
    package internal(set) var base: Revision?
    var manifest: Manifest
    let scope = ScanScope()
    let hot = HotFiles()
    let notes = ScanNotes()
    var gates = CaptureGates()
    var sparse = SparsePaths()
    var quarantine: WaitingChanges { didSet { codeWaiting.withLock { $0 = quarantine.sorted.map(\.path) } } }
    /// Read by whoever must not wait for a scan.
    private nonisolated let codeWaiting: Mutex<[[UInt8]]>
    /// Changes that something stands in the way of.
    var unplaced: WaitingChanges
    var unplacedReasons: [Name: BlockReason] = [:]
    /// Files of the user's in the way of new ones, at the last apply: in doubt a late edit that the next capture has.
    var inTheWay: Set<Name> = []
    var keptHere: KeptHere
    var approvals: UInt64 = 0
    var brakes: DeletionBrakes
    private var watcher: WorkspaceWatcher?
    var previous: Capturer.Previous?
    var staged: StagedRevision?
    /// An apply failed in its midst (a full disk, say): it is brought to an end before anything else happens.
    var isApplyBroken = false
    /// What it took out of the workspace is kept until another round has passed.
    var lastApplied: RoundID?
    /// Rescued files whose bytes are in the store, and which a writer has not let go.
    var rescuedStamps: [String: Stamp] = [:]
    var userHeads: [Revision: Bool] = [:]
    /// How often a capture looks whether the user's git has let the index go.
    var lockLooks = Limits.lockLooks
    private nonisolated let identity: FileIdentity
    private var isBusy = false
    private var waiters: [CheckedContinuation<Void, Never>] = []
    private var lastSaved = ContinuousClock.now

    /// What `stage` prepared: the files between the tree on disk and a revision.
    struct StagedRevision {
        var round: RoundID
        var revision: Revision
        var from: ObjectID
        var apply: StagedApply
        /// Changes that wait for a word, and paths that wait no more.
        var waiting: [QuarantinedChange]
        var gone: [[UInt8]]
        /// What a filter keeps from the disk.
        var leftOut: [TreeLine] = []
        /// Everything that is to be put in place now.
        var wanted: [PathChange] = []
    }

    init(_ parts: WorkspaceParts, device: DeviceID, name: String, logger: Logger) {
        root = parts.root
        state = parts.state
        store = parts.store
        repository = parts.repository
        userReader = BatchReader(parts.store.gitOfUser(directory: parts.repository.gitDirectory))
        branch = parts.branch
        applier = parts.applier
        identity = parts.identity
        base = parts.base
        gates = Self.loadGates(parts.state)
        quarantine = WaitingChanges(path: parts.state + "/quarantine")
        unplaced = WaitingChanges(path: parts.state + "/unplaced")
        codeWaiting = Mutex(quarantine.sorted.map(\.path))
        keptHere = KeptHere(state: parts.state)
        brakes = DeletionBrakes(state: parts.state)
        manifest = parts.manifest
        self.device = device
        self.name = name
        self.logger = logger
        executor = BlockingExecutor(label: "baton.workspace")
        tasks = BlockingTasks(label: "baton.workspace.apply")
    }

    // MARK: One at a time

    /// Runs `body` when no other such call is under way, also across its suspensions.
    func exclusively<Value: Sendable>(
        _ body: (isolated Workspace) async throws(WorkspaceError) -> Value
    ) async throws(WorkspaceError) -> Value {
        if isBusy { await withCheckedContinuation { waiters.append($0) } }
        isBusy = true
        defer {
            if waiters.isEmpty { isBusy = false } else { waiters.removeFirst().resume() }
        }
        return try await body(self)
    }

    /// Turns git's errors into ours.
    func checked<Value>(_ body: () throws(GitError) -> Value) throws(WorkspaceError) -> Value {
        do throws(GitError) { return try body() } catch { throw .git(error) }
    }

    // MARK: Questions

    /// Paths of the changes that wait for `approve`, at once.
    package nonisolated var waitingCode: [[UInt8]] { codeWaiting.withLock { $0 } }

    /// From now on scans look only where something changed, as the watcher says.
    package func watch(by watcher: WorkspaceWatcher) {
        self.watcher = watcher
        scope.addEverything()
    }

    /// Scans that looked everywhere, since the start.
    package var wholeScans: Int { scope.wholeScans }

    /// How many files differ from the base. A scan; writes nothing. Now and then it looks everywhere: a watcher does
    /// not see what is written through a mapping or another name of a file.
    /// - Parameter setAside: paths that count as they were, and why.
    package func dirt(setAside: [[UInt8]: String] = [:]) async throws(WorkspaceError) -> Dirt {
        try await exclusively { workspace throws(WorkspaceError) in
            workspace.notes.begin(setAside: setAside)
            if ContinuousClock.now - workspace.scope.lastWhole > Limits.wholeScan { workspace.scope.addEverything() }
            try await workspace.lookAtSparse()
            var dirt = try workspace.withCapturer { capturer throws(GitError) in try capturer.dirt() }
            dirt.held += workspace.unplacedPaths
            try workspace.checked { () throws(GitError) in try workspace.reconsiderDeletions(dirt.deleted) }
            let user = try workspace.userState()
            dirt.isBusy = user.obstacle(to: workspace.branch) != nil
            dirt.withheld = workspace.withholding(user)
            // While another branch is checked out, or deletions wait for a word, nothing here is for a round.
            if dirt.withheld != nil || workspace.brakes.pending != nil {
                dirt.changed = 0
                dirt.deleted = []
            }
            return dirt
        }
    }

    /// True if the revision and everything it reaches is in the store. What is there was verified when it came.
    package nonisolated func has(_ revision: Revision) async -> Bool {
        let answer = try? await BlockingThread.run { [store] _ throws(GitError) in try store.has(revision) }
        return answer ?? false
    }

    /// The published head as this device knows it.
    package nonisolated func head() async throws(WorkspaceError) -> Revision? {
        try await question { store throws(GitError) in try store.ref(RefName.main) }
    }

    package nonisolated func tree(of revision: Revision) async throws(WorkspaceError) -> String {
        try await question { store throws(GitError) in try store.tree(of: revision).hex }
    }

    /// The conflicts that a merge recorded.
    package nonisolated func conflicts(of revision: Revision) async throws(WorkspaceError) -> [Conflict] {
        try await question { store throws(GitError) in try store.conflicts(of: revision) }
    }

    nonisolated func question<Value: Sendable>(
        _ body: @escaping @Sendable (Store) throws(GitError) -> Value
    ) async throws(WorkspaceError) -> Value {
        do throws(GitError) {
            return try await BlockingThread.run { [store] _ throws(GitError) in try body(store) }
        } catch { throw .git(error) }
    }

    /// Opens the root for one scan; refuses another folder in its place.
    func withCapturer<Value>(_ body: (Capturer) throws(GitError) -> Value) throws(WorkspaceError) -> Value {
        let descriptor = Glibc.open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .rootMissing(root) }
        defer { Glibc.close(descriptor) }
        var raw = stat()
        guard fstat(descriptor, &raw) == 0, FileStatus(raw).identity == identity else { throw .rootReplaced(root) }
        let rules = IgnoreRules(store: store, root: root, excludes: repository.commonDirectory + "/info/exclude")
        if let changes = watcher?.take() {
            scope.add(changes)
            notes.heard(changes)
        } else {
            scope.addEverything()
        }
        let capturer = Capturer(
            store: store, manifest: manifest, root: descriptor, rules: rules, scope: scope, gates: gates, hot: hot,
            notes: notes, sparse: sparse.names, waiting: [quarantine, unplaced])
        return try checked { () throws(GitError) in try body(capturer) }
    }

    /// Writes the manifest down, now and then: it only saves reading every file after a restart.
    func saveManifest(force: Bool = false) {
        if !force, ContinuousClock.now - lastSaved < .seconds(60) { return }
        lastSaved = .now
        guard let bytes = ManifestFile.encode(manifest) else { return }
        do throws(GitError) { try DurableFile.write(bytes, to: state + "/manifest", synced: false) } catch {
            logger.warning("the manifest could not be saved", metadata: ["reason": "\(error)"])
        }
    }

    /// Ends what runs for this workspace.
    package func close() {
        saveManifest(force: true)
        store.reader.close()
        userReader.close()
        watcher = nil
    }
}
