// Module: ControlSocket is the local socket between the command line and the agent: framed JSON calls, streams and
// notices over a Unix socket that only its owner can reach. Never: a rule of the mesh, a look into a message's body, a
// connection to another machine. Start with ControlMessage.swift (what travels), then ControlServer and ControlClient.

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Values to and from the bytes of a message's body.
package enum ControlJSON {
    /// The body of a message without content.
    package static let empty: [UInt8] = Array("{}".utf8)

    package static func encode(_ value: some Encodable) throws(ControlFailure) -> [UInt8] {
        do {
            return [UInt8](try JSONEncoder().encode(value))
        } catch {
            throw .failed("cannot write a control message: \(error)", hint: nil)
        }
    }

    /// Refuses anything that is not a `Value` with code 64: the other end speaks another version, or is not ours.
    package static func decode<Value: Decodable>(
        _ type: Value.Type, from bytes: [UInt8]
    ) throws(ControlFailure) -> Value {
        do {
            return try JSONDecoder().decode(Value.self, from: Data(bytes))
        } catch {
            throw .malformed("a control message does not have the fields of \(Value.self)")
        }
    }
}

/// A body without fields.
package struct ControlEmpty: Codable, Hashable, Sendable {
    package init() {}
}
