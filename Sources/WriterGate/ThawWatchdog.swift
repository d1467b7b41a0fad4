import CSystemCalls

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A small shell in a session of its own that continues a command when this process dies without a word.
///
/// It reads a pipe whose other end only we hold: which processes outside of the group are stopped, by id and start, and
/// at last `done`. The end of the pipe before that means that we were killed.
struct ThawWatchdog: Sendable {
    private let shell: ChildProcess
    private let line: Int32

    var pid: Int32 { shell.pid }

    private static let script = """
        left=
        while read -r word pid start; do
            case $word in
            done) exit 0 ;;
            stop) left="$left $pid:$start" ;;
            go) left= ;;
            esac
        done
        place=$2
        [ -z "$place" ] || echo 0 > "$place/cgroup.freeze"
        kill -s CONT -- "-$1"
        for process in $left; do
            status=$(cat "/proc/${process%:*}/stat") || continue
            set -- ${status##*) }
            [ "${20}" = "${process#*:}" ] && kill -s CONT "${process%:*}"
        done
        [ -n "$place" ] || exit 0
        for try in 1 2 3 4 5 6 7 8; do
            while read -r pid; do echo "$pid" > "${place%/*}/cgroup.procs"; done < "$place/cgroup.procs"
            rmdir "$place" && exit
            sleep 0.1
        done
        """

    /// Nil if it cannot be started: the agent and this process still continue the group on every path of theirs.
    init?(group: Int32, freezer: CgroupFreezer?) {
        var ends: [Int32] = [-1, -1]
        guard csystem_pipe(&ends) == 0 else { return nil }
        defer { close(ends[0]) }
        guard
            let shell = try? ChildProcess.start(
                ["/bin/sh", "-c", Self.script, "baton-thaw", "\(group)", freezer?.path ?? ""], .ownSession,
                input: ends[0], isQuiet: true, defaults: [SIGTERM, SIGINT, SIGHUP])
        else {
            close(ends[1])
            return nil
        }
        self.shell = shell
        line = ends[1]
    }

    /// Before the process is stopped.
    func willStop(_ process: ProcessTable.Entry) { tell("stop \(process.pid) \(process.start)") }

    /// After all that were named were continued.
    func allContinued() { tell("go") }

    /// Ends the shell; it signals nothing.
    func dismiss() {
        tell("done")
        close(line)
        shell.reap()
    }

    private func tell(_ text: String) {
        let bytes = Array((text + "\n").utf8)
        _ = write(line, bytes, bytes.count)
    }
}
