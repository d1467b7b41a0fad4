import NIOCore
import Primitives

/// The inviter's side of joining: one request, one reply, the end.
///
/// The only place where a key that is not in the roster gets beyond TLS. Bounded in every way: bytes, time, how many at
/// once and how many a second. Whether the request is worth anything the join handler decides.
final class JoinServerHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let connection: Connection
    private let switchboard: Switchboard
    private var reader = FrameReader(limit: Limits.joinRequestBytes)
    private var wasAsked = false

    init(_ connection: Connection, _ switchboard: Switchboard) {
        self.connection = connection
        self.switchboard = switchboard
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        reader.append(unwrapInboundIn(data))
        do {
            while connection.verdict == nil, let frame = try reader.next() { receive(frame) }
            if wasAsked, reader.isPartial { switchboard.refuse(connection, .malformedFrame) }
        } catch {
            switchboard.refuse(connection, error.reason)
        }
    }

    private func receive(_ frame: FrameReader.Frame) {
        guard frame.kind == .joinRequest, !wasAsked, let peer = connection.peer else {
            return switchboard.refuse(connection, .malformedFrame)
        }
        guard switchboard.joinsInFlight < Limits.joinsInFlight,
            switchboard.joinTokens.take(now: NIODeadline.now().uptimeNanoseconds)
        else { return switchboard.refuse(connection, .joinRate) }
        wasAsked = true
        switchboard.joinsInFlight += 1
        switchboard.setDeadline(connection, switchboard.tuning.join) {
            self.switchboard.refuse(self.connection, .timedOut)
        }
        let handler = switchboard.joinHandler
        let loop = switchboard.loop
        let here = NIOLoopBound(self, eventLoop: loop)
        let request = Array(frame.body.readableBytesView)
        Task {
            let reply = await handler(peer.device, peer.certificateDER, request)
            loop.execute { here.value.answer(reply) }
        }
    }

    private func answer(_ reply: [UInt8]?) {
        switchboard.joinsInFlight -= 1
        guard let reply, reply.count <= Limits.joinReplyBytes, connection.verdict == nil else {
            switchboard.counters.add { $0.joinsUnanswered += 1 }
            return switchboard.close(connection, because: .closedByPeer)
        }
        switchboard.counters.add { $0.joinsAnswered += 1 }
        connection.channel.writeAndFlush(Wire.frame(.joinReply, reply)).assumeIsolated().whenComplete { _ in
            self.switchboard.close(self.connection, because: .closedByPeer)
        }
    }
}
