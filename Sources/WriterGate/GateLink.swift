#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A connection to the agent, as the wrapping commands need it; the command line makes it from a `ControlClient`.
package protocol GateLink: Sendable {
    /// One call with JSON bodies; as long as the connection lives.
    func call(_ kind: String, _ body: [UInt8]) async throws -> [UInt8]
    /// The next notice; nil when the connection ended or the task was cancelled.
    func nextNotice() async -> (kind: String, body: [UInt8])?
    func close() async
}

/// Connects to the agent; throws if it is not running.
package typealias GateConnector = @Sendable () async throws -> any GateLink

extension GateLink {
    func call<Reply: Decodable>(_ kind: String, _ request: some Encodable, as reply: Reply.Type) async throws -> Reply {
        try GateJSON.decode(Reply.self, await call(kind, GateJSON.encode(request)))
    }

    /// A call whose answer does not matter: if it fails, the connection is gone or the agent counts us as silent.
    func tell(_ kind: String, _ request: some Encodable) async {
        _ = try? await call(kind, GateJSON.encode(request))
    }
}

/// One line for the user, on stderr.
func warn(_ text: String) {
    let bytes = Array("baton: \(text)\n".utf8)
    _ = write(2, bytes, bytes.count)
}
