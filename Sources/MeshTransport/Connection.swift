import NIOCore
import Primitives

/// One TLS connection, from the socket to its end. Lives on the event loop.
final class Connection {
    enum Side {
        case inbound
        case outbound(OutboundAttempt)
    }

    let channel: any Channel
    let side: Side
    /// The other end as the socket sees it: known at once of one that came in, and once it is reached of one that is
    /// dialed.
    var remote: String {
        if known == nil { known = channel.remoteAddress.map(Self.text) }
        return known ?? "unknown"
    }
    private var known: String?
    /// Set by the verification callback and by nothing else.
    var peer: (device: DeviceID, certificateDER: [UInt8])?
    /// Set when the gate opened.
    var purpose: MeshProtocol?
    /// The first reason to refuse; the later ones are consequences.
    var verdict: RefusalReason?
    var link: LinkHandler?
    var deadline: Scheduled<Void>?
    /// Among the connections whose other end is not known yet.
    var countsAsUnauthenticated = false
    /// Why it broke, if it did: the first error.
    var failure: String?
    /// What people should know beyond the verdict.
    var detail: String?
    var onClosed: (() -> Void)?

    init(channel: any Channel, side: Side) {
        self.channel = channel
        self.side = side
        known = channel.remoteAddress.map(Self.text)
    }

    private static func text(_ address: SocketAddress) -> String {
        guard let host = address.ipAddress, let port = address.port else { return "\(address)" }
        return TransportAddress(host: host, port: port).description
    }
}

/// One try to reach a device at one address. `finish` is heard once.
final class OutboundAttempt {
    enum Outcome {
        case done
        case failed(String)
    }

    let device: DeviceID
    let purpose: MeshProtocol
    /// Builds what speaks after the handshake.
    let makeHandler: (Connection) -> any ChannelHandler
    private var outcome: ((Outcome) -> Void)?

    init(
        device: DeviceID, purpose: MeshProtocol, makeHandler: @escaping (Connection) -> any ChannelHandler,
        outcome: @escaping (Outcome) -> Void
    ) {
        self.device = device
        self.purpose = purpose
        self.makeHandler = makeHandler
        self.outcome = outcome
    }

    func finish(_ result: Outcome) {
        guard let outcome else { return }
        self.outcome = nil
        outcome(result)
    }
}
