import AgentRuntime
import Foundation
import Testing

/// Writers that change five files every two seconds on each of three devices: `scripts/pace`, a minute by itself.
@Suite(.serialized, .timeLimit(.minutes(60))) struct Pace {
    static let seconds = ProcessInfo.processInfo.environment["PACE_SECONDS"].flatMap { Int($0) } ?? 60
    private static let interval = 5
    private static let files = 5

    /// Every file of a tick before its number is recorded outside of the mesh. A termination ends it after the tick.
    private static let script = """
        trap 'stop=1' TERM; mkdir -p "$1"; n=0
        while [ -z "$stop" ]; do
            n=$((n + 1)); for file in 0 1 2 3 4; do echo "$1 tick $n" > "$1/file-$file"; done
            echo $n > "$2"; sleep 2
        done
        """

    private struct Writer {
        var wrapper: Process
        var name: String
        var record: String
        var lastTick: String {
            ((try? String(contentsOfFile: record, encoding: .utf8)) ?? "").trimmingCharacters(
                in: .whitespacesAndNewlines)
        }
    }

    @Test("W1 five files every two seconds on three devices: every last version everywhere, few rounds, then silence")
    func steadyWriters() async throws {
        try await Mesh.with { mesh in
            for (key, value) in [("sync.min-interval", "\(Self.interval)s"), ("sync.max-wait", "\(Self.interval)s")] {
                try await mesh.baton(0, ["config", "set", key, value])
            }
            try await mesh.converge()
            let began = Date()
            let writers = try mesh.members.map { try Self.start($0, in: mesh.directory) }
            try await Task.sleep(for: .seconds(Self.seconds))
            for writer in writers { kill(writer.wrapper.processIdentifier, SIGTERM) }
            try await eventually("the writers have ended") { writers.contains { $0.wrapper.isRunning } ? nil : true }
            let stopped = Date()
            // By itself: nobody asks for a round.
            try await eventually("every last version is everywhere", within: .seconds(90)) {
                mesh.members.indices.allSatisfy { Self.hasLastVersions(mesh, $0, writers) } ? true : nil
            }
            // Silence is the absence of rounds for longer than any of them would wait.
            try await Task.sleep(for: .seconds(Self.interval * 2 + 2))
            try await Self.check(mesh, writers, began, stopped)
        }
    }

    private static func start(_ member: Mesh.Member, in directory: String) throws -> Writer {
        let name = "writer-\(member.name)"
        let wrapper = Process()
        wrapper.executableURL = URL(fileURLWithPath: Mesh.baton)
        let record = "\(directory)/\(name)"
        wrapper.arguments = ["run", "--name", name, "--", "/bin/sh", "-c", script, "sh", name, record]
        wrapper.environment = ProcessInfo.processInfo.environment.merging(["BATON_HOME": member.home]) { $1 }
        wrapper.currentDirectoryURL = URL(fileURLWithPath: member.workspace)
        wrapper.standardInput = FileHandle.nullDevice
        try wrapper.run()
        return Writer(wrapper: wrapper, name: name, record: record)
    }

    private static func hasLastVersions(_ mesh: Mesh, _ place: Int, _ writers: [Writer]) -> Bool {
        writers.allSatisfy { writer in
            (0..<files).allSatisfy {
                mesh.read("\(writer.name)/file-\($0)", on: place) == "\(writer.name) tick \(writer.lastTick)\n"
            }
        }
    }

    private static func check(_ mesh: Mesh, _ writers: [Writer], _ began: Date, _ stopped: Date) async throws {
        var starts: [String: Date] = [:]
        var everyone: [Int] = []
        for (place, member) in mesh.members.enumerated() {
            for row in try await mesh.audit(place, kind: "round-started") {
                if let round = row.round, let at = moment(row.at), at > began { starts[round] = at }
            }
            let rows = try await mesh.audit(place, kind: "pause")
            let held = rows.filter { (moment($0.at) ?? .distantPast) > began }.compactMap { row -> Int? in
                let details = try? JSONDecoder().decode([String: String].self, from: Data(row.details.utf8))
                return details?["held_ms"].flatMap { Int($0) }
            }
            print("pace: \(writers[place].name) of \(member.name) held: \(figures(held))")
            #expect(!held.isEmpty, "\(member.name) paused nobody")
            everyone += held
        }
        let minutes = stopped.timeIntervalSince(began) / 60
        let during = starts.values.count { $0 <= stopped }
        let after = starts.count - during
        let ticks = writers.map(\.lastTick).joined(separator: ", ")
        print("pace: \(Int(minutes * 60)) s, ticks \(ticks), \(during) rounds, \(after) after the end")
        print("pace: all held: \(figures(everyone))")
        #expect(during > 0)
        #expect(Double(during) <= minutes * 60 / Double(interval) + 1, "more rounds than the least interval allows")
        #expect(after <= 1, "rounds after the writers stopped: the last one and no other")
        #expect(writers.allSatisfy { Int($0.lastTick) ?? 0 > seconds / 4 }, "the writers got to write: \(ticks)")
    }

    private static func figures(_ held: [Int]) -> String {
        let sorted = held.sorted()
        guard let longest = sorted.last else { return "never" }
        let rank = { (part: Double) in sorted[min(sorted.count - 1, Int(part * Double(sorted.count)))] }
        return "\(sorted.count) times, p50 \(rank(0.5)) ms, p99 \(rank(0.99)) ms, max \(longest) ms"
    }

    private static func moment(_ text: String) -> Date? {
        try? Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}
