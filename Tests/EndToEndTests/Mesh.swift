import AgentRuntime
import ControlSocket
import Foundation
import Testing

/// What a command printed, and how it ended.
struct Outcome {
    var status: Int32
    var output: String
    var errors: String
}

/// Runs a program to its end; killed after the deadline.
@discardableResult
func run(
    _ program: String, _ arguments: [String], environment: [String: String] = [:], directory: String? = nil,
    input: String? = nil, deadline: Duration = .seconds(60)
) async throws -> Outcome {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }
    let scratch = NSTemporaryDirectory() + UUID().uuidString
    for suffix in [".out", ".err"] { try Data().write(to: URL(fileURLWithPath: scratch + suffix)) }
    defer { for suffix in [".out", ".err"] { try? FileManager.default.removeItem(atPath: scratch + suffix) } }
    let output = try FileHandle(forWritingTo: URL(fileURLWithPath: scratch + ".out"))
    let errors = try FileHandle(forWritingTo: URL(fileURLWithPath: scratch + ".err"))
    let pipe = Pipe()
    // A process object keeps what it was given: a long soak would run out of descriptors.
    defer { for handle in [output, errors, pipe.fileHandleForReading] { try? handle.close() } }
    process.standardOutput = output
    process.standardError = errors
    process.standardInput = pipe
    try process.run()
    if let input { pipe.fileHandleForWriting.write(Data(input.utf8)) }
    try? pipe.fileHandleForWriting.close()
    let end = ContinuousClock.now + deadline
    while process.isRunning {
        if ContinuousClock.now > end { kill(process.processIdentifier, SIGKILL) }
        try await Task.sleep(for: .milliseconds(5))
    }
    let read = { (suffix: String) in (try? String(contentsOfFile: scratch + suffix, encoding: .utf8)) ?? "" }
    return Outcome(status: process.terminationStatus, output: read(".out"), errors: read(".err"))
}

struct NotInTime: Error { var what: String }

/// Waits for something to be there, by looking until a deadline.
@discardableResult
func eventually<Value>(
    _ what: String, within limit: Duration = .seconds(30), _ look: () async throws -> Value?
) async throws -> Value {
    let end = ContinuousClock.now + limit
    while ContinuousClock.now < end {
        if let value = try await look() { return value }
        try await Task.sleep(for: .milliseconds(30))
    }
    throw NotInTime(what: what)
}

/// Writes a file as most programs do: over what is there.
func put(_ text: String, at path: String) throws {
    try FileManager.default.createDirectory(
        atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
}

/// A mesh of real agents in a directory of its own.
final class Mesh {
    struct Member {
        var name: String
        var home: String
        var workspace: String
    }

    static let names = ["alpha", "beta", "gamma"]
    let directory: String
    /// Where each device runs: on this machine, or in a network namespace with an address of its own.
    var network: Namespaces?
    private(set) var members: [Member] = []
    private var clients: [Int: ControlClient] = [:]

    /// The program that was built beside these tests.
    static let baton: String = {
        let folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().path
        return folder + "/baton"
    }()

    init() throws {
        directory = NSTemporaryDirectory() + "baton-e2e-" + UUID().uuidString.prefix(8)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    /// Runs `body` with a mesh; whatever happens, no agent and no file of it remains.
    static func with(
        _ count: Int = 3, network: Namespaces? = nil, prepare: (String) async throws -> Void = { _ in },
        _ body: (Mesh) async throws -> Void
    ) async throws {
        let mesh = try Mesh()
        mesh.network = network
        do {
            for place in 0..<count { try await mesh.add(names[place], prepare: prepare) }
            if count > 1 {
                try await eventually("every device is a member") {
                    let status = try await mesh.status(0)
                    let voters = status.devices.count { $0.role != "learner" }
                    return status.devices.count == count && voters == (count < 3 ? 1 : 3) ? true : nil
                }
            }
            for (key, value) in [("sync.min-interval", "1s"), ("sync.settle", "200ms")] {
                try await mesh.baton(0, ["config", "set", key, value])
            }
            try await body(mesh)
            await mesh.end()
        } catch {
            for place in mesh.members.indices { print(mesh.log(of: place).suffix(1500)) }
            await mesh.end()
            throw error
        }
    }

    func add(_ name: String, inviter: Int = 0, prepare: (String) async throws -> Void) async throws {
        let member = Member(name: name, home: "\(directory)/\(name)-home", workspace: "\(directory)/\(name)")
        members.append(member)
        let place = members.count - 1
        let listen = network?.address(of: place) ?? "127.0.0.1:0"
        if place == 0 {
            try FileManager.default.createDirectory(atPath: member.workspace, withIntermediateDirectories: true)
            try await prepare(member.workspace)
            try await baton(0, ["init", member.workspace, "--name", name, "--listen", listen])
        } else {
            let invite = try await baton(inviter, ["invite"]).output.trimmingCharacters(in: .whitespacesAndNewlines)
            try await baton(
                place, ["join", member.workspace, "--name", name, "--listen", listen],
                environment: ["BATON_INVITE": invite])
        }
    }

    @discardableResult
    func baton(
        _ place: Int, _ arguments: [String], environment: [String: String] = [:], expecting status: Int32? = 0
    ) async throws -> Outcome {
        let always = ["BATON_HOME": members[place].home, "BATON_TEST_SWITCHES": "1"]
        let command = (network?.prefix(of: place) ?? []) + [Self.baton] + arguments
        let outcome = try await run(
            command[0], Array(command.dropFirst()), environment: environment.merging(always) { $1 },
            deadline: .seconds(120))
        if let status {
            #expect(outcome.status == status, "baton \(arguments.joined(separator: " ")): \(outcome.errors)")
        }
        return outcome
    }

    func client(_ place: Int) async throws -> ControlClient {
        if let client = clients[place] { return client }
        let client = try await ControlClient.connect(home: members[place].home)
        clients[place] = client
        return client
    }

    func call<Reply: Decodable>(_ place: Int, _ kind: String, _ body: some Encodable, as type: Reply.Type) async throws
        -> Reply
    {
        do {
            return try await client(place).call(kind, body, as: type, timeout: .seconds(60))
        } catch {
            clients[place] = nil
            throw error
        }
    }

    func status(_ place: Int) async throws -> StatusReport {
        try await call(place, ControlCall.status, EmptyBody(), as: StatusReport.self)
    }

    func sync(_ place: Int) async throws -> SyncReport {
        try await call(place, ControlCall.sync, SyncCall(wait: true), as: SyncReport.self)
    }

    func audit(_ place: Int, kind: String? = nil) async throws -> [LogReport.Row] {
        try await call(place, ControlCall.log, LogCall(limit: 1000, kind: kind), as: LogReport.self).rows
    }

    /// The device that leads, as `place` sees it.
    func leader(seenFrom place: Int) async throws -> Int? {
        let status = try await status(place)
        guard let leader = status.leader, status.quorum_leader != nil else { return nil }
        let name = status.devices.first { $0.id == leader.device }?.name
        return members.firstIndex { $0.name == name }
    }

    func pid(_ place: Int) async throws -> Int32 { try await status(place).agent.pid }

    func signal(_ place: Int, _ signal: Int32, pid: Int32) {
        kill(pid, signal)
        if signal == SIGKILL { clients[place] = nil }
    }

    func cut(_ place: Int, from other: Int, _ isCut: Bool = true) async throws {
        _ = try await call(
            place, ControlCall.link, LinkCall(device: members[other].name, cut: isCut), as: EmptyBody.self)
    }

    func up(_ place: Int) async throws {
        clients[place] = nil
        try await baton(place, ["up"])
    }

    // MARK: Files

    func write(_ text: String, to file: String, on place: Int) throws {
        try put(text, at: members[place].workspace + "/" + file)
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
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: root + "/" + name, isDirectory: &isFolder), !isFolder.boolValue
            else { continue }
            found[name] = FileManager.default.contents(atPath: root + "/" + name)
        }
        return found
    }

    func git(_ place: Int, _ arguments: [String]) async throws -> String {
        let outcome = try await run("/usr/bin/git", ["-C", members[place].workspace] + arguments)
        return outcome.status == 0 ? outcome.output : "failed: \(outcome.errors)"
    }

    /// All trees are equal and nothing waits anywhere.
    func converge(within limit: Duration = .seconds(60)) async throws {
        try await eventually("all trees are equal", within: limit) { () -> Bool? in
            guard let report = try? await sync(0), report.left_out.isEmpty, report.result != "aborted" else {
                return nil
            }
            let first = tree(0)
            return members.indices.allSatisfy { tree($0) == first } ? true : nil
        }
    }

    func log(of place: Int) -> String {
        (try? String(contentsOfFile: members[place].home + "/agent.log", encoding: .utf8)) ?? ""
    }

    private func end() async {
        for place in members.indices {
            if let pid = try? await pid(place) {
                kill(pid, SIGCONT)
                kill(pid, SIGKILL)
            }
        }
        for client in clients.values { await client.close() }
        clients = [:]
        try? FileManager.default.removeItem(atPath: directory)
    }
}
