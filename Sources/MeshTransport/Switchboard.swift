import Identity
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Primitives

/// Times that tests shorten.
struct TransportTuning: Sendable {
    var version = Wire.version
    var connect: Duration = .seconds(2)
    var handshake = Limits.handshakeTimeout
    var keepalive = Limits.keepalive
    var silence = Limits.linkSilence
    var streamSilence = Limits.streamSilence
    var join = Limits.joinTimeout
}

/// All connections of this device. Lives on the one event loop; every method runs there.
///
/// This file: the state, and what all connections share. Admission.swift: who gets in. LinkTable.swift: one link per
/// device. Dialing.swift, StreamOpening.swift: connections that we open. JoinServer.swift: strangers with an invite.
final class Switchboard {
    typealias StreamHandlerFunction = @Sendable (DeviceID, [UInt8]) -> StreamDecision
    typealias JoinHandlerFunction = @Sendable (DeviceID, [UInt8], [UInt8]) async -> [UInt8]?

    let identity: DeviceIdentity
    let roster: Roster
    let loop: any EventLoop
    let logger: Logger
    let counters: CounterBox
    let directory: LinkDirectory
    let events: @Sendable (TransportEvent) -> Void
    let streamHandler: StreamHandlerFunction
    let joinHandler: JoinHandlerFunction
    let tuning: TransportTuning

    var tls: TLSSetup?
    var isStopped = false
    var cut: Set<DeviceID> = []
    var connections: [ObjectIdentifier: Connection] = [:]
    var unauthenticated = 0
    var links: [DeviceID: LinkHandler] = [:]
    var targets: [DeviceID: DialTarget] = [:]
    var streamsOut: [DeviceID: Int] = [:]
    var streamsIn: [DeviceID: Int] = [:]
    var joinsInFlight = 0
    var joinTokens: TokenBucket
    var refusalEventTokens: TokenBucket
    var generator = SystemRandomNumberGenerator()

    init(
        identity: DeviceIdentity, roster: Roster, loop: any EventLoop, logger: Logger, counters: CounterBox,
        directory: LinkDirectory, events: @escaping @Sendable (TransportEvent) -> Void,
        streamHandler: @escaping StreamHandlerFunction, joinHandler: @escaping JoinHandlerFunction,
        tuning: TransportTuning
    ) {
        self.identity = identity
        self.roster = roster
        self.loop = loop
        self.logger = logger
        self.counters = counters
        self.directory = directory
        self.events = events
        self.streamHandler = streamHandler
        self.joinHandler = joinHandler
        self.tuning = tuning
        let now = NIODeadline.now().uptimeNanoseconds
        joinTokens = TokenBucket(capacity: Limits.joinBurst, perSecond: 1, now: now)
        refusalEventTokens = TokenBucket(capacity: 50, perSecond: 10, now: now)
    }

    // MARK: Life of a connection

    func register(_ connection: Connection) {
        connections[ObjectIdentifier(connection)] = connection
        connection.channel.closeFuture.assumeIsolated().whenComplete { _ in self.ended(connection) }
        setDeadline(connection, tuning.handshake) { self.refuse(connection, .timedOut) }
    }

    func setDeadline(_ connection: Connection, _ pause: Duration, _ action: @escaping () -> Void) {
        connection.deadline?.cancel()
        connection.deadline = loop.assumeIsolated().scheduleTask(in: .init(pause), action)
    }

    func clearDeadline(_ connection: Connection) {
        connection.deadline?.cancel()
        connection.deadline = nil
    }

    /// Turns the connection away, counts why, and tells (at most ten a second: a flood must not flood the log).
    func refuse(_ connection: Connection, _ reason: RefusalReason) {
        guard connection.verdict == nil else { return }
        mark(connection, reason)
        close(connection, because: .refused(reason))
    }

    /// Counts the refusal and leaves the closing to the caller (inside TLS callbacks nothing may be closed).
    func mark(_ connection: Connection, _ reason: RefusalReason) {
        guard connection.verdict == nil else { return }
        connection.verdict = reason
        counters.add { $0.refusals[reason, default: 0] += 1 }
        if case .outbound = connection.side, reason == .timedOut { return }
        if refusalEventTokens.take(now: NIODeadline.now().uptimeNanoseconds) {
            logger.info("refused", metadata: ["reason": "\(reason)", "remote": "\(connection.remote)"])
            events(.refused(reason, remote: connection.remote))
        }
    }

    /// Ends the connection; a link on it is down from now on, whatever the other end does.
    func close(_ connection: Connection, because loss: LinkLoss) {
        if let link = connection.link { linkEnded(link, loss) }
        clearDeadline(connection)
        connection.channel.close(promise: nil)
    }

    /// An error came up the pipeline.
    func failed(_ connection: Connection, _ error: any Error) {
        let text = Self.text(error)
        if connection.failure == nil { connection.failure = text }
        if connection.purpose == nil, case .inbound = connection.side {
            refuse(connection, TLSSetup.reason(of: error))
        }
        close(connection, because: .broken(connection.failure ?? text))
    }

    /// The socket is closed.
    private func ended(_ connection: Connection) {
        connections[ObjectIdentifier(connection)] = nil
        clearDeadline(connection)
        authenticated(connection)
        if let link = connection.link {
            linkEnded(link, connection.failure.map(LinkLoss.broken) ?? .closedByPeer)
        }
        if case .outbound(let attempt) = connection.side {
            let known = connection.detail ?? connection.verdict?.description ?? connection.failure
            attempt.finish(.failed(known ?? "closed before it was accepted"))
        }
        connection.onClosed?()
        connection.onClosed = nil
    }

    /// The connection is no longer one of those that only a few may be.
    func authenticated(_ connection: Connection) {
        guard connection.countsAsUnauthenticated else { return }
        connection.countsAsUnauthenticated = false
        unauthenticated -= 1
    }

    // MARK: What forbids connections

    func rosterChanged() {
        for connection in Array(connections.values) {
            guard let device = connection.peer?.device else { continue }
            switch roster.standing(of: device) {
            case .member: continue
            case .removed: close(connection, because: .removed)
            case .stranger:
                // Who is still shaking hands with us may want to join, and is asked for what at the end of it.
                if case .inbound = connection.side, connection.purpose == nil { continue }
                if connection.purpose != .join { close(connection, because: .removed) }
            }
        }
        for device in targets.keys { redial(device, at: .floor) }
    }

    func setCut(_ device: DeviceID, _ isCut: Bool) {
        guard isCut else {
            cut.remove(device)
            redial(device, at: .once)
            return
        }
        cut.insert(device)
        for connection in Array(connections.values) where connection.peer?.device == device {
            close(connection, because: .cut)
        }
    }

    func stop() {
        isStopped = true
        for device in Array(targets.keys) { forgetTarget(device) }
        for connection in Array(connections.values) { close(connection, because: .stopped) }
    }

    private static func text(_ error: any Error) -> String {
        guard let tls = error as? NIOSSLError else { return "\(error)" }
        switch tls {
        case .uncleanShutdown: return "the connection was torn"
        case .handshakeFailed(let detail): return "TLS handshake failed: \(detail)"
        default: return "\(tls)"
        }
    }
}
