import AgentRuntime
import Primitives

extension Demo {
    /// Writers write; a round pauses them for a moment; afterwards the three trees are one.
    func showRound() async throws {
        narrator.title("A round, while writers write")
        try await startWriters()
        let names = place.devices.map { "\($0.writer) on \($0.name)" }.joined(separator: ", ")
        narrator.say("three writers at work, each under `baton run`: \(names)")
        let report = try await pausedRound()
        try narrator.claim(
            "round \(report.round): \(report.changed_files) files of \(report.participants.count) devices captured, "
                + "merged and published in \(Duration.milliseconds(Int64(report.took_s * 1000)).shown)",
            if: report.result == "published" && report.participants.count == 3 && report.conflicts == 0,
            else: "\(report)")
        for device in place.devices {
            let pause = try await pause(of: device, in: report)
            try narrator.claim(
                "\(device.name): \(device.writer) held still for \(pause.held) ms of it",
                if: pause.paused == [device.writer] && pause.held < 2000,
                else: "paused: \(pause.paused), did not answer: \(pause.unanswered), \(pause.held) ms")
        }
        narrator.say("the writers are stopped, to compare the trees in peace")
        try await compareTrees()
        try await startWriters()
        narrator.say("the writers are at work again")
    }

    private struct Pause {
        var paused: [String]
        var unanswered: [String]
        var held: Int64
    }

    /// A round in which every writer held still. On a machine that is too busy one may miss the half second that it has
    /// to answer; then another round shows it.
    private func pausedRound() async throws -> SyncReport {
        for _ in 0..<4 {
            try await everyoneWrites(3)
            let report = try await sync(on: place.devices[1])
            guard report.result == "published", report.participants.count == place.devices.count else { continue }
            var isQuiet = true
            for device in place.devices {
                let pause = try await pause(of: device, in: report)
                if pause.paused != [device.writer] { isQuiet = false }
            }
            if isQuiet { return report }
        }
        return try await sync(on: place.devices[1])
    }

    private func pause(of device: DemoDevice, in report: SyncReport) async throws -> Pause {
        let row = try await eventually("\(device.name) has noted its pause") {
            try await audit(of: device, kind: "pause").last { $0.round == report.round_id }
        }
        let names = { (key: String) in (row.detail(key) ?? "").split(separator: " ").map(String.init) }
        return Pause(
            paused: names("paused"), unanswered: names("unanswered"), held: Int64(row.detail("held_ms") ?? "") ?? .max)
    }

    /// Stops the writers, lets a last round end, and holds the trees against each other and against the writers'
    /// records.
    func compareTrees() async throws {
        try await stopWriters()
        let written = written()
        let last = try await eventually("nothing is left to sync") {
            () -> SyncReport? in
            let report = try await sync(on: place.devices[1])
            return report.result == "nothing_to_do" ? report : nil
        }
        for device in place.devices {
            try await eventually("\(device.name) has the head") {
                let report = try await status(of: device)
                return report.sync.phase == "idle"
                    && report.devices.contains { $0.id == report.`self` && $0.sync.applied == last.head }
            }
        }
        let tree = try await settledTrees()
        try narrator.claim(
            "identical: \(tree.files) files in each of the three trees, HEAD \(tree.head.prefix(10)) on each, git "
                + "status clean",
            if: tree.head == last.head, else: "HEAD is not the published head \(last.head ?? "-")")
        let lines = try await nothingIsLost(written, in: place.devices)
        try narrator.claim(
            "nothing lost: each of the \(lines) lines that were written is in each tree, once", if: lines > 0,
            else: "no line was written")
    }

    /// The user's branch and index follow the files a moment later.
    private func settledTrees() async throws -> Tree {
        let watch = Stopwatch()
        while true {
            do { return try await identicalTrees() } catch let failure as DemoFailure {
                guard watch.elapsed < .seconds(5) else { throw failure }
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }
}
