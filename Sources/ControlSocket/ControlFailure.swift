/// Why a call was not answered as asked: the exit code of product.md, one line, and what to do.
package struct ControlFailure: Error, Codable, Hashable, Sendable {
    package var code: Int32
    package var message: String
    package var hint: String?

    package init(code: Int32, message: String, hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }
}

extension ControlFailure: CustomStringConvertible {
    package var description: String { hint.map { "\(message) (\($0))" } ?? message }
}

extension ControlFailure {
    static let failedCode: Int32 = 1
    static let agentNotRunningCode: Int32 = 3
    static let timedOutCode: Int32 = 8
    static let notAllowedCode: Int32 = 9
    static let usageCode: Int32 = 64
    static let tryAgainCode: Int32 = 75

    static func failed(_ message: String, hint: String?) -> ControlFailure {
        ControlFailure(code: failedCode, message: message, hint: hint)
    }

    /// Nobody listens on the socket, or there is none.
    package static let agentNotRunning = ControlFailure(
        code: agentNotRunningCode, message: "the agent is not running", hint: "start it: baton up")

    /// The connection ended before the answer came.
    package static let agentGone = ControlFailure(
        code: agentNotRunningCode, message: "the agent closed the connection before it answered",
        hint: "see whether it runs: baton status")

    package static func agentAlreadyRunning(_ socket: String) -> ControlFailure {
        failed("an agent already answers on \(socket)", hint: "stop it first: baton down")
    }

    static func timedOut(_ what: String) -> ControlFailure {
        ControlFailure(
            code: timedOutCode, message: "the agent did not answer \(what) in time", hint: "see: baton status"
        )
    }

    static func notOurs(_ path: String, _ why: String) -> ControlFailure {
        ControlFailure(
            code: notAllowedCode, message: "\(path) \(why)",
            hint: "remove it, or set BATON_HOME to a directory of yours")
    }

    static func malformed(_ message: String) -> ControlFailure {
        ControlFailure(code: usageCode, message: message, hint: "is baton of the agent's version? baton down; baton up")
    }

    static func busy(_ message: String) -> ControlFailure {
        ControlFailure(code: tryAgainCode, message: message, hint: "try again in a moment")
    }

    /// An error of a handler as it goes over the socket.
    package init(_ error: any Error) {
        self =
            (error as? ControlFailure)
            ?? (error is CancellationError
                ? .busy("the call was cancelled") : .failed("\(error)", hint: "see the agent's log: baton log"))
    }
}
