import Primitives

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

// The bodies of the calls and notices named `gate.*` on the control socket. Seconds are fractional.

/// `gate.register`: this session is a writer. Once more with a group: the writer can be stopped.
struct GateRegistration: Codable, Hashable, Sendable {
    var name: String
    var group: Int32?
    var leaderStart: UInt64?

    enum CodingKeys: String, CodingKey {
        case name, group
        case leaderStart = "leader_start"
    }
}

/// The reply to `gate.register`.
struct GateRegistered: Codable, Hashable, Sendable {
    /// Files below it are what a wrapper looks for among those open for writing.
    var workspace: String
}

/// `gate.enter`: wait for the open gate, at most `wait_s`.
struct GateEntry: Codable, Hashable, Sendable {
    var waitSeconds: Double?
    /// The section ends by itself after this, unless it is renewed.
    var lifetimeSeconds: Double?

    enum CodingKeys: String, CodingKey {
        case waitSeconds = "wait_s"
        case lifetimeSeconds = "lifetime_s"
    }
}

/// The reply to `gate.enter`; the call `gate.leave`; with a lifetime the call `gate.renew`.
struct GateSectionBody: Codable, Hashable, Sendable {
    var section: UInt64
    var lifetimeSeconds: Double?

    enum CodingKeys: String, CodingKey {
        case section
        case lifetimeSeconds = "lifetime_s"
    }
}

/// The notices `gate.pause` and `gate.resume`; the calls `gate.paused` and `gate.resumed` need only `pause`.
struct GatePauseBody: Codable, Hashable, Sendable {
    var pause: UInt64
    var round: String?
    /// Seconds from now until the gate opens by itself.
    var deadlineSeconds: Double?

    enum CodingKeys: String, CodingKey {
        case pause, round
        case deadlineSeconds = "deadline_s"
    }
}

/// Why a gate call was refused, with the exit code of product.md.
package struct GateFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package var code: Int32
    package var message: String
    package var hint: String?

    package init(code: Int32, message: String, hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    package static let tryAgainCode: Int32 = 75
    package static let usageCode: Int32 = 64

    package var description: String { hint.map { "\(message) (\($0))" } ?? message }
}

/// Bodies to and from JSON.
enum GateJSON {
    static let empty: [UInt8] = Array("{}".utf8)

    static func encode(_ value: some Encodable) -> [UInt8] {
        // Our own flat bodies can always be encoded, but for numbers that are not finite, which are never put in.
        (try? JSONEncoder().encode(value)).map { [UInt8]($0) } ?? empty
    }

    static func decode<Value: Decodable>(_ type: Value.Type, _ bytes: [UInt8]) throws(GateFailure) -> Value {
        do {
            return try JSONDecoder().decode(Value.self, from: Data(bytes))
        } catch {
            throw GateFailure(
                code: GateFailure.usageCode, message: "a gate message does not have the fields of \(Value.self)",
                hint: "see docs/gate.md")
        }
    }
}

extension Duration {
    /// Any number from outside, brought into 0 to one day.
    init(boundedSeconds seconds: Double) {
        let bounded = seconds.isFinite ? min(max(0, seconds), 86_400) : 0
        self = .milliseconds(Int64(bounded * 1000))
    }

    var fractionalSeconds: Double { Double(wholeMilliseconds) / 1000 }
}
