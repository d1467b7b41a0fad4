import Foundation
import Primitives

/// The file that holds the device key: `device.pem`, 0600, in a directory that is ours alone (0700).
struct KeyFile {
    let directory: String
    var path: String { directory + "/device.pem" }

    /// Durable before it returns; never replaces. A crash leaves the whole file or none.
    func create(_ text: String) throws(IdentityError) {
        try makeDirectory()
        try checkDirectory()
        let draft = directory + "/.device.\(getpid()).new"
        unlink(draft)
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .system(operation: "create", path: draft, errno: errno) }
        defer { unlink(draft) }
        let failure = FileSteps.firstFailure(of: [
            { fchmod(descriptor, 0o600) == 0 }, { FileSteps.write(Array(text.utf8), to: descriptor) },
            { fsync(descriptor) == 0 },
        ])
        close(descriptor)
        if let failure { throw .system(operation: "write", path: draft, errno: failure) }
        // A link, not a rename: it fails where a rename would replace another key.
        guard link(draft, path) == 0 else {
            if errno == EEXIST { throw .alreadyExists(path: path) }
            throw .system(operation: "create", path: path, errno: errno)
        }
        try syncDirectory()
    }

    func read() throws(IdentityError) -> String {
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw openFailure(errno) }
        defer { close(descriptor) }
        try checkDirectory()
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .system(operation: "read", path: path, errno: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile(path: path) }
        try checkPrivate(status, path)
        guard let bytes = FileSteps.readAll(descriptor, limit: Limits.keyFileBytes) else {
            throw .system(operation: "read", path: path, errno: errno)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func openFailure(_ code: Int32) -> IdentityError {
        switch code {
        case ENOENT: .missing(path: path)
        case ELOOP: .notAFile(path: path)
        default: .system(operation: "read", path: path, errno: code)
        }
    }

    /// Makes the directory and those above it that are missing, all 0700.
    private func makeDirectory() throws(IdentityError) {
        var path = directory.hasPrefix("/") ? "/" : ""
        for part in directory.split(separator: "/") {
            path += path.isEmpty || path.hasSuffix("/") ? part : "/" + part
            if mkdir(path, 0o700) != 0, errno != EEXIST, access(path, F_OK) != 0 {
                throw .system(operation: "create", path: path, errno: errno)
            }
        }
    }

    private func checkDirectory() throws(IdentityError) {
        var status = stat()
        guard lstat(directory, &status) == 0 else {
            throw .system(operation: "read", path: directory, errno: errno)
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw .notAFile(path: directory) }
        try checkPrivate(status, directory)
    }

    private func checkPrivate(_ status: stat, _ path: String) throws(IdentityError) {
        guard status.st_uid == geteuid() else { throw .notOurs(path: path, owner: status.st_uid) }
        guard status.st_mode & 0o077 == 0 else {
            throw .readableByOthers(path: path, mode: UInt32(status.st_mode) & 0o777)
        }
    }

    private func syncDirectory() throws(IdentityError) {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(operation: "sync", path: directory, errno: errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .system(operation: "sync", path: directory, errno: errno) }
    }
}

/// Steps on a descriptor that leave errno as the call left it.
enum FileSteps {
    static func text(_ code: Int32) -> String { String(cString: strerror(code)) }

    /// Runs the steps until one returns false; its errno, or nil.
    static func firstFailure(of steps: [() -> Bool]) -> Int32? {
        for step in steps where !step() { return errno }
        return nil
    }

    static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// Nil if a read fails; bytes beyond `limit` are left (the result then is no key file).
    static func readAll(_ descriptor: Int32, limit: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 4096)
        while bytes.count <= limit {
            let count = read(descriptor, &block, block.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return nil }
            if count == 0 { break }
            bytes += block.prefix(count)
        }
        return bytes
    }
}
