import Glibc
import Logging
import Primitives

/// What a workspace is put together from.
struct WorkspaceParts {
    var root: String
    var state: String
    var store: Store
    var repository: UserRepository
    var branch: String
    var applier: Applier
    var identity: FileIdentity
    var base: Revision?
    var manifest: Manifest
}

extension Workspace {
    /// Opens the workspace at `root`, whose state is kept in `state`. A root that is no repository is made one.
    /// - Parameters:
    ///   - state: a folder of ours outside the workspace, for it alone; locked by the caller.
    ///   - create: make the root if it is not there.
    ///   - branch: the branch in sync, if the mesh has settled it; else what is checked out at the first opening.
    package static func open(
        root: String, state: String, device: DeviceID, name: String, create: Bool, branch wanted: String? = nil,
        logger: Logger = Logger(label: "baton.workspace")
    ) async throws(WorkspaceError) -> Workspace {
        ProcessSignals.prepare()
        let identity = try checkRoot(root, create: create)
        let parts: WorkspaceParts
        do {
            let installation = try await HermeticGit.locate()
            mkdir(state, 0o700)
            let scratch = state + "/user"
            mkdir(scratch, 0o700)
            let repository = try await UserRepository.create(
                root: root, branch: wanted ?? "main", scratch: scratch, installation: installation)
            let format = try await repository.git.run(["rev-parse", "--show-object-format"])
            let digits = format.output.starts(with: Array("sha256".utf8)) ? 64 : 40
            let branch = try await syncBranch(repository, state: state, wanted: wanted)
            var applier = try Applier(root: root, state: state)
            // A child of ours that is just being started holds every file for an instant, the one that is probed for
            // leases too: a "no" is asked again before it is believed.
            for _ in 0..<2 where !applier.capabilities.readLease { applier = try Applier(root: root, state: state) }
            let chosen = applier
            parts = try await BlockingThread.run { _ throws(GitError) in
                let store = try Store.open(state: state, installation: installation, digits: digits)
                let base = try store.ref(RefName.base)
                let manifest = try loadManifest(state, store, base)
                return UncheckedParts(
                    parts: WorkspaceParts(
                        root: root, state: state, store: store, repository: repository, branch: branch,
                        applier: chosen, identity: identity, base: base, manifest: manifest))
            }.parts
        } catch let error as GitError {
            throw .git(error)
        } catch let error as ApplyError {
            throw .apply(error)
        } catch {
            throw .git(.damaged("\(error)"))
        }
        if let damage = parts.store.damage.withLock({ $0 }) {
            logger.warning("the store was damaged and is set aside", metadata: ["what": "\(damage)"])
        }
        return Workspace(parts, device: device, name: name, logger: logger)
    }

    /// The parts on their way from the thread that made them to the one actor that owns them; used by nobody else.
    private struct UncheckedParts: @unchecked Sendable {
        // Proof: made inside one closure, handed out once as its result, and not kept by it.
        var parts: WorkspaceParts
    }

    private static func checkRoot(_ root: String, create: Bool) throws(WorkspaceError) -> FileIdentity {
        if create { mkdir(root, 0o755) }
        var raw = stat()
        guard stat(root, &raw) == 0 else { throw .rootMissing(root) }
        let status = FileStatus(raw)
        guard status.kind == .directory else { throw .rootNotDirectory(root) }
        guard access(root, W_OK | R_OK | X_OK) == 0 else { throw .rootNotWritable(root) }
        return status.identity
    }

    /// The branch is settled once, by what is checked out then.
    private static func syncBranch(
        _ repository: UserRepository, state: String, wanted: String?
    ) async throws(GitError) -> String {
        let path = state + "/branch"
        if let bytes = DurableFile.read(path), !bytes.isEmpty { return String(decoding: bytes, as: UTF8.self) }
        let branch = if let wanted { wanted } else { try await repository.state().branch ?? "main" }
        try DurableFile.write(Array(branch.utf8), to: path)
        return branch
    }

    /// The remembered manifest, brought to the base; an empty one if there is none that can be used.
    private static func loadManifest(_ state: String, _ store: Store, _ base: Revision?) throws(GitError) -> Manifest {
        let tree = try store.tree(of: base)
        if let bytes = DurableFile.read(state + "/manifest"), let manifest = ManifestFile.decode(bytes),
            let known = manifest.baseTree, try store.reader.info(known.hex) != nil
        {
            manifest.setBase(tree, try store.compare(known, tree))
            return manifest
        }
        let manifest = Manifest()
        manifest.setBase(tree, base == nil ? [] : try store.list(tree))
        return manifest
    }
}
