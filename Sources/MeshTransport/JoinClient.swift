import Identity
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import Primitives

/// The joiner's side: reaches the inviter, checks its key inside the TLS handshake, and only then says a word.
struct JoinClient {
    let pin: DeviceID
    let identity: DeviceIdentity
    let request: [UInt8]
    var tuning = TransportTuning()

    /// Tries the addresses in turn; the first reply counts.
    func run(_ addresses: [TransportAddress]) async throws(TransportError) -> [UInt8] {
        guard request.count <= Limits.joinRequestBytes else { throw .joinFailed(["the request is too long"]) }
        guard let context = try TLSSetup(identity: identity).clients[.join] else { throw .notRunning }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var failures: [String] = []
        var reply: [UInt8]?
        for address in addresses where reply == nil {
            do {
                reply = try await ask(address, context, group.next())
            } catch {
                failures.append("\(address): \(Self.text(error))")
            }
        }
        do {
            try await group.shutdownGracefully()
        } catch {
            failures.append("the client did not stop in order: \(error)")
        }
        guard let reply else { throw .joinFailed(failures) }
        return reply
    }

    private func ask(_ address: TransportAddress, _ context: NIOSSLContext, _ loop: any EventLoop) async throws
        -> [UInt8]
    {
        let promise = loop.makePromise(of: [UInt8].self)
        let bootstrap = ClientBootstrap(group: loop).connectTimeout(.init(tuning.connect)).channelInitializer {
            channel in
            channel.eventLoop.makeCompletedFuture { try addHandlers(to: channel, context, promise) }
        }
        let channel: any Channel
        do {
            channel = try await bootstrap.connect(to: address).get()
        } catch {
            promise.fail(error)
            throw error
        }
        let deadline = loop.scheduleTask(in: .init(tuning.handshake + tuning.join)) {
            promise.fail(JoinFailure.timedOut)
        }
        defer {
            deadline.cancel()
            channel.close(promise: nil)
        }
        return try await promise.futureResult.get()
    }

    private func addHandlers(
        to channel: any Channel, _ context: NIOSSLContext, _ promise: EventLoopPromise<[UInt8]>
    ) throws {
        let pin = pin
        let tls = try NIOSSLClientHandler(context: context, serverHostname: nil) { chain, verdict in
            let found = TLSSetup.peer(of: chain)?.device
            if found != pin { promise.fail(JoinFailure.otherDevice(found)) }
            verdict.succeed(found == pin ? .certificateVerified : .failed)
        }
        try channel.pipeline.syncOperations.addHandlers(tls, JoinClientHandler(request, promise))
    }

    private static func text(_ error: any Error) -> String {
        guard let failure = error as? JoinFailure else { return Switchboard.connectFailure(error) }
        switch failure {
        case .otherDevice(let found):
            return "another device answers there (\(found?.short ?? "no usable key")); nothing was sent"
        case .otherProtocol: return "the device takes no joins; nothing was sent"
        case .closed: return "the inviter closed the connection without an answer"
        case .badReply: return "the answer makes no sense"
        case .timedOut: return "no answer in time"
        }
    }
}

private enum JoinFailure: Error {
    case otherDevice(DeviceID?)
    case otherProtocol
    case closed
    case badReply
    case timedOut
}

private final class JoinClientHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let request: [UInt8]
    private let promise: EventLoopPromise<[UInt8]>
    private var reader = FrameReader(limit: Limits.joinReplyBytes)

    init(_ request: [UInt8], _ promise: EventLoopPromise<[UInt8]>) {
        self.request = request
        self.promise = promise
    }

    /// Comes only after the pin was found right: the request is the first application byte.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .handshakeCompleted(let negotiated)? = event as? TLSUserEvent else { return }
        guard negotiated == MeshProtocol.join.rawValue else { return promise.fail(JoinFailure.otherProtocol) }
        context.writeAndFlush(wrapOutboundOut(Wire.frame(.joinRequest, request)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        reader.append(unwrapInboundIn(data))
        do {
            guard let frame = try reader.next() else { return }
            guard frame.kind == .joinReply else { return promise.fail(JoinFailure.badReply) }
            promise.succeed(Array(frame.body.readableBytesView))
        } catch {
            promise.fail(JoinFailure.badReply)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.fail(error is NIOSSLError ? JoinFailure.closed : error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { promise.fail(JoinFailure.closed) }
}
