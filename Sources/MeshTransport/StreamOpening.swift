import NIOCore
import Primitives

extension Switchboard {
    /// Opens a stream; `promise` gets the caller's end of a socket pair, or a `TransportError`.
    func openStream(to device: DeviceID, header: [UInt8], _ promise: EventLoopPromise<Int32>) {
        guard !isStopped else { return promise.fail(TransportError.notRunning) }
        guard header.count <= Limits.streamHeaderBytes else {
            return promise.fail(TransportError.streamRefused(device, reason: "the header is too long"))
        }
        guard let addresses = targets[device]?.addresses, !addresses.isEmpty, roster.isMember(device) else {
            return promise.fail(TransportError.unknownPeer(device))
        }
        guard !cut.contains(device) else {
            return promise.fail(TransportError.unreachable(device, attempts: ["cut by the test switch"]))
        }
        guard streamsOut[device, default: 0] < Limits.streamsPerPeer else {
            return promise.fail(TransportError.tooManyStreams(device))
        }
        streamsOut[device, default: 0] += 1
        var current: Connection?
        var answered = false
        let answer: (Result<Int32, TransportError>) -> Void = { result in
            guard !answered else { return }
            answered = true
            switch result {
            case .success(let descriptor):
                self.counters.add { $0.streamsOpened += 1 }
                current?.onClosed = { self.streamsOut[device, default: 1] -= 1 }
                promise.succeed(descriptor)
            case .failure(let error):
                self.streamsOut[device, default: 1] -= 1
                promise.fail(error)
            }
        }
        let makeHandler: (Connection) -> any ChannelHandler = { connection in
            current = connection
            return StreamHandler(connection, self, device: device, role: .opener(header: header, answer: answer))
        }
        tryAddresses(addresses[...], of: device, for: .stream, failures: [], makeHandler: makeHandler) { failures in
            guard let failures else { return }
            answer(.failure(.unreachable(device, attempts: failures)))
        }
    }

    /// Whether one more stream of the peer fits; `connection` counts from now on.
    func enterInboundStream(_ connection: Connection, _ device: DeviceID) -> Bool {
        guard streamsIn[device, default: 0] < Limits.streamsPerPeer else { return false }
        streamsIn[device, default: 0] += 1
        connection.onClosed = { self.streamsIn[device, default: 1] -= 1 }
        return true
    }
}
