import NIOCore
import Primitives

/// The control link with one device: hello, frames both ways, signs of life.
final class LinkHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private enum Phase { case awaitingHello, up, closed }

    /// Bytes handed to TLS at once; the rest waits until the socket has room.
    private static let batchBytes = 256 << 10

    let connection: Connection
    let device: DeviceID
    let dialedHere: Bool
    private let switchboard: Switchboard
    private var phase = Phase.awaitingHello
    private var reader = FrameReader(limit: Wire.helloBytes)
    private var outbox: Outbox?
    private var lastHeard = NIODeadline.now()
    private var keepalive: Scheduled<Void>?
    private var stallCheck: Scheduled<Void>?
    private var bytesAtStallCheck: UInt64 = 0
    private var bytesIn: UInt64 = 0
    private var owesFlush = false
    /// The ping that is not answered yet.
    private var ping: LinkPing?

    init(_ connection: Connection, _ switchboard: Switchboard, device: DeviceID, dialedHere: Bool) {
        self.connection = connection
        self.switchboard = switchboard
        self.device = device
        self.dialedHere = dialedHere
        connection.link = self
    }

    func handlerAdded(context: ChannelHandlerContext) {
        connection.channel.writeAndFlush(Wire.hello(version: switchboard.tuning.version), promise: nil)
    }

    // MARK: Inbound

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard phase != .closed else { return }
        let bytes = unwrapInboundIn(data)
        lastHeard = .now()
        bytesIn &+= UInt64(bytes.readableBytes)
        reader.append(bytes)
        do {
            while phase != .closed, let frame = try reader.next() { receive(frame) }
        } catch {
            switchboard.refuse(connection, error.reason)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if owesFlush {
            owesFlush = false
            connection.channel.flush()
        }
        if phase != .closed, reader.isPartial { watchPartialFrame() }
    }

    private func receive(_ frame: FrameReader.Frame) {
        switch (phase, frame.kind) {
        case (.awaitingHello, .hello): receiveHello(frame.body)
        case (.awaitingHello, _): switchboard.refuse(connection, .malformedFrame)
        case (.up, .data): receiveData(frame.body)
        case (.up, .ping):
            owesFlush = true
            connection.channel.write(LinkPing.answer(), promise: nil)
        case (.up, .pong): receivePong(frame.body)
        case (.up, nil): break
        case (.up, _): switchboard.refuse(connection, .malformedFrame)
        case (.closed, _): break
        }
    }

    private func receiveHello(_ body: ByteBuffer) {
        guard let version = body.getInteger(at: body.readerIndex, as: UInt16.self) else {
            return switchboard.refuse(connection, .malformedFrame)
        }
        guard version == switchboard.tuning.version else {
            let detail = "we speak version \(switchboard.tuning.version) of the protocol, the peer speaks \(version)"
            connection.detail = detail
            switchboard.logger.warning(
                "link refused: other protocol version",
                metadata: [
                    "device": "\(device.short)", "ours": "\(switchboard.tuning.version)", "theirs": "\(version)",
                ]
            )
            return switchboard.refuse(connection, .versionMismatch)
        }
        phase = .up
        reader.limit = Limits.frameBytes
        switchboard.linkReady(self)
    }

    private func receivePong(_ body: ByteBuffer) {
        guard let measured = ping?.measure(body) else { return }
        ping = nil
        switchboard.directory.measured(device, roundTrip: measured.roundTrip, clockOffset: measured.clockOffset)
    }

    private func receiveData(_ body: ByteBuffer) {
        guard body.readableBytes > 0 else { return switchboard.refuse(connection, .malformedFrame) }
        // Checked again for every frame: a removal on another thread counts from that moment.
        guard switchboard.roster.isMember(device) else {
            return switchboard.close(connection, because: .removed)
        }
        switchboard.counters.add {
            $0.framesIn += 1
            $0.bytesIn += UInt64(body.readableBytes)
        }
        switchboard.events(.frame(device, Array(body.readableBytesView)))
    }

    // MARK: Outbound

    /// The link is the device's one: it empties that device's outbox from now on.
    func start(_ outbox: Outbox) {
        self.outbox = outbox
        scheduleKeepalive()
        drain()
    }

    /// Writes what waits, as far as the socket has room; the rest follows when it has room again.
    func drain() {
        guard phase == .up, let outbox else { return }
        while connection.channel.isWritable, let batch = outbox.take(upTo: Self.batchBytes) {
            switchboard.counters.add {
                $0.framesOut += UInt64(batch.frames)
                $0.bytesOut += UInt64(batch.buffer.readableBytes)
            }
            connection.channel.writeAndFlush(batch.buffer, promise: nil)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { drain() }
    }

    // MARK: Time

    private func scheduleKeepalive() {
        let tuning = switchboard.tuning
        keepalive = switchboard.loop.assumeIsolated().scheduleTask(in: .init(tuning.keepalive)) {
            guard self.phase == .up else { return }
            let silence = NIODeadline.now() - self.lastHeard
            if silence >= .init(tuning.silence) {
                return self.switchboard.close(self.connection, because: .silent)
            }
            // Also on a link that is busy: its answer is the round trip that status shows.
            self.sendPing()
            self.scheduleKeepalive()
        }
    }

    private func sendPing() {
        ping = LinkPing()
        connection.channel.writeAndFlush(Wire.frame(.ping), promise: nil)
    }

    /// A frame that has begun must end, or at least grow well, within the handshake timeout.
    private func watchPartialFrame() {
        guard stallCheck == nil else { return }
        bytesAtStallCheck = bytesIn
        stallCheck = switchboard.loop.assumeIsolated().scheduleTask(in: .init(switchboard.tuning.handshake)) {
            self.stallCheck = nil
            guard self.phase != .closed, self.reader.isPartial else { return }
            if self.bytesIn &- self.bytesAtStallCheck < UInt64(Limits.stalledFrameBytes) {
                return self.switchboard.refuse(self.connection, .stalledFrame)
            }
            self.watchPartialFrame()
        }
    }

    /// Nothing is heard or said any more, even while TLS still says goodbye.
    func end() {
        phase = .closed
        outbox = nil
        keepalive?.cancel()
        stallCheck?.cancel()
        connection.link = nil
    }
}
