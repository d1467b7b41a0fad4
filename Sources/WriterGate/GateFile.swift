#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The gate as a file outside the workspace, for scripts that cannot speak to the socket (docs/gate.md).
///
/// One line, replaced as a whole: `open`, or `closed ROUND DEADLINE` with the deadline in seconds of the wall clock.
/// A script waits while it says closed and the deadline has not passed:
///
///     while read -r state round deadline < "$BATON_HOME/run/gate" &&
///         [ "$state" = closed ] && [ "$(date +%s)" -lt "$deadline" ]
///     do sleep 0.2
///     done
package struct GateFile: Sendable {
    let path: String

    package init(path: String) { self.path = path }

    enum Line: Hashable, Sendable {
        case open
        case closed(round: String, deadlineUnixSeconds: Int)

        var text: String {
            switch self {
            case .open: "open\n"
            case .closed(let round, let deadline): "closed \(round) \(deadline)\n"
            }
        }
    }

    /// Replaces the line; false, with `errno`, if the file cannot be written. Not synced: it means nothing after a
    /// crash of the machine, and the agent writes `open` when it starts.
    func write(_ line: Line) -> Bool {
        let temporary = path + ".new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return false }
        let bytes = Array(line.text.utf8)
        let written = Glibc.write(descriptor, bytes, bytes.count)
        return close(descriptor) == 0 && written == bytes.count && rename(temporary, path) == 0
    }

    /// Wall seconds in which `duration` from now has passed, rounded up.
    static func unixSeconds(after milliseconds: Int64) -> Int {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return now.tv_sec + (now.tv_nsec / 1_000_000 + Int(milliseconds) + 999) / 1000
    }
}
