import Primitives

// WireProtocol: the protobuf schema and the way between its messages and the values of the pure modules, for links and
// for the database. Decoding is total: any bytes give a value within bounds or an error.
// Never: sockets, files, TLS, rules of consensus or rounds. `Generated` is written by scripts/generate-protocol.
// Start with baton.proto, then FrameCodec.swift and Reading.swift.

/// The version that this build speaks; a frame of any other is refused.
package let protocolVersion: UInt32 = 1

/// Why bytes were refused, or a value cannot be written.
package enum WireError: Error, Hashable, Sendable, CustomStringConvertible {
    case tooLarge(bytes: Int, limit: Int)
    /// Not a message of the schema at all.
    case malformed
    case wrongVersion(ours: UInt32, theirs: UInt32)
    case wrongMesh(expected: MeshID, presented: MeshID)
    /// The frame's sender is not who the certificate says.
    case wrongSender(expected: DeviceID, presented: DeviceID)
    case wrongReceiver(expected: DeviceID, presented: DeviceID)
    case wrongEpoch(expected: Epoch, presented: Epoch)
    /// A kind of message or value that this version does not know.
    case unsupported(String)
    case invalid(field: String, String)

    package var message: String {
        switch self {
        case .tooLarge(let bytes, let limit): "a message of \(bytes) bytes exceeds the limit of \(limit)"
        case .malformed: "the bytes are no message of this protocol"
        case .wrongVersion(let ours, let theirs): "the peer speaks protocol \(theirs), this device \(ours)"
        case .wrongMesh(let expected, let presented): "the message is for mesh \(presented), this is \(expected)"
        case .wrongSender(let expected, let presented):
            "the message is from \(presented), the link's key is \(expected)"
        case .wrongReceiver(let expected, let presented): "the message is for \(presented), this device is \(expected)"
        case .wrongEpoch(let expected, let presented): "the message has epoch \(presented), this mesh has \(expected)"
        case .unsupported(let kind): "this version does not know such a \(kind)"
        case .invalid(let field, let reason): "\(field) \(reason)"
        }
    }

    package var hint: String {
        switch self {
        case .wrongVersion, .unsupported: "run the same version of baton on all devices"
        case .wrongEpoch: "one side was recovered by force; the other must rejoin"
        case .wrongMesh, .wrongSender, .wrongReceiver: "check that the addresses belong to this mesh's devices"
        case .tooLarge, .malformed, .invalid: "the sender is damaged or no baton; the link is closed"
        }
    }

    package var description: String { message }
}
