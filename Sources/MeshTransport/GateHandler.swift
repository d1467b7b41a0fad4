import NIOCore
import NIOTLS

/// Stands behind TLS and lets nothing through before the switchboard said what the connection is for.
final class GateHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let connection: Connection
    private let switchboard: Switchboard

    init(_ connection: Connection, _ switchboard: Switchboard) {
        self.connection = connection
        self.switchboard = switchboard
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted(let negotiated)? = event as? TLSUserEvent {
            switchboard.handshakeCompleted(connection, negotiated: negotiated)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard connection.purpose != nil, connection.verdict == nil else { return }
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switchboard.failed(connection, error)
    }
}
