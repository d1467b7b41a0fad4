import CSystemCalls
import Foundation
import Glibc

/// A folder that vanishes with the last use of its value.
final class Scratch: Sendable {
    let path: String
    private let isKept: Bool

    init() throws {
        var template = Array("/tmp/baton-git-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw Failed(what: "mkdtemp", code: errno) }
        path = String(cString: made)
        isKept = false
    }

    /// A folder that another has made, and removes.
    init(existing path: String) {
        self.path = path
        isKept = true
    }

    deinit {
        if !isKept { try? FileManager.default.removeItem(atPath: path) }
    }

    struct Failed: Error {
        var what: String
        var code: Int32
    }

    func write(_ name: String, _ text: String, mode: mode_t = 0o644) throws {
        try write(Array(name.utf8), Array(text.utf8), mode: mode)
    }

    /// Writes a file (and the folders above it) by a name of any bytes.
    func write(_ name: [UInt8], _ bytes: [UInt8], mode: mode_t = 0o644) throws {
        let full = Array(path.utf8) + [47] + name
        for (offset, byte) in full.enumerated() where byte == 47 && offset > 0 {
            withCPath(Array(full[..<offset])) { _ = mkdir($0, 0o755) }
        }
        let descriptor = withCPath(full) { open($0, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode) }
        guard descriptor >= 0 else { throw Failed(what: "open \(name)", code: errno) }
        defer { close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { throw Failed(what: "write", code: errno) }
            rest = rest.dropFirst(count)
        }
        fchmod(descriptor, mode)
    }

    func read(_ name: String) throws -> [UInt8] { try read(Array(name.utf8)) }

    func read(_ name: [UInt8]) throws -> [UInt8] {
        let descriptor = withCPath(Array(path.utf8) + [47] + name) { open($0, O_RDONLY | O_CLOEXEC) }
        guard descriptor >= 0 else { throw Failed(what: "open \(String(decoding: name, as: UTF8.self))", code: errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count <= 0 { return bytes }
            bytes += buffer[0..<count]
        }
    }

    func remove(_ name: String) { unlink(path + "/" + name) }

    func exists(_ name: String) -> Bool { access(path + "/" + name, F_OK) == 0 }
}

func withCPath<Value>(_ bytes: [UInt8], _ body: (UnsafePointer<CChar>) -> Value) -> Value {
    body(bytes.map { CChar(bitPattern: $0) } + [0])
}

/// Waits, for at most five seconds, until no process has the file open for writing. A child that another test starts
/// holds this process's descriptors from its fork to its exec.
func waitUntilNobodyWrites(to path: String) throws {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    defer { close(file) }
    for _ in 0..<5000 {
        if csystem_take_read_lease(file) == 0 {
            csystem_drop_lease(file)
            return
        }
        usleep(1000)
    }
    throw Scratch.Failed(what: "\(path) is still open for writing", code: EAGAIN)
}
