import Primitives

/// Writes of tools that keep no connection: each is a writer of its own, from its beginning to its end or to the end of
/// its lifetime.
extension WriterGate {
    /// Waits for the open gate, at most `wait`, and begins a write: a round that closes the gate waits for its end as
    /// long as it waits for anyone.
    ///
    /// - Parameter writer: a number that no connection has: with the highest bit set.
    /// - Returns: why it may not begin; nil if it has begun. Then `endToolWrite` must follow.
    package func beginToolWrite(
        _ writer: UInt64, name: String, wait: Duration, lifetime: Duration
    ) async -> GateFailure? {
        let session = GateSession(
            id: writer,
            notify: { [weak self] kind, body in
                guard kind == "gate.pause", let pause = try? GateJSON.decode(GatePauseBody.self, body) else { return }
                // Outside of its section the tool does not write; an answer from within one does not count.
                self?.input(.paused(writer: writer, pause: pause.pause))
            }, isClosed: { false })
        _ = register(session, name: String(name.prefix(Limits.writerNameCharacters)), kind: .client)
        switch await enter(writer: writer, wait: wait, lifetime: lifetime) {
        case .success: return nil
        case .failure(let failure):
            sessionClosed(writer)
            return failure
        }
    }

    package func endToolWrite(_ writer: UInt64) { sessionClosed(writer) }
}
