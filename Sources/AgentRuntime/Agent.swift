import ControlSocket
import DeviceCore
import GitWorkspace
import Identity
import Logging
import MeshTransport
import Primitives
import ServiceLifecycle
import Storage
import Synchronization
import WireProtocol
import WriterGate

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// One agent, from its database to its control socket. `run` reads as the start order, then waits, then stops in the
/// reverse one: the device hands off first, and its writers are released last.
struct Agent: Service {
    let home: Home
    let listen: TransportAddress?
    let logger: Logger
    let isMetered: @Sendable () async -> Bool?
    /// Why the agent ends: nil for an orderly stop.
    private let ending = Ending()

    /// - Parameter isMetered: what the system says of this device's link; nil where it says nothing.
    init(
        home: Home, listen: TransportAddress?, logger: Logger,
        isMetered: @escaping @Sendable () async -> Bool? = { nil }
    ) {
        self.isMetered = isMetered
        self.home = home
        self.listen = listen
        self.logger = logger
    }

    func run() async throws {
        let identity = try setup { () throws(IdentityError) in try DeviceIdentity.load(from: home.identity) }
        let store = try setup { () throws(StoreError) in try DeviceStore.open(at: home.database, device: identity.id) }
        defer { store.close() }
        let audit = AuditTrail(store: store, logger: logger)
        defer { audit.flush() }
        let settings = try openSettings()
        let workspace = try await openWorkspace(store, identity)
        let restored = try setup { () throws(StoreError) in try store.load() }
        let incarnation = try setup { () throws(StoreError) in try store.nextIncarnation() }
        let base = await workspace.base
        let loop = DeviceLoop(
            device: makeDevice(identity.id, restored, incarnation: incarnation, profile: store.mesh.profile, base: base)
        )
        let outside = OutsideWrites(workspace: workspace.root)
        let gate = makeGate(workspace, loop, outside)
        defer { gate.emergencyOpen() }
        let hooks = HookDesk(workspace: workspace.root) { loop.tellWriters(of: gate) }
        let desk = JoinDesk(identity: identity, store: store, loop: loop, audit: audit, logger: logger)
        let streams = GitStreams(workspace: workspace, logger: logger)
        let roster = Roster()
        let links = Links(identity: identity.id, store: store, roster: roster, audit: audit, logger: logger)
        let (transport, bound) = try await listen(at: try listenAddress(store), store) { address in
            MeshTransport(
                identity: identity, listen: address, roster: roster, logger: logger,
                events: { links.handle($0, loop: loop) },
                streamHandler: { streams.accept($0, $1) },
                joinHandler: { joiner, _, request in await desk.answer(joiner, request) })
        }
        let watch = WorkspaceWatch(workspace: workspace, loop: loop, logger: logger)
        let watches = RoundWatches(
            workspace: workspace, watch: watch, loop: loop, gate: gate, hooks: hooks, audit: audit, outside: outside)
        let parts = AgentParts(
            store: store, identity: identity, workspace: workspace, loop: loop, gate: gate, transport: transport,
            watch: watch, audit: audit, desk: desk, settings: settings, hooks: hooks, watches: watches, logger: logger,
            advertised: Addresses.advertised(bound), listen: bound,
            hasTestSwitches: getenv("BATON_TEST_SWITCHES").map { String(cString: $0) } == "1", started: DeviceLoop.now,
            onStop: { [ending] in await ending.stopAndWait(loop, watches) })
        links.begin(transport: transport, loop: loop)
        let reviews = Reviews(device: identity.id, workspace: workspace, watch: watch, loop: loop, logger: logger)
        reviews.follow(settings)
        let runner = EffectRunner(
            device: identity.id, workspace: workspace, gate: gate, transport: transport, streams: streams, watch: watch,
            reviews: reviews, settings: settings, loop: loop, mesh: store.mesh.mesh,
            notes: PathNotes(audit: audit, hooks: hooks, watches: watches), logger: logger)
        settings.meshIs(loop.read { $0.state.settings })
        let filters = FilterFollowing(
            settings: settings, workspace: workspace, watch: watch, loop: loop, logger: logger)
        await filters.begin()
        await begin(loop, effects(store, links, runner, reviews, audit, settings), identity.id)
        let server = try await openSocket(AgentHandler(agent: parts), transport: transport)
        Task { await reviews.begin() }
        audit.add("started", "agent started, listening on \(bound)", details: ["version": BatonVersion.text])
        logger.notice("agent started", metadata: ["listen": "\(bound)", "device": "\(identity.id.short)"])

        await serve(parts, links, filters)

        await server.stop()
        try await end(parts)
    }

    private func makeGate(_ workspace: Workspace, _ loop: DeviceLoop, _ outside: OutsideWrites) -> WriterGate {
        WriterGate(file: GateFile(path: home.gateFile), workspace: workspace.root, logger: logger) { round, _ in
            outside.opened(round)
            loop.post(.gateOpenedEarly(round))
        }
    }

    private func end(_ parts: AgentParts) async throws {
        parts.loop.end()
        await parts.transport.stop()
        await parts.workspace.close()
        parts.audit.add("stopped", ending.failure.map { "agent stopped: \($0.message)" } ?? "agent stopped")
        if let failure = ending.failure { throw failure }
    }

    /// A stop that was asked for while no agent ran is as good as one that is asked for now.
    private func begin(_ loop: DeviceLoop, _ effects: DeviceLoop.Effects, _ device: DeviceID) async {
        loop.start(effects)
        guard let order = StopFile.read(home: home, by: device) else { return }
        if case .done = await loop.ask(.stop(order, everywhere: true)) { StopFile.remove(home: home) }
    }

    /// Until the device has handed off, or cannot go on.
    private func serve(_ parts: AgentParts, _ links: Links, _ filters: FilterFollowing) async {
        let metrics = MetricsListener(agent: parts)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await filters.run() }
            group.addTask { await filters.tellNameLimits() }
            group.addTask { await parts.watch.run() }
            group.addTask {
                await PowerWatch(settings: parts.settings, loop: parts.loop, isMetered: isMetered).run()
            }
            group.addTask { await links.announce(parts.advertised, loop: parts.loop) }
            group.addTask {
                await withTaskCancellationOrGracefulShutdownHandler {
                    await ending.wait()
                } onCancelOrGracefulShutdown: {
                    Task { await parts.stop() }
                }
            }
            ServiceNotice.send(
                "READY=1\nSTATUS=listening on \(parts.advertised.map(\.description).joined(separator: " "))")
            await ending.wait()
            ServiceNotice.send("STOPPING=1")
            group.cancelAll()
        }
        await metrics.stop()
    }

    private func effects(
        _ store: DeviceStore, _ links: Links, _ runner: EffectRunner, _ reviews: Reviews, _ audit: AuditTrail,
        _ settings: AgentSettings
    ) -> DeviceLoop.Effects {
        DeviceLoop.Effects(
            persist: { try store.persist($0) },
            send: { links.send($0, of: $1) },
            act: { runner.carryOut($0) },
            note: {
                audit.note($0)
                reviews.note($0)
            },
            rosterChanged: {
                links.rosterChanged($0, applied: $1)
                Task { await reviews.begin() }
            },
            settingsChanged: { settings.meshIs($0) },
            failed: { [ending] error in
                let store = error as? StoreError
                ending.end(
                    SetupFailure(
                        code: ExitCode.failed, message: store?.message ?? "\(error)",
                        hint: store?.hint ?? "free some space, then: baton up"))
            },
            stopped: { [ending] in ending.end(nil) })
    }

    private func openSettings() throws -> AgentSettings {
        do throws(SettingProblem) {
            return try AgentSettings(
                home: home, environment: { getenv($0).map { String(cString: $0) } }, logger: logger)
        } catch { throw SetupFailure(code: ExitCode.failed, message: error.message, hint: error.hint) }
    }

    private func makeDevice(
        _ id: DeviceID, _ restored: DevicePersistentState, incarnation: UInt64, profile: String, base: Revision?
    ) -> Device {
        var generator = SystemRandomNumberGenerator()
        var device = Device(
            device: id,
            configuration: DeviceConfiguration(
                profile: (MeshProfile(rawValue: profile) ?? .lan).timing, version: BatonVersion.text),
            restored: restored, incarnation: incarnation, seed: generator.next(), now: DeviceLoop.now)
        device.restoreBase(base)
        if let left = restored.stops.here?.leftAfterStart(now: AuditTrail.unixMilliseconds) {
            device.stopHereEnds(in: left, at: DeviceLoop.now)
        }
        return device
    }

    private func openWorkspace(_ store: DeviceStore, _ identity: DeviceIdentity) async throws -> Workspace {
        do throws(WorkspaceError) {
            let workspace = try await Workspace.open(
                root: store.mesh.workspace, state: home.workspaceState, device: identity.id, name: identity.name,
                create: false, branch: store.mesh.branch, logger: logger)
            await workspace.quarantineCode()
            try await workspace.recover()
            return workspace
        } catch {
            throw SetupFailure(code: ExitCode.failed, message: error.message, hint: error.hint)
        }
    }

    /// Listens. Where any port will do, the one of the last start is asked for first: the others know it.
    private func listen(
        at wanted: TransportAddress, _ store: DeviceStore, _ make: (TransportAddress) -> MeshTransport
    ) async throws -> (MeshTransport, TransportAddress) {
        var addresses = [wanted]
        if wanted.port == 0, let bytes = try setup({ () throws(StoreError) in try store.value(StoreKey.chosenPort) }),
            let port = Int(String(decoding: bytes, as: UTF8.self)), (1...65_535).contains(port)
        {
            addresses.insert(TransportAddress(host: wanted.host, port: port), at: 0)
        }
        var failure: TransportError?
        for address in addresses {
            let transport = make(address)
            let bound: TransportAddress
            do throws(TransportError) { bound = try await transport.start() } catch {
                await transport.stop()
                failure = error
                continue
            }
            if wanted.port == 0 {
                let port = Array(String(bound.port).utf8)
                try setup { () throws(StoreError) in try store.setValue(StoreKey.chosenPort, to: port) }
            }
            return (transport, bound)
        }
        throw SetupFailure(
            code: ExitCode.failed, message: failure?.message ?? "cannot listen",
            hint: failure?.hint ?? "choose an address with --listen HOST:PORT")
    }

    private func listenAddress(_ store: DeviceStore) throws -> TransportAddress {
        if let listen { return listen }
        let stored = try setup { () throws(StoreError) in try store.value(StoreKey.listen) }
        let text = stored.map { String(decoding: $0, as: UTF8.self) } ?? ""
        return TransportAddress(text) ?? TransportAddress(host: "0.0.0.0", port: MeshSetup.usualPort)
    }

    private func openSocket(_ handler: AgentHandler, transport: MeshTransport) async throws -> ControlServer {
        do throws(ControlFailure) {
            let server = ControlServer(
                address: try ControlAddress.resolve(home: home.path), handler: handler, logger: logger)
            try await server.start()
            return server
        } catch {
            await transport.stop()
            throw SetupFailure(code: error.code, message: error.message, hint: error.hint ?? "see: baton status")
        }
    }

    private func setup<Value>(_ body: () throws(IdentityError) -> Value) throws(SetupFailure) -> Value {
        do throws(IdentityError) { return try body() } catch {
            throw SetupFailure(code: ExitCode.failed, message: error.message, hint: error.hint)
        }
    }

    private func setup<Value>(_ body: () throws(StoreError) -> Value) throws(SetupFailure) -> Value {
        do throws(StoreError) { return try body() } catch {
            throw SetupFailure(code: ExitCode.failed, message: error.message, hint: error.hint)
        }
    }
}

/// The end of an agent: announced once, awaited by many.
final class Ending: Sendable {
    private struct State {
        var isOver = false
        var failure: SetupFailure?
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    var failure: SetupFailure? { state.withLock { $0.failure } }

    func end(_ failure: SetupFailure?) {
        let waiters = state.withLock { state in
            guard !state.isOver else { return [CheckedContinuation<Void, Never>]() }
            state.isOver = true
            state.failure = failure
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if !state.isOver { state.waiters.append(continuation) }
                return state.isOver
            }
            if isOver { continuation.resume() }
        }
    }

    /// Asks the device to hand off; returns when it has.
    func stopAndWait(_ loop: DeviceLoop, _ watches: RoundWatches) async {
        await watches.takeLast(loop)
        loop.post(.stop)
        await wait()
    }
}
