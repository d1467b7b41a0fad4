import NIOCore
import Primitives

/// What is spoken inside TLS, chosen by ALPN.
enum MeshProtocol: String, CaseIterable {
    case link = "baton-mesh/1"
    case stream = "baton-stream/1"
    case join = "baton-join/1"
}

/// The bytes of a frame: length (4 bytes, big-endian, of what follows), kind (1 byte), body.
enum Wire {
    static let version: UInt16 = 1
    static let headerBytes = 5
    static let helloBytes = 64

    enum Kind: UInt8 {
        /// The first frame each way on a link: the sender's protocol version (2 bytes), then what later versions add.
        case hello = 0
        case data = 1
        case ping = 2
        case pong = 3
        /// First on a stream: what the opener wants; then one of the next two comes back.
        case streamHeader = 16
        case streamAccepted = 17
        case streamRefused = 18
        /// No more data this way.
        case streamEnd = 19
        /// Nobody reads here any more: send no more.
        case streamGone = 20
        case joinRequest = 32
        case joinReply = 33
    }

    static func write(_ kind: Kind, _ body: some Collection<UInt8>, into buffer: inout ByteBuffer) {
        buffer.writeInteger(UInt32(truncatingIfNeeded: body.count + 1))
        buffer.writeInteger(kind.rawValue)
        buffer.writeBytes(body)
    }

    static func frame(_ kind: Kind, _ body: some Collection<UInt8> = EmptyCollection()) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(headerBytes + body.count)
        write(kind, body, into: &buffer)
        return buffer
    }

    static func hello(version: UInt16) -> ByteBuffer {
        frame(.hello, [UInt8(version >> 8), UInt8(truncatingIfNeeded: version)])
    }
}

/// Cuts what arrives into frames. Total: any bytes give frames or a fault.
struct FrameReader {
    enum Fault: Error, Hashable {
        case empty
        case oversized(Int)
    }

    struct Frame {
        /// Nil for a kind that this version does not know.
        var kind: Wire.Kind?
        var body: ByteBuffer
    }

    /// The longest body that is taken now; depends on who talks and on what was said before.
    var limit: Int
    private var buffer = ByteBuffer()

    init(limit: Int) { self.limit = limit }

    /// Whether a frame has begun and is not complete (after `next` returned nil).
    var isPartial: Bool { buffer.readableBytes > 0 }
    var waitingBytes: Int { buffer.readableBytes }

    mutating func append(_ bytes: ByteBuffer) {
        if buffer.readableBytes == 0 {
            buffer = bytes
        } else {
            var bytes = bytes
            buffer.writeBuffer(&bytes)
        }
    }

    mutating func next() throws(Fault) -> Frame? {
        guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) else { return nil }
        guard length > 0 else { throw .empty }
        guard Int(length) <= limit + 1 else { throw .oversized(Int(length)) }
        guard buffer.readableBytes >= 4 + Int(length) else { return nil }
        buffer.moveReaderIndex(forwardBy: 4)
        guard let kind = buffer.readInteger(as: UInt8.self), let body = buffer.readSlice(length: Int(length) - 1) else {
            return nil
        }
        return Frame(kind: Wire.Kind(rawValue: kind), body: body)
    }
}

extension FrameReader.Fault {
    var reason: RefusalReason {
        switch self {
        case .empty: .emptyFrame
        case .oversized: .oversizedFrame
        }
    }
}
