import Simulation

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Wall and CPU time since it was made. Only the summary's `timing` tells it.
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

enum Terminal {
    static func line(_ text: String) { print(text) }

    /// A line that is written over, on a terminal only.
    static func progress(_ done: Int, of all: Int, _ milliseconds: Int64) {
        guard all > 1, isatty(STDERR_FILENO) == 1, done % 10 == 0 || done == all else { return }
        let rate = Int64(done) * 1000 / max(milliseconds, 1)
        let left = Int64(all - done) * milliseconds / Int64(max(done, 1)) / 1000
        error("\r\(done) of \(all) runs, \(rate) a second, \(left) s left   ")
    }

    static func clearProgress() {
        if isatty(STDERR_FILENO) == 1 { error("\r\u{1B}[K") }
    }

    private static func error(_ text: String) {
        let bytes = Array(text.utf8)
        _ = write(STDERR_FILENO, bytes, bytes.count)
    }
}

/// Columns as wide as their widest cell.
enum Table {
    static func write(_ rows: [TranscriptRow]) {
        let cells = [TranscriptRow.header] + rows.map(\.cells)
        var widths = [Int](repeating: 0, count: TranscriptRow.header.count)
        for row in cells {
            for (at, cell) in row.enumerated().dropLast() { widths[at] = max(widths[at], cell.count) }
        }
        for row in cells {
            let padded = row.enumerated().map { at, cell in
                at == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[at] - cell.count)
            }
            Terminal.line(padded.joined(separator: "  "))
        }
    }
}
