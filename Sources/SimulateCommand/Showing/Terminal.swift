#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Wall and CPU time since it was made. Only the `timing` of a result tells it.
struct Stopwatch: Sendable {
    struct Reading: Sendable {
        /// Milliseconds.
        var wall: Int64
        var cpuMilliseconds: Int64
    }

    private let wallStart = Self.milliseconds(CLOCK_MONOTONIC)
    private let cpuStart = Self.milliseconds(CLOCK_PROCESS_CPUTIME_ID)

    func read() -> Reading {
        Reading(
            wall: Self.milliseconds(CLOCK_MONOTONIC) - wallStart,
            cpuMilliseconds: Self.milliseconds(CLOCK_PROCESS_CPUTIME_ID) - cpuStart)
    }

    private static func milliseconds(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}

/// CPU time of this thread since it was made.
struct ThreadWatch: Sendable {
    private let start = Self.spent()

    func milliseconds() -> Int64 { Self.spent() - start }

    private static func spent() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}

enum Cores {
    static var count: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }
}

/// Results on standard output, everything else on standard error.
enum Terminal {
    static func line(_ text: String) { print(text) }

    static func note(_ text: String) { error(text + "\n") }

    static var showsNotes: Bool { isatty(STDERR_FILENO) == 1 }

    static func error(_ text: String) {
        let bytes = Array(text.utf8)
        _ = write(STDERR_FILENO, bytes, bytes.count)
    }

    /// Signs beyond ASCII, where the locale has them.
    static var isUTF8: Bool {
        for name in ["LC_ALL", "LC_CTYPE", "LANG"] {
            if let value = getenv(name), value.pointee != 0 {
                let text = String(cString: value).lowercased()
                return text.contains("utf-8") || text.contains("utf8")
            }
        }
        return false
    }
}

/// How far it is: one live line on a terminal, now and then a plain line in a pipe.
struct Progress: Sendable {
    enum Style: Sendable { case silent, live, plain }

    let style: Style
    /// In a pipe, one line per study.
    var tellsStudies = false

    static func forUser(silent: Bool, studies: Int) -> Progress {
        Progress(style: silent ? .silent : Terminal.showsNotes ? .live : .plain, tellsStudies: studies > 1)
    }

    func step(_ done: Int, of total: Int, _ milliseconds: Int64, limit: Int64?) {
        let isRound = done % max(1, total / 10) == 0
        switch style {
        case .silent: return
        case .live: guard total > 1, done % 5 == 0 || done == total else { return }
        case .plain: guard !tellsStudies, total >= 500, isRound, limit == nil else { return }
        }
        let rate = Int64(done) * 1000 / max(milliseconds, 1)
        let left = limit.map { max(0, $0 - milliseconds) / 1000 }
        let rest = left ?? Int64(total - done) * milliseconds / Int64(max(done, 1)) / 1000
        let text = "\(done)\(limit == nil ? " of \(total)" : "") runs, \(rate) a second, \(rest) s left"
        Terminal.error(style == .live ? "\r\u{1B}[K\(text)" : text + "\n")
    }

    func finished(_ result: StudyResult) {
        guard style == .plain, tellsStudies else { return }
        Terminal.note("\(result.study.name): \(result.runs) seeds, \(result.failures.isEmpty ? "done" : "failed")")
    }

    func say(_ text: String) {
        switch style {
        case .silent: break
        case .live: Terminal.error("\r\u{1B}[K\(text)")
        case .plain: Terminal.note(text)
        }
    }

    func clear() { if style == .live { Terminal.error("\r\u{1B}[K") } }
}

/// Columns as wide as their widest cell; the last one is not filled up.
enum Table {
    static func lines(_ cells: [[String]], numbers: [Int] = []) -> [String] {
        guard let columns = cells.map(\.count).max() else { return [] }
        var widths = [Int](repeating: 0, count: columns)
        for row in cells { for (at, cell) in row.enumerated() { widths[at] = max(widths[at], cell.count) } }
        return cells.map { row in
            let padded = row.enumerated().map { at, cell in
                let space = String(repeating: " ", count: widths[at] - cell.count)
                return numbers.contains(at) ? space + cell : at == row.count - 1 ? cell : cell + space
            }
            return padded.joined(separator: "  ")
        }
    }
}
