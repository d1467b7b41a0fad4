// MeshTransport: TLS links between the devices of a mesh - frames on one control link per pair, streams for git's own
// protocol, and the one request by which a stranger with an invite may ask to join. Never: what a frame means, Raft,
// git, a decision about membership (it asks the roster). Start with MeshTransport (below), then Switchboard.swift and
// Admission.swift (who gets in), LinkHandler.swift, StreamHandler.swift.

import Identity
import Logging
import NIOCore
import NIOPosix
import Primitives
import Synchronization

/// The device's one door to the others. Safe from any thread; all work is done on one event loop thread.
///
/// Every connection is TLS 1.3 with a certificate at both ends, and the key's id decides: on inbound ones it must be in
/// the roster (or ask to join), on outbound ones it must be the device that was meant. Frames are best effort: a frame
/// that was `.sent` may be lost with its link. What comes in is the certificate's device's, never a claim in the bytes.
package final class MeshTransport: Sendable {
    private let identity: DeviceIdentity
    private let listenAddress: TransportAddress
    private let roster: Roster
    private let logger: Logger
    private let group: MultiThreadedEventLoopGroup
    private let loop: any EventLoop
    private let switchboard: NIOLoopBoundBox<Switchboard>
    private let listener: NIOLoopBoundBox<(any Channel)?>
    private let counterBox = CounterBox()
    private let directory = LinkDirectory()
    /// Held while a task is handed to the loop, so that none comes after the loop's end.
    private let isStopped = Mutex(false)

    /// - Parameters:
    ///   - events: called on the event loop; must be quick.
    ///   - streamHandler: called on the event loop with the peer and its header; starts nothing slow itself.
    ///   - joinHandler: the joiner's id, its certificate (DER) and its request; the reply, or nil to close without one.
    package convenience init(
        identity: DeviceIdentity, listen: TransportAddress, roster: Roster, logger: Logger,
        events: @escaping @Sendable (TransportEvent) -> Void,
        streamHandler: @escaping @Sendable (DeviceID, _ header: [UInt8]) -> StreamDecision,
        joinHandler: @escaping @Sendable (DeviceID, _ certificateDER: [UInt8], _ request: [UInt8]) async -> [UInt8]?
    ) {
        self.init(
            identity: identity, listen: listen, roster: roster, logger: logger, tuning: TransportTuning(),
            events: events, streamHandler: streamHandler, joinHandler: joinHandler)
    }

    init(
        identity: DeviceIdentity, listen: TransportAddress, roster: Roster, logger: Logger, tuning: TransportTuning,
        events: @escaping @Sendable (TransportEvent) -> Void,
        streamHandler: @escaping Switchboard.StreamHandlerFunction,
        joinHandler: @escaping Switchboard.JoinHandlerFunction
    ) {
        self.identity = identity
        self.roster = roster
        self.logger = logger
        listenAddress = listen
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        loop = group.next()
        switchboard = .makeBoxSendingValue(
            Switchboard(
                identity: identity, roster: roster, loop: loop, logger: logger, counters: counterBox,
                directory: directory, events: events, streamHandler: streamHandler, joinHandler: joinHandler,
                tuning: tuning), eventLoop: loop)
        listener = .makeEmptyBox(eventLoop: loop)
    }

    /// Listens; returns the address with the real port (a port of 0 means any).
    package func start() async throws(TransportError) -> TransportAddress {
        let setup = try TLSSetup(identity: identity)
        let switchboard = switchboard
        let bootstrap = ServerBootstrap(group: group).serverChannelOption(.backlog, value: 128)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { switchboard.value.admit($0) }
        do {
            try await loop.submit { switchboard.value.tls = setup }.get()
            let channel = try await bootstrap.bind(to: listenAddress).get()
            let listener = listener
            try await loop.submit { listener.value = channel }.get()
            roster.observe { [weak self] in self?.onLoop { $0.rosterChanged() } }
            return TransportAddress(host: listenAddress.host, port: channel.localAddress?.port ?? listenAddress.port)
        } catch {
            throw Self.listenFailure(error, listenAddress)
        }
    }

    /// Closes everything and ends the thread; also after a `start` that failed. It cannot be started again.
    package func stop() async {
        let (switchboard, listener) = (switchboard, listener)
        let closing = isStopped.withLock { isStopped -> EventLoopFuture<Void>? in
            guard !isStopped else { return nil }
            isStopped = true
            return loop.submit {
                switchboard.value.stop()
                listener.value?.close(promise: nil)
            }
        }
        guard let closing else { return }
        do {
            try await closing.get()
            try await group.shutdownGracefully()
        } catch {
            logger.error("the transport did not stop in order", metadata: ["error": "\(error)"])
        }
    }

    // MARK: Links

    /// The devices to be linked with; replaces what was said before. Dials, and dials again with back-off.
    package func setPeers(_ peers: [PeerTarget]) { onLoop { $0.setPeers(peers) } }

    /// Dials a device now, back-off or not (it was seen, or this device woke up).
    package func kick(_ device: DeviceID) { onLoop { $0.redial(device, at: .once) } }

    /// Hands a frame of 1 to `Limits.frameBytes` bytes over to be written. Never blocks.
    package func send(_ frame: [UInt8], to device: DeviceID) -> SendResult {
        guard let outbox = directory.outbox(of: device) else { return .notConnected }
        guard (1...Limits.frameBytes).contains(frame.count) else {
            counterBox.add { $0.framesDropped += 1 }
            return .dropped
        }
        let (dropped, wake) = outbox.push(frame)
        if wake { onLoop { $0.links[device]?.drain() } }
        guard dropped > 0 else { return .sent }
        counterBox.add { $0.framesDropped += UInt64(dropped) }
        return .dropped
    }

    /// The links that are up, by device id.
    package var links: [LinkSummary] { directory.summaries }
    package var counters: TransportCounters { counterBox.value }

    /// Test switch: no link with the device, in either direction, until it is healed.
    package func cut(_ device: DeviceID) { onLoop { $0.setCut(device, true) } }
    package func heal(_ device: DeviceID) { onLoop { $0.setCut(device, false) } }

    // MARK: Streams

    /// Opens a stream to a device named by `setPeers`. Returns the caller's end of a socket pair, in blocking mode,
    /// which the caller closes. `shutdown(SHUT_WR)` on it, or the exit of a child, is the end of data over there.
    package func openStream(to device: DeviceID, header: [UInt8]) async throws(TransportError) -> Int32 {
        let promise = loop.makePromise(of: Int32.self)
        guard onLoop({ $0.openStream(to: device, header: header, promise) }) else {
            promise.fail(TransportError.notRunning)
            throw .notRunning
        }
        do {
            return try await promise.futureResult.get()
        } catch let error as TransportError {
            throw error
        } catch {
            throw .unreachable(device, attempts: ["\(error)"])
        }
    }

    // MARK: Joining

    /// Asks the device with the key `pin` to let this one in. No application byte leaves before its key was checked.
    package static func join(
        addresses: [TransportAddress], pin: DeviceID, identity: DeviceIdentity, request: [UInt8]
    ) async throws(TransportError) -> [UInt8] {
        try await JoinClient(pin: pin, identity: identity, request: request).run(addresses)
    }

    // MARK: Inside

    /// False, and nothing done, once stopped.
    @discardableResult
    private func onLoop(_ body: @escaping @Sendable (Switchboard) -> Void) -> Bool {
        isStopped.withLock { isStopped in
            guard !isStopped else { return false }
            let switchboard = switchboard
            loop.execute { body(switchboard.value) }
            return true
        }
    }

    /// Sockets that are open now, handshakes included (for tests).
    func connectionCount() async -> Int {
        await withCheckedContinuation { continuation in
            let isRunning = onLoop { continuation.resume(returning: $0.connections.count) }
            if !isRunning { continuation.resume(returning: 0) }
        }
    }

    private static func listenFailure(_ error: any Error, _ address: TransportAddress) -> TransportError {
        if let known = error as? TransportError { return known }
        if let failure = error as? IOError, failure.errnoCode == SystemErrors.addressInUse {
            return .portTaken(address)
        }
        return .badListenAddress(address, detail: Switchboard.connectFailure(error))
    }
}

extension ServerBootstrap {
    fileprivate func bind(to address: TransportAddress) -> EventLoopFuture<any Channel> {
        if let known = try? SocketAddress(ipAddress: address.host, port: address.port) { return bind(to: known) }
        return bind(host: address.host, port: address.port)
    }
}
