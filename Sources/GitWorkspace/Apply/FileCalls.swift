import CSystemCalls

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// An open file or directory; closed with its last reference.
final class Descriptor: Sendable {
    let number: Int32
    init(_ number: Int32) { self.number = number }
    deinit { close(number) }
}

/// A failed system call.
struct CallFailure: Error, Hashable, Sendable {
    var code: Int32
    static var last: CallFailure { CallFailure(code: errno) }
}

/// Which file it is, whatever its name.
struct FileIdentity: Hashable, Sendable {
    var device: UInt64
    var inode: UInt64
}

/// What `lstat` says, as far as an apply cares.
struct FileStatus: Hashable, Sendable {
    enum Kind: Hashable, Sendable { case file, link, directory, special }

    var identity: FileIdentity
    var kind: Kind
    var permissions: mode_t
    var size: Int
    var isExecutable: Bool { permissions & S_IXUSR != 0 }

    init(_ raw: stat) {
        identity = FileIdentity(
            device: UInt64(truncatingIfNeeded: raw.st_dev), inode: UInt64(truncatingIfNeeded: raw.st_ino))
        switch raw.st_mode & S_IFMT {
        case S_IFREG: kind = .file
        case S_IFLNK: kind = .link
        case S_IFDIR: kind = .directory
        default: kind = .special
        }
        permissions = raw.st_mode & 0o7777
        size = Int(raw.st_size)
    }
}

/// The system calls of an apply, on names relative to open directories. Names are bytes without a zero byte.
enum FileCalls {
    static func check(_ result: Int32) throws(CallFailure) {
        if result != 0 { throw CallFailure.last }
    }

    private static func terminated(_ name: [UInt8]) -> [CChar] { name.map { CChar(bitPattern: $0) } + [0] }

    static func status(_ directory: Descriptor, _ name: [UInt8]) throws(CallFailure) -> FileStatus? {
        var raw = stat()
        if fstatat(directory.number, terminated(name), &raw, AT_SYMLINK_NOFOLLOW) == 0 { return FileStatus(raw) }
        if errno == ENOENT || errno == ENOTDIR { return nil }
        throw CallFailure.last
    }

    static func status(_ file: Descriptor) throws(CallFailure) -> FileStatus {
        var raw = stat()
        try check(fstat(file.number, &raw))
        return FileStatus(raw)
    }

    static func open(
        _ directory: Descriptor, _ name: [UInt8], _ flags: Int32, mode: mode_t = 0
    ) throws(CallFailure) -> Descriptor {
        let number = openat(directory.number, terminated(name), flags | O_NOFOLLOW | O_CLOEXEC, mode)
        if number < 0 { throw CallFailure.last }
        return Descriptor(number)
    }

    static func openDirectory(_ path: String) throws(CallFailure) -> Descriptor {
        #if canImport(Glibc)
            let number = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        #else
            let number = Darwin.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        #endif
        if number < 0 { throw CallFailure.last }
        return Descriptor(number)
    }

    /// Opens a directory below `root`; no component may be a link.
    static func openBeneath(
        _ root: Descriptor, _ path: [UInt8], native: Bool
    ) throws(CallFailure) -> Descriptor {
        let flags = O_RDONLY | O_DIRECTORY
        if path.isEmpty { return try open(root, [46], flags) }
        if native {
            let number = csystem_open_beneath(root.number, terminated(path), flags, 0)
            if number < 0 { throw CallFailure.last }
            return Descriptor(number)
        }
        var directory = root
        for component in path.split(separator: UInt8(ascii: "/")) {
            do { directory = try open(directory, Array(component), flags) } catch {
                // Linux answers ENOTDIR for a link opened with O_DIRECTORY and O_NOFOLLOW.
                let status = try status(directory, Array(component))
                throw status?.kind == .link ? CallFailure(code: ELOOP) : error
            }
        }
        return directory
    }

    static func exchange(
        _ from: Descriptor, _ name: [UInt8], _ to: Descriptor, _ other: [UInt8]
    ) throws(CallFailure) {
        try check(csystem_rename_exchange(from.number, terminated(name), to.number, terminated(other)))
    }

    static func renameWithoutReplacing(
        _ from: Descriptor, _ name: [UInt8], _ to: Descriptor, _ other: [UInt8]
    ) throws(CallFailure) {
        try check(csystem_rename_noreplace(from.number, terminated(name), to.number, terminated(other)))
    }

    /// Replaces: only for names in our own directories, which nobody else makes.
    static func rename(
        _ from: Descriptor, _ name: [UInt8], _ to: Descriptor, _ other: [UInt8]
    ) throws(CallFailure) {
        try check(renameat(from.number, terminated(name), to.number, terminated(other)))
    }

    static func hardLink(
        _ from: Descriptor, _ name: [UInt8], _ to: Descriptor, _ other: [UInt8]
    ) throws(CallFailure) {
        try check(linkat(from.number, terminated(name), to.number, terminated(other), 0))
    }

    static func makeLink(_ directory: Descriptor, _ name: [UInt8], target: [UInt8]) throws(CallFailure) {
        try check(symlinkat(terminated(target), directory.number, terminated(name)))
    }

    static func readLink(_ directory: Descriptor, _ name: [UInt8]) throws(CallFailure) -> [UInt8] {
        var buffer = [CChar](repeating: 0, count: PathRules.pathBytes + 1)
        let count = readlinkat(directory.number, terminated(name), &buffer, buffer.count)
        if count < 0 { throw CallFailure.last }
        return buffer.prefix(count).map { UInt8(bitPattern: $0) }
    }

    static func makeDirectory(
        _ directory: Descriptor, _ name: [UInt8], mode: mode_t = 0o777
    ) throws(CallFailure) {
        try check(mkdirat(directory.number, terminated(name), mode))
    }

    static func remove(
        _ directory: Descriptor, _ name: [UInt8], isDirectory: Bool = false
    ) throws(CallFailure) {
        try check(unlinkat(directory.number, terminated(name), isDirectory ? AT_REMOVEDIR : 0))
    }

    static func setPermissions(_ file: Descriptor, _ mode: mode_t) throws(CallFailure) {
        try check(fchmod(file.number, mode))
    }

    static func setPermissions(
        _ directory: Descriptor, _ name: [UInt8], _ mode: mode_t
    ) throws(CallFailure) {
        try check(fchmodat(directory.number, terminated(name), mode, 0))
    }

    static func sync(_ file: Descriptor) throws(CallFailure) { try check(csystem_full_sync(file.number)) }
    /// A hint; the sync that follows reports any failure.
    /// All of them with one wait.
    static func sync(_ files: [Descriptor]) throws(CallFailure) {
        let numbers = files.map(\.number)
        try check(csystem_full_sync_all(numbers, Int32(numbers.count)))
    }
    static func syncFileSystem(_ file: Descriptor) throws(CallFailure) {
        try check(csystem_sync_file_system(file.number))
    }

    static func write(_ file: Descriptor, _ bytes: [UInt8]) throws(CallFailure) {
        var start = 0
        while start < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                #if canImport(Glibc)
                    Glibc.write(file.number, buffer.baseAddress?.advanced(by: start), buffer.count - start)
                #else
                    Darwin.write(file.number, buffer.baseAddress?.advanced(by: start), buffer.count - start)
                #endif
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw CallFailure.last
            }
            start += count
        }
    }

    /// At most `buffer.count` bytes; zero at the end of the file.
    static func read(_ file: Descriptor, into buffer: UnsafeMutableRawBufferPointer) throws(CallFailure) -> Int {
        while true {
            #if canImport(Glibc)
                let count = Glibc.read(file.number, buffer.baseAddress, buffer.count)
            #else
                let count = Darwin.read(file.number, buffer.baseAddress, buffer.count)
            #endif
            if count >= 0 { return count }
            if errno != EINTR { throw CallFailure.last }
        }
    }

    static func contents(_ directory: Descriptor, _ name: [UInt8]) throws(CallFailure) -> [UInt8] {
        let file = try open(directory, name, O_RDONLY)
        var bytes: [UInt8] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = try read(file, into: buffer)
            if count == 0 { return bytes }
            bytes.append(contentsOf: buffer.prefix(count))
        }
    }

    /// The names in a directory, sorted, without `.` and `..`.
    static func names(_ path: String) throws(CallFailure) -> [String] {
        guard let stream = opendir(path) else { throw CallFailure.last }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}
