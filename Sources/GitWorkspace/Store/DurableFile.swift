import CSystemCalls
import Glibc

/// Files of our own state directory, written so that a power cut leaves the old or the new one.
enum DurableFile {
    static func write(_ bytes: [UInt8], to path: String, synced: Bool = true) throws(GitError) {
        let temporary = path + ".new"
        try DiskStep.before("write", temporary)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(path) }
        defer { close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw failure(path) }
            rest = rest.dropFirst(count)
        }
        try DiskStep.before("sync", temporary)
        if synced, csystem_full_sync(descriptor) != 0 { throw failure(path) }
        try DiskStep.before("name", path)
        guard rename(temporary, path) == 0 else { throw failure(path) }
        DiskStep.after("name", path)
        if synced { syncFolder(String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex))) }
    }

    static func read(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        while case .bytes = readChunk(descriptor, into: &bytes) {}
        return bytes
    }

    /// Makes the names in a folder durable.
    static func syncFolder(_ path: String) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        _ = csystem_full_sync(descriptor)
        close(descriptor)
    }

    /// All on disk together: one wait instead of one each.
    static func sync(_ descriptors: [Int32]) -> Bool {
        descriptors.isEmpty || csystem_full_sync_all(descriptors, Int32(descriptors.count)) == 0
    }

    static func failure(_ path: String, _ code: Int32 = errno) -> GitError {
        GitError(
            .cannotStart, message: "\(path) could not be written", meaning: String(cString: strerror(code)),
            hint: "check free space and permissions of the state directory")
    }

    /// Names in a folder, without `.` and `..`; empty if it cannot be read.
    static func names(in path: String) -> [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Removes a folder of ours with everything in it. Never follows a link.
    static func removeTree(_ path: String) {
        for name in names(in: path) {
            let child = path + "/" + name
            if unlink(child) != 0 { removeTree(child) }
        }
        rmdir(path)
    }
}
