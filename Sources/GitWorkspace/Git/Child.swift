import CSystemCalls
import Glibc
import Primitives
import Synchronization

/// One git process in a process group of its own. `posix_spawn` rather than a library: a round is a dozen short
/// children, each half a millisecond dearer otherwise, and long-lived ones must be driven from one blocking thread.
///
/// The owner calls `finish` or `kill` exactly once; both reap the child and leave nothing of its group alive.
struct Child {
    let pid: pid_t
    /// What the error messages name: the git subcommand.
    let name: String
    /// Readable when the child has ended; -1 where the system has no such descriptor.
    private let ended: Int32

    /// - Parameter descriptors: become the child's 0, 1, 2, 3, ...; everything else is closed in it.
    init(path: String, arguments: [String], environment: [String], descriptors: [Int32], name: String)
        throws(GitError)
    {
        ProcessSignals.prepare()
        let argv = CStrings([path] + arguments)
        let envp = CStrings(environment)
        var pid: pid_t = 0
        let code = csystem_spawn(path, argv.pointers, envp.pointers, descriptors, Int32(descriptors.count), &pid)
        argv.free()
        envp.free()
        guard code == 0 else {
            throw GitError(
                .cannotStart, message: "git \(name) could not be started", meaning: String(cString: strerror(code)),
                hint: "check that \(path) may be executed and that the process limit is not reached")
        }
        self.pid = pid
        self.name = name
        ended = csystem_pidfd_open(pid)
    }

    /// Waits for the end, at most until `deadline`. False when it still runs then. Does not reap.
    private func waitForEnd(until deadline: ContinuousClock.Instant) -> Bool {
        var info = siginfo_t()
        while true {
            info = siginfo_t()
            let flags = WEXITED | WNOWAIT | WNOHANG
            if waitid(P_PID, id_t(pid), &info, flags) != 0 { return errno != EINTR }
            if info.si_signo != 0 { return true }
            let left = (deadline - .now).wholeMilliseconds
            if left <= 0 { return false }
            if ended >= 0 {
                var poller = pollfd(fd: ended, events: Int16(POLLIN), revents: 0)
                _ = poll(&poller, 1, Int32(clamping: left))
            } else {
                usleep(1000)
            }
        }
    }

    /// Ends whatever of the group is left, reaps the child and gives its exit status (128 + n after signal n).
    private func reap() -> Int32 {
        // The zombie still holds its id, so the group cannot be another's.
        _ = Glibc.kill(-pid, SIGKILL)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        if ended >= 0 { close(ended) }
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
    }

    /// The exit status, or nil (and the group killed) when it did not end in time.
    func finish(until deadline: ContinuousClock.Instant) -> Int32? {
        if waitForEnd(until: deadline) { return reap() }
        kill()
        return nil
    }

    /// TERM to the group, KILL after a grace; reaps.
    func kill() {
        _ = Glibc.kill(-pid, SIGTERM)
        _ = waitForEnd(until: .now + Limits.killGrace)
        _ = reap()
    }
}

/// A null-terminated array of C strings that lives until `free`.
private struct CStrings {
    let pointers: [UnsafeMutablePointer<CChar>?]
    init(_ strings: [String]) { pointers = strings.map { strdup($0) } + [nil] }
    func free() { for pointer in pointers { Glibc.free(pointer) } }
}

/// SIGPIPE: a child that closes its input must be an error, not our end. SIGIO: so must a broken read lease.
package enum ProcessSignals {
    private static let prepared: Void = {
        signal(SIGPIPE, SIG_IGN)
        signal(SIGIO, SIG_IGN)
    }()
    package static func prepare() { prepared }
}

/// Set from any thread, looked at by the thread that drives a child.
final class Cancellation: Sendable {
    private let flag = Atomic<Bool>(false)
    func cancel() { flag.store(true, ordering: .releasing) }
    var isCancelled: Bool { flag.load(ordering: .acquiring) }
}
