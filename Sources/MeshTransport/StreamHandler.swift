import NIOCore
import NIOPosix
import Primitives

/// One stream: TLS on one side, a socket pair on the other, bytes carried both ways with back-pressure.
///
/// Data travels in frames, so that "no more data" is said in so many words: a connection that ends without it was cut,
/// and cannot be taken for the end of the data. The stream is over when both sides have said it and all is written.
final class StreamHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    enum Role {
        case server
        /// `answer` hears once: the user's end of the socket pair, or why there is none.
        case opener(header: [UInt8], answer: (Result<Int32, TransportError>) -> Void)
    }
    private enum Phase { case negotiating, attaching, splicing, closed }

    private let connection: Connection
    private let switchboard: Switchboard
    private let device: DeviceID
    private let role: Role
    private var phase = Phase.negotiating
    private var reader = FrameReader(limit: Limits.streamHeaderBytes)
    private var local: (any Channel)?
    private var lastMoved = NIODeadline.now()
    private var silenceCheck: Scheduled<Void>?

    // How each direction ends.
    private var sentEnd = false
    private var endIsWritten = false
    private var gotEnd = false
    private var localIsDone = false
    private var peerIsGone = false
    private var tlsIsGone = false

    // A side that is not read because the other has no room.
    private var tlsWaits = false
    private var localWaits = false

    init(_ connection: Connection, _ switchboard: Switchboard, device: DeviceID, role: Role) {
        self.connection = connection
        self.switchboard = switchboard
        self.device = device
        self.role = role
    }

    private var tls: any Channel { connection.channel }

    func handlerAdded(context: ChannelHandlerContext) {
        guard case .opener(let header, _) = role else { return }
        tls.writeAndFlush(Wire.frame(.streamHeader, header), promise: nil)
    }

    // MARK: From TLS

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard phase != .closed else { return }
        reader.append(unwrapInboundIn(data))
        receiveFrames()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        local?.flush()
        if phase == .splicing { readTLS() }
    }

    /// Frames that come while the socket pair is being attached wait in the reader.
    private func receiveFrames() {
        do {
            while phase == .negotiating || phase == .splicing, let frame = try reader.next() { receive(frame) }
        } catch {
            switchboard.refuse(connection, error.reason)
        }
    }

    private func receive(_ frame: FrameReader.Frame) {
        switch (phase, role, frame.kind) {
        case (.negotiating, .server, .streamHeader): decide(Array(frame.body.readableBytesView))
        case (.negotiating, .opener, .streamAccepted): attachNewPair()
        case (.negotiating, .opener(_, let answer), .streamRefused):
            answer(
                .failure(.streamRefused(device, reason: String(decoding: frame.body.readableBytesView, as: UTF8.self))))
            finishAttempt()
            close()
        case (.splicing, _, .data) where !gotEnd:
            lastMoved = .now()
            local?.write(frame.body, promise: nil)
        case (.splicing, _, .streamEnd) where !gotEnd: receiveEnd()
        case (.splicing, _, .streamGone): receiveGone()
        case (.negotiating, _, _), (.attaching, _, _), (.splicing, _, _), (.closed, _, _):
            switchboard.refuse(connection, .malformedFrame)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard localWaits, tls.isWritable else { return }
        localWaits = false
        local?.read()
    }

    func channelInactive(context: ChannelHandlerContext) {
        tlsIsGone = true
        silenceCheck?.cancel()
        // Both ends were said: what is still on its way to a slow reader gets there.
        if !(gotEnd && sentEnd) { abort() }
    }

    // MARK: Beginning

    private func decide(_ header: [UInt8]) {
        guard switchboard.enterInboundStream(connection, device) else {
            switchboard.mark(connection, .streamLimit)
            return refuse("too many streams of this device")
        }
        switch switchboard.streamHandler(device, header) {
        case .accept(let descriptor):
            switchboard.counters.add { $0.streamsAccepted += 1 }
            tls.writeAndFlush(Wire.frame(.streamAccepted), promise: nil)
            attach(descriptor) {}
        case .refuse(let reason): refuse(reason)
        }
    }

    private func refuse(_ reason: String) {
        phase = .closed
        switchboard.counters.add { $0.streamsRefused += 1 }
        let frame = Wire.frame(.streamRefused, Array(reason.utf8.prefix(Limits.streamHeaderBytes)))
        tls.writeAndFlush(frame).assumeIsolated().whenComplete { _ in self.close() }
    }

    private func attachNewPair() {
        guard case .opener(_, let answer) = role else { return }
        do {
            let ends = try StreamDescriptors.pair()
            attach(ends.transport) {
                if self.phase == .splicing { return answer(.success(ends.user)) }
                StreamDescriptors.close(ends.user)
                answer(.failure(.unreachable(self.device, attempts: ["closed while the stream was opened"])))
            }
        } catch {
            answer(.failure(error))
            finishAttempt()
            close()
        }
    }

    private func attach(_ descriptor: Int32, then: @escaping () -> Void) {
        phase = .attaching
        reader.limit = Limits.streamChunkBytes
        switchboard.clearDeadline(connection)
        stopAutoRead()
        let here = NIOLoopBound(self, eventLoop: switchboard.loop)
        let bootstrap = ClientBootstrap(group: switchboard.loop)
            .channelOption(.autoRead, value: false)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(
                    minimum: 4096, initial: 16384, maximum: Limits.streamChunkBytes)
            )
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(LocalEndHandler(here.value))
                }
            }
        bootstrap.withConnectedSocket(descriptor).assumeIsolated().whenComplete { result in
            switch result {
            case .success(let channel): self.attached(channel, then)
            case .failure(let error):
                self.switchboard.failed(self.connection, error)
                then()
            }
        }
    }

    /// The user gets their end before the frames that waited are looked at: with a quick peer the whole stream is among
    /// them, its end included.
    private func attached(_ channel: any Channel, _ then: () -> Void) {
        guard phase == .attaching else {
            channel.close(promise: nil)
            return then()
        }
        local = channel
        phase = .splicing
        finishAttempt()
        watchSilence()
        then()
        receiveFrames()
        local?.flush()
        readTLS()
        channel.read()
    }

    private func finishAttempt() {
        if case .outbound(let attempt) = connection.side { attempt.finish(.done) }
    }

    private func stopAutoRead() {
        do {
            try tls.syncOptions?.setOption(.autoRead, value: false)
        } catch {
            switchboard.failed(connection, error)
        }
    }

    // MARK: From the socket pair

    func receivedFromLocal(_ bytes: ByteBuffer) {
        guard phase == .splicing, !sentEnd, !peerIsGone else { return }
        lastMoved = .now()
        var bytes = bytes
        while let chunk = bytes.readSlice(length: min(bytes.readableBytes, Limits.streamChunkBytes)),
            chunk.readableBytes > 0
        {
            tls.write(Wire.frame(.data, chunk.readableBytesView), promise: nil)
        }
    }

    func localReadCompleted() {
        guard phase == .splicing, !tlsIsGone else { return }
        tls.flush()
        if tls.isWritable { local?.read() } else { localWaits = true }
    }

    func localHasRoom() {
        guard tlsWaits else { return }
        readTLS()
    }

    func localInputClosed() {
        if phase == .splicing { sendEnd() }
    }

    func localIsGone() {
        guard phase == .splicing else { return }
        local = nil
        localIsDone = true
        if !gotEnd { tls.write(Wire.frame(.streamGone), promise: nil) }
        sendEnd()
        readTLS()
        finishIfDone()
    }

    private func readTLS() {
        guard !tlsIsGone else { return }
        tlsWaits = local.map { !$0.isWritable } ?? false
        if !tlsWaits { tls.read() }
    }

    // MARK: End

    private func sendEnd() {
        guard !sentEnd else { return tls.flush() }
        sentEnd = true
        tls.writeAndFlush(Wire.frame(.streamEnd)).assumeIsolated().whenComplete { _ in
            self.endIsWritten = true
            self.finishIfDone()
        }
    }

    private func receiveEnd() {
        gotEnd = true
        guard let local else { return finishIfDone() }
        // First all that waits, then the close: NIO turns a half-close of a socket whose other half is closed already
        // into a full close, which throws away what waits. The empty write ends when all before it are done.
        local.writeAndFlush(ByteBuffer()).assumeIsolated().whenComplete { _ in
            self.localIsDone = true
            self.local?.close(mode: .output, promise: nil)
            self.finishIfDone()
        }
    }

    /// The peer's reader is gone: ours writes into the void no longer.
    private func receiveGone() {
        peerIsGone = true
        local?.close(mode: .input, promise: nil)
        sendEnd()
    }

    private func finishIfDone() {
        guard phase == .splicing, endIsWritten, gotEnd, localIsDone else { return }
        close()
    }

    private func close() {
        abort()
        switchboard.close(connection, because: .closedByPeer)
    }

    private func abort() {
        guard phase != .closed || local != nil else { return }
        phase = .closed
        silenceCheck?.cancel()
        local?.close(promise: nil)
        local = nil
    }

    private func watchSilence() {
        let limit = switchboard.tuning.streamSilence
        silenceCheck = switchboard.loop.assumeIsolated().scheduleTask(in: .init(limit)) {
            guard self.phase == .splicing else { return }
            if NIODeadline.now() - self.lastMoved >= .init(limit) { return self.close() }
            self.watchSilence()
        }
    }
}

/// The transport's end of the socket pair.
private final class LocalEndHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let stream: StreamHandler

    init(_ stream: StreamHandler) { self.stream = stream }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { stream.receivedFromLocal(unwrapInboundIn(data)) }
    func channelReadComplete(context: ChannelHandlerContext) { stream.localReadCompleted() }
    func channelInactive(context: ChannelHandlerContext) { stream.localIsGone() }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { stream.localHasRoom() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent { stream.localInputClosed() }
    }

    /// A reset is how a reader that went away looks; the channel is closing already.
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
