import Dispatch
import Glibc
import Primitives
import Synchronization

/// The store of one device without a working tree: what rounds do to objects and refs, one blocking call a step. For a
/// simulator that keeps real git beside its model; the agent goes through `Workspace`, which does the same with the
/// same parts. Used by one thread at a time.
package final class RoundStore {
    /// A file of a tree.
    package struct File: Hashable, Sendable {
        package var path: String
        package var bytes: [UInt8]

        package init(path: String, bytes: [UInt8]) {
            self.path = path
            self.bytes = bytes
        }
    }

    /// The refs that a device's state rests on.
    package struct Refs: Hashable, Sendable {
        package var main: Revision?
        package var base: Revision?
        /// This device's newest capture.
        package var capture: Revision?

        package init(main: Revision? = nil, base: Revision? = nil, capture: Revision? = nil) {
            self.main = main
            self.base = base
            self.capture = capture
        }
    }

    package let device: DeviceID
    let store: Store
    private let deadline: Duration = .seconds(60)

    private init(_ store: Store, device: DeviceID) {
        self.store = store
        self.device = device
    }

    /// Opens the store below `state`, making it if there is none; removes what an interrupted process left there.
    package static func open(state: String, device: DeviceID) throws(GitError) -> RoundStore {
        ProcessSignals.prepare()
        let path = try GitInstallation.find(searchPath: HermeticGit.currentSearchPath)
        let installation = GitInstallation(path: path, version: .minimum)
        return RoundStore(try Store.open(state: state, installation: installation, digits: 40), device: device)
    }

    /// A folder of its own for the stores of one run.
    package static func temporaryFolder() throws(GitError) -> String {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var name = Array("\(parent)/baton-twin-XXXXXX".utf8CString)
        guard mkdtemp(&name) != nil else { throw DurableFile.failure(parent) }
        return String(decoding: name.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    package static func removeFolder(_ path: String) { DurableFile.removeTree(path) }

    package func close() { store.reader.close() }

    // MARK: Steps of a round

    /// A capture of `files` as a commit over the base.
    /// - Parameters:
    ///   - gone: paths that may stand in the base and are no more.
    ///   - seconds: since 1970.
    package func capture(
        _ files: [File], gone: [String], base: Revision?, round: RoundID, seconds: Int64
    ) throws(GitError) -> Revision {
        let batch = ObjectBatch(store)
        var lines = gone.map { TreeLine(path: Array($0.utf8)) }
        for file in files {
            let version = Version(mode: TreeEntry.file, id: try batch.add(.blob, file.bytes))
            lines.append(TreeLine(path: Array(file.path.utf8), new: version))
        }
        let revision = try batch.add(
            commit: ObjectBatch.Commit(
                tree: TreeEdit(batch: batch).apply(lines, to: store.tree(of: base)), parents: [base].compactMap { $0 },
                author: "\(device.short)", email: "\(device.short)@baton", seconds: seconds,
                message: "Capture \(files.count) files\n\nBaton-Device: \(device)\nBaton-Round: \(round)\n"))
        let transfer = PackTransfer(store: store, cancellation: Cancellation(), deadline: deadline)
        try batch.finish(refs: transfer.pins(revision, captureOf: device))
        return revision
    }

    /// Merges and pins the result for the round. Nil if there is nothing to merge.
    package func merge(
        head: Revision?, captures: [DeviceCapture], round: RoundID
    ) throws(GitError) -> MergeResult? {
        let merged = try Merger(store: store, head: head, round: round, leader: device).merge(captures)
        if let merged { try stage(merged.revision, round: round) }
        return merged
    }

    package func stage(_ revision: Revision, round: RoundID) throws(GitError) {
        try store.update([RefChange(name: RefName.staged(round), new: ObjectID(revision))])
    }

    package func publish(_ revision: Revision) throws(GitError) {
        try store.update([RefChange(name: RefName.main, new: ObjectID(revision))])
    }

    package func setBase(_ revision: Revision) throws(GitError) {
        try store.update([RefChange(name: RefName.base, new: ObjectID(revision))])
    }

    /// As between rounds: small packs are rolled up when they are many.
    package func maintain() throws(GitError) {
        _ = try store.rollUpPacks(deadline: deadline, cancellation: Cancellation())
    }

    // MARK: Transfer

    /// What a sender may leave out for this device.
    package func haves() throws(GitError) -> [Revision] {
        let refs = try refs()
        return [refs.main, refs.base, refs.capture].compactMap { $0 }
    }

    /// The bytes that this device sends to one that has `have` and wants `want`.
    package func pack(want: Revision, have: [Revision]) throws(GitError) -> [UInt8] {
        let transfer = PackTransfer(store: store, cancellation: Cancellation(), deadline: deadline)
        let (near, far) = try Self.pair()
        defer { Glibc.close(near) }
        let sending = Other { () throws(GitError) in
            defer { Glibc.close(far) }
            try transfer.send(want: want, have: have, to: far)
        }
        var bytes: [UInt8] = []
        let stream = StreamBytes(near, Cancellation(), deadline: deadline)
        while let more = try stream.receive() { bytes += more }
        try sending.end()
        return bytes
    }

    /// Takes a pack in as it comes over a stream, which ends after `bytes`.
    package func receive(_ bytes: [UInt8], want: Revision, captureOf device: DeviceID?) throws(GitError) {
        let transfer = PackTransfer(store: store, cancellation: Cancellation(), deadline: deadline)
        let (near, far) = try Self.pair()
        let patience = deadline
        let sending = Other { () throws(GitError) in
            defer { Glibc.close(far) }
            try StreamBytes(far, Cancellation(), deadline: patience).send(bytes)
        }
        let result: Result<Void, GitError>
        do throws(GitError) {
            result = .success(try transfer.receive(want: want, from: near, captureOf: device))
        } catch { result = .failure(error) }
        Glibc.close(near)
        // A receiver that has seen enough hangs up; what it says counts.
        let sent = sending.result()
        try result.get()
        try sent.get()
    }

    private static func pair() throws(GitError) -> (Int32, Int32) {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw DurableFile.failure("a stream")
        }
        return (ends[0], ends[1])
    }

    // MARK: Questions

    package func refs() throws(GitError) -> Refs {
        Refs(
            main: try store.ref(RefName.main), base: try store.ref(RefName.base),
            capture: try store.ref(RefName.device(device)))
    }

    /// Every ref as a line, in order.
    package func everyRef() throws(GitError) -> [String] {
        try store.refs(under: RefName.prefix).map { "\($0.name) \($0.id)" }.sorted()
    }

    package func has(_ revision: Revision) throws(GitError) -> Bool { try store.has(revision) }

    /// Files of transfers that were not brought to an end.
    package var leftovers: [String] {
        let packs = DurableFile.names(in: store.path + "/objects/pack")
        return DurableFile.names(in: store.path + "/incoming")
            + packs.filter { $0.hasPrefix("tmp_") || $0.hasPrefix(".tmp-") }
    }

    /// Every file of a revision, in git's order.
    package func files(of revision: Revision) throws(GitError) -> [File] {
        try files(in: store.tree(of: revision), below: "")
    }

    private func files(in tree: ObjectID, below folder: String) throws(GitError) -> [File] {
        guard tree != store.emptyTree else { return [] }
        var found: [File] = []
        for item in try store.items(of: tree) {
            let path = folder + String(decoding: item.name, as: UTF8.self)
            if item.isTree {
                found += try files(in: item.version.id, below: path + "/")
            } else {
                found.append(File(path: path, bytes: try store.blob(item.version.id)))
            }
        }
        return found
    }

    /// What git itself says about all objects and everything that refs reach; nil if all is well.
    package func complaint() throws(GitError) -> String? {
        let result = try store.git.runBlocking(
            ["fsck", "--full", "--strict", "--no-dangling", "--no-progress"], accepting: Array(0...127))
        guard result.status != 0 else { return nil }
        let lines = result.output.split(separator: 10).map { String(decoding: $0, as: UTF8.self) }
        return lines.first ?? "git fsck ended with \(result.status)"
    }
}

/// The other end of a stream, on a thread of its own.
private final class Other: Sendable {
    private let outcome = Mutex<Result<Void, GitError>>(.success(()))
    private let queue = DispatchQueue(label: "baton.stream")

    init(_ body: @escaping @Sendable () throws(GitError) -> Void) {
        queue.async { @Sendable [self] in
            do throws(GitError) { try body() } catch { outcome.withLock { $0 = .failure(error) } }
        }
    }

    /// After its end.
    func result() -> Result<Void, GitError> {
        queue.sync {}
        return outcome.withLock { $0 }
    }

    func end() throws(GitError) { try result().get() }
}
