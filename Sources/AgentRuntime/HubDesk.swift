import ControlSocket
import DeviceCore
import GitWorkspace
import Primitives
import SyncRounds

// Answers `hub.*` of the control socket.

extension AgentHandler {
    /// Nil for a call that is about something else.
    func hub(_ kind: String, _ body: [UInt8]) async throws -> [UInt8]? {
        switch kind {
        case ControlCall.hubAdd:
            return try ControlJSON.encode(await addHub(ControlJSON.decode(HubAddCall.self, from: body)))
        case ControlCall.hubRemove: return try await removeHub()
        case ControlCall.hubShow: return try ControlJSON.encode(HubReply(hub: hubStatus))
        case ControlCall.hubProbe: return try ControlJSON.encode(await probeHub())
        case ControlCall.hubAccept:
            return try ControlJSON.encode(await acceptHub(ControlJSON.decode(HubAcceptCall.self, from: body)))
        default: return nil
        }
    }

    private var hubStatus: HubStatus? {
        agent.loop.read { device in device.state.hub.map { HubStatus($0, device.hubFacts) } }
    }

    private func addHub(_ call: HubAddCall) async throws -> HubReply {
        let address: HubAddress
        do throws(HubAddressFault) {
            address = try HubAddress(url: call.url, branch: call.branch ?? agent.workspace.branch)
        } catch {
            throw ControlFailure(code: ExitCode.usage, message: error.message, hint: error.hint)
        }
        let known = agent.loop.read { ($0.state.hub, $0.state.head.revision) }
        if let hub = known.0, hub.address != address {
            throw ControlFailure(
                code: ExitCode.failed, message: "the mesh has a hub already: \(hub.address.url)",
                hint: "leave that one first: baton hub remove")
        }
        let probe = try await tryOut(address, published: known.1)
        if case .foreign = probe.fence, !call.take_over {
            throw ControlFailure(
                code: ExitCode.notAllowed,
                message: "the branch \(address.branch) of this hub is kept by another mesh",
                hint: "choose another: --branch NAME; if that mesh is gone for good: --take-over")
        }
        if probe.relation == .unrelated, !call.merge {
            throw ControlFailure(
                code: ExitCode.notAllowed,
                message: "the branch \(address.branch) there has another history: nothing in common with this mesh's",
                hint: "choose another: --branch NAME; to merge the two, files that differ becoming conflicts: --merge")
        }
        if probe.fencing == .fenceRef { try await layFence(address, probe) }
        try done(await agent.loop.ask(.hub(.put(HubRecord(address: address, fencing: probe.fencing)))))
        agent.audit.add(
            "hub-added", "the hub is \(address.url), branch \(address.branch)",
            details: ["fencing": probe.fencing.rawValue])
        return HubReply(hub: hubStatus, probe: HubProbeReport(probe))
    }

    /// The hub's fence exists from the moment at which it is the mesh's hub: a missing one was deleted.
    private func layFence(_ address: HubAddress, _ probe: HubProbe) async throws {
        if case .found = probe.fence { return }
        let outcome = try await git { () async throws(WorkspaceError) in
            try await agent.workspace.layFence(
                address, over: probe.fence.revision, head: probe.head, mesh: agent.store.mesh.mesh)
        }
        switch outcome {
        case .landed: return
        case .moved:
            throw ControlFailure(
                code: ExitCode.tryAgain, message: "somebody else changed this hub at the same moment",
                hint: "try again: baton hub add \(address.url)")
        case .refused(let why):
            throw ControlFailure(
                code: ExitCode.notAllowed, message: "the hub refused the fence: \(why)",
                hint: "allow refs/baton/fence/* there, then: baton hub add \(address.url)")
        }
    }

    private func removeHub() async throws -> [UInt8] {
        guard let hub = agent.loop.read({ $0.state.hub }) else { throw Self.noHub }
        try done(await agent.loop.ask(.hub(.remove)))
        agent.audit.add("hub-removed", "\(hub.address.url) is no longer the hub")
        return ControlJSON.empty
    }

    private func probeHub() async throws -> HubReply {
        let (hub, published) = agent.loop.read { ($0.state.hub, $0.state.head.revision) }
        guard let hub else { throw Self.noHub }
        let probe = try await tryOut(hub.address, published: published)
        return HubReply(hub: hubStatus, probe: HubProbeReport(probe))
    }

    private func acceptHub(_ call: HubAcceptCall) async throws -> HubReply {
        let (hub, facts) = agent.loop.read { ($0.state.hub, $0.hubFacts) }
        guard hub != nil else { throw Self.noHub }
        guard let facts, facts.state.waitsForPerson else {
            throw ControlFailure(
                code: ExitCode.failed, message: "the hub waits for no decision", hint: "see: baton hub show")
        }
        let acceptance = HubAcceptance(head: facts.head, replaces: call.replace)
        try done(await agent.loop.ask(.hub(.accept(acceptance))))
        let what = facts.head?.short ?? "no branch"
        agent.audit.add("hub-accepted", "the hub with \(what) is " + (call.replace ? "replaced" : "gone on from"))
        return HubReply(hub: hubStatus)
    }

    private func tryOut(_ address: HubAddress, published: Revision?) async throws -> HubProbe {
        try await git { () async throws(WorkspaceError) in
            try await agent.workspace.probeHub(address, published: published, mesh: agent.store.mesh.mesh)
        }
    }

    private func git<Value>(_ body: () async throws(WorkspaceError) -> Value) async throws -> Value {
        do throws(WorkspaceError) { return try await body() } catch {
            throw ControlFailure(code: ExitCode.failed, message: error.message, hint: error.hint)
        }
    }

    private static let noHub = ControlFailure(
        code: ExitCode.failed, message: "the mesh has no hub", hint: "add one: baton hub add URL")
}

extension HubStatus {
    init(_ record: HubRecord, _ facts: HubFacts?) {
        self.init(
            url: record.address.url, branch: record.address.branch, fencing: record.fencing.rawValue,
            state: (facts?.state ?? .unknown).rawValue, rounds_behind: facts?.roundsBehind ?? 0,
            head: facts?.head?.hex, token: facts?.token.map { "\($0)" }, why: facts?.why)
    }
}

extension HubProbeReport {
    init(_ probe: HubProbe) {
        self.init(
            atomic_push: probe.isAtomic, own_refs: probe.takesOwnRefs, read_back: probe.isReadBack,
            relation: probe.relation.rawValue, head: probe.head?.hex, refusal: probe.refusal,
            rewritten: probe.rewritten)
    }
}
