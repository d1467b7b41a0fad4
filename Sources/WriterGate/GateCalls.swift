import Primitives

/// The calls named `gate.*` of the control socket.
extension WriterGate {
    package static func answers(_ kind: String) -> Bool { kind.hasPrefix("gate.") }

    /// Answers one call: `gate.register`, `gate.enter`, `gate.leave`, `gate.renew`, `gate.paused`, `gate.resumed`.
    /// Bodies are JSON, seen in docs/gate.md. `gate.enter` returns when the gate is open.
    package func handle(
        kind: String, body: [UInt8], session: GateSession
    ) async throws(GateFailure) -> [UInt8] {
        switch kind {
        case "gate.register": return try register(body, session)
        case "gate.enter":
            let entry = try GateJSON.decode(GateEntry.self, body)
            let wait = entry.waitSeconds.map { Duration(boundedSeconds: $0) } ?? Limits.pauseMax
            let lifetime = Self.lifetime(entry.lifetimeSeconds)
            let section = try await enter(writer: session.id, wait: wait, lifetime: lifetime).get()
            return GateJSON.encode(GateSectionBody(section: section, lifetimeSeconds: lifetime.fractionalSeconds))
        case "gate.leave":
            input(.leave(writer: session.id, section: try GateJSON.decode(GateSectionBody.self, body).section))
        case "gate.renew":
            let renewal = try GateJSON.decode(GateSectionBody.self, body)
            let lifetime = Self.lifetime(renewal.lifetimeSeconds)
            input(.renew(writer: session.id, section: renewal.section, lifetime: lifetime))
        case "gate.paused":
            input(.paused(writer: session.id, pause: try GateJSON.decode(GatePauseBody.self, body).pause))
        case "gate.resumed":
            input(.resumed(writer: session.id, pause: try GateJSON.decode(GatePauseBody.self, body).pause))
        default:
            throw GateFailure(code: GateFailure.usageCode, message: "no such call: \(kind)", hint: "see docs/gate.md")
        }
        return GateJSON.empty
    }

    private func register(_ body: [UInt8], _ session: GateSession) throws(GateFailure) -> [UInt8] {
        let registration = try GateJSON.decode(GateRegistration.self, body)
        let name = String(registration.name.prefix(Limits.writerNameCharacters))
        var kind = GateWriter.Kind.client
        if let group = registration.group {
            guard group > 1 else {
                throw GateFailure(code: GateFailure.usageCode, message: "\(group) is no process group", hint: nil)
            }
            kind = .wrapped(ProcessGroupID(group: group, leaderStart: registration.leaderStart ?? 0))
        }
        return GateJSON.encode(self.register(session, name: name, kind: kind))
    }

    private static func lifetime(_ seconds: Double?) -> Duration {
        guard let seconds else { return Limits.gateSectionLifetime }
        return min(Duration(boundedSeconds: seconds), Limits.gateSectionLifetimeMax)
    }
}
