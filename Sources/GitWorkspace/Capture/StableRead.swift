import CSystemCalls
import Glibc

/// Reads a file so that the bytes are those of one moment, never half of one version and half of the next.
///
/// A read lease says that nobody has the file open for writing, and makes whoever opens it wait until it is let go.
/// Where somebody has, or where there are no leases, the clock that stamps files must tell: a file that was written
/// within the last moments is not read, and one whose stamp moved while it was read is read again.
struct StableRead {
    enum Outcome {
        /// `isTrusted`: a change after this reading must show in the stamp.
        case read(Stamp, isTrusted: Bool)
        /// It moved; try again.
        case hot
        case gone
        case special
        case unreadable(Int32)
    }

    /// A writer that has the file open counts as busy for this long after its last write.
    static let quiet: Int64 = 100_000_000
    /// Held for the whole reading up to this size; above it a writer would wait too long.
    static let leasedBytes: Int64 = 8 << 20
    static let attempts = 4

    let root: Int32
    let path: [UInt8]

    static func open(_ root: Int32, _ path: [UInt8], _ flags: Int32) -> Int32 {
        csystem_open_beneath(root, FolderReader.terminated(path), flags, 0)
    }

    /// Gives the file's bytes in pieces: first `begin` with the size, then exactly that many bytes in all. Whether they
    /// count is known only at the end.
    func file(
        begin: (Int64) throws(GitError) -> Void, piece: (UnsafeRawBufferPointer) throws(GitError) -> Void
    ) throws(GitError) -> Outcome {
        let descriptor = Self.open(root, path, O_RDONLY | O_NONBLOCK)
        guard descriptor >= 0 else {
            switch errno {
            case ENOENT, ENOTDIR: return .gone
            case ELOOP, ENXIO: return .hot
            default: return .unreadable(errno)
            }
        }
        // Closing lets the lease go.
        defer { close(descriptor) }
        guard var before = stamp(descriptor) else { return .unreadable(errno) }
        guard before.isFile else { return .special }
        let lease = csystem_take_read_lease(descriptor)
        let isBusy = lease != 0 && errno == EAGAIN
        if lease == 0 && before.size > Self.leasedBytes { _ = csystem_drop_lease(descriptor) }
        let isLeased = lease == 0 && before.size <= Self.leasedBytes
        if isBusy && csystem_file_clock_nanoseconds() - before.changed < Self.quiet { return .hot }
        if !isLeased && !before.isSettled(at: csystem_file_clock_nanoseconds()) { usleep(5000) }
        let clock = csystem_file_clock_nanoseconds()
        guard let started = stamp(descriptor) else { return .unreadable(errno) }
        before = started
        if !isLeased && before.changed >= clock { return .hot }
        try begin(before.size)
        if let code = try copy(descriptor, size: before.size, piece) { return .unreadable(code) }
        guard let after = stamp(descriptor), after == before else { return .hot }
        return .read(after, isTrusted: after.isSettled(at: clock))
    }

    /// Reads exactly `size` bytes; what is missing (the file shrank: it is hot) is filled with zeros.
    private func copy(
        _ descriptor: Int32, size: Int64, _ piece: (UnsafeRawBufferPointer) throws(GitError) -> Void
    ) throws(GitError) -> Int32? {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
        defer { buffer.deallocate() }
        var left = size
        while left > 0 {
            let wanted = Int(min(Int64(buffer.count), left))
            var count = read(descriptor, buffer.baseAddress, wanted)
            if count < 0 && errno == EINTR { continue }
            if count < 0 { return errno }
            if count == 0 {
                for offset in 0..<wanted { buffer[offset] = 0 }
                count = wanted
            }
            try piece(UnsafeRawBufferPointer(rebasing: buffer[0..<count]))
            left -= Int64(count)
        }
        return nil
    }

    /// The bytes as they are now, whoever writes to them; nil if there is no file, or a large one.
    func unsettled() -> (bytes: [UInt8], stamp: Stamp)? {
        let descriptor = Self.open(root, path, O_RDONLY | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard let stamp = stamp(descriptor), stamp.isFile, stamp.size <= Self.leasedBytes else { return nil }
        var bytes: [UInt8] = []
        while case .bytes = readChunk(descriptor, into: &bytes) {
            if bytes.count > Self.leasedBytes * 2 { return nil }
        }
        return (bytes, stamp)
    }

    /// The target of a link, which is replaced and never written to: two equal stamps suffice.
    func link() -> (Outcome, target: [UInt8]) {
        let name = path.split(separator: 47).last.map(Array.init) ?? path
        let parentPath = Array(path.dropLast(name.count + 1))
        let parent = parentPath.isEmpty ? fcntl(root, F_DUPFD_CLOEXEC, 0) : Self.open(root, parentPath, O_DIRECTORY)
        guard parent >= 0 else { return (errno == ENOENT ? .gone : .unreadable(errno), []) }
        defer { close(parent) }
        let clock = csystem_file_clock_nanoseconds()
        guard case .found(let before) = FolderReader.status(parent, Name(name)), before.isLink else {
            return (.hot, [])
        }
        var target = [CChar](repeating: 0, count: 4096)
        let count = readlinkat(parent, FolderReader.terminated(name), &target, target.count)
        guard count >= 0 else { return (errno == ENOENT ? .gone : .unreadable(errno), []) }
        guard case .found(let after) = FolderReader.status(parent, Name(name)), after == before else {
            return (.hot, [])
        }
        return (.read(after, isTrusted: after.isSettled(at: clock)), target.prefix(count).map { UInt8(bitPattern: $0) })
    }

    private func stamp(_ descriptor: Int32) -> Stamp? {
        var raw = stat()
        return fstat(descriptor, &raw) == 0 ? Stamp(raw) : nil
    }
}
