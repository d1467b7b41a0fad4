import Glibc
import Primitives

/// A git process that stays and is talked to: `cat-file --batch-command`, `fast-import`. Used by one thread at a time.
/// Writing never blocks for ever: what the child says meanwhile is read into a buffer, and each step has a deadline.
final class Conversation {
    private let child: Child
    private let allowed: Duration
    private var toChild: Int32
    private var fromChild: Int32
    private var errorsFromChild: Int32
    private var received: [UInt8] = []
    private var taken = 0
    private var errors: [UInt8] = []
    private var isReaped = false

    init(_ git: HermeticGit, _ arguments: [String], allowed: Duration = Limits.gitDeadline) throws(GitError) {
        let input = try Pipe()
        let output: Pipe
        let errorPipe: Pipe
        do throws(GitError) { output = try Pipe() } catch {
            input.closeBoth()
            throw error
        }
        do throws(GitError) { errorPipe = try Pipe() } catch {
            input.closeBoth()
            output.closeBoth()
            throw error
        }
        defer { for descriptor in [input.read, output.write, errorPipe.write] { close(descriptor) } }
        do throws(GitError) {
            child = try git.start(arguments, descriptors: [input.read, output.write, errorPipe.write])
        } catch {
            for descriptor in [input.write, output.read, errorPipe.read] { close(descriptor) }
            throw error
        }
        (toChild, fromChild, errorsFromChild) = (input.write, output.read, errorPipe.read)
        for descriptor in [toChild, fromChild, errorsFromChild] { Pipe.setNonBlocking(descriptor) }
        self.allowed = allowed
    }

    deinit {
        closeAll()
        if !isReaped { child.kill() }
    }

    func send(_ text: String) throws(GitError) { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws(GitError) {
        var written = 0
        let deadline = ContinuousClock.now + allowed
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                write(toChild, buffer.baseAddress?.advanced(by: written), buffer.count - written)
            }
            if count > 0 {
                written += count
            } else if count < 0 && errno != EAGAIN && errno != EINTR {
                throw ended()
            } else {
                try wait(forRoom: true, until: deadline)
            }
        }
    }

    /// The next line without its newline.
    func line() throws(GitError) -> String {
        let deadline = ContinuousClock.now + allowed
        while true {
            if let end = received[taken...].firstIndex(of: 10) {
                defer { taken = end + 1 }
                return String(decoding: received[taken..<end], as: UTF8.self)
            }
            try wait(forRoom: false, until: deadline)
        }
    }

    func bytes(_ count: Int) throws(GitError) -> [UInt8] {
        let deadline = ContinuousClock.now + allowed
        while received.count - taken < count { try wait(forRoom: false, until: deadline) }
        defer {
            taken += count
            if taken == received.count {
                received.removeAll(keepingCapacity: taken < 1 << 20)
                taken = 0
            }
        }
        return Array(received[taken..<taken + count])
    }

    /// Closes the child's input and waits for its end; throws unless it ends with 0.
    func finish() throws(GitError) {
        let deadline = ContinuousClock.now + allowed
        Self.shut(&toChild)
        while fromChild >= 0 { try wait(forRoom: false, until: deadline) }
        isReaped = true
        guard let status = child.finish(until: deadline) else { throw timedOut() }
        guard status == 0 else { throw ended() }
    }

    private func wait(forRoom: Bool, until deadline: ContinuousClock.Instant) throws(GitError) {
        let left = (deadline - .now).wholeMilliseconds
        if left <= 0 { throw timedOut() }
        var polled: [pollfd] = []
        let wanted = [(fromChild, POLLIN), (errorsFromChild, POLLIN), (forRoom ? toChild : -1, POLLOUT)]
        for (descriptor, events) in wanted where descriptor >= 0 {
            polled.append(pollfd(fd: descriptor, events: Int16(events), revents: 0))
        }
        if polled.isEmpty { throw ended() }
        guard poll(&polled, nfds_t(polled.count), Int32(clamping: left)) > 0 else { return }
        for item in polled where item.revents != 0 {
            if item.fd == fromChild {
                if case .end = readChunk(fromChild, into: &received) {
                    Self.shut(&fromChild)
                    if toChild >= 0 { throw ended() }
                }
            } else if item.fd == errorsFromChild {
                if case .end = readChunk(errorsFromChild, into: &errors) { Self.shut(&errorsFromChild) }
                if errors.count > Limits.gitErrorBytes { errors.removeFirst(errors.count - Limits.gitErrorBytes) }
            }
        }
    }

    private static func shut(_ descriptor: inout Int32) {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
    }

    private func closeAll() {
        Self.shut(&toChild)
        Self.shut(&fromChild)
        Self.shut(&errorsFromChild)
    }

    private func ended() -> GitError {
        while errorsFromChild >= 0, case .bytes = readChunk(errorsFromChild, into: &errors) {}
        let words = String(decoding: errors, as: UTF8.self).split(separator: "\n").prefix(3).joined(separator: "; ")
        return GitError(
            .failed(status: 1), message: "git \(child.name) ended early",
            meaning: words.isEmpty ? "it gave no reason" : words, hint: "the step is tried again")
    }

    private func timedOut() -> GitError {
        GitError(
            .timedOut, message: "git \(child.name) did not answer within \(allowed)",
            meaning: "its process group was killed", hint: "the step is tried again; look at the disk if it stays so")
    }
}
