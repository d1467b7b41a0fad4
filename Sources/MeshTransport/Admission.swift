import NIOCore
import NIOPosix
import NIOSSL
import Primitives

extension Switchboard {
    /// A connection from outside: TLS, then the gate.
    func admit(_ channel: any Channel) -> EventLoopFuture<Void> {
        counters.add { $0.connectionsAccepted += 1 }
        let connection = Connection(channel: channel, side: .inbound)
        guard let tls, !isStopped, unauthenticated < Limits.unauthenticatedLinks else {
            mark(connection, .tooManyConnections)
            return channel.eventLoop.makeFailedFuture(TransportError.notRunning)
        }
        connection.countsAsUnauthenticated = true
        unauthenticated += 1
        register(connection)
        let handler = NIOSSLServerHandler(context: tls.server) { chain, promise in
            promise.succeed(self.acceptsInbound(chain, connection) ? .certificateVerified : .failed)
        }
        return addHandlers([handler, GateHandler(connection, self)], to: channel)
    }

    /// A connection that we opened for `attempt`.
    func prepareOutbound(_ channel: any Channel, _ attempt: OutboundAttempt) -> EventLoopFuture<Void> {
        let connection = Connection(channel: channel, side: .outbound(attempt))
        guard let context = tls?.clients[attempt.purpose], !isStopped else {
            return channel.eventLoop.makeFailedFuture(TransportError.notRunning)
        }
        register(connection)
        do {
            let handler = try NIOSSLClientHandler(context: context, serverHostname: nil) { chain, promise in
                promise.succeed(self.acceptsOutbound(chain, connection, attempt) ? .certificateVerified : .failed)
            }
            return addHandlers([handler, GateHandler(connection, self)], to: channel)
        } catch {
            return channel.eventLoop.makeFailedFuture(error)
        }
    }

    private func addHandlers(_ handlers: [any ChannelHandler], to channel: any Channel) -> EventLoopFuture<Void> {
        do {
            try channel.pipeline.syncOperations.addHandlers(handlers)
            return channel.eventLoop.makeSucceededVoidFuture()
        } catch {
            return channel.eventLoop.makeFailedFuture(error)
        }
    }

    /// Inside TLS: whose key is it? A stranger passes only so far that the gate can see whether it wants to join.
    private func acceptsInbound(_ chain: [NIOSSLCertificate], _ connection: Connection) -> Bool {
        guard let peer = TLSSetup.peer(of: chain) else {
            mark(connection, .badCertificate)
            return false
        }
        switch roster.standing(of: peer.device) {
        case .removed:
            mark(connection, .removedDevice)
            return false
        case .member, .stranger:
            break
        }
        guard !cut.contains(peer.device) else {
            mark(connection, .cut)
            return false
        }
        guard peer.device != identity.id else {
            mark(connection, .wrongDevice)
            return false
        }
        connection.peer = peer
        return true
    }

    /// Inside TLS: exactly the device that we meant to reach.
    private func acceptsOutbound(_ chain: [NIOSSLCertificate], _ connection: Connection, _ attempt: OutboundAttempt)
        -> Bool
    {
        guard let peer = TLSSetup.peer(of: chain) else {
            mark(connection, .badCertificate)
            return false
        }
        guard peer.device == attempt.device else {
            mark(connection, .wrongDevice)
            return false
        }
        guard roster.isMember(peer.device), !cut.contains(peer.device) else {
            mark(connection, cut.contains(peer.device) ? .cut : .stranger)
            return false
        }
        connection.peer = peer
        return true
    }

    /// TLS is done: the gate opens for what the peer asked for, or closes.
    func handshakeCompleted(_ connection: Connection, negotiated: String?) {
        guard connection.verdict == nil, connection.purpose == nil else { return }
        guard let peer = connection.peer else { return refuse(connection, .resumedSession) }
        guard let wanted = negotiated.flatMap(MeshProtocol.init(rawValue:)) else {
            return refuse(connection, .wrongProtocol)
        }
        let handler: any ChannelHandler
        switch connection.side {
        case .outbound(let attempt):
            guard wanted == attempt.purpose else { return refuse(connection, .wrongProtocol) }
            handler = attempt.makeHandler(connection)
        case .inbound:
            guard wanted == .join || roster.isMember(peer.device) else { return refuse(connection, .stranger) }
            handler = serverHandler(for: wanted, connection, peer.device)
        }
        if wanted != .join { authenticated(connection) }
        connection.purpose = wanted
        do {
            try connection.channel.pipeline.syncOperations.addHandler(handler)
        } catch {
            failed(connection, error)
        }
    }

    private func serverHandler(for wanted: MeshProtocol, _ connection: Connection, _ device: DeviceID)
        -> any ChannelHandler
    {
        switch wanted {
        case .link: LinkHandler(connection, self, device: device, dialedHere: false)
        case .stream: StreamHandler(connection, self, device: device, role: .server)
        case .join: JoinServerHandler(connection, self)
        }
    }
}
