import ControlSocket
import Foundation
import Logging
import Primitives
import Testing

@testable import AgentRuntime

/// Whole agents in this process - real TLS on loopback, real git, real SQLite - each with its own home and workspace.
final class TestAgents: @unchecked Sendable {
    // Proof: used by one test at a time, from its one task.
    struct Member {
        var name: String
        var home: String
        var workspace: String
        var task: Task<Void, any Error>?
        var client: ControlClient?
    }

    let directory: String
    var members: [Member] = []

    init() throws {
        directory = NSTemporaryDirectory() + "baton-" + UUID().uuidString.prefix(8)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    func end() async {
        for member in members {
            _ = try? await member.client?.call(ControlCall.stop, body: ControlJSON.empty, timeout: .seconds(20))
            _ = try? await member.task?.value
        }
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Founds with the first, joins with the others.
    func start(_ names: [String], prepare: (String) throws -> Void = { _ in }) async throws {
        for name in names {
            let home = directory + "/" + name + "-home"
            let workspace = directory + "/" + name
            let options = SetupOptions(home: home, workspace: workspace, name: name, listen: "127.0.0.1:0")
            if members.isEmpty {
                try FileManager.default.createDirectory(atPath: workspace, withIntermediateDirectories: true)
                try prepare(workspace)
                _ = try await MeshSetup.found(options)
            } else {
                let client = try #require(members[0].client)
                let invite = try await client.call(ControlCall.invite, EmptyBody(), as: InviteReport.self)
                _ = try await MeshSetup.join(options, invite: invite.invite)
            }
            members.append(Member(name: name, home: home, workspace: workspace))
            try await run(members.count - 1)
        }
    }

    func run(_ place: Int) async throws {
        var logger = Logger(label: members[place].name) { StreamLogHandler.standardError(label: $0) }
        let level = ProcessInfo.processInfo.environment["BATON_LOG"].flatMap { Logger.Level(rawValue: $0) }
        logger.logLevel = level ?? .error
        let agent = Agent(home: Home(members[place].home), listen: nil, logger: logger)
        members[place].task = Task { try await agent.run() }
        let home = members[place].home
        members[place].client = try await eventually("the agent answers") {
            try? await ControlClient.connect(home: home)
        }
    }

    func stop(_ place: Int) async {
        _ = try? await members[place].client?.call(ControlCall.stop, body: ControlJSON.empty, timeout: .seconds(20))
        _ = try? await members[place].task?.value
        await members[place].client?.close()
        members[place].client = nil
    }

    func call<Reply: Decodable>(
        _ place: Int, _ kind: String, _ body: some Encodable, as type: Reply.Type
    ) async throws -> Reply {
        let client = try #require(members[place].client)
        return try await client.call(kind, body, as: type, timeout: .seconds(60))
    }

    func sync(_ place: Int) async throws -> SyncReport {
        try await call(place, ControlCall.sync, SyncCall(wait: true), as: SyncReport.self)
    }

    func status(_ place: Int) async throws -> StatusReport {
        try await call(place, ControlCall.status, EmptyBody(), as: StatusReport.self)
    }

    func write(_ text: String, to file: String, on place: Int) throws {
        let path = members[place].workspace + "/" + file
        let parent = (path as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        try text.write(toFile: path, atomically: false, encoding: .utf8)
    }

    func read(_ file: String, on place: Int) -> String? {
        try? String(contentsOfFile: members[place].workspace + "/" + file, encoding: .utf8)
    }

    /// Every file of a workspace but git's, with its bytes.
    func tree(_ place: Int) -> [String: Data] {
        var found: [String: Data] = [:]
        let root = members[place].workspace
        let names = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
        for name in names where !name.hasPrefix(".git/") && name != ".git" {
            if let data = FileManager.default.contents(atPath: root + "/" + name) { found[name] = data }
        }
        return found
    }
}

/// Waits for something to be there, by looking until a deadline.
@discardableResult
func eventually<Value>(
    _ what: String, within limit: Duration = .seconds(20), _ look: () async throws -> Value?
) async throws -> Value {
    let end = ContinuousClock.now + limit
    while ContinuousClock.now < end {
        if let value = try await look() { return value }
        try await Task.sleep(for: .milliseconds(20))
    }
    throw NotInTime(what: what)
}

struct NotInTime: Error { var what: String }
