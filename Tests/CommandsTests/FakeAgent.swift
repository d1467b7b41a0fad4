import ControlSocket
import Logging
import Synchronization

@testable import Commands

/// A control server that answers as it is told.
final class FakeAgent: ControlHandler {
    typealias Answer = @Sendable ([UInt8], ControlSession) async throws -> [UInt8]

    private let answers: [String: Answer]
    private let state = Mutex((kinds: [String](), bodies: [String: [UInt8]](), closed: 0))
    private let server = Mutex<ControlServer?>(nil)
    let scratch: Scratch
    let home: String

    /// Every kind that was called, in order.
    var kinds: [String] { state.withLock { $0.kinds } }
    /// Connections that ended.
    var closedSessions: Int { state.withLock { $0.closed } }

    private init(_ answers: [String: Answer]) throws {
        self.answers = answers
        scratch = try Scratch()
        home = try scratch.home()
    }

    /// Serves while `body` runs.
    static func serve(
        _ answers: [String: Answer], _ body: (FakeAgent) async throws -> Void
    ) async throws {
        let agent = try FakeAgent(answers)
        let server = ControlServer(
            address: try ControlAddress.resolve(home: agent.home),
            handler: agent, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await server.start()
        agent.server.withLock { $0 = server }
        do {
            try await body(agent)
            await server.stop()
        } catch {
            await server.stop()
            throw error
        }
    }

    func stop() async { await server.withLock { $0 }?.stop() }

    func handle(kind: String, body: [UInt8], session: ControlSession) async throws -> [UInt8] {
        state.withLock { state in
            state.kinds.append(kind)
            state.bodies[kind] = body
        }
        guard let answer = answers[kind] else { throw ControlFailure(code: 64, message: "no call '\(kind)'") }
        return try await answer(body, session)
    }

    func closed(_ session: ControlSession) { state.withLock { $0.closed += 1 } }

    /// The last body of a call, decoded.
    func body<Value: Decodable>(_ kind: String, as type: Value.Type) -> Value? {
        try? ControlJSON.decode(type, from: state.withLock { $0.bodies[kind] ?? [] })
    }

    /// Runs a command line against this agent, as in a pipe.
    func run(
        _ arguments: String..., columns: Int? = nil, environment: [String: String] = [:]
    ) async -> (code: Int32, out: String, error: String) {
        let recorder = Recorder()
        var environment = environment
        environment["BATON_HOME"] = home
        let console = recorder.console(columns: columns, environment: environment)
        let code = await CommandLineEntry.run(arguments, on: console)
        return (code, recorder.out, recorder.error)
    }
}

/// Always the same body.
func always(_ value: some Encodable & Sendable) -> FakeAgent.Answer {
    { _, _ in try ControlJSON.encode(value) }
}

/// A body as text.
func json(_ text: String) -> FakeAgent.Answer { { _, _ in Array(text.utf8) } }

func failing(_ code: Int32, _ message: String, _ hint: String?) -> FakeAgent.Answer {
    { _, _ in throw ControlFailure(code: code, message: message, hint: hint) }
}

/// What a command printed, decoded; nil if it is something else.
func decoded<Value: Decodable>(_ text: String, as type: Value.Type) -> Value? {
    try? ControlJSON.decode(type, from: Array(text.utf8))
}
