import NIOCore
import Primitives

/// Cuts a stream of bytes into frames: a length of 4 bytes, big-endian, then as many bytes, 1 to
/// `Limits.controlMessageBytes`.
struct ControlFrames {
    private var buffer = ByteBuffer()

    enum Refusal: Error, Hashable {
        /// The announced length is zero or above the limit; nothing was set aside for it.
        case length(UInt32)
    }

    /// Whether a frame has begun and its end has not come.
    var isInsideFrame: Bool { buffer.readableBytes > 0 }

    mutating func append(_ bytes: inout ByteBuffer) { buffer.writeBuffer(&bytes) }

    /// The next whole frame; nil if more bytes are needed.
    mutating func next() throws(Refusal) -> [UInt8]? {
        guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) else { return nil }
        guard length > 0, length <= UInt32(Limits.controlMessageBytes) else { throw .length(length) }
        guard buffer.readableBytes >= 4 + Int(length) else { return nil }
        buffer.moveReaderIndex(forwardBy: 4)
        let frame = buffer.readBytes(length: Int(length))
        buffer.discardReadBytes()
        return frame
    }

    /// A frame around `message`; nil if it is too large to be sent.
    static func frame(_ message: ControlMessage, allocator: ByteBufferAllocator) -> ByteBuffer? {
        let bytes = message.bytes
        guard bytes.count <= Limits.controlMessageBytes else { return nil }
        var buffer = allocator.buffer(capacity: bytes.count + 4)
        buffer.writeInteger(UInt32(bytes.count))
        buffer.writeBytes(bytes)
        return buffer
    }
}
