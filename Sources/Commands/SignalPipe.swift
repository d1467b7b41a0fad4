import CSystemCalls
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Signals of this process as calls on a thread: the handler only writes a byte.
enum SignalPipe {
    private static let ends: (read: Int32, write: Int32) = {
        var ends: [Int32] = [-1, -1]
        _ = csystem_pipe(&ends)
        return (ends[0], ends[1])
    }()

    private static let receiver = Mutex<(@Sendable (Int32) -> Void)?>(nil)

    /// From now on these signals go to `deliver`, the latest one given.
    static func pass(_ signals: [Int32], _ deliver: @escaping @Sendable (Int32) -> Void) {
        let isFirst = receiver.withLock { receiver in
            defer { receiver = deliver }
            return receiver == nil
        }
        if isFirst { BlockingThread.start { read() } }
        for number in signals {
            signal(number) { number in
                var byte = UInt8(truncatingIfNeeded: number)
                _ = write(SignalPipe.ends.write, &byte, 1)
            }
        }
    }

    private static func read() {
        while let byte = SystemStreams.read(ends.read, atMost: 1).first {
            receiver.withLock { $0 }?(Int32(byte))
        }
    }
}

/// Ignores a signal in a type whose own method is called `signal`.
func ignore(_ number: Int32) { signal(number, SIG_IGN) }

/// A thread of its own for calls that wait.
enum BlockingThread {
    private final class Work: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    static func start(_ body: @escaping @Sendable () -> Void) {
        let work = Unmanaged.passRetained(Work(body)).toOpaque()
        #if canImport(Glibc)
            var thread = pthread_t()
            let error = pthread_create(
                &thread, nil,
                { pointer in
                    if let pointer { Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue().body() }
                    return nil
                }, work)
            if error == 0 { pthread_detach(thread) }
        #else
            var thread: pthread_t?
            let error = pthread_create(
                &thread, nil,
                { pointer in
                    Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue().body()
                    return nil
                }, work)
            if error == 0, let thread { pthread_detach(thread) }
        #endif
    }
}
