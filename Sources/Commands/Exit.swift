import AgentRuntime
import ControlSocket
import WriterGate

/// The exit codes of product.md; `ExitCode` alone would mean two things beside ArgumentParser.
typealias Exit = AgentRuntime.ExitCode

/// Why a command failed: one line, with the next command to type.
struct CommandFailure: Error, Hashable, Sendable {
    var code: Int32
    var message: String
    var hint: String?

    init(_ code: Int32, _ message: String, hint: String?) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    /// Nil for what is none of ours: ArgumentParser knows what that is.
    init?(_ error: any Error) {
        switch error {
        case let failure as CommandFailure: self = failure
        case let failure as ControlFailure: self.init(failure.code, failure.message, hint: failure.hint)
        case let failure as SetupFailure: self.init(failure.code, failure.message, hint: failure.hint)
        case let failure as GateFailure: self.init(failure.code, failure.message, hint: failure.hint)
        case is CancellationError: self.init(Exit.tryAgain, "it was cancelled", hint: "try again")
        default: return nil
        }
    }

    var line: String { "baton: " + (hint.map { "\(message); \($0)" } ?? message) }
}
