#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension Console {
    /// The process's own streams.
    static var system: Console {
        Console(
            writeOut: { SystemStreams.write($0, to: STDOUT_FILENO) },
            writeError: { SystemStreams.write($0, to: STDERR_FILENO) },
            readInput: { SystemStreams.read(STDIN_FILENO, atMost: $0) },
            readSecret: { SystemStreams.readSecret(prompt: $0) },
            inputIsTerminal: isatty(STDIN_FILENO) == 1, outputIsTerminal: isatty(STDOUT_FILENO) == 1,
            errorIsTerminal: isatty(STDERR_FILENO) == 1,
            columns: {
                var size = winsize()
                guard isatty(STDOUT_FILENO) == 1 else { return nil }
                guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
                return Int(size.ws_col)
            },
            environment: { name in getenv(name).map { String(cString: $0) } },
            readLine: { prompt in
                SystemStreams.write(prompt, to: STDERR_FILENO)
                return Swift.readLine()
            })
    }
}

/// Descriptors 0 to 2.
enum SystemStreams {
    /// A reader who left ends us quietly, as SIGPIPE would.
    static func write(_ text: String, to descriptor: Int32) {
        write(Array(text.utf8), to: descriptor)
    }

    static func write(_ bytes: [UInt8], to descriptor: Int32) {
        var bytes = bytes[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { platformWrite(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                bytes = bytes.dropFirst(count)
            } else if errno == EPIPE {
                exit(128 + SIGPIPE)
            } else if errno == EAGAIN {
                var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&ready, 1, 1000)
            } else if errno != EINTR {
                return
            }
        }
    }

    static func read(_ descriptor: Int32, atMost limit: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while bytes.count < limit {
            let count = platformRead(descriptor, &piece, min(piece.count, limit - bytes.count))
            if count > 0 {
                bytes += piece[0..<count]
            } else if count == 0 || errno != EINTR {
                break
            }
        }
        return bytes
    }

    /// Waits for something to read; empty at the end.
    static func readSome(_ descriptor: Int32, atMost limit: Int) -> [UInt8] {
        var piece = [UInt8](repeating: 0, count: limit)
        while true {
            let count = platformRead(descriptor, &piece, piece.count)
            if count >= 0 { return Array(piece.prefix(count)) }
            if errno != EINTR { return [] }
        }
    }

    /// What can be read without waiting.
    static func readReady(_ descriptor: Int32, atMost limit: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while bytes.count < limit {
            let count = platformRead(descriptor, &piece, min(piece.count, limit - bytes.count))
            guard count > 0 else { break }
            bytes += piece[0..<count]
        }
        return bytes
    }

    /// One line without echo. Signal keys are off meanwhile, so that no way out leaves the terminal mute.
    static func readSecret(prompt: String) -> String? {
        var before = termios()
        guard tcgetattr(STDIN_FILENO, &before) == 0 else { return nil }
        var silent = before
        silent.c_lflag &= ~tcflag_t(ECHO | ISIG)
        write(prompt, to: STDERR_FILENO)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
        defer {
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
            write("\n", to: STDERR_FILENO)
        }
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while platformRead(STDIN_FILENO, &byte, 1) == 1, byte != UInt8(ascii: "\n") {
            if byte == 3 || byte == 4 { return nil }
            line.append(byte)
        }
        return String(decoding: line, as: UTF8.self)
    }

    private static func platformWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
        #if canImport(Glibc)
            Glibc.write(descriptor, bytes, count)
        #else
            Darwin.write(descriptor, bytes, count)
        #endif
    }

    private static func platformRead(_ descriptor: Int32, _ bytes: UnsafeMutableRawPointer?, _ count: Int) -> Int {
        #if canImport(Glibc)
            Glibc.read(descriptor, bytes, count)
        #else
            Darwin.read(descriptor, bytes, count)
        #endif
    }
}
