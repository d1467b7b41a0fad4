import Primitives
import ToolHooks

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The settings file of one tool: read, kept beside, and replaced in one step.
struct HookFile: Sendable {
    let tool: HookTool
    /// As the user knows it.
    let path: String

    /// Where its bytes are: a link is followed, and stays a link.
    private var target: String { GlobalOptions.resolved(path) }

    /// Nil if there is none.
    func read() throws -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw failure("cannot be read")
        }
        defer { close(descriptor) }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
            throw CommandFailure(Exit.failed, "\(path) is no file", hint: "look at it: ls -l \(path)")
        }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while bytes.count <= Limits.hookPayloadBytes {
            let count = part.withUnsafeMutableBytes { SystemRead.call(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure("cannot be read") }
            if count == 0 { return bytes }
            bytes += part.prefix(count)
        }
        throw CommandFailure(
            Exit.failed, "\(path) is larger than 1 MiB and was left as it is", hint: "look at it: ls -l \(path)")
    }

    /// Puts `text` in its place, and what was there beside it.
    /// - Returns: the file that holds what was there; nil if there was nothing.
    func replace(_ old: [UInt8]?, with text: String) throws -> String? {
        var mode: mode_t = 0o600
        var facts = stat()
        if stat(target, &facts) == 0 { mode = facts.st_mode & 0o777 }
        try makeDirectory()
        let kept = try old.map { try keep($0) }
        let temporary = target + ".baton-\(getpid())"
        try write(Array(text.utf8), to: temporary, mode: mode)
        guard rename(temporary, target) == 0 else {
            let failure = failure("cannot be replaced")
            unlink(temporary)
            throw failure
        }
        return kept
    }

    func remove() throws { guard unlink(path) == 0 else { throw failure("cannot be removed") } }

    /// A name that is not taken: an older copy is never written over.
    private func keep(_ bytes: [UInt8]) throws -> String {
        for number in 1...999 {
            let name = target + ".before-baton" + (number == 1 ? "" : "-\(number)")
            if access(name, F_OK) == 0 { continue }
            try write(bytes, to: name, mode: 0o600)
            return name
        }
        throw CommandFailure(
            Exit.failed, "999 copies of \(path) lie beside it", hint: "remove old ones: rm \(target).before-baton-*")
    }

    private func write(_ bytes: [UInt8], to name: String, mode: mode_t) throws {
        let descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)
        guard descriptor >= 0 else { throw failure("cannot be written") }
        defer { close(descriptor) }
        fchmod(descriptor, mode)
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { SystemWrite.call(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure("cannot be written") }
            rest = rest.dropFirst(count)
        }
        guard fsync(descriptor) == 0 else { throw failure("cannot be written") }
    }

    private func makeDirectory() throws {
        var made = ""
        for part in target.split(separator: "/").dropLast() {
            made += "/" + part
            if mkdir(made, 0o700) != 0, errno != EEXIST { throw failure("cannot be made") }
        }
    }

    private func failure(_ what: String) -> CommandFailure {
        let why = String(cString: strerror(errno))
        return CommandFailure(
            Exit.failed, "\(path) \(what): \(why); nothing was changed", hint: "look at it: ls -ld \(path)")
    }
}

/// read(2) and write(2), where a function of the same name is nearer.
private enum SystemRead {
    static func call(_ descriptor: Int32, _ place: UnsafeMutableRawPointer?, _ count: Int) -> Int {
        read(descriptor, place, count)
    }
}

private enum SystemWrite {
    static func call(_ descriptor: Int32, _ place: UnsafeRawPointer?, _ count: Int) -> Int {
        write(descriptor, place, count)
    }
}
