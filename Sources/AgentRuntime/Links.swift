import DeviceCore
import Logging
import MeshTransport
import Primitives
import Storage
import Synchronization
import WireProtocol

/// Between the device and its links: frames to and from messages, the roster to pins and dial targets.
final class Links: Sendable {
    private let identity: DeviceID
    private let store: DeviceStore
    private let roster: Roster
    private let audit: AuditTrail
    private let logger: Logger
    private let state = Mutex(State())

    private struct State {
        var transport: MeshTransport?
        var refused: UInt64 = 0
        var remembered = RememberedRoster(devices: [])
    }

    init(identity: DeviceID, store: DeviceStore, roster: Roster, audit: AuditTrail, logger: Logger) {
        self.identity = identity
        self.store = store
        self.roster = roster
        self.audit = audit
        self.logger = logger
    }

    /// Sets pins and targets from what the device knows now, or knew before it ended, if that was more.
    func begin(transport: MeshTransport, loop: DeviceLoop) {
        let bytes = (try? store.value(StoreKey.roster)) ?? nil
        let remembered = RememberedRoster(bytes: bytes ?? [])
        state.withLock { state in
            state.transport = transport
            state.remembered = remembered
        }
        let (mesh, applied) = loop.read { ($0.state, $0.raft.appliedIndex) }
        if remembered.isAhead(of: applied, in: mesh.epoch) || mesh.devices.isEmpty {
            follow(remembered.devices, removed: mesh.removed)
        } else {
            follow(mesh.devices, removed: mesh.removed)
        }
    }

    /// A state from further back in the log, as it is applied anew after a start, changes nothing.
    func rosterChanged(_ mesh: MeshState, applied: LogIndex) {
        let roster = RememberedRoster(epoch: mesh.epoch.number, applied: applied.number, devices: mesh.devices)
        let isNews = state.withLock { state in
            guard !state.remembered.isAhead(of: applied, in: mesh.epoch) else { return false }
            state.remembered = roster
            return true
        }
        guard isNews else { return }
        do throws(StoreError) { try store.setValue(StoreKey.roster, to: roster.bytes) } catch {
            logger.error("the roster could not be stored", metadata: ["reason": "\(error.message)"])
        }
        follow(mesh.devices, removed: mesh.removed)
    }

    private func follow(_ devices: [DeviceRecord], removed: [DeviceID]) {
        audit.rosterChanged(devices, applied: state.withLock { $0.remembered.applied })
        roster.update(members: Set(devices.map(\.device)), removed: Set(removed))
        let targets = devices.filter { $0.device != identity }.map { record in
            PeerTarget(device: record.device, addresses: record.addresses.compactMap { TransportAddress($0) })
        }
        state.withLock { $0.transport }?.setPeers(targets)
    }

    /// On the transport's event loop.
    func handle(_ event: TransportEvent, loop: DeviceLoop) {
        switch event {
        case .linkUp(let peer):
            logger.info("link up", metadata: ["peer": "\(audit.name(of: peer))"])
            audit.notReached(peer, why: nil)
            loop.post(.linkUp(peer))
        case .linkDown(let peer, let why):
            logger.info("link down", metadata: ["peer": "\(audit.name(of: peer))", "why": "\(why)"])
            loop.post(.linkDown(peer))
        case .frame(let peer, let bytes): receive(bytes, from: peer, loop: loop)
        case .refused(let reason, let remote):
            // A flood of strangers must not become a flood of lines: each power of two is told.
            let count = state.withLock { state in
                state.refused += 1
                return state.refused
            }
            if count.nonzeroBitCount == 1 {
                audit.add(
                    "connection-refused", "connection refused: \(reason) (\(count) so far)", details: ["remote": remote]
                )
            }
        case .dialFailed(let peer, let detail):
            audit.notReached(peer, why: detail)
            logger.debug("not reached", metadata: ["peer": "\(audit.name(of: peer))", "detail": "\(detail)"])
        }
    }

    private func receive(_ bytes: [UInt8], from peer: DeviceID, loop: DeviceLoop) {
        let expectation = FrameExpectation(mesh: store.mesh.mesh, to: identity, from: peer)
        do throws(WireError) {
            let frame = try FrameCodec.decode(bytes, expecting: expectation)
            loop.post(.received(frame.message, from: peer, of: frame.header.epoch))
        } catch {
            logger.notice("a frame was refused", metadata: ["peer": "\(audit.name(of: peer))", "why": "\(error)"])
        }
    }

    /// Best effort: what is lost is sent again by the protocol.
    func send(_ envelopes: [PeerEnvelope], of epoch: Epoch) {
        guard let transport = state.withLock({ $0.transport }) else { return }
        for envelope in envelopes {
            let header = FrameHeader(mesh: store.mesh.mesh, epoch: epoch, from: identity, to: envelope.to)
            do throws(WireError) {
                _ = transport.send(try FrameCodec.encode(envelope.message, header: header), to: envelope.to)
            } catch {
                logger.error("a message cannot be encoded", metadata: ["why": "\(error)"])
            }
        }
    }

    /// Tells the mesh where this device is reached, once that differs from what the roster says.
    func announce(_ advertised: [TransportAddress], loop: DeviceLoop) async {
        let addresses = advertised.map(\.description)
        while !Task.isCancelled {
            let (record, hasQuorum) = loop.read { ($0.state.record(of: identity), $0.raft.leader != nil) }
            if let record, hasQuorum {
                if record.addresses == addresses { return }
                let wanted = DeviceRecord(device: identity, name: record.name, addresses: addresses)
                _ = await loop.ask(.putDevice(wanted))
            }
            guard (try? await Task.sleep(for: .milliseconds(200))) != nil else { return }
        }
    }
}
