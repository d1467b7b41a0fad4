import CSystemCalls
import Glibc

/// The two ends of a pipe, closed on exec.
struct Pipe {
    var read: Int32
    var write: Int32

    init() throws(GitError) {
        var ends: [Int32] = [-1, -1]
        guard csystem_pipe(&ends) == 0 else { throw Self.failure() }
        read = ends[0]
        write = ends[1]
    }

    private static func failure() -> GitError {
        GitError(
            .cannotStart, message: "a pipe to git could not be made", meaning: String(cString: strerror(errno)),
            hint: "too many files are open; raise the limit (ulimit -n)")
    }

    func closeBoth() {
        close(read)
        close(write)
    }

    static func setNonBlocking(_ descriptor: Int32) {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }

    /// Opened once, never closed: what a child reads or writes when nothing is meant for it.
    static let null: Int32 = open("/dev/null", O_RDWR | O_CLOEXEC)
}

/// Bytes as they come from a non-blocking descriptor.
enum Chunk {
    case bytes(Int)
    case nothingYet
    case end
}

/// Appends what can be read now, at most 64 KiB.
func readChunk(_ descriptor: Int32, into bytes: inout [UInt8]) -> Chunk {
    let size = 1 << 16
    return withUnsafeTemporaryAllocation(byteCount: size, alignment: 8) { buffer in
        let count = read(descriptor, buffer.baseAddress, size)
        if count > 0 {
            bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: buffer[0..<count]))
            return .bytes(count)
        }
        if count < 0 && (errno == EAGAIN || errno == EINTR) { return .nothingYet }
        return .end
    }
}
