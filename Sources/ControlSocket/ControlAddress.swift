import CSystemCalls

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Where the socket of one `BATON_HOME` is. Both ends find it by the same function.
///
/// It is `run/agent.sock` in the home. A Unix socket's path has room for 107 bytes; a longer one gets a short name,
/// made from the home's path, under `$XDG_RUNTIME_DIR/baton` or `/tmp/baton-<uid>`, and `run/agent.sock.path` in the
/// home points to it, so that both ends meet although their environments differ.
package struct ControlAddress: Hashable, Sendable {
    /// The directory of the socket, 0700.
    package let directory: String
    /// The path of the socket, 0600.
    package let socket: String
    /// The file in the home that holds the socket's path, if the socket is elsewhere.
    package let pointer: String?
    /// The `run` directory of the home.
    package let run: String

    static let pathBytes = 107

    package static func resolve(home: String) throws(ControlFailure) -> ControlAddress {
        let home = absolute(home)
        let run = home + "/run"
        let plain = run + "/agent.sock"
        guard plain.utf8.count > pathBytes else {
            return ControlAddress(directory: run, socket: plain, pointer: nil, run: run)
        }
        let pointer = plain + ".path"
        let name = "/\(hash(home)).sock"
        if let known = firstLine(pointer), known.hasSuffix(name), known.utf8.count <= pathBytes {
            return ControlAddress(
                directory: String(known.dropLast(name.utf8.count)), socket: known, pointer: pointer, run: run)
        }
        var directory = "/tmp/baton-\(geteuid())"
        if let runtime = getenv("XDG_RUNTIME_DIR").map({ String(cString: $0) }), runtime.hasPrefix("/"),
            trouble(with: runtime) == nil, (runtime + "/baton" + name).utf8.count <= pathBytes
        {
            directory = runtime + "/baton"
        }
        return ControlAddress(directory: directory, socket: directory + name, pointer: pointer, run: run)
    }

    /// Makes the directories (0700) and the pointer. Refuses a directory that another user owns or can reach.
    func prepare() throws(ControlFailure) {
        try ControlAddress.makePrivate(run)
        if directory != run { try ControlAddress.makePrivate(directory) }
        guard let pointer else { return }
        let temporary = pointer + ".new"
        unlink(temporary)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        let line = Array((socket + "\n").utf8)
        guard descriptor >= 0, write(descriptor, line, line.count) == line.count, close(descriptor) == 0,
            rename(temporary, pointer) == 0
        else { throw .failed("cannot write \(pointer): \(String(cString: strerror(errno)))", hint: nil) }
    }

    /// Refuses a socket's directory that is not wholly ours; a missing one means that no agent has been here.
    func check() throws(ControlFailure) {
        var status = stat()
        guard lstat(directory, &status) == 0 else { throw .agentNotRunning }
        if let why = ControlAddress.trouble(with: directory) { throw .notOurs(directory, why) }
    }

    private static func makePrivate(_ path: String) throws(ControlFailure) {
        if mkdir(path, 0o700) != 0, errno != EEXIST {
            throw .failed(
                "cannot make \(path): \(String(cString: strerror(errno)))", hint: "is the directory above it there?")
        }
        var status = stat()
        if lstat(path, &status) == 0, status.st_uid == geteuid(), status.st_mode & S_IFMT == S_IFDIR {
            chmod(path, 0o700)
        }
        if let why = trouble(with: path) { throw .notOurs(path, why) }
    }

    /// Why `path` is not a directory that only we can reach; nil if it is.
    private static func trouble(with path: String) -> String? {
        var status = stat()
        guard lstat(path, &status) == 0 else { return "cannot be read: \(String(cString: strerror(errno)))" }
        guard status.st_mode & S_IFMT == S_IFDIR else { return "is not a directory" }
        guard status.st_uid == geteuid() else { return "belongs to another user (uid \(status.st_uid))" }
        guard status.st_mode & 0o077 == 0 else { return "can be reached by other users" }
        return nil
    }

    private static func absolute(_ path: String) -> String {
        if let real = realpath(path, nil) {
            defer { free(real) }
            return String(cString: real)
        }
        guard !path.hasPrefix("/"), let here = getcwd(nil, 0) else { return path }
        defer { free(here) }
        return String(cString: here) + "/" + path
    }

    private static func firstLine(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = read(descriptor, &bytes, bytes.count)
        guard count > 0 else { return nil }
        let line = bytes[0..<count].prefix { $0 != UInt8(ascii: "\n") }
        return line.first == UInt8(ascii: "/") ? String(decoding: line, as: UTF8.self) : nil
    }

    /// FNV-1a, 64 bits: a name, not a secret. Two homes with one name would refuse each other by the server's lock.
    private static func hash(_ text: String) -> String {
        var value: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return String(value, radix: 16)
    }
}
