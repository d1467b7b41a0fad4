import AgentRuntime
import ControlSocket
import Primitives

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

typealias ClientOfAgent = ControlClient

// How the demonstration looks into the agents: over their control sockets, as every command does.

extension Demo {
    func call<Reply: Decodable & Sendable>(
        _ kind: String, _ request: some Encodable & Sendable, on device: DemoDevice, as: Reply.Type = Reply.self,
        within limit: Duration = .seconds(20)
    ) async throws -> Reply {
        let client: ControlClient
        if let known = clients[device.name] {
            client = known
        } else {
            client = try await ControlClient.connect(home: device.home)
            clients[device.name] = client
        }
        do {
            return try await client.call(kind, request, timeout: limit)
        } catch {
            if (error as? ControlFailure)?.code == Exit.agentNotRunning { clients[device.name] = nil }
            throw error
        }
    }

    func status(of device: DemoDevice) async throws -> StatusReport {
        try await call(ControlCall.status, EmptyBody(), on: device)
    }

    func sync(on device: DemoDevice) async throws -> SyncReport {
        try await call(ControlCall.sync, SyncCall(wait: true, reason: "manual"), on: device, within: .seconds(60))
    }

    func audit(of device: DemoDevice, kind: String) async throws -> [LogReport.Row] {
        let log: LogReport = try await call(ControlCall.log, LogCall(limit: 50, kind: kind), on: device)
        return log.rows
    }

    /// Looks until there is a value. An agent that does not answer is looked at again.
    func eventually<Value: Sendable>(
        _ what: String, within limit: Duration = .seconds(20), every pause: Duration = .milliseconds(5),
        _ look: () async throws -> Value?
    ) async throws -> Value {
        let watch = Stopwatch()
        var trouble = ""
        while true {
            do {
                if let value = try await look() { return value }
            } catch let failure as ControlFailure {
                trouble = ": " + failure.message
            }
            guard watch.elapsed < limit else { throw DemoFailure("\(what): not so after \(limit.shown)\(trouble)") }
            try await Task.sleep(for: pause)
        }
    }

    func eventually(_ what: String, within limit: Duration = .seconds(20), _ look: () async throws -> Bool) async throws
    {
        let _: Bool = try await eventually(what, within: limit) { try await look() ? true : nil }
    }

    /// The sync leader that all of these name, and its token.
    func leader(namedBy devices: [DemoDevice], after token: FencingToken = .none) async throws -> DemoLeader? {
        var found: DemoLeader?
        for device in devices {
            let report = try await status(of: device)
            guard let named = DemoLeader(report, among: place.devices), named.token > token else { return nil }
            if let found, found != named { return nil }
            found = named
        }
        return found
    }

    /// Asks for rounds until the leader is seen in one of the phases, and returns at once.
    func roundUnderWay(of leader: DemoDevice, in phases: [String]) async throws -> String {
        let watch = Stopwatch()
        var asked: Duration?
        while watch.elapsed < .seconds(20) {
            let now = watch.elapsed
            if asked.map({ now - $0 > .milliseconds(500) }) ?? true {
                let _: SyncReport = try await call(ControlCall.sync, SyncCall(wait: false), on: leader)
                asked = now
            }
            let phase = try await status(of: leader).sync.phase
            if phases.contains(phase) { return phase }
        }
        throw DemoFailure("no round of \(leader.name) was seen in its middle")
    }
}

struct DemoLeader: Equatable, Sendable {
    var device: DemoDevice
    var token: FencingToken

    init?(_ report: StatusReport, among devices: [DemoDevice]) {
        guard let leader = report.leader, let token = FencingToken(leader.token),
            let name = report.devices.first(where: { $0.id == leader.device })?.name,
            let device = devices.first(where: { $0.name == name })
        else { return nil }
        self.device = device
        self.token = token
    }
}

extension LogReport.Row {
    /// One of the row's details.
    func detail(_ name: String) -> String? {
        (try? JSONDecoder().decode([String: String].self, from: Data(details.utf8)))?[name]
    }
}
