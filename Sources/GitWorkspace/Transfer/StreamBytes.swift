import Glibc
import Primitives

/// Bytes over a stream's descriptor, with a deadline and a way to be stopped. Blocking.
struct StreamBytes {
    let descriptor: Int32
    let cancellation: Cancellation
    let deadline: Duration
    private let end: ContinuousClock.Instant

    init(_ descriptor: Int32, _ cancellation: Cancellation, deadline: Duration) {
        self.descriptor = descriptor
        self.cancellation = cancellation
        self.deadline = deadline
        end = .now + deadline
    }

    func send(_ bytes: [UInt8]) throws(GitError) {
        var done = 0
        while done < bytes.count {
            try wait(for: POLLOUT)
            let count = bytes.withUnsafeBytes { buffer in
                let rest = buffer.baseAddress?.advanced(by: done)
                return Glibc.send(descriptor, rest, buffer.count - done, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                done += count
            } else if errno != EAGAIN && errno != EINTR {
                throw broken()
            }
        }
    }

    /// The next bytes; nil at the end of the stream.
    func receive() throws(GitError) -> [UInt8]? {
        while true {
            try wait(for: POLLIN)
            var count = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: Limits.streamChunkBytes) { buffer, filled in
                count = recv(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
                filled = max(0, count)
            }
            if count > 0 { return bytes }
            if count == 0 { return nil }
            guard errno == EAGAIN || errno == EINTR else { throw broken() }
        }
    }

    private func wait(for events: Int32) throws(GitError) {
        while true {
            if cancellation.isCancelled {
                throw GitError(
                    .cancelled, message: "a transfer was stopped", meaning: "the work it belonged to was given up",
                    hint: "nothing to do")
            }
            let left = (end - .now).wholeMilliseconds
            if left <= 0 {
                throw GitError(
                    .timedOut, message: "a transfer did not end within \(deadline)",
                    meaning: "the peer stopped sending or reading", hint: "it is fetched again")
            }
            var polled = pollfd(fd: descriptor, events: Int16(events), revents: 0)
            // Woken now and then to see a cancellation.
            if poll(&polled, 1, Int32(min(left, 100))) > 0 { return }
        }
    }

    private func broken() -> GitError {
        GitError(
            .failed(status: errno), message: "a transfer was cut", meaning: String(cString: strerror(errno)),
            hint: "it is fetched again")
    }
}
