import Primitives

/// Where a device listens: a name or number, and a port. Written `host:port`, IPv6 `[::1]:47700`.
package struct TransportAddress: Hashable, Sendable, LosslessStringConvertible {
    package var host: String
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Nil unless it is `host:port` or `[IPv6]:port` with a port of 0 to 65535.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        var host = text[..<colon]
        let digits = text[text.index(after: colon)...]
        guard let port = UInt16(digits), digits.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard host.contains(":") else { return nil }
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty, host.utf8.count <= 253, host.utf8.allSatisfy({ (33...126).contains($0) }) else {
            return nil
        }
        self.init(host: String(host), port: Int(port))
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// A device that shall be linked, and where it may be found (tried in this order).
package struct PeerTarget: Hashable, Sendable {
    package var device: DeviceID
    package var addresses: [TransportAddress]

    package init(device: DeviceID, addresses: [TransportAddress]) {
        self.device = device
        self.addresses = addresses
    }
}

/// What became of a frame that was handed over. Never a promise that the peer got it.
package enum SendResult: Hashable, Sendable {
    case sent
    case notConnected
    /// The queue to that peer was full and its oldest frames made room, or this frame has no legal size.
    case dropped
}

/// What the transport tells. Called on its event loop: be quick, never block.
package enum TransportEvent: Hashable, Sendable {
    case linkUp(DeviceID)
    case linkDown(DeviceID, LinkLoss)
    /// The sender is the device of the certificate; the bytes are as the peer sent them.
    case frame(DeviceID, [UInt8])
    case refused(RefusalReason, remote: String)
    /// No address of the device answered as it; tried again after a growing pause.
    case dialFailed(DeviceID, detail: String)
}

/// Why a link that was up is no more.
package enum LinkLoss: Hashable, Sendable, CustomStringConvertible {
    case closedByPeer
    case broken(String)
    /// No sign of life for `Limits.linkSilence`.
    case silent
    case refused(RefusalReason)
    /// The device is no member any more.
    case removed
    /// Cut by the test switch.
    case cut
    case stopped
    /// Another link with the same device took its place. What was under way on this one may be lost.
    case replaced

    package var description: String {
        switch self {
        case .closedByPeer: "closed by the peer"
        case .broken(let detail): "broken: \(detail)"
        case .silent: "no sign of life for \(Limits.linkSilence.components.seconds) s"
        case .refused(let reason): "refused: \(reason)"
        case .removed: "the device is no member any more"
        case .cut: "cut"
        case .stopped: "this transport was stopped"
        case .replaced: "another connection took its place"
        }
    }
}

/// A link that is up.
package struct LinkSummary: Hashable, Sendable {
    package var device: DeviceID
    /// The other end as the socket sees it.
    package var remote: String
    /// Whether this device opened the connection.
    package var dialedHere: Bool
    /// How long the last ping and its answer took; nil before the first answer.
    package var roundTrip: Duration?
    /// By how much the peer's wall clock is ahead of ours, to within half a round trip; nil if it was never told.
    package var clockOffset: Duration?
}

/// The answer to a peer that wants a stream.
package enum StreamDecision: Hashable, Sendable {
    /// One end of a socket pair (`StreamDescriptors.pair`); the transport owns it from here on and closes it.
    case accept(Int32)
    /// The peer is told the reason.
    case refuse(String)
}
