import AgentRuntime
import ControlSocket

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Everything that helps to find a fault, in one tar file that only the user can read. No key, no invite, no contents
/// of files: what goes in is named here, and passes `redacted`.
struct DoctorBundle {
    let scene: DoctorScene
    let findings: [Finding]

    private static let logBytes = 1 << 20
    private static let operations = 200
    private static let rows = 500

    func write(to path: String) async throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw CommandFailure(
                Exit.failed, "cannot write \(path): \(String(cString: strerror(errno)))",
                hint: "name a file that is not there yet: \(scene.typed("doctor --bundle FILE"))")
        }
        close(descriptor)
        var tar = TarFile()
        for (name, text) in try await parts() { tar.add("baton-doctor/" + name, Array(Self.redacted(text).utf8)) }
        SystemFiles.write(tar.bytes, to: path)
    }

    private func parts() async throws -> [(String, String)] {
        var pipe = scene.console
        pipe.outputIsTerminal = true
        var parts = [("doctor.json", try JSONText.of(DoctorReport(findings), pipe)), ("version.txt", versions())]
        if let status = scene.status { parts.append(("status.json", try JSONText.of(status, pipe))) }
        if let client = scene.client {
            let operations: LogReport = try await client.call(
                ControlCall.log, LogCall(limit: Self.operations, operations: true))
            let rows: LogReport = try await client.call(ControlCall.log, LogCall(limit: Self.rows))
            let config: ConfigReport = try await client.call(ControlCall.config, EmptyBody())
            let metrics: MetricsReport = try await client.call(ControlCall.metrics, EmptyBody())
            parts += [
                ("log.json", try JSONText.of(operations, pipe)), ("rows.json", try JSONText.of(rows, pipe)),
                ("config.json", try JSONText.of(config, pipe)), ("metrics.prom", metrics.text),
            ]
        }
        let size = Detached.size(of: scene.home.log)
        let log = SystemFiles.text(of: scene.home.log, from: max(0, size - Self.logBytes), atMost: Self.logBytes)
        if !log.isEmpty { parts.append(("agent.log", log)) }
        return parts
    }

    private func versions() -> String {
        var names = utsname()
        uname(&names)
        let system = withUnsafeBytes(of: &names.sysname) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let release = withUnsafeBytes(of: &names.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let machine = withUnsafeBytes(of: &names.machine) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return "baton \(BatonVersion.text)\n\(system) \(release) \(machine)\n"
    }

    /// Nothing here should hold a secret; what looks like one goes nevertheless: invites, and keys as PEM has them.
    static func redacted(_ text: String) -> String {
        var lines: [Substring] = []
        var isInKey = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.contains("-----BEGIN ") { isInKey = true }
            if !isInKey { lines.append(line) } else if line.contains("-----END ") { lines.append("[a key was here]") }
            if line.contains("-----END ") { isInKey = false }
        }
        return lines.joined(separator: "\n").replacing(/baton[0-9]+-[A-Za-z0-9]{16,}/, with: "[an invite was here]")
    }
}

/// A tar file in the ustar format.
struct TarFile {
    private(set) var content: [UInt8] = []

    /// With the two empty blocks at its end.
    var bytes: [UInt8] { content + [UInt8](repeating: 0, count: 1024) }

    mutating func add(_ name: String, _ file: [UInt8]) {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at offset: Int) {
            for (place, byte) in text.utf8.enumerated() { header[offset + place] = byte }
        }
        func octal(_ number: Int, digits: Int) -> String {
            let text = String(number, radix: 8)
            return String(repeating: "0", count: max(0, digits - text.count)) + text
        }
        put(String(name.prefix(99)), at: 0)
        put(octal(0o600, digits: 7), at: 100)
        put(octal(0, digits: 7), at: 108)
        put(octal(0, digits: 7), at: 116)
        put(octal(file.count, digits: 11), at: 124)
        put(octal(0, digits: 11), at: 136)
        put("        ", at: 148)
        put("0", at: 156)
        put("ustar", at: 257)
        put("00", at: 263)
        let sum = header.reduce(0) { $0 + Int($1) }
        put(octal(sum, digits: 6) + "\u{0} ", at: 148)
        content += header + file + [UInt8](repeating: 0, count: (512 - file.count % 512) % 512)
    }
}

/// Whole small files.
enum SystemFiles {
    static func write(_ bytes: [UInt8], to path: String) {
        let descriptor = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        SystemStreams.write(bytes, to: descriptor)
    }

    static func text(of path: String, from offset: Int, atMost limit: Int) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        lseek(descriptor, off_t(offset), SEEK_SET)
        return String(decoding: SystemStreams.read(descriptor, atMost: limit), as: UTF8.self)
    }
}
