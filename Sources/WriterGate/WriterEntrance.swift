import Primitives

/// The way in of a writer that begins: registered, and inside a section, so that a new command does not start writing
/// while the gate is closed.
struct WriterEntrance: Sendable {
    let link: any GateLink
    /// Nil if the agent did not let it in; it begins nevertheless.
    let section: UInt64?

    /// Connects, registers and waits for the open gate. Nil if no agent answers.
    static func enter(name: String, connect: GateConnector) async -> WriterEntrance? {
        guard let link = try? await connect(),
            (try? await link.call("gate.register", GateRegistration(name: name), as: GateRegistered.self)) != nil
        else { return nil }
        let section = try? await enter(link, wait: Limits.pauseMax)
        return WriterEntrance(link: link, section: section)
    }

    /// Waits at the gate. A pause that is announced meanwhile is answered by the waiting itself.
    static func enter(_ link: any GateLink, wait: Duration) async throws -> UInt64 {
        let entry = GateEntry(waitSeconds: wait.fractionalSeconds, lifetimeSeconds: nil)
        return try await link.call("gate.enter", entry, as: GateSectionBody.self).section
    }
}
