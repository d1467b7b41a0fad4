import Foundation
import Identity
import Logging
import Primitives
import Synchronization
import Testing

@testable import MeshTransport

/// Events as they came, for any thread.
final class Recorder: Sendable {
    private let list = Mutex<[TransportEvent]>([])
    func add(_ event: TransportEvent) { list.withLock { $0.append(event) } }
    var events: [TransportEvent] { list.withLock { $0 } }
    var frames: [[UInt8]] {
        events.compactMap { if case .frame(_, let bytes) = $0 { bytes } else { nil } }
    }
}

struct DeadlinePassed: Error, CustomStringConvertible {
    var description: String
}

/// Waits until `condition` holds; fails at the deadline.
func eventually(
    _ what: String, within limit: Duration = .seconds(20), _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw DeadlinePassed(description: "not in time: \(what)") }
        try await Task.sleep(for: .milliseconds(2))
    }
}

/// Quiet unless BATON_TEST_LOG is set.
func testLogger(_ name: String) -> Logger {
    var logger = Logger(label: name)
    logger.logLevel = ProcessInfo.processInfo.environment["BATON_TEST_LOG"] == nil ? .critical : .trace
    return logger
}

/// One device: identity (kept in a file for other TLS programs), roster, transport, events.
final class Node: Sendable {
    let identity: DeviceIdentity
    let roster: Roster
    let recorder: Recorder
    let transport: MeshTransport
    let address: TransportAddress

    var id: DeviceID { identity.id }

    private init(
        _ identity: DeviceIdentity, _ roster: Roster, _ recorder: Recorder, _ transport: MeshTransport,
        _ address: TransportAddress
    ) {
        self.identity = identity
        self.roster = roster
        self.recorder = recorder
        self.transport = transport
        self.address = address
    }

    static func start(
        _ identity: DeviceIdentity, members: [DeviceIdentity], port: Int = 0, tuning: TransportTuning = .init(),
        onFrame: (@Sendable (DeviceID, [UInt8]) -> Void)? = nil,
        streams: @escaping Switchboard.StreamHandlerFunction = { _, _ in .refuse("no streams here") },
        joins: @escaping Switchboard.JoinHandlerFunction = { _, _, _ in nil }
    ) async throws -> Node {
        let roster = Roster(members: Set(members.map(\.id)))
        let recorder = Recorder()
        let transport = MeshTransport(
            identity: identity, listen: TransportAddress(host: "127.0.0.1", port: port), roster: roster,
            logger: testLogger(identity.name), tuning: tuning,
            events: { event in
                if case .frame(let device, let bytes) = event, let onFrame { return onFrame(device, bytes) }
                recorder.add(event)
            }, streamHandler: streams, joinHandler: joins)
        do {
            return Node(identity, roster, recorder, transport, try await transport.start())
        } catch {
            await transport.stop()
            throw error
        }
    }

    /// The same device again at its old port, which some other test may have as a client's port for a moment.
    static func restart(_ identity: DeviceIdentity, members: [DeviceIdentity], port: Int) async throws -> Node {
        var node: Node?
        try await eventually("port \(port) is free") {
            do {
                node = try await Node.start(identity, members: members, port: port)
                return true
            } catch TransportError.portTaken {
                return false
            }
        }
        return try #require(node)
    }

    func dial(_ others: Node...) {
        transport.setPeers(others.map { PeerTarget(device: $0.id, addresses: [$0.address]) })
    }

    func isLinked(to other: DeviceID) -> Bool { transport.links.contains { $0.device == other } }

    /// The transport still does its work: it takes a link from a member, and a frame over it.
    func expectUnharmed(by members: [DeviceIdentity]) async throws {
        let probe = try DeviceIdentity.ephemeral(name: "probe")
        roster.update(members: Set(members.map(\.id) + [probe.id]), removed: [])
        let node = try await Node.start(probe, members: [identity])
        node.dial(self)
        try await eventually("a good link after the bad ones") { node.isLinked(to: id) }
        try await eventually("a frame after the bad ones") {
            _ = node.transport.send([42], to: id)
            return recorder.frames.contains([42])
        }
        await node.transport.stop()
    }
}

func identities(_ count: Int) throws -> [DeviceIdentity] {
    try (0..<count).map { try DeviceIdentity.ephemeral(name: "device-\($0)") }
}

/// A directory that is gone after the test.
final class Scratch: Sendable {
    let path: String
    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/baton-transport-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// A new identity whose PEM file other TLS programs can read.
    func identity(_ name: String) throws -> (identity: DeviceIdentity, pem: String) {
        (try DeviceIdentity.create(in: path + "/" + name, name: name), path + "/" + name + "/device.pem")
    }
}

/// Runs blocking work on a thread of its own.
func onThread<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result(catching: body)) }
    }
}
