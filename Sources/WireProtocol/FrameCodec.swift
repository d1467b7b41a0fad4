import DeviceCore
import Foundation
import Primitives
import SwiftProtobuf

/// Who says something to whom, in which mesh and epoch.
package struct FrameHeader: Hashable, Sendable {
    package var mesh: MeshID
    package var epoch: Epoch
    package var from: DeviceID
    package var to: DeviceID

    package init(mesh: MeshID, epoch: Epoch, from: DeviceID, to: DeviceID) {
        self.mesh = mesh
        self.epoch = epoch
        self.from = from
        self.to = to
    }
}

/// What the header of a received frame must say.
package struct FrameExpectation: Hashable, Sendable {
    package var mesh: MeshID
    /// This device.
    package var to: DeviceID
    /// The identity in the certificate of the link.
    package var from: DeviceID
    /// Nil: any; the caller looks at the header.
    package var epoch: Epoch?

    package init(mesh: MeshID, to: DeviceID, from: DeviceID, epoch: Epoch? = nil) {
        self.mesh = mesh
        self.to = to
        self.from = from
        self.epoch = epoch
    }
}

package struct PeerFrame: Hashable, Sendable {
    package var header: FrameHeader
    package var message: PeerMessage

    package init(header: FrameHeader, message: PeerMessage) {
        self.header = header
        self.message = message
    }
}

/// Frames of a control link <-> bytes. The transport puts the length before them.
package enum FrameCodec {
    /// Refuses what would exceed `Limits.frameBytes`.
    package static func encode(_ message: PeerMessage, header: FrameHeader) throws(WireError) -> [UInt8] {
        try Proto.encode(
            WireFrame.with {
                $0.version = protocolVersion
                $0.mesh = Data(header.mesh.digest.bytes)
                $0.epoch = header.epoch.number
                $0.epochDraw = header.epoch.draw
                $0.from = Write.device(header.from)
                $0.to = Write.device(header.to)
                $0.payload = message.wire
            }, limit: Limits.frameBytes)
    }

    /// Total: any bytes give a message within bounds or an error. The header is judged before the payload.
    package static func decode(_ bytes: [UInt8], expecting: FrameExpectation) throws(WireError) -> PeerFrame {
        let wire: WireFrame = try Proto.decode(bytes, limit: Limits.frameBytes)
        try Proto.checkVersion(wire.version)
        let header = FrameHeader(
            mesh: MeshID(try Read.digest(wire.mesh, "mesh")),
            epoch: try Epoch(wire.epoch, draw: wire.epochDraw, "epoch"),
            from: try Read.device(wire.from, "from"), to: try Read.device(wire.to, "to"))
        guard header.mesh == expecting.mesh else {
            throw .wrongMesh(expected: expecting.mesh, presented: header.mesh)
        }
        guard header.from == expecting.from else {
            throw .wrongSender(expected: expecting.from, presented: header.from)
        }
        guard header.to == expecting.to else { throw .wrongReceiver(expected: expecting.to, presented: header.to) }
        if let epoch = expecting.epoch, epoch != header.epoch {
            throw .wrongEpoch(expected: epoch, presented: header.epoch)
        }
        return PeerFrame(header: header, message: try PeerMessage(wire.payload))
    }
}

/// Bytes <-> messages of the schema, with limits.
enum Proto {
    /// The schema's deepest message is a quarter of this.
    private static let options: BinaryDecodingOptions = {
        var options = BinaryDecodingOptions()
        options.messageDepthLimit = 32
        options.discardUnknownFields = true
        return options
    }()

    static func encode(_ message: some Message, limit: Int) throws(WireError) -> [UInt8] {
        do {
            let bytes: [UInt8] = try message.serializedBytes()
            guard bytes.count <= limit else { throw WireError.tooLarge(bytes: bytes.count, limit: limit) }
            return bytes
        } catch let error as WireError {
            throw error
        } catch {
            throw .malformed
        }
    }

    static func decode<M: Message>(_ bytes: [UInt8], limit: Int) throws(WireError) -> M {
        guard bytes.count <= limit else { throw .tooLarge(bytes: bytes.count, limit: limit) }
        do {
            return try M(serializedBytes: bytes, options: options)
        } catch {
            throw .malformed
        }
    }

    static func checkVersion(_ version: UInt32) throws(WireError) {
        guard version == protocolVersion else { throw .wrongVersion(ours: protocolVersion, theirs: version) }
    }
}
