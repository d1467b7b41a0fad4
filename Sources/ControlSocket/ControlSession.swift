/// The agent's side of one call: what a handler may know and send besides its reply.
package struct ControlSession: Sendable {
    /// The connection; no two connections of one server have the same.
    package let id: UInt64
    let call: UInt64
    let connection: ServerConnection

    /// True from the moment the connection ended, which is before `ControlHandler.closed` is called.
    package var isClosed: Bool { connection.isClosed }

    /// Sends a notice to the client: no answer, no delivery promise. A client that does not read is cut off.
    package func notify(_ kind: String, _ body: [UInt8]) { connection.notify(kind, body) }

    /// Sends one item of the answer; returns when the system took it, so that a slow reader slows its own call only.
    package func item(_ body: [UInt8]) async throws {
        try await connection.send(ControlMessage(id: call, kind: ControlMessage.item, body: body))
    }

    /// Ends the connection.
    package func close() { connection.close() }
}

/// What answers the calls. Calls run concurrently, also those of one connection: a client that needs an order waits
/// for the reply. A call's task is cancelled when its client goes away or cancels.
package protocol ControlHandler: Sendable {
    /// The reply's body as JSON. A thrown `ControlFailure` goes to the client as it is.
    func handle(kind: String, body: [UInt8], session: ControlSession) async throws -> [UInt8]
    /// The connection ended, by whatever cause. Called once, on the event loop: must not wait.
    func closed(_ session: ControlSession)
}

/// Connections that were refused or cut off, by cause.
package struct ControlRefusals: Hashable, Sendable {
    /// A length of zero or above the limit.
    package var lengths = 0
    /// A frame that is no message.
    package var garbage = 0
    /// A message begun and not ended within `Limits.controlHalfMessage`.
    package var halfMessages = 0
    /// More than `Limits.controlOutboundBytes` waiting for a client that does not read.
    package var slowReaders = 0
    /// Peers of another user.
    package var strangers = 0
    /// Connections above `Limits.controlConnections`.
    package var tooMany = 0

    package init() {}
}
