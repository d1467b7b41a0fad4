import Glibc
import Primitives

/// Where a child's standard input comes from.
package enum GitInput: Sendable {
    case bytes([UInt8])
    /// Handed to the child; stays open on our side.
    case descriptor(Int32)
    /// What was already read of a stream, then the rest of it; stays open on our side.
    case resumed([UInt8], from: Int32)
}

/// Where a child's standard output goes.
package enum GitOutput: Sendable {
    case collect
    /// Handed to the child; stays open on our side.
    case descriptor(Int32)
}

/// Runs one child to its end on the calling thread: feeds it, collects its output, keeps the deadline.
struct ChildRun {
    let name: String
    let child: Child
    let deadline: ContinuousClock.Instant
    let allowed: Duration
    let cancellation: Cancellation
    private var input: [UInt8]
    private var written = 0
    /// Where more input comes from.
    private var source: Int32 = -1
    private var toChild: Int32
    private var fromChild: Int32
    private var errorsFromChild: Int32
    private var output: [UInt8] = []
    private var errors: [UInt8] = []

    init(
        path: String, arguments: [String], environment: [String], name: String, input: GitInput, output: GitOutput,
        extra: [Int32], allowed: Duration, cancellation: Cancellation
    ) throws(GitError) {
        let errorPipe = try Pipe()
        var theirs: [Int32] = []
        var ours: [Int32] = [errorPipe.read]
        defer { for descriptor in theirs + [errorPipe.write] { close(descriptor) } }
        var standardInput = Pipe.null
        var standardOutput = Pipe.null
        toChild = -1
        fromChild = -1
        self.input = []
        do throws(GitError) {
            switch input {
            case .descriptor(let descriptor): standardInput = descriptor
            case .bytes(let bytes) where bytes.isEmpty: break
            case .bytes(let bytes):
                self.input = bytes
                let pipe = try Pipe()
                theirs.append(pipe.read)
                ours.append(pipe.write)
                (standardInput, toChild) = (pipe.read, pipe.write)
            case .resumed(let bytes, let descriptor):
                self.input = bytes
                source = descriptor
                let pipe = try Pipe()
                theirs.append(pipe.read)
                ours.append(pipe.write)
                (standardInput, toChild) = (pipe.read, pipe.write)
            }
            switch output {
            case .descriptor(let descriptor): standardOutput = descriptor
            case .collect:
                let pipe = try Pipe()
                theirs.append(pipe.write)
                ours.append(pipe.read)
                (standardOutput, fromChild) = (pipe.write, pipe.read)
            }
            child = try Child(
                path: path, arguments: arguments, environment: environment,
                descriptors: [standardInput, standardOutput, errorPipe.write] + extra, name: name)
        } catch {
            for descriptor in ours { close(descriptor) }
            throw error
        }
        for descriptor in ours { Pipe.setNonBlocking(descriptor) }
        errorsFromChild = errorPipe.read
        self.name = name
        self.allowed = allowed
        self.cancellation = cancellation
        deadline = .now + allowed
    }

    /// The exit status with what was written.
    mutating func run() throws(GitError) -> GitResult {
        do throws(GitError) {
            while fromChild >= 0 || errorsFromChild >= 0 { try turn() }
        } catch {
            closeAll()
            child.kill()
            throw error
        }
        closeAll()
        guard let status = child.finish(until: deadline) else { throw timedOut() }
        return GitResult(status: status, output: output, errors: Self.firstLines(errors))
    }

    private mutating func turn() throws(GitError) {
        if cancellation.isCancelled {
            throw GitError(
                .cancelled, message: "git \(name) was stopped", meaning: "the work it belonged to was given up",
                hint: "nothing to do")
        }
        let left = (deadline - .now).wholeMilliseconds
        if left <= 0 { throw timedOut() }
        var polled: [pollfd] = []
        let isHungry = written == input.count && source >= 0 && toChild >= 0
        let feeding = isHungry ? (source, POLLIN) : (toChild, POLLOUT)
        for (descriptor, events) in [(fromChild, POLLIN), (errorsFromChild, POLLIN), feeding]
        where descriptor >= 0 {
            polled.append(pollfd(fd: descriptor, events: Int16(events), revents: 0))
        }
        // Woken now and then to see a cancellation; everything else is an event.
        guard poll(&polled, nfds_t(polled.count), Int32(min(left, 100))) > 0 else { return }
        for item in polled where item.revents != 0 {
            if isHungry, item.fd == source {
                refill()
            } else if item.fd == toChild {
                feed()
            } else if item.fd == fromChild {
                if case .end = readChunk(fromChild, into: &output) { Self.shut(&fromChild) }
                if output.count > Limits.gitOutputBytes { throw tooMuch() }
            } else {
                if case .end = readChunk(errorsFromChild, into: &errors) { Self.shut(&errorsFromChild) }
                if errors.count > Limits.gitErrorBytes { errors.removeLast(errors.count - Limits.gitErrorBytes) }
            }
        }
    }

    /// Writes what the pipe takes. A child that closed its input has its reasons: its exit status tells.
    private mutating func feed() {
        let count = input.withUnsafeBytes { bytes in
            write(toChild, bytes.baseAddress?.advanced(by: written), bytes.count - written)
        }
        if count > 0 {
            written += count
            if written == input.count, source < 0 { Self.shut(&toChild) }
        } else if errno != EAGAIN && errno != EINTR {
            Self.shut(&toChild)
        }
    }

    /// The next piece of the stream; called when there is one, or its end.
    private mutating func refill() {
        (input, written) = ([], 0)
        if case .end = readChunk(source, into: &input) {
            source = -1
            Self.shut(&toChild)
        }
    }

    private static func shut(_ descriptor: inout Int32) {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
    }

    private mutating func closeAll() {
        Self.shut(&toChild)
        Self.shut(&fromChild)
        Self.shut(&errorsFromChild)
    }

    private func timedOut() -> GitError {
        GitError(
            .timedOut, message: "git \(name) was stopped after \(allowed)",
            meaning: "it did not end in time; its whole process group was killed",
            hint: "the step is tried again; if it stays so, look at the disk and at the network")
    }

    private func tooMuch() -> GitError {
        GitError(
            .failed(status: 0), message: "git \(name) wrote more than \(Limits.gitOutputBytes) bytes",
            meaning: "the answer is larger than any workspace that is supported",
            hint: "exclude large generated folders with .gitignore")
    }

    /// At most the first three lines, as one.
    private static func firstLines(_ bytes: [UInt8]) -> String {
        String(decoding: bytes, as: UTF8.self).split(separator: "\n").prefix(3).joined(separator: "; ")
    }
}
