import ControlSocket
import DeviceCore
import GitWorkspace
import Identity
import Logging
import MeshTransport
import Primitives
import Storage
import Synchronization
import WireProtocol
import WriterGate

/// The parts of a running agent, for whoever answers questions about it.
final class AgentParts: Sendable {
    let store: DeviceStore
    let identity: DeviceIdentity
    let workspace: Workspace
    let loop: DeviceLoop
    let gate: WriterGate
    let transport: MeshTransport
    let watch: WorkspaceWatch
    let audit: AuditTrail
    let desk: JoinDesk
    let settings: AgentSettings
    let hooks: HookDesk
    let watches: RoundWatches
    let logger: Logger
    /// Where others reach this device.
    let advertised: [TransportAddress]
    let hasTestSwitches: Bool
    private let builder: StatusBuilder
    private let onStop: @Sendable () async -> Void
    private let conflicts = Mutex<[ShortID: [UInt8]]>([:])

    init(
        store: DeviceStore, identity: DeviceIdentity, workspace: Workspace, loop: DeviceLoop, gate: WriterGate,
        transport: MeshTransport, watch: WorkspaceWatch, audit: AuditTrail, desk: JoinDesk, settings: AgentSettings,
        hooks: HookDesk, watches: RoundWatches, logger: Logger, advertised: [TransportAddress],
        listen: TransportAddress,
        hasTestSwitches: Bool,
        started: Instant,
        onStop: @escaping @Sendable () async -> Void
    ) {
        self.store = store
        self.identity = identity
        self.workspace = workspace
        self.loop = loop
        self.gate = gate
        self.transport = transport
        self.watch = watch
        self.audit = audit
        self.desk = desk
        self.settings = settings
        self.hooks = hooks
        self.watches = watches
        self.logger = logger
        self.advertised = advertised
        self.hasTestSwitches = hasTestSwitches
        self.onStop = onStop
        audit.heldPaths { watch.held.map { String(decoding: $0.path, as: UTF8.self) } }
        builder = StatusBuilder(
            mesh: store.mesh, device: identity.id, version: BatonVersion.text, listen: listen.description,
            started: started)
    }

    func stop() async { await onStop() }

    func status() async -> StatusReport {
        let paths = await conflictPaths()
        let writers = gate.writers
        var closedFor: Duration?
        if case .closed(let pause) = gate.phase { closedFor = gate.now - pause.since }
        let around = StatusBuilder.Surroundings(
            links: transport.links, writers: writers, gateClosedFor: closedFor, held: watch.held,
            leftOut: watch.leftOut, conflictPaths: paths,
            code: workspace.waitingCode.map { String(decoding: $0, as: UTF8.self) },
            deletions: deletionsAsked, refusedConnections: transport.counters.refusedInAll,
            refusedTokens: audit.refusedTokens, record: audit.facts, stop: stopFact,
            outside: watches.outside.seen(at: DeviceLoop.now))
        let now = DeviceLoop.now
        return loop.read { builder.report($0, around, at: now) }
    }

    /// The paths of what is open, as status shows them.
    private func conflictPaths() async -> [String] {
        let list = loop.read { Array($0.state.conflicts.list.prefix(Limits.conflictPathsShown)) }
        return await conflictPaths(list).compactMap { $0.map { String(decoding: $0, as: UTF8.self) } }
    }

    /// The path of each; nil if its revision is not here yet. Read from the store once per conflict.
    func conflictPaths(_ list: [OpenConflict]) async -> [[UInt8]?] {
        let known = conflicts.withLock { $0 }
        let unknown = list.filter { known[$0.id] == nil }
        var found: [ShortID: [UInt8]] = [:]
        if !unknown.isEmpty {
            let places = unknown.map { ConflictPlace(id: $0.id, revision: $0.revision) }
            let paths = (try? await workspace.conflictPaths(at: places)) ?? []
            for (conflict, path) in zip(unknown, paths) { found[conflict.id] = path }
        }
        for conflict in list where found[conflict.id] == nil { found[conflict.id] = known[conflict.id] }
        if list.count == loop.read({ $0.state.conflicts.list.count }) {
            conflicts.withLock { $0 = found }
        } else {
            conflicts.withLock { $0.merge(found) { $1 } }
        }
        return list.map { found[$0.id] }
    }

    /// Sets of deletions that wait for a word, anywhere in the mesh.
    var deletionsAsked: [StatusReport.Deletions] {
        loop.read { $0.state.brakes }.filter { $0.allowedBy == nil }.map { brake in
            StatusReport.Deletions(
                id: brake.id.hex, device: brake.device.description, name: audit.name(of: brake.device),
                of_round: brake.ofRound, deleted: brake.deleted, files: brake.files)
        }
    }

    /// The writers as others are told of them.
    func writersChanged() { loop.tellWriters(of: gate) }

    /// A device by name, id or the unambiguous beginning of an id.
    func device(named text: String) throws(ControlFailure) -> DeviceID {
        let devices = loop.read { $0.state.devices }
        if let named = devices.first(where: { $0.name == text }) { return named.device }
        let matching = devices.filter { text.count >= 4 && $0.device.description.hasPrefix(text.lowercased()) }
        guard matching.count == 1, let only = matching.first else {
            throw ControlFailure(
                code: ExitCode.failed,
                message: matching.isEmpty ? "no device is called '\(text)'" : "'\(text)' means more than one device",
                hint: "see: baton devices")
        }
        return only.device
    }
}

package enum BatonVersion {
    package static let text = "0.1.0"
}

extension DeviceLoop {
    /// Tells the device how many writers there are, and how many of them hold still now.
    func tellWriters(of gate: WriterGate) {
        let writers = gate.writers
        let paused = writers.count { if case .paused = $0.answer { true } else { false } }
        post(.writersChanged(active: UInt32(clamping: writers.count), paused: UInt32(clamping: paused)))
    }
}
