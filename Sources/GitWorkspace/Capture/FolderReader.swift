import CSystemCalls
import Glibc

/// What a name in a folder is, as cheaply as the system tells.
enum EntryKind {
    case file
    case link
    case folder
    case special
}

struct FolderEntry {
    var name: Name
    var kind: EntryKind
    /// Of files and links, taken while the folder is read; nil where that failed.
    var stamp: Stamp?
}

/// Reads folders by descriptor, never through a link.
enum FolderReader {
    static func open(_ parent: Int32, _ name: [UInt8]) -> Int32 {
        openat(parent, terminated(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
    }

    private static let nameOffset = MemoryLayout<dirent>.offset(of: \.d_name) ?? 0

    /// Entries without `.` and `..`; nil (with errno) if the folder cannot be read. Closes `descriptor`'s copy only.
    static func entries(_ descriptor: Int32) -> [FolderEntry]? {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { return nil }
        guard let stream = fdopendir(copy) else {
            close(copy)
            return nil
        }
        defer { closedir(stream) }
        // The copy shares its place in the folder with the original, which may have been read before.
        rewinddir(stream)
        var entries: [FolderEntry] = []
        errno = 0
        while let entry = readdir(stream) {
            let text = (UnsafeRawPointer(entry) + nameOffset).assumingMemoryBound(to: CChar.self)
            let name = Name(UnsafeRawBufferPointer(start: text, count: strlen(text)))
            if name.bytes == [46] || name.bytes == [46, 46] { continue }
            guard let kind = kind(descriptor, name, type: Int32(entry.pointee.d_type)) else { continue }
            var raw = stat()
            let isStatted =
                switch kind {
                case .file, .link: fstatat(descriptor, text, &raw, AT_SYMLINK_NOFOLLOW) == 0
                case .folder, .special: false
                }
            entries.append(FolderEntry(name: name, kind: kind, stamp: isStatted ? Stamp(raw) : nil))
            errno = 0
        }
        return errno == 0 ? entries : nil
    }

    private static func kind(_ folder: Int32, _ name: Name, type: Int32) -> EntryKind? {
        switch type {
        case Int32(DT_REG): return .file
        case Int32(DT_LNK): return .link
        case Int32(DT_DIR): return .folder
        case Int32(DT_UNKNOWN):
            guard case .found(let stamp) = status(folder, name) else { return nil }
            if stamp.isFile { return .file }
            if stamp.isLink { return .link }
            return stamp.mode & UInt32(S_IFMT) == UInt32(S_IFDIR) ? .folder : .special
        default: return .special
        }
    }

    enum Status {
        case found(Stamp)
        case gone
        case failed(Int32)
    }

    static func status(_ folder: Int32, _ name: Name) -> Status {
        var raw = stat()
        let result = fstatat(folder, terminated(name.bytes), &raw, AT_SYMLINK_NOFOLLOW)
        if result == 0 { return .found(Stamp(raw)) }
        return errno == ENOENT || errno == ENOTDIR ? .gone : .failed(errno)
    }

    static func terminated(_ bytes: [UInt8]) -> [CChar] { bytes.map { CChar(bitPattern: $0) } + [0] }
}
