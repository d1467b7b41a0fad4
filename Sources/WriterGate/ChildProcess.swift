import CSystemCalls
import Dispatch

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A command started with the caller's standard streams.
///
/// Not through swift-subprocess: its children are reaped as they end, and a group may be signalled only while its
/// leader's id cannot be given to another process, that is until we reap it; it also has no word for job control.
struct ChildProcess: Sendable {
    let pid: Int32

    enum Placement: Sendable { case groupOfCaller, ownGroup, ownSession }

    enum Change: Sendable {
        /// Ended, not yet reaped; 128 + n for signal n.
        case ended(Int32)
        case stopped(Int32)
    }

    /// Starts `arguments`; code 127 if there is no such command, 126 if it cannot be executed.
    static func start(
        _ arguments: [String], _ placement: Placement, input: Int32 = -1, isQuiet: Bool = false,
        defaults: [Int32] = []
    ) throws(GateFailure) -> ChildProcess {
        guard let command = arguments.first, !command.isEmpty else {
            throw GateFailure(code: GateFailure.usageCode, message: "no command given", hint: "baton run -- CMD")
        }
        let place: Int =
            switch placement {
            case .groupOfCaller: csystem_in_group_of_caller
            case .ownGroup: csystem_in_own_group
            case .ownSession: csystem_in_own_session
            }
        var pid: pid_t = 0
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        defer { for word in words { free(word) } }
        words.append(nil)
        let error = csystem_spawn_command(
            words, Int32(place), input, isQuiet ? 1 : 0, defaults, Int32(defaults.count), &pid)
        guard error == 0 else {
            throw GateFailure(
                code: error == ENOENT ? 127 : 126, message: "\(command): \(String(cString: strerror(error)))",
                hint: "is it installed and on PATH?")
        }
        return ChildProcess(pid: pid)
    }

    /// What happens to the child, in order; ends with `ended`, or without if someone else reaped it.
    var changes: AsyncStream<Change> {
        let pid = pid
        return AsyncStream { continuation in
            let thread = DispatchQueue(label: "child-\(pid)")
            thread.async {
                var status: Int32 = 0
                while true {
                    switch csystem_wait_for_change(pid, &status) {
                    case 1:
                        continuation.yield(.ended(status))
                        return continuation.finish()
                    case 2: continuation.yield(.stopped(status))
                    default: return continuation.finish()
                    }
                }
            }
        }
    }

    /// Takes the ended child from the process table: from now on its id may be another's.
    func reap() {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    }
}

/// Hands signals that this process gets to a function, from `start` until it is let go.
final class SignalRelay {
    /// What is relayed: not what this process was told to ignore, as `nohup` does.
    let signals: [Int32]
    private let sources: [any DispatchSourceSignal]

    static func heard(of signals: [Int32]) -> [Int32] { signals.filter { csystem_ignores($0) == 0 } }

    init(_ signals: [Int32], _ deliver: @escaping @Sendable (Int32) -> Void) {
        self.signals = signals
        let queue = DispatchQueue(label: "signals")
        sources = signals.map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { deliver(number) }
            source.resume()
            return source
        }
    }

    func stop() { for source in sources { source.cancel() } }
}
