import Foundation
import Primitives
import Synchronization
import Testing

@testable import WriterGate

/// A process of its own that plays a wrapper, a gated command or an agent: this test binary, started again with a role.
///
/// Not an exit test of Swift Testing: each of those occupies a thread of the pool on which the test itself runs.
final class RoleProcess: Sendable {
    let child: ChildProcess
    private let isReaped = Mutex(false)

    init(child: ChildProcess) { self.child = child }

    enum Role: String { case run, gate, gateWithoutWaiting, agent }

    static func start(
        _ role: Role, _ place: Place, _ arguments: [String] = [], hold: String = "freezer"
    ) throws -> RoleProcess {
        let binary = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let variables = [
            "BATON_TEST_ROLE=\(role.rawValue)", "BATON_TEST_PLACE=\(place.path)", "BATON_TEST_HOLD=\(hold)",
        ]
        let words = arguments.enumerated().map { "BATON_TEST_ARGUMENT\($0.offset)=\($0.element)" }
        let runner = [binary, "--testing-library", "swift-testing", "--filter", "WriterGateTests.PlayedRole/play"]
        // Not the caller's terminal, which the wrapper would hand to its command.
        let nothing = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer { close(nothing) }
        let logged = ["/bin/sh", "-c", "exec \"$@\" >> \"$0\" 2>&1", place.file("log.\(role.rawValue)")]
        let command = logged + ["/usr/bin/env"] + variables + words + runner
        return RoleProcess(child: try ChildProcess.start(command, .groupOfCaller, input: nothing))
    }

    static func start(
        _ role: Role, _ place: Place, shell command: String, hold: String = "freezer"
    ) throws -> RoleProcess {
        try start(role, place, ["sh", "-c", command], hold: hold)
    }

    var pid: Int32 { child.pid }

    /// Ends a process whose status nobody asked for, because the test failed.
    func abandon() {
        guard !isReaped.withLock({ $0 }) else { return }
        kill(pid, SIGTERM)
        kill(pid, SIGKILL)
        child.reap()
    }

    /// The exit status, 128 + n for signal n. A process that does not end within five seconds is killed.
    func status() async -> Int32 {
        let pid = pid
        let killer = Task {
            try await Task.sleep(for: .seconds(5))
            Issue.record("process \(pid) does not end")
            kill(pid, SIGKILL)
        }
        defer { killer.cancel() }
        var status: Int32 = -1
        for await change in child.changes {
            if case .ended(let code) = change { status = code }
        }
        child.reap()
        isReaped.withLock { $0 = true }
        return status
    }
}

/// What a `RoleProcess` does; passed over in an ordinary run.
@Suite struct PlayedRole {
    static let environment = ProcessInfo.processInfo.environment

    @Test(.enabled(if: environment["BATON_TEST_ROLE"] != nil)) func play() async throws {
        let role = try #require(RoleProcess.Role(rawValue: Self.environment["BATON_TEST_ROLE"] ?? ""))
        let place = Place(existing: try #require(Self.environment["BATON_TEST_PLACE"]))
        let arguments = (0..<9).compactMap { Self.environment["BATON_TEST_ARGUMENT\($0)"] }
        chdir(place.path)
        let connect = SocketLink.connector(place.socket)
        switch role {
        case .run:
            let hold: WriterHold = Self.environment["BATON_TEST_HOLD"] == "signals" ? .signals : .freezerOrSignals
            exit(await runWrapped(arguments: arguments, name: nil, hold: hold, connect: connect))
        case .gate:
            exit(await runGated(arguments: arguments, wait: nil, connect: connect))
        case .gateWithoutWaiting:
            exit(await runGated(arguments: arguments, wait: .zero, connect: connect))
        case .agent:
            try await beAgent(place)
        }
    }

    /// Closes the gate once so many wrapped writers run, says how many answered and how many did not, and waits.
    private func hold(_ crowd: Int, _ gate: WriterGate, _ place: Place) async throws {
        guard await eventually(within: .seconds(60), { gate.wrapped.count == crowd }) else { exit(1) }
        let report = await gate.close(round: round(1), deadline: .seconds(120))
        place.write("closed", "\(report.paused.count) \(report.unanswered.count)")
        try await Task.sleep(for: .seconds(120))
        exit(2)
    }

    /// Closes the gate once a wrapped writer runs, says so, and waits to be killed.
    private func beAgent(_ place: Place) async throws {
        let gate = makeGate(place, grace: Limits.quiesceGrace)
        let agent = SocketAgent(gate, at: place.socket)
        place.write("agent", "ready")
        if let crowd = place.text("crowd").flatMap({ Int($0) }) { try await hold(crowd, gate, place) }
        guard await eventually({ place.text("leader").map { !$0.isEmpty } ?? false && !gate.wrapped.isEmpty }) else {
            exit(1)
        }
        if await pause(gate, round: 1, deadline: .seconds(60)) == ["sh"] { place.write("closed", "sh") }
        try await Task.sleep(for: .seconds(30))
        agent.stop()
        exit(2)
    }
}
