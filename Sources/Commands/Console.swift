import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Where a command reads and writes, and how it may look: the process's own streams, or a test's.
struct Console: Sendable {
    /// Writes text as it is to stdout or stderr.
    var writeOut: @Sendable (String) -> Void
    var writeError: @Sendable (String) -> Void
    /// Everything on stdin, at most so many bytes.
    var readInput: @Sendable (Int) -> [UInt8]
    /// One line from the terminal, unseen; nil if the user gave up.
    var readSecret: @Sendable (String) -> String?
    /// Whether stdin, stdout, stderr are terminals.
    var inputIsTerminal: Bool
    var outputIsTerminal: Bool
    var errorIsTerminal: Bool
    /// The width of the terminal at stdout; nil if it is none: then nothing is cut.
    var columns: @Sendable () -> Int?
    var environment: @Sendable (String) -> String?
    /// One line from the terminal, seen; nil if the user gave up.
    var readLine: @Sendable (String) -> String? = { _ in nil }

    /// A line of data.
    func out(_ line: String) { writeOut(line.hasSuffix("\n") ? line : line + "\n") }

    /// Bytes as they are; what is no text goes past whatever a test has put in the place of stdout.
    func out(bytes: [UInt8]) {
        if let text = String(validating: bytes, as: UTF8.self) { return writeOut(text) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    /// A line for people.
    func note(_ line: String) { writeError(line.hasSuffix("\n") ? line : line + "\n") }

    func fail(_ failure: CommandFailure) {
        note(failure.line.split(whereSeparator: \.isNewline).map { Escaping.shown($0) }.joined(separator: " "))
    }

    /// How data may look.
    var style: Style {
        Style(
            hasColour: outputIsTerminal && (environment("NO_COLOR") ?? "").isEmpty && environment("TERM") != "dumb",
            isUnicode: isUnicode, columns: outputIsTerminal ? columns() : nil)
    }

    /// The first of the three that is set decides, as in setlocale(3).
    private var isUnicode: Bool {
        let name = ["LC_ALL", "LC_CTYPE", "LANG"].compactMap { environment($0) }.first { !$0.isEmpty } ?? "C"
        return name.lowercased().contains("utf-8") || name.lowercased().contains("utf8")
    }
}

/// How text may look: colour never says anything that a word does not say too.
struct Style: Hashable, Sendable {
    var hasColour: Bool
    var isUnicode: Bool
    /// Nil: nothing is cut.
    var columns: Int?

    enum Paint: String, Sendable {
        case red = "31"
        case green = "32"
        case yellow = "33"
        case cyan = "36"
        case bold = "1"
        case dim = "2"
    }

    func paint(_ text: String, _ paint: Paint?) -> String {
        guard hasColour, let paint, !text.isEmpty else { return text }
        return "\u{1B}[\(paint.rawValue)m\(text)\u{1B}[0m"
    }

    func symbol(_ unicode: String, ascii: String) -> String { isUnicode ? unicode : ascii }
}
