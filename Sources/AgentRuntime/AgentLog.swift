import Logging
import Primitives
import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What the agent says, a line each, to stderr: `ts=... level=info msg="..." key=value`, or the same as JSON. A
/// background agent's stderr is a file, which is begun anew when it is full.
package enum AgentLog {
    package enum Format: String, Sendable, CaseIterable { case text, json }

    /// - Parameters:
    ///   - file: the file that stderr is; nil: it is none of ours, and grows as it may.
    ///   - format: nil: `BATON_LOG_FORMAT`, else text.
    package static func logger(file: String?, format: Format?) -> Logger {
        let named = getenv("BATON_LOG_FORMAT").flatMap { Format(rawValue: String(cString: $0)) }
        let sink = LogSink(file: file, limit: Limits.agentLogBytes, kept: Limits.agentLogsKept)
        let format = format ?? named ?? .text
        var logger = Logger(label: "baton") { _ in LineLogHandler(format: format) { sink.write($0) } }
        logger.logLevel = getenv("BATON_LOG").flatMap { Logger.Level(rawValue: String(cString: $0)) } ?? .info
        return logger
    }
}

/// Makes a line of what is logged.
struct LineLogHandler: LogHandler {
    let format: AgentLog.Format
    let write: @Sendable (String) -> Void
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info
    var now: @Sendable () -> Int64 = { AuditTrail.unixMilliseconds }

    init(format: AgentLog.Format, write: @escaping @Sendable (String) -> Void) {
        self.format = format
        self.write = write
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let fields = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
        let pairs =
            [
                ("ts", Timestamps.text(now())), ("level", event.level.rawValue), ("msg", "\(event.message)"),
            ] + fields.map { (Self.name($0.key), "\($0.value)") }
        write(format == .json ? Self.json(pairs) : Self.text(pairs))
    }

    /// The first three names are taken.
    private static func name(_ key: String) -> String { ["ts", "level", "msg"].contains(key) ? key + "_" : key }

    static func text(_ pairs: [(String, String)]) -> String {
        pairs.map { "\($0)=\(quoted($1))" }.joined(separator: " ")
    }

    /// In quotes where it holds a space, an equals sign, a quote or a control character; empty counts as one.
    private static func quoted(_ value: String) -> String {
        let isPlain =
            !value.isEmpty
            && value.unicodeScalars.allSatisfy {
                $0.value > 0x20 && $0 != "\"" && $0 != "=" && $0 != "\\" && !(0x7F...0x9F).contains($0.value)
            }
        return isPlain ? value : json(value)
    }

    static func json(_ pairs: [(String, String)]) -> String {
        "{" + pairs.map { "\(json($0)):\(json($1))" }.joined(separator: ",") + "}"
    }

    private static func json(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            default:
                if scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) {
                    let digits = String(scalar.value, radix: 16)
                    result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        return result + "\""
    }
}

/// Stderr; where that is a file of ours it is renamed when it is full, and begun anew.
final class LogSink: Sendable {
    private let file: String?
    private let limit: Int
    private let kept: Int
    /// What a new file takes the place of; lines go to the last one.
    private let descriptors: [Int32]
    /// Bytes in the file.
    private let size: Mutex<Int>

    init(file: String?, limit: Int, kept: Int, descriptors: [Int32] = [STDOUT_FILENO, STDERR_FILENO]) {
        self.descriptors = descriptors
        self.file = file
        self.limit = limit
        self.kept = kept
        var status = stat()
        size = Mutex(file.map { lstat($0, &status) == 0 ? Int(status.st_size) : 0 } ?? 0)
    }

    func write(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        size.withLock { size in
            if let file, size > 0, size + bytes.count > limit, turn(file) { size = 0 }
            size += bytes.count
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes {
                    systemWrite(descriptors.last ?? STDERR_FILENO, $0.baseAddress, $0.count)
                }
                // A full disk takes no line; the agent goes on, and says so where it matters.
                guard count > 0 else { return }
                rest = rest.dropFirst(count)
            }
        }
    }

    /// `agent.log` becomes `agent.log.1`, that `agent.log.2`, and the last one goes. False if a new one cannot be made.
    private func turn(_ file: String) -> Bool {
        for number in stride(from: kept, to: 1, by: -1) { rename("\(file).\(number - 1)", "\(file).\(number)") }
        guard rename(file, "\(file).1") == 0 else { return false }
        let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return false }
        for old in descriptors { dup2(descriptor, old) }
        close(descriptor)
        return true
    }
}

/// `write(2)`, which a method of the same name hides.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}
