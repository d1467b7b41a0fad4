import CSystemCalls

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What stands at a name right now: the bytes by their object id, and the lease that keeps writers out meanwhile.
enum LiveFile {
    case missing
    case entry(LiveEntry)
    case directory
    case special
    /// Somebody has it open for writing.
    case busy
    case unreadable(Int32)

    /// Reads and hashes the file or link at `name`. With a lease (where the system has them) nobody can begin to write
    /// to the file until the result is let go; a writer that tries is made to wait, and `leaseStands` turns false.
    static func inspect(
        _ directory: Descriptor, _ name: [UInt8], digits: Int, leases: Bool
    ) -> LiveFile {
        do {
            guard let status = try FileCalls.status(directory, name) else { return .missing }
            switch status.kind {
            case .directory: return .directory
            case .special: return .special
            case .link:
                let target = try FileCalls.readLink(directory, name)
                let blob = BlobHash.id(of: target, digits: digits)
                return .entry(
                    LiveEntry(
                        entry: TreeEntry(mode: TreeEntry.link, blob: blob), identity: status.identity, file: nil,
                        lease: nil))
            case .file: return try inspectFile(directory, name, digits: digits, leases: leases)
            }
        } catch {
            return error.code == ENOENT ? .missing : .unreadable(error.code)
        }
    }

    private static func inspectFile(
        _ directory: Descriptor, _ name: [UInt8], digits: Int, leases: Bool
    ) throws(CallFailure) -> LiveFile {
        let file = try FileCalls.open(directory, name, O_RDONLY | O_NONBLOCK)
        var lease: ReadLease?
        if leases {
            switch ReadLease.take(file) {
            case .taken(let taken): lease = taken
            case .refused: return .busy
            case .unavailable: lease = nil
            }
        }
        let status = try FileCalls.status(file)
        guard status.kind == .file else { return .special }
        let blob = try hash(file, size: status.size, digits: digits)
        let mode = status.isExecutable ? TreeEntry.executable : TreeEntry.file
        return .entry(
            LiveEntry(
                entry: TreeEntry(mode: mode, blob: blob), identity: status.identity, file: file, lease: lease))
    }

    /// An empty id, equal to none, if the file's length changes while it is read.
    private static func hash(_ file: Descriptor, size: Int, digits: Int) throws(CallFailure) -> String {
        var hash = BlobHash(digits: digits, size: size)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: min(max(size, 1), 1 << 18), alignment: 16)
        defer { buffer.deallocate() }
        var total = 0
        while true {
            let count = try FileCalls.read(file, into: buffer)
            if count == 0 { break }
            total += count
            hash.update(UnsafeRawBufferPointer(rebasing: buffer.prefix(count)))
        }
        return total == size ? hash.finish() : ""
    }
}

/// A file or link whose bytes are known.
struct LiveEntry {
    var entry: TreeEntry
    var identity: FileIdentity
    /// Open for reading; nil for a link, whose target never changes.
    var file: Descriptor?
    var lease: ReadLease?

    /// Nobody can have changed the bytes since they were hashed.
    var isFrozen: Bool { file == nil || lease?.stands == true }
}

/// A read lease (fcntl(2), F_SETLEASE): refused while the file is open for writing anywhere, and a later open for
/// writing waits until it is dropped.
final class ReadLease: Sendable {
    enum Answer {
        case taken(ReadLease)
        case refused
        case unavailable
    }

    private let file: Descriptor
    private init(_ file: Descriptor) { self.file = file }
    deinit { _ = csystem_drop_lease(file.number) }

    static func take(_ file: Descriptor) -> Answer {
        guard csystem_silence_lease(file.number) == 0 else { return .unavailable }
        if csystem_take_read_lease(file.number) == 0 { return .taken(ReadLease(file)) }
        return errno == EAGAIN ? .refused : .unavailable
    }

    /// False once a writer waits for the file.
    var stands: Bool { csystem_lease_stands(file.number) == 1 }
}
