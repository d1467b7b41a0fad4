import CSystemCalls
import Primitives
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A tool that runs on and is heard line by line. Its input is a pipe of ours that never holds anything: it ends with
/// this process.
final class LineChild: Sendable {
    let lines: AsyncStream<String>
    private let pid: Int32
    private let isOver: Box

    /// Set before the child is reaped: from then on its number may be another's.
    private final class Box: Sendable {
        let state = Mutex(false)
    }

    private init(pid: Int32, lines: AsyncStream<String>, isOver: Box) {
        self.pid = pid
        self.lines = lines
        self.isOver = isOver
    }

    /// Nil if there is no such tool, or it cannot be started.
    static func start(_ tool: String, _ arguments: [String], path: String?) -> LineChild? {
        guard let program = ToolRun.find(tool, in: path) else { return nil }
        var (input, output): ([Int32], [Int32]) = ([-1, -1], [-1, -1])
        guard csystem_pipe(&input) == 0, csystem_pipe(&output) == 0 else { return nil }
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        var pid: pid_t = 0
        let error = ToolRun.withWords([program] + arguments) { words in
            ToolRun.withWords(ToolRun.environmentWords()) {
                csystem_spawn(program, words, $0, [input[0], output[1], null], 3, &pid)
            }
        }
        for descriptor in [null, input[0], output[1]] { close(descriptor) }
        guard error == 0 else {
            for descriptor in [input[1], output[0]] { close(descriptor) }
            return nil
        }
        let (lines, sink) = AsyncStream<String>.makeStream(bufferingPolicy: .bufferingNewest(Limits.toolLinesWaiting))
        let (reading, writing, child, box) = (output[0], input[1], pid, Box())
        BlockingThread.start {
            read(reading, into: sink)
            for descriptor in [reading, writing] { close(descriptor) }
            box.state.withLock { isOver in
                isOver = true
                kill(-child, SIGKILL)
                var status: Int32 = 0
                while waitpid(child, &status, 0) < 0, errno == EINTR {}
            }
            sink.finish()
        }
        return LineChild(pid: pid, lines: lines, isOver: box)
    }

    private static func read(_ descriptor: Int32, into sink: AsyncStream<String>.Continuation) {
        var line: [UInt8] = []
        while true {
            let piece = SystemStreams.readSome(descriptor, atMost: 1024)
            if piece.isEmpty { return }
            for byte in piece {
                if byte == UInt8(ascii: "\n") {
                    sink.yield(String(decoding: line, as: UTF8.self))
                    line = []
                } else if line.count < Limits.toolLineBytes {
                    line.append(byte)
                }
            }
        }
    }

    func end() {
        isOver.state.withLock { isOver in
            if !isOver { kill(-pid, SIGTERM) }
        }
    }
}
