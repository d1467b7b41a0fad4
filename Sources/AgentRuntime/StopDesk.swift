// The fields have the names that they have in JSON.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import ControlSocket
import DeviceCore
import Primitives

extension ControlCall {
    /// `StopCall` -> `EmptyBody`, when it is durable here. An emergency releases the writers before anything else.
    package static let pause = "pause"
    /// `ResumeCall` -> `EmptyBody`.
    package static let resume = "resume"
}

package struct StopCall: Codable, Hashable, Sendable {
    /// `pause` or `emergency`; an emergency is always for all.
    package var kind: String
    package var everywhere: Bool
    /// Ends by itself after so long.
    package var for_s: Double?
    package var why: String
    /// When it was asked for, in unix milliseconds: one that waited for the agent's start says so itself.
    package var at: UInt64?

    package init(kind: String, everywhere: Bool, for_s: Double? = nil, why: String = "", at: UInt64? = nil) {
        self.kind = kind
        self.everywhere = everywhere
        self.for_s = for_s
        self.why = why
        self.at = at
    }
}

package struct ResumeCall: Codable, Hashable, Sendable {
    package var everywhere: Bool

    package init(everywhere: Bool) { self.everywhere = everywhere }
}

extension AgentHandler {
    /// Nil: the call is none of these.
    func stops(_ kind: String, _ body: [UInt8]) async throws -> [UInt8]? {
        switch kind {
        case ControlCall.pause:
            let call = try ControlJSON.decode(StopCall.self, from: body)
            if call.kind == StopOrder.Kind.emergency.rawValue { agent.gate.emergencyOpen() }
            return try await answer(.stop(try order(call), everywhere: call.everywhere))
        case ControlCall.resume:
            let call = try ControlJSON.decode(ResumeCall.self, from: body)
            return try await answer(.resume(everywhere: call.everywhere))
        default: return nil
        }
    }

    private func answer(_ request: ClientRequest) async throws -> [UInt8] {
        if case .failed(let why) = await agent.loop.ask(request) {
            throw ControlFailure(code: ExitCode.stopped, message: why, hint: "see: baton status")
        }
        return ControlJSON.empty
    }

    private func order(_ call: StopCall) throws -> StopOrder {
        guard let kind = StopOrder.Kind(rawValue: call.kind) else {
            throw ControlFailure(
                code: ExitCode.usage, message: "this agent knows no stop '\(call.kind)'",
                hint: "the command and the agent are of different versions: baton down, then baton up")
        }
        return StopOrder(call, kind, by: agent.identity.id)
    }

    /// Refuses what a stopped device does not do, with the command that ends the stop.
    func checkNotStopped() throws {
        guard let stop = agent.stopFact else { return }
        let who = stop.by.map { " by \($0)" } ?? ""
        throw ControlFailure(
            code: ExitCode.stopped, message: "syncing is stopped\(who): \(stop.why); edits stay safe here",
            hint: "let it go on: \(stop.fix)")
    }
}

extension StopOrder {
    init(_ call: StopCall, _ kind: Kind, by device: DeviceID) {
        let seconds = call.for_s.map { Int64(($0 * 1000).clamped(to: 0...Limits.longestStop.fractionalSeconds * 1000)) }
        self.init(
            kind: kind, by: device, at: call.at ?? UInt64(clamping: AuditTrail.unixMilliseconds),
            why: String(decoding: Array(call.why.utf8).prefix(Limits.messageTextBytes / 2), as: UTF8.self),
            left: seconds.map { .milliseconds($0) })
    }

    /// After a start: what passed while no agent ran counts too, on this device's own wall clock. A clock that was set
    /// back makes a stop no longer than it was meant to be.
    func leftAfterStart(now: Int64) -> Duration? {
        left.map { min(max($0 - .milliseconds(now - Int64(clamping: at)), .zero), $0) }
    }

    var words: String { why.isEmpty ? (kind == .emergency ? "emergency stop" : "paused") : why }
}

extension AgentParts {
    /// What stops this device, for people.
    var stopFact: StopFact? {
        let now = DeviceLoop.now
        let (stops, left) = loop.read { ($0.stops, $0.stopLeft(at: now)) }
        guard let order = stops.order else { return nil }
        let since = max(0, AuditTrail.unixMilliseconds - Int64(clamping: order.at))
        var why = order.words
        if let left { why += ", for \(max(1, (left.components.seconds + 59) / 60)) min more" }
        return StopFact(
            by: audit.name(of: order.by), since: .milliseconds(since), why: why,
            fix: stops.mesh.order == nil ? "baton resume" : "baton resume --all")
    }
}

extension AuditTrail {
    /// Who stopped what, and why; who let it go on.
    func note(_ event: StopEvent) {
        switch event {
        case .stopped(let order, let everywhere):
            let what = order.kind == .emergency ? "emergency stop" : everywhere ? "pause of all devices" : "pause here"
            var details = ["by": order.by.description, "why": order.why, "scope": everywhere ? "all" : "here"]
            if let left = order.left { details["for_ms"] = "\(left.wholeMilliseconds)" }
            let why = order.why.isEmpty ? "" : ": \(order.why)"
            add(
                order.kind == .emergency ? "emergency-stop" : "paused", "\(what) by \(name(of: order.by))\(why)",
                about: order.by, details: details)
        case .resumed(let device, let everywhere):
            let who = device.map { "by \(name(of: $0))" } ?? "as its time is over"
            add(
                "resumed", "syncing goes on \(everywhere ? "everywhere" : "here"), \(who)", about: device,
                details: ["scope": everywhere ? "all" : "here"])
        }
    }
}
