import Foundation
import Logging
import Primitives
import Synchronization
import Testing

@testable import WriterGate

func round(_ number: UInt64) -> RoundID { RoundID(token: FencingToken(epoch: 1, counter: number), sequence: 1) }

/// Waits until `condition` holds; false after `limit`.
func eventually(within limit: Duration = .seconds(5), _ condition: () async -> Bool) async -> Bool {
    let deadline = ContinuousClock.now + limit
    while await !condition() {
        if ContinuousClock.now > deadline { return false }
        try? await Task.sleep(for: .milliseconds(2))
    }
    return true
}

/// A directory for one test, with a workspace in it.
struct Place: Sendable {
    let path: String
    var workspace: String { path + "/workspace" }
    var socket: String { path + "/s" }

    init() throws {
        path = "/tmp/baton-gate-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: path + "/workspace", withIntermediateDirectories: true)
    }

    init(existing path: String) { self.path = path }

    func file(_ name: String) -> String { path + "/" + name }
    func exists(_ name: String) -> Bool { access(file(name), F_OK) == 0 }
    func write(_ name: String, _ text: String) { try? Data(text.utf8).write(to: URL(fileURLWithPath: file(name))) }

    func text(_ name: String) -> String? {
        (try? String(contentsOfFile: file(name), encoding: .utf8))?.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// The number in a file, once it is there.
    func number(_ name: String) async throws -> Int32 {
        var number: Int32?
        _ = await eventually {
            number = text(name).flatMap { Int32($0) }
            return number != nil
        }
        return try #require(number, "no number in \(name); \(text("log.run") ?? "no log")")
    }

    func size(_ name: String) -> Int {
        var status = stat()
        return stat(file(name), &status) == 0 ? Int(status.st_size) : 0
    }

    /// Every path below the workspace with its times and size.
    func listing() -> [String] {
        (FileManager.default.enumerator(atPath: workspace)?.compactMap { $0 as? String } ?? []).sorted().map { name in
            var status = stat()
            lstat(workspace + "/" + name, &status)
            return "\(name) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec) \(status.st_ino)"
        }
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }
}

/// What a session was told.
final class Recorder: Sendable {
    private let told = Mutex<[(kind: String, body: GatePauseBody)]>([])
    private let ended = Mutex(false)

    var notices: [(kind: String, body: GatePauseBody)] { told.withLock { $0 } }
    var pauses: [GatePauseBody] { notices.filter { $0.kind == "gate.pause" }.map(\.body) }

    func session(_ id: UInt64) -> GateSession {
        GateSession(
            id: id,
            notify: { kind, bytes in
                guard let body = try? GateJSON.decode(GatePauseBody.self, bytes) else { return }
                self.told.withLock { $0.append((kind, body)) }
            },
            isClosed: { self.ended.withLock { $0 } })
    }

    func end() { ended.withLock { $0 = true } }
}

/// Rounds whose gate opened early, with the reason.
final class EarlyOpenings: Sendable {
    private let seen = Mutex<[(RoundID, GateEarlyOpening)]>([])
    var all: [(RoundID, GateEarlyOpening)] { seen.withLock { $0 } }
    func add(_ round: RoundID, _ reason: GateEarlyOpening) { seen.withLock { $0.append((round, reason)) } }
}

func makeGate(
    _ place: Place? = nil, grace: Duration = .milliseconds(100), openings: EarlyOpenings = EarlyOpenings()
) -> WriterGate {
    WriterGate(
        file: place.map { GateFile(path: $0.file("gate")) }, workspace: place?.workspace ?? "/nowhere",
        logger: Logger(label: "test"), grace: grace, onEarlyOpen: { openings.add($0, $1) })
}

extension WriterGate {
    /// Writers whose group can be stopped.
    var wrapped: [GateWriter] { writers.filter { $0.kind != .client && $0.sections.isEmpty } }

    /// Opens whatever round holds the gate.
    func open() {
        if let pause = phase.pause { open(round: pause.round) }
    }

    /// A call whose body is `value`.
    @discardableResult
    func ask(_ kind: String, _ value: some Encodable, _ session: GateSession) async throws -> [UInt8] {
        try await handle(kind: kind, body: GateJSON.encode(value), session: session)
    }
}

func stateLetter(_ pid: Int32) -> String? { ProcessTable.entry(pid).map { String(UnicodeScalar($0.state)) } }
/// By a signal or in a frozen control group.
func isStopped(_ pid: Int32) -> Bool { stateLetter(pid) == "T" || CgroupFreezer.isFrozen(processOf: pid) }
/// Alive and not stopped.
func isRunning(_ pid: Int32) -> Bool {
    ProcessTable.entry(pid).map { !$0.isStill } ?? false && !CgroupFreezer.isFrozen(processOf: pid)
}

/// Closes the gate until a writer was paused or five tries failed, as on a machine too busy to stop it in the grace;
/// returns the names of the paused.
func pause(_ gate: WriterGate, round number: UInt64, deadline: Duration) async -> [String] {
    for attempt in 1...5 as ClosedRange<UInt64> {
        let round = round(number * 10 + attempt)
        let report = await gate.close(round: round, deadline: deadline)
        if !report.paused.isEmpty { return report.paused }
        gate.open(round: round)
    }
    return []
}
