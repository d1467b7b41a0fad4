import NIOCore
import NIOPosix
import Primitives

/// A device that shall be linked, and how far we are.
struct DialTarget {
    enum Phase {
        /// Linked, or not to be dialled now (not in the roster, cut).
        case idle
        case dialing
        case waiting(Scheduled<Void>)
    }

    var addresses: [TransportAddress]
    var phase = Phase.idle
    var backoff = Backoff()
}

extension Switchboard {
    enum RedialMoment { case once, floor, later }

    func setPeers(_ peers: [PeerTarget]) {
        let wanted = Dictionary(peers.map { ($0.device, $0.addresses) }, uniquingKeysWith: { $0 + $1 })
        for device in Array(targets.keys) where wanted[device] == nil { forgetTarget(device) }
        for (device, addresses) in wanted where device != identity.id {
            if targets[device]?.addresses == addresses { continue }
            targets[device, default: DialTarget(addresses: addresses)].addresses = addresses
            redial(device, at: .once)
        }
    }

    func forgetTarget(_ device: DeviceID) {
        if case .waiting(let task)? = targets[device]?.phase { task.cancel() }
        targets[device] = nil
    }

    func linkIsUp(_ device: DeviceID) {
        if case .waiting(let task)? = targets[device]?.phase {
            task.cancel()
            targets[device]?.phase = .idle
        }
        targets[device]?.backoff.reset()
    }

    /// Dials again: `.once` now, forgetting the back-off; `.floor` soon; `.later` when the back-off says so.
    func redial(_ device: DeviceID, at moment: RedialMoment) {
        guard var target = targets[device] else { return }
        switch target.phase {
        case .dialing: return
        case .waiting(let task):
            if moment == .floor { return }
            task.cancel()
        case .idle: break
        }
        target.phase = .idle
        defer { targets[device] = target }
        guard !isStopped, links[device] == nil, !cut.contains(device), roster.isMember(device) else { return }
        if moment != .later { target.backoff.reset() }
        let pause = moment == .once ? .zero : target.backoff.next(using: &generator)
        target.phase = .waiting(
            loop.assumeIsolated().scheduleTask(in: .init(pause)) { self.dial(device) })
    }

    private func dial(_ device: DeviceID) {
        targets[device]?.phase = .idle
        guard let target = targets[device], !isStopped, links[device] == nil, !cut.contains(device) else { return }
        targets[device]?.phase = .dialing
        tryAddresses(
            target.addresses[...], of: device, for: .link, failures: [],
            makeHandler: { LinkHandler($0, self, device: device, dialedHere: true) }
        ) { failures in
            self.targets[device]?.phase = .idle
            guard let failures, !self.isStopped else { return }
            guard self.links[device] == nil else { return }
            self.counters.add { $0.dialsFailed += 1 }
            self.events(.dialFailed(device, detail: failures.joined(separator: "; ")))
            self.redial(device, at: .later)
        }
    }

    /// Tries one address after the other. `done` hears nil on success, else a line per address.
    func tryAddresses(
        _ addresses: ArraySlice<TransportAddress>, of device: DeviceID, for purpose: MeshProtocol,
        failures: [String], makeHandler: @escaping (Connection) -> any ChannelHandler,
        done: @escaping ([String]?) -> Void
    ) {
        guard !isStopped else { return done(failures + ["this transport was stopped"]) }
        guard let address = addresses.first else { return done(failures) }
        let attempt = OutboundAttempt(device: device, purpose: purpose, makeHandler: makeHandler) { outcome in
            switch outcome {
            case .done: done(nil)
            case .failed(let detail):
                self.tryAddresses(
                    addresses.dropFirst(), of: device, for: purpose, failures: failures + ["\(address): \(detail)"],
                    makeHandler: makeHandler, done: done)
            }
        }
        connect(to: address, attempt)
    }

    private func connect(to address: TransportAddress, _ attempt: OutboundAttempt) {
        let here = NIOLoopBound((self, attempt), eventLoop: loop)
        let bootstrap = ClientBootstrap(group: loop).connectTimeout(.init(tuning.connect))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                let (switchboard, attempt) = here.value
                return switchboard.prepareOutbound(channel, attempt)
            }
        bootstrap.connect(to: address).assumeIsolated().whenFailure { error in
            attempt.finish(.failed(Self.connectFailure(error)))
        }
    }

    static func connectFailure(_ error: any Error) -> String {
        if let failure = error as? NIOConnectionError, let first = failure.connectionErrors.first {
            return connectFailure(first.error)
        }
        if let failure = error as? IOError { return SystemErrors.text(failure.errnoCode) }
        if case .connectTimeout? = error as? ChannelError { return "no answer" }
        return "\(error)"
    }
}

extension ClientBootstrap {
    /// Without a resolver thread where the host is a number.
    func connect(to address: TransportAddress) -> EventLoopFuture<any Channel> {
        if let known = try? SocketAddress(ipAddress: address.host, port: address.port) { return connect(to: known) }
        return connect(host: address.host, port: address.port)
    }
}
