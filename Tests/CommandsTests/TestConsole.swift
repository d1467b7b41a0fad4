import Synchronization

@testable import Commands

/// A console that keeps what is written.
final class Recorder: Sendable {
    private let texts = Mutex((out: "", error: ""))

    var out: String { texts.withLock { $0.out } }
    var error: String { texts.withLock { $0.error } }

    /// - Parameters:
    ///   - columns: of the terminal at stdout; nil: it is a pipe.
    ///   - input: what stdin holds; it is no terminal.
    func console(
        columns: Int? = nil, input: String = "", secret: String? = nil, environment: [String: String] = [:]
    ) -> Console {
        Console(
            writeOut: { text in self.texts.withLock { $0.out += text } },
            writeError: { text in self.texts.withLock { $0.error += text } },
            readInput: { limit in Array(Array(input.utf8).prefix(limit)) },
            readSecret: { prompt in
                self.texts.withLock { $0.error += prompt }
                return secret
            },
            inputIsTerminal: secret != nil, outputIsTerminal: columns != nil, errorIsTerminal: columns != nil,
            columns: { columns }, environment: { environment[$0] },
            readLine: { prompt in
                self.texts.withLock { $0.error += prompt }
                return secret
            })
    }
}
